/** Servers that come and go while the client runs, by the operator's wish, and settings that change. */
import { describe, expect, test } from "bun:test";
import { ClientCore } from "../../src/client/client-core.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";
const OWN = "100 10.0.3.0/24 via 2001:db8::3";

async function twoServers(): Promise<ClientRig> {
  const rig = new ClientRig();
  await rig.startServer(1);
  await rig.startServer(2);
  return rig;
}

describe("a server that is added", () => {
  test("is told everything, and its routes come into view", async () => {
    const rig = await twoServers();
    rig.client([2]).announce(R);
    const { client, log } = rig.client([1]).subscribe(100).announce(OWN);
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([]);
    log.takeStates();
    expect(client.addServer(serverEndpoint(2))).toBe(true);
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect(rig.server(2).stats().routes).toBe(2);
    // The other one's connection was not touched.
    expect(log.takeStates().every((state) => state.startsWith("[::1]:2 "))).toBe(true);
  });

  test("twice is added once", async () => {
    const rig = await twoServers();
    const { client, states } = rig.client([1]);
    expect(client.addServer(serverEndpoint(1))).toBe(false);
    expect(states).toHaveLength(1);
  });

  test("before the start is connected to at the start; after the stop, not at all", async () => {
    const rig = await twoServers();
    const { clock, network } = rig;
    const client = new ClientCore({ servers: [], clock, network });
    const states = () => client.servers().map(({ state }) => state);
    expect(client.addServer(serverEndpoint(1))).toBe(true);
    clock.advance(1_000);
    expect(network.connections).toEqual([]);
    client.start();
    clock.advance(1_000);
    expect(states()).toEqual(["established"]);
    await rig.until(client.stop());
    expect(client.addServer(serverEndpoint(2))).toBe(false);
    expect(states()).toEqual(["stopped"]);
  });

  test("takes the place of the only one without a gap, if it is waited for", async () => {
    const rig = await twoServers();
    rig.client([1, 2]).announce(R);
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    client.addServer(serverEndpoint(2));
    rig.clock.advance(1_000);
    client.removeServer(serverEndpoint(1));
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect(client.serversOf(routeOfText(R))).toEqual([serverEndpoint(2)]);
  });
});

