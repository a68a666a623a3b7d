/**
 * BunBond and rustbond, real processes on both sides: routes must arrive unchanged, go when they
 * must, and nothing else may change in anybody's view.
 *
 * "Nothing came" is shown by a marker: a later change that goes the same way has come.
 */

import { beforeAll, describe, expect, test } from "bun:test";
import {
  announceFlag,
  loadBalancerRoute,
  natRoute,
  routeLine,
  standardRoute,
  type TextRoute,
} from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import {
  buildRustbondPeer,
  reasonToSkip,
  startRustbondClient,
  startRustbondClients,
  startRustbondServer,
} from "./rustbond-peer.ts";

const BUILD_TIMEOUT_MS = 600_000;
/** Far more than any of these tests takes: it ends one that hangs, and decides nothing. */
const TEST_TIMEOUT_MS = 120_000;

/** Every kind of route there is, in one VNI. */
const ALL_KINDS: readonly TextRoute[] = [
  standardRoute(100, "10.0.1.0/24", "2001:db8::1"),
  standardRoute(100, "10.0.1.0/24", "2001:db8::2"), // a second next hop: ECMP
  standardRoute(100, "10.0.1.7/32", "2001:db8::1"),
  standardRoute(100, "0.0.0.0/0", "2001:db8::1"),
  standardRoute(100, "fd00:1::/64", "2001:db8::1"),
  standardRoute(100, "fd00:1::7/128", "2001:db8::1"),
  standardRoute(100, "::/0", "2001:db8::1"),
  natRoute(100, "198.51.100.1/32", "2001:db8::1", 1024, 2047),
  natRoute(100, "198.51.100.1/32", "2001:db8::1", 2048, 65535), // differs from the last in its ports only
  natRoute(100, "fd00:2::1/128", "2001:db8::1", 1, 1),
  loadBalancerRoute(100, "203.0.113.1/32", "2001:db8::1"),
  loadBalancerRoute(100, "203.0.113.1/32", "2001:db8::2"),
  loadBalancerRoute(100, "fd00:3::1/128", "2001:db8::1"),
  standardRoute(100, "203.0.113.1/32", "2001:db8::1"), // differs from a load balancer's in its type only
];

/** The same prefix in several VNIs, at both ends of the number space too. */
const IN_VNIS = [0, 200, 201, 0xffff_ffff].map((vni) => standardRoute(vni, "10.1.0.0/16", "2001:db8::3"));

const MARKER = standardRoute(100, "192.0.2.255/32", "2001:db8::255");

const skip = reasonToSkip();
const suite = describe.skipIf(skip !== undefined);
const because = skip === undefined ? "" : ` (skipped: ${skip})`;

if (skip === undefined) beforeAll(buildRustbondPeer, BUILD_TIMEOUT_MS);

function scenario(title: string, run: () => Promise<void>): void {
  test(title, run, TEST_TIMEOUT_MS);
}

