/** One client, one server: connecting, and what it is told and tells while it is connected. */
import { describe, expect, test } from "bun:test";
import { routeOfText } from "../support/models/frame-text.ts";
import { SeededRandom } from "../support/models/random.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("connecting", () => {
  test("connecting, handshake, established", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { client, log, states } = rig.client([1]);
    expect(states).toEqual(["connecting"]);
    rig.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake", "[::1]:1 established"]);
    expect(client.servers()).toMatchObject([
      { server: serverEndpoint(1), state: "established", lastReason: null },
    ]);
  });

  test("refused: tried again for ever, each time after 5 to 10 s", () => {
    const rig = new ClientRig();
    const triedMs: number[] = [];
    const { log } = rig.client([1]);
    for (let second = 0; second < 7_200; second++) {
      rig.clock.advance(100);
      for (const state of log.takeStates())
        if (state.endsWith(" connecting")) triedMs.push(rig.clock.nowMs());
    }
    const waitsMs = triedMs.slice(1).map((atMs, index) => atMs - (triedMs[index] ?? 0));
    expect(waitsMs.length).toBeGreaterThan(72);
    expect(Math.min(...waitsMs)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...waitsMs)).toBeLessThanOrEqual(10_100);
    expect(new Set(waitsMs).size).toBeGreaterThan(10);
  });

  test("the bounds of the wait can be set, and the reason is told", () => {
    const rig = new ClientRig();
    const { log, client } = rig.client([1], { retry: { minMs: 300, maxMs: 300 } });
    rig.clock.advance(250);
    const refused = "[::1]:1 retry: connect-failed (connection refused)";
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    rig.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    expect(client.servers()[0]?.lastReason).toEqual({
      reason: "connect-failed",
      detail: "connection refused",
    });
  });

  test("a silent address: given up after 2.5 intervals, and one that answers later is taken next time", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    rig.network.silent.add("[::1]:1");
    const { log } = rig.client([1], { keepaliveSeconds: 2 });
    rig.clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting"]);
    rig.clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: connect-timeout"]);
    rig.network.silent.clear();
    rig.clock.advance(10_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("a connection that comes to be after it was given up is not used", async () => {
    const rig = new ClientRig({ delayMs: 6_000 });
    const server = await rig.startServer(1);
    const { log } = rig.client([1], { keepaliveSeconds: 2, retry: { minMs: 60_000, maxMs: 60_000 } });
    rig.clock.advance(30_000);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 retry: connect-timeout"]);
    expect(server.stats().peers).toBe(0);
  });

  test("a server that accepts and says nothing: given up after 2.5 intervals, again and again", async () => {
    const rig = new ClientRig();
    const { clock, network } = rig;
    await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1), isMute: true });
    const { log } = rig.client([1], { keepaliveSeconds: 2 });
    clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake"]);
    clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: handshake-timeout"]);
    clock.advance(10_000);
    expect(log.takeStates()).toContain("[::1]:1 handshake");
  });

  test("a server that is down at the start and comes later is told everything", async () => {
    const rig = new ClientRig();
    const { log } = rig.client([1]).subscribe(100).announce(OTHER);
    rig.clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
    const server = await rig.startServer(1);
    rig.client([1]).announce(R);
    rig.clock.advance(10_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect([...server.routes()].length).toBe(2);
  });

  test("a server that falls silent is left after 2.5 intervals, and found again", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { log } = rig.client([1], { keepaliveSeconds: 2 }).subscribe(100);
    rig.client([1]).announce(R);
    rig.clock.advance(1_000);
    log.takeStates();
    rig.setStalled(1, true);
    rig.clock.advance(5_000);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
    rig.clock.advance(30_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
    expect(log.view).toEqual([R]);
  });

  test("a server given twice is one", () => {
    const rig = new ClientRig();
    expect(rig.client([1, 2, 1]).client.servers().length).toBe(2);
  });

  test("started twice it connects once", async () => {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const { client } = rig.client([1]);
    client.start();
    rig.clock.advance(20_000);
    client.start();
    rig.clock.advance(20_000);
    expect(server.stats().counters.connectionsAccepted).toBe(1);
  });
});