describe("a server that is removed", () => {
  test("takes along what no other one has", async () => {
    const rig = await twoServers();
    rig.client([1, 2]).announce(R);
    rig.client([1]).announce(Q);
    const { client, log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    expect(log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`]);
    expect(client.removeServer(serverEndpoint(1))).toBe(true);
    expect(log.takeChanges()).toEqual([`- ${Q}`]);
    expect(client.serversOf(routeOfText(R))).toEqual([serverEndpoint(2)]);
    rig.clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
    expect(client.servers().map(({ server }) => server)).toEqual([serverEndpoint(2)]);
    expect(client.removeServer(serverEndpoint(1))).toBe(false);
  });

  test("leaves its routes for the stale time if they are to be held, and nothing that it says counts any more", async () => {
    const rig = await twoServers();
    const announcer = rig.client([1]).announce(R, Q);
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    expect(log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`]);
    // One server takes the other one's place, in one go; the announcer does so later.
    client.addServer(serverEndpoint(2));
    client.removeServer(serverEndpoint(1), { keepStale: true });
    rig.clock.advance(30_000);
    expect(log.takeChanges()).toEqual([]);
    announcer.client.addServer(serverEndpoint(2));
    announcer.client.removeServer(serverEndpoint(1));
    announcer.withdraw(Q);
    rig.clock.advance(29_000);
    expect(log.takeChanges()).toEqual([]);
    // Of both, for the other server's word on one counts beside it.
    expect(client.removedServersRoutes).toBe(2);
    expect(client.serversOf(routeOfText(R))).toEqual([serverEndpoint(2)]);
    rig.clock.advance(2_000);
    expect(log.takeChanges()).toEqual([`- ${Q}`]);
    expect(client.removedServersRoutes).toBe(0);
  });

  test("leaves its routes while no other server is there, if they are to be held", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    log.takeChanges();
    // A name with a typing error in it.
    client.addServer(serverEndpoint(3));
    client.removeServer(serverEndpoint(1), { keepStale: true });
    rig.clock.advance(3_600_000);
    expect(log.takeChanges()).toEqual([]);
    client.removeServer(serverEndpoint(3), { keepStale: true });
    client.addServer(serverEndpoint(1));
    rig.clock.advance(70_000);
    expect(log.takeChanges()).toEqual([]);
    expect(client.serversOf(routeOfText(R))).toEqual([serverEndpoint(1)]);
  });

  test("leaves them also when it marks the end of its table while it is being told", () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.announce(OWN);
    link.establish();
    link.say(`ADD ${R}`);
    link.log.takeChanges();
    link.roomBytes = 0;
    link.client.removeServer({ host: "::1", port: 1 }, { keepStale: true });
    link.say("END 100");
    link.clock.advance(60_000);
    expect(link.log.takeChanges()).toEqual([]);
  });

  test("is gone in time, also when an answer comes that was waited for", () => {
    const link = new ScriptedLink({ keepaliveSeconds: 100 });
    link.subscribe(100);
    link.announce(OWN);
    link.establish(100);
    link.say(`ADD ${R}`, `ADD ${Q}`);
    link.breakConnection();
    link.clock.advance(5_000);
    link.establish(100);
    link.answerAll();
    // The time has come to ask whether it has told all.
    link.clock.advance(15_000);
    link.say(`ADD ${R}`);
    link.log.takeChanges();
    link.roomBytes = 0;
    link.client.removeServer({ host: "::1", port: 1 }, { keepStale: true, withinMs: 3_000 });
    link.answerAll();
    link.clock.advance(2_990);
    expect(link.isEnded).toBe(false);
    link.clock.advance(20);
    expect(link.isEnded).toBe(true);
    link.clock.advance(60_000);
    expect(link.log.takeChanges()).toEqual([]);
  });

  test("is told of the withdrawals before the connection ends in order", async () => {
    const rig = new ClientRig();
    // What was not withdrawn it would keep.
    await rig.startServer(1, { retainSeconds: 60 });
    await rig.startServer(2);
    const watcher = rig.client([1]).subscribe(100);
    const { client, log } = rig.client([1, 2]).announce(R, OWN);
    rig.clock.advance(1_000);
    expect(watcher.log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${OWN}`]);
    log.takeStates();
    client.removeServer(serverEndpoint(1));
    rig.clock.advance(1_000);
    expect(watcher.log.takeChanges().sort()).toEqual([`- ${R}`, `- ${OWN}`]);
    expect(log.takeStates()).toEqual(["[::1]:1 stopped: stopped"]);
    expect(rig.server(2).stats().routes).toBe(2);
  });

  test("that takes nothing is not waited for", async () => {
    const rig = new ClientRig({ capacityBytes: 2_000 });
    await rig.startServer(1);
    const routes = Array.from({ length: 100 }, (_, n) => `100 10.0.${n}.0/24 via 2001:db8::1`);
    const { client, log } = rig.client([1]);
    rig.clock.advance(1_000);
    rig.setStalled(1, true);
    for (const route of routes) client.announce(routeOfText(route));
    rig.clock.advance(100);
    log.takeStates();
    client.removeServer(serverEndpoint(1), { withinMs: 3_000 });
    rig.clock.advance(2_990);
    expect(log.takeStates()).toEqual([]);
    rig.clock.advance(20);
    expect(log.takeStates()).toEqual(["[::1]:1 stopped: stopped"]);
  });

  test("counts no more, whatever it says while it is being told", async () => {
    const rig = new ClientRig({ capacityBytes: 2_000 });
    await rig.startServer(1);
    const announcer = rig.client([1]).announce(Q);
    const { client, log } = rig.client([1]).subscribe(100);
    for (let n = 0; n < 100; n++) client.announce(routeOfText(`100 10.1.${n}.0/24 via 2001:db8::3`));
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${Q}`]);
    // The server does not read, so that the withdrawals take their time, but it can be heard.
    const connection = rig.network.connections[1];
    if (connection !== undefined) connection.server.isReading = false;
    client.removeServer(serverEndpoint(1));
    expect(log.takeChanges()).toEqual([`- ${Q}`]);
    announcer.announce(R).withdraw(Q);
    rig.clock.advance(1_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
    expect(log.takeChanges()).toEqual([]);
    // Nor when it goes away of itself.
    rig.killServer(1);
    rig.clock.advance(20_000);
    expect(log.takeStates()).toEqual(["[::1]:1 stopped: connection-lost (connection reset)"]);
    expect(log.takeChanges()).toEqual([]);
  });

  test("that is away is not tried again, and takes its stale routes along", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    const timers = rig.clock.pendingTimers;
    client.removeServer(serverEndpoint(1));
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    // The one for the next try, and the one for the end of its stale time.
    expect(rig.clock.pendingTimers).toBe(timers - 2);
    log.takeStates();
    await rig.startServer(1);
    rig.clock.advance(60_000);
    expect(log.takeStates()).toEqual([]);
    expect(rig.server(1).stats().peers).toBe(1);
  });

  test("is removed while connecting and in the handshake, too", async () => {
    const rig = new ClientRig({ delayMs: 100 });
    await rig.startServer(1);
    for (const waitMs of [50, 250]) {
      const { client, log } = rig.client([1]).announce(R);
      rig.clock.advance(waitMs);
      client.removeServer(serverEndpoint(1));
      expect(log.takeStates().at(-1)).toBe("[::1]:1 stopped: stopped");
      rig.clock.advance(20_000);
      expect(log.takeStates()).toEqual([]);
      expect(rig.server(1).stats()).toMatchObject({ peers: 0, routes: 0 });
    }
  });

  test("and added again before it is done with, ends with what is wanted", async () => {
    const rig = new ClientRig({ delayMs: 50 });
    await rig.startServer(1, { retainSeconds: 60 });
    const watcher = rig.client([1]).subscribe(100);
    const { client } = rig.client([1]).announce(R);
    rig.clock.advance(5_000);
    watcher.log.takeChanges();
    for (let turn = 0; turn < 10; turn++) {
      client.removeServer(serverEndpoint(1));
      rig.clock.advance(turn * 20);
      client.addServer(serverEndpoint(1));
      rig.clock.advance(turn * 20);
    }
    rig.clock.advance(5_000);
    expect(watcher.view).toEqual([R]);
    expect(rig.server(1).stats()).toMatchObject({ peers: 2, routes: 1 });
    rig.clock.advance(90_000);
    expect(watcher.view).toEqual([R]);
  });

  test("and added again at once, is first left, and then connected to", async () => {
    const rig = await twoServers();
    const { client, log } = rig.client([1]).announce(R);
    rig.clock.advance(1_000);
    log.takeStates();
    client.removeServer(serverEndpoint(1));
    client.addServer(serverEndpoint(1));
    expect(log.takeStates()).toEqual(["[::1]:1 stopped: stopped", "[::1]:1 connecting"]);
  });

  test("and was the last that is there: the routes of those that are lost stay", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(10_000);
    client.removeServer(serverEndpoint(2));
    rig.clock.advance(3_600_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
  });

  test("by its own client's handler does no harm", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R, Q);
    const { client, log } = rig.client([1, 2]).subscribe(100);
    const added = log.routeAdded.bind(log);
    log.routeAdded = (route) => {
      added(route);
      client.removeServer(serverEndpoint(1));
    };
    rig.clock.advance(1_000);
    expect(log.view).toEqual([]);
    expect(client.servers()).toMatchObject([{ server: serverEndpoint(2), state: "established" }]);
  });

  test("a server of another make is left in order, and its echoes with it", async () => {
    const rig = new ClientRig();
    const { clock, network } = rig;
    const foreign = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    const { client, log } = rig.client([1]).subscribe(100).announce(OWN);
    foreign.announce(R);
    clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    client.removeServer(serverEndpoint(1));
    clock.advance(5_000);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    expect([...foreign.routes.keys()]).toEqual([R]);
    client.withdraw(routeOfText(OWN));
    expect(log.takeChanges()).toEqual([]);
    expect(foreign.harm).toEqual([]);
  });
});