suite(`rustbond clients on a BunBond server${because}`, () => {
  scenario("every kind of route arrives unchanged and goes when it is withdrawn", async () => {
    await using server = await startBunbondServer();
    await using announcer = await startRustbondClient(server.address);
    await using subscriber = await startRustbondClient(server.address);
    await subscriber.subscribe(100);
    await announcer.announce(...ALL_KINDS);
    await subscriber.viewIs(ALL_KINDS);
    const [first, ...others] = ALL_KINDS.toReversed();
    if (first === undefined) throw new Error("there are routes");
    await announcer.withdraw(first);
    await subscriber.viewIs(others);
    await announcer.withdraw(...others);
    await subscriber.viewIs([]);
  });

  scenario("a subscription gets the existing routes of its VNI and no other's", async () => {
    await using server = await startBunbondServer();
    await using announcer = await startRustbondClient(server.address);
    await using observer = await startRustbondClient(server.address);
    await observer.subscribe(100, ...IN_VNIS.map(({ vni }) => vni));
    await announcer.announce(...ALL_KINDS, ...IN_VNIS);
    await observer.viewIs([...ALL_KINDS, ...IN_VNIS]);

    await using late = await startRustbondClient(server.address);
    const [lowest, , , highest] = IN_VNIS;
    if (lowest === undefined || highest === undefined) throw new Error("there are four VNIs");
    await late.subscribe(lowest.vni, highest.vni);
    await late.viewIs([lowest, highest]);
    await late.subscribe(100);
    await late.viewIs([lowest, highest, ...ALL_KINDS]);
  });

  scenario("an announcer does not get its own routes back, be it before or after it subscribes", async () => {
    const before = standardRoute(100, "10.2.0.0/24", "2001:db8::a");
    const after = standardRoute(100, "10.2.1.0/24", "2001:db8::a");
    await using server = await startBunbondServer();
    await using announcer = await startRustbondClient(server.address);
    await using other = await startRustbondClient(server.address);
    await announcer.announce(before);
    await announcer.subscribe(100);
    await announcer.announce(after);
    await other.subscribe(100);
    await other.viewIs([before, after]);
    await other.announce(MARKER);
    await announcer.viewIs([MARKER]);
    expect(announcer.changes()).toEqual([`+ ${routeLine(MARKER)}`]);
  });

  scenario("an unsubscribed VNI is silent, and complete again when it is subscribed again", async () => {
    const [first, second] = [
      standardRoute(100, "10.3.0.0/24", "2001:db8::b"),
      standardRoute(100, "10.3.1.0/24", "2001:db8::b"),
    ] as const;
    const fence = standardRoute(300, "10.3.3.0/24", "2001:db8::b");
    const markers = [
      standardRoute(200, "192.0.2.1/32", "2001:db8::b"),
      standardRoute(200, "192.0.2.2/32", "2001:db8::b"),
    ] as const;
    await using server = await startBunbondServer();
    await using announcer = await startRustbondClient(server.address);
    await using subscriber = await startRustbondClient(server.address);
    await subscriber.subscribe(100, 200);
    await announcer.announce(first);
    await subscriber.viewIs([first]);
    await subscriber.unsubscribe(100);
    await announcer.announce(fence);
    await subscriber.subscribe(300); // what it gets shows that the UNSUBSCRIBE before it was read
    await subscriber.viewIs([fence]);
    await announcer.announce(second, markers[0]);
    await subscriber.viewIs([fence, markers[0]]);
    await announcer.announce(markers[1]); // whatever the first marker may have overtaken is here with this one
    await subscriber.viewIs([fence, ...markers]);
    await subscriber.subscribe(100);
    await subscriber.viewIs([fence, ...markers, first, second]);
  });

  scenario("a route of two announcers stays until both have withdrawn it", async () => {
    const shared = standardRoute(100, "10.4.0.0/24", "2001:db8::c");
    await using server = await startBunbondServer();
    await using one = await startRustbondClient(server.address);
    await using two = await startRustbondClient(server.address);
    await using subscriber = await startRustbondClient(server.address);
    await subscriber.subscribe(100);
    await one.announce(shared);
    await subscriber.viewIs([shared]);
    await two.announce(shared);
    await two.subscribe(100); // sees the other's announcement of it
    await two.viewIs([shared]);
    await one.withdraw(shared);
    await two.viewIs([]);
    await two.announce(MARKER);
    await subscriber.viewIs([shared, MARKER]);
    await two.withdraw(shared);
    await subscriber.viewIs([MARKER]);
  });

  for (const { way, leave } of [
    { way: "ends", leave: "SIGTERM" },
    { way: "is killed", leave: "SIGKILL" },
    { way: "falls silent", leave: "SIGSTOP" },
  ] as const) {
    scenario(`all routes of a client go when it ${way}, and only those`, async () => {
      const inAnother = standardRoute(200, "10.5.0.0/24", "2001:db8::d");
      const later = standardRoute(100, "10.5.1.0/24", "2001:db8::d");
      await using server = await startBunbondServer(leave === "SIGSTOP" ? { keepaliveSeconds: 1 } : {});
      await using leaver = await startRustbondClient(server.address);
      await using stayer = await startRustbondClient(server.address);
      await using subscriber = await startRustbondClient(server.address);
      await subscriber.subscribe(100, 200);
      await stayer.announce(MARKER);
      await leaver.announce(...ALL_KINDS, inAnother);
      await subscriber.viewIs([MARKER, ...ALL_KINDS, inAnother]);
      leaver.signal(leave);
      await subscriber.viewIs([MARKER]);
      await stayer.announce(later);
      await subscriber.viewIs([MARKER, later]);
    });
  }

  scenario("twenty clients each see the routes of the nineteen others", async () => {
    const routes = Array.from({ length: 20 }, (_, n) =>
      standardRoute(100, `10.6.${n}.0/24`, `2001:db8::f:${n}`),
    );
    await using server = await startBunbondServer();
    await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
    await watcher.established();
    await using clients = await startRustbondClients(20, server.address);
    await clients.command("subscribe 100");
    await clients.command("announce 100 10.6.{n}.0/24 2001:db8::f:{n}");
    await watcher.viewIs(routes);
    for (const n of routes.keys()) await clients.viewIs(routes.toSpliced(n, 1), n);
    await clients.command("@7 withdraw 100 10.6.7.0/24 2001:db8::f:7");
    await watcher.viewIs(routes.toSpliced(7, 1));
    await clients.kill();
    await watcher.viewIs([]);
  });

  scenario("clients come back to a restarted server with their subscriptions and routes", async () => {
    const own = standardRoute(100, "10.7.0.0/24", "2001:db8::e");
    const other = standardRoute(100, "10.7.1.0/24", "2001:db8::f");
    const listen = freeAddress();
    await using first = await startBunbondServer({ listen });
    await using one = await startRustbondClient(first.address);
    await using two = await startRustbondClient(first.address);
    for (const client of [one, two]) await client.subscribe(100);
    await one.announce(own);
    await two.announce(other);
    await one.viewIs([other]);
    await two.viewIs([own]);
    await first.kill();
    for (const client of [one, two]) {
      await client.serverState("retry");
      await client.viewIs([]);
    }
    await using second = await startBunbondServer({ listen });
    for (const client of [one, two]) {
      await client.retryNow();
      await client.established(second.address);
    }
    await one.viewIs([other]);
    await two.viewIs([own]);
  });
});