describe("subscriptions and announcements", () => {
  test("what one announces another receives, and its withdrawal", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const a = rig.client([1]).announce(R);
    const b = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    a.announce(Q, OTHER);
    rig.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    a.withdraw(R);
    rig.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    expect(b.view).toEqual([Q]);
  });

  test("told twice is told once, and says so", () => {
    const { client } = new ClientRig().client([]);
    const route = routeOfText(R);
    expect([client.subscribe(100), client.subscribe(100)]).toEqual([true, false]);
    expect([client.unsubscribe(100), client.unsubscribe(100)]).toEqual([true, false]);
    expect([client.announce(route), client.announce(routeOfText(R))]).toEqual([true, false]);
    expect([...client.announcements()]).toEqual([route]);
    expect([client.withdraw(routeOfText(R)), client.withdraw(route)]).toEqual([true, false]);
  });

  test("what is wanted during the handshake is told", async () => {
    const rig = new ClientRig({ delayMs: 50 });
    await rig.startServer(1);
    const a = rig.client([1]);
    const b = rig.client([1]);
    rig.clock.advance(100);
    expect(a.states).toEqual(["handshake"]);
    a.announce(R);
    b.subscribe(100);
    rig.clock.advance(1_000);
    expect(b.view).toEqual([R]);
  });

  test("leaving a VNI takes its routes out of view at once, and no others", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const a = rig.client([1]).announce(R, OTHER);
    const b = rig.client([1]).subscribe(100, 200);
    rig.clock.advance(1_000);
    b.log.takeChanges();
    b.client.unsubscribe(100);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    a.withdraw(R).announce(Q);
    rig.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([]);
    b.subscribe(100);
    rig.clock.advance(1_000);
    expect(b.view).toEqual([Q, OTHER]);
  });

  test("UPDATEs of a VNI without subscription are ignored", async () => {
    const rig = new ClientRig();
    const { clock, network } = rig;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    const { log } = rig.client([1]).subscribe(200);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`ADD ${R}`);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`REMOVE ${R}`);
    clock.advance(1_000);
    expect(log.takeChanges()).toEqual([]);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("a useless UPDATE is skipped, told of once, and harms nothing", () => {
    const warnings: unknown[] = [];
    const note = () => {};
    const logger = {
      debug: note,
      info: note,
      error: note,
      warn: (...line: unknown[]) => warnings.push(line),
    };
    const link = new ScriptedLink({ logger });
    link.subscribe(100);
    link.establish();
    const useless = "ADD 100 10.0.1.0/33 via 2001:db8::1";
    link.say(useless, `ADD ${R}`, useless);
    expect(link.log.view).toEqual([R]);
    expect(warnings).toEqual([
      [expect.stringContaining("update skipped"), { server: "[::1]:1", code: "BAD_PREFIX_LENGTH" }],
    ]);
  });

  test("no phantom, however subscriptions and routes change while frames are under way", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const rig = new ClientRig({ seed, delayMs: () => random.below(300) });
      await rig.startServer(1);
      const a = rig.client([1]);
      const b = rig.client([1]).subscribe(100);
      rig.clock.advance(2_000);
      for (let turn = 0; turn < 40; turn++) {
        const route = random.pick([R, Q]);
        if (random.chance(0.5)) a.announce(route);
        else a.withdraw(route);
        if (random.chance(0.5)) b.subscribe(100);
        else b.client.unsubscribe(100);
        rig.clock.advance(random.below(400));
      }
      a.withdraw(Q).announce(R);
      b.subscribe(100);
      rig.clock.advance(5_000);
      expect([seed, b.view]).toEqual([seed, [R]]);
    }
  });
});