test("stop() waits until a server that was just removed has been told, too, and leaves no timer behind", async () => {
  const rig = new ClientRig({ capacityBytes: 2_000 });
  await rig.startServer(1, { retainSeconds: 60 });
  const { client } = rig.client([1]);
  for (let n = 0; n < 100; n++) client.announce(routeOfText(`100 10.1.${n}.0/24 via 2001:db8::3`));
  rig.clock.advance(1_000);
  const [connection] = rig.network.connections;
  if (connection !== undefined) connection.server.isReading = false;
  client.removeServer(serverEndpoint(1));
  let isStopped = false;
  const stopped = client.stop().then(() => {
    isStopped = true;
  });
  rig.clock.advance(1_000);
  await Promise.resolve();
  expect(isStopped).toBe(false);
  if (connection !== undefined) connection.server.isReading = true;
  await rig.until(stopped);
  rig.clock.advance(100);
  expect(rig.server(1).stats()).toMatchObject({ peers: 0, routes: 0 });
  rig.stopServer(1);
  rig.clock.advance(100);
  expect(rig.clock.pendingTimers).toBe(0);
});

describe("configure()", () => {
  test("staleTimes: for what is lost already, too", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(20_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    client.configure({ staleTimes: { staleTimeMs: 30_000, staleTimeAloneMs: 0 } });
    rig.clock.advance(9_000);
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(2_000);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });

  test("staleTimes: what is overdue by the new times goes at once", async () => {
    const rig = await twoServers();
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(20_000);
    log.takeChanges();
    client.configure({ staleTimes: { staleTimeMs: 0, staleTimeAloneMs: 10_000 } });
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });

  test("retry: from the next wait on", async () => {
    const rig = new ClientRig();
    const { client, log } = rig.client([1], { retry: { minMs: 5_000, maxMs: 5_000 } });
    rig.clock.advance(1_000);
    client.configure({ retry: { minMs: 100, maxMs: 100 } });
    rig.clock.advance(3_900);
    expect(log.takeStates()).toHaveLength(2);
    rig.clock.advance(300);
    expect(log.takeStates().length).toBeGreaterThan(4);
  });

  test("keepalive: from the next connection on; the present one stays", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { client, log } = rig.client([1]);
    rig.clock.advance(1_000);
    log.takeStates();
    client.configure({ keepaliveSeconds: 1 });
    rig.clock.advance(10_000);
    expect(log.takeStates()).toEqual([]);
    client.resetServer(serverEndpoint(1));
    rig.clock.advance(1_000);
    rig.setStalled(1, true);
    log.takeStates();
    rig.clock.advance(2_600);
    expect(log.takeStates()[0]).toBe("[::1]:1 retry: keepalive-timeout");
  });
});