suite(`BunBond client on a rustbond server${because}`, () => {
  /** Without hold, routes of a lost server go at once. */
  const NO_STALE_TIMES = ["--stale-time", "0", "--stale-time-alone", "0"];

  scenario("receives every kind of route, existing and new ones, and their withdrawal", async () => {
    await using server = await startRustbondServer();
    await using existing = await startRustbondClient(server.address);
    await existing.announce(...ALL_KINDS);
    await using client = startBunbondClient({ servers: [server.address], vnis: [100, 0, 0xffff_ffff] });
    await client.viewIs(ALL_KINDS);

    await using later = await startRustbondClient(server.address);
    await later.announce(...IN_VNIS, MARKER);
    const subscribed = IN_VNIS.filter(({ vni }) => vni === 0 || vni === 0xffff_ffff);
    await client.viewIs([...ALL_KINDS, ...subscribed, MARKER]);
    await later.withdraw(...subscribed);
    await client.viewIs([...ALL_KINDS, MARKER]);
    await existing.kill();
    await client.viewIs([MARKER]);
  });

  scenario("announces every kind of route, and leaves no trace when it is ended", async () => {
    await using server = await startRustbondServer();
    await using observer = await startRustbondClient(server.address);
    await observer.subscribe(100, ...IN_VNIS.map(({ vni }) => vni));
    const announced = [...ALL_KINDS, ...IN_VNIS];
    await using client = startBunbondClient({
      servers: [server.address],
      announce: announced.map(announceFlag),
    });
    await observer.viewIs(announced);
    expect(await client.stop()).toBe(0);
    await observer.viewIs([]);
  });

  scenario("keeps the echo of its own route, which a rustbond server sends, out of its view", async () => {
    const own = standardRoute(100, "10.8.0.0/24", "2001:db8::10");
    await using server = await startRustbondServer();
    await using observer = await startRustbondClient(server.address);
    await observer.subscribe(100);
    await using announcer = startBunbondClient({
      servers: [server.address],
      vnis: [100],
      announce: [announceFlag(own)],
    });
    await observer.viewIs([own]);
    await observer.announce(MARKER);
    await announcer.viewIs([MARKER]);
    expect(announcer.changes()).toEqual([`+ ${routeLine(MARKER)}`]);
  });

  scenario("comes back to a restarted server with its subscriptions and announcements", async () => {
    const own = standardRoute(100, "10.9.0.0/24", "2001:db8::11");
    const listen = freeAddress();
    await using first = await startRustbondServer(listen);
    await using client = startBunbondClient({
      servers: [listen],
      vnis: [200],
      announce: [announceFlag(own)],
      flags: NO_STALE_TIMES,
    });
    await using early = await startRustbondClient(listen);
    const [, of200] = IN_VNIS;
    if (of200 === undefined) throw new Error("there are four VNIs");
    await early.announce(of200);
    await client.viewIs([of200]);
    await early.kill();
    await client.viewIs([]);
    await first.kill();

    await using second = await startRustbondServer(listen);
    await using late = await startRustbondClient(second.address);
    await late.subscribe(100);
    await late.announce(of200);
    await late.viewIs([own]);
    await client.viewIs([of200]);
  });

  scenario("drops a lost server's routes at once without hold, and has them again later", async () => {
    const listen = freeAddress();
    await using client = startBunbondClient({ servers: [listen], vnis: [100], flags: NO_STALE_TIMES });
    for (let life = 1; life <= 2; life++) {
      await using server = await startRustbondServer(listen);
      await using announcer = await startRustbondClient(server.address);
      await announcer.announce(...ALL_KINDS);
      await client.viewIs(ALL_KINDS);
      await server.kill();
      await client.viewIs([]);
    }
  });

  scenario("keeps its routes while its only server is away, and changes nothing at the return", async () => {
    const listen = freeAddress();
    await using first = await startRustbondServer(listen);
    await using client = startBunbondClient({ servers: [listen], vnis: [100] });
    await using early = await startRustbondClient(listen);
    await early.announce(...ALL_KINDS);
    await client.viewIs(ALL_KINDS);
    // Stopped, the server takes no notice of the announcer's end: no withdrawals come before its own end.
    first.signal("SIGSTOP");
    await early.kill();
    const eventsBefore = client.events.length;
    await first.kill();
    await using second = await startRustbondServer(listen);
    await using late = await startRustbondClient(second.address);
    await late.announce(...ALL_KINDS, MARKER);
    await client.viewIs([...ALL_KINDS, MARKER]);
    expect(client.changes(eventsBefore)).toEqual([`+ ${routeLine(MARKER)}`]);
  });

  scenario("finds a server that comes up late", async () => {
    const own = standardRoute(200, "10.10.0.0/24", "2001:db8::12");
    const listen = freeAddress();
    await using client = startBunbondClient({
      servers: [listen],
      vnis: [100],
      announce: [announceFlag(own)],
    });
    await client.event(({ event }) => event === "server", "word of the server that is not there");
    await using server = await startRustbondServer(listen);
    await client.established(server.address);
    await using other = await startRustbondClient(server.address);
    await other.subscribe(200);
    await other.announce(...ALL_KINDS);
    await other.viewIs([own]);
    await client.viewIs(ALL_KINDS);
  });

  scenario("has a route once while one of two servers has it, and announces to both", async () => {
    const own = standardRoute(200, "10.11.0.0/24", "2001:db8::13");
    const ofOne = standardRoute(100, "10.11.1.0/24", "2001:db8::14");
    const ofTwo = standardRoute(100, "10.11.2.0/24", "2001:db8::15");
    await using one = await startRustbondServer();
    await using two = await startRustbondServer();
    await using client = startBunbondClient({
      servers: [one.address, two.address],
      vnis: [100],
      announce: [announceFlag(own)],
      flags: NO_STALE_TIMES,
    });
    await using peerOfOne = await startRustbondClient(one.address);
    await using peerOfTwo = await startRustbondClient(two.address);
    for (const peer of [peerOfOne, peerOfTwo]) {
      await peer.subscribe(200);
      await peer.viewIs([own]);
    }
    await peerOfOne.announce(...ALL_KINDS, ofOne);
    await client.viewIs([...ALL_KINDS, ofOne]);
    await peerOfTwo.announce(...ALL_KINDS, ofTwo);
    await client.viewIs([...ALL_KINDS, ofOne, ofTwo]); // an ADD twice would fail here

    await peerOfOne.withdraw(...ALL_KINDS);
    await peerOfOne.announce(MARKER);
    await client.viewIs([...ALL_KINDS, ofOne, ofTwo, MARKER]);
    await peerOfOne.announce(...ALL_KINDS);
    await two.kill();
    await client.viewIs([...ALL_KINDS, ofOne, MARKER]);
    await one.kill();
    await client.viewIs([]);
  });
});
