/** One client, one server of ours: connecting, the life of a connection, subscriptions, the end. */
import { describe, expect, test } from "bun:test";
import { ClientBench, serverEndpoint } from "../support/client-bench.ts";
import { ForeignServer } from "../support/foreign-server.ts";
import { routeOfText } from "../support/frame-text.ts";
import { SeededRandom } from "../support/random.ts";
import { ScriptedLink } from "../support/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("connecting", () => {
  test("connecting, handshake, established", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const { client, log, states } = bench.client([1]);
    expect(states).toEqual(["connecting"]);
    bench.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake", "[::1]:1 established"]);
    expect(client.servers()).toMatchObject([
      { server: serverEndpoint(1), state: "established", lastReason: null },
    ]);
  });

  test("refused: tried again for ever, each time after 5 to 10 s", () => {
    const bench = new ClientBench();
    const triedMs: number[] = [];
    const { log } = bench.client([1]);
    for (let second = 0; second < 7_200; second++) {
      bench.clock.advance(100);
      for (const state of log.takeStates())
        if (state.endsWith(" connecting")) triedMs.push(bench.clock.nowMs());
    }
    const waitsMs = triedMs.slice(1).map((atMs, index) => atMs - (triedMs[index] ?? 0));
    expect(waitsMs.length).toBeGreaterThan(72);
    expect(Math.min(...waitsMs)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...waitsMs)).toBeLessThanOrEqual(10_100);
    expect(new Set(waitsMs).size).toBeGreaterThan(10);
  });

  test("the bounds of the wait can be set, and the reason is told", () => {
    const bench = new ClientBench();
    const { log, client } = bench.client([1], { retry: { minMs: 300, maxMs: 300 } });
    bench.clock.advance(250);
    const refused = "[::1]:1 retry: connect-failed (connection refused)";
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    bench.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    expect(client.servers()[0]?.lastReason).toEqual({
      reason: "connect-failed",
      detail: "connection refused",
    });
  });

  test("a silent address: given up after 2.5 intervals, and one that answers later is taken next time", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    bench.network.silent.add("[::1]:1");
    const { log } = bench.client([1], { keepaliveSeconds: 2 });
    bench.clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting"]);
    bench.clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: connect-timeout"]);
    bench.network.silent.clear();
    bench.clock.advance(10_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("a connection that comes to be after it was given up is not used", async () => {
    const bench = new ClientBench({ delayMs: 6_000 });
    const server = await bench.startServer(1);
    const { log } = bench.client([1], { keepaliveSeconds: 2, retry: { minMs: 60_000, maxMs: 60_000 } });
    bench.clock.advance(30_000);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 retry: connect-timeout"]);
    expect(server.stats().peers).toBe(0);
  });

  test("a server that accepts and says nothing: given up after 2.5 intervals, again and again", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1), isMute: true });
    const { log } = bench.client([1], { keepaliveSeconds: 2 });
    clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake"]);
    clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: handshake-timeout"]);
    clock.advance(10_000);
    expect(log.takeStates()).toContain("[::1]:1 handshake");
  });

  test("a server that is down at the start and comes later is told everything", async () => {
    const bench = new ClientBench();
    const { log } = bench.client([1]).subscribe(100).announce(OTHER);
    bench.clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
    const server = await bench.startServer(1);
    bench.client([1]).announce(R);
    bench.clock.advance(10_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect([...server.routes()].length).toBe(2);
  });

  test("a server that falls silent is left after 2.5 intervals, and found again", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const { log } = bench.client([1], { keepaliveSeconds: 2 }).subscribe(100);
    bench.client([1]).announce(R);
    bench.clock.advance(1_000);
    log.takeStates();
    bench.setStalled(1, true);
    bench.clock.advance(5_000);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
    bench.clock.advance(30_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
    expect(log.view).toEqual([R]);
  });

  test("a server given twice is one", () => {
    const bench = new ClientBench();
    expect(bench.client([1, 2, 1]).client.servers().length).toBe(2);
  });

  test("started twice it connects once", async () => {
    const bench = new ClientBench();
    const server = await bench.startServer(1);
    const { client } = bench.client([1]);
    client.start();
    bench.clock.advance(20_000);
    client.start();
    bench.clock.advance(20_000);
    expect(server.stats().counters.connectionsAccepted).toBe(1);
  });
});

describe("subscriptions and announcements", () => {
  test("what one announces another receives, and its withdrawal", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const a = bench.client([1]).announce(R);
    const b = bench.client([1]).subscribe(100);
    bench.clock.advance(1_000);
    a.announce(Q, OTHER);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    a.withdraw(R);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    expect(b.view).toEqual([Q]);
  });

  test("told twice is told once, and says so", () => {
    const { client } = new ClientBench().client([]);
    const route = routeOfText(R);
    expect([client.subscribe(100), client.subscribe(100)]).toEqual([true, false]);
    expect([client.unsubscribe(100), client.unsubscribe(100)]).toEqual([true, false]);
    expect([client.announce(route), client.announce(routeOfText(R))]).toEqual([true, false]);
    expect([...client.announcements()]).toEqual([route]);
    expect([client.withdraw(routeOfText(R)), client.withdraw(route)]).toEqual([true, false]);
  });

  test("what is wanted during the handshake is told", async () => {
    const bench = new ClientBench({ delayMs: 50 });
    await bench.startServer(1);
    const a = bench.client([1]);
    const b = bench.client([1]);
    bench.clock.advance(100);
    expect(a.states).toEqual(["handshake"]);
    a.announce(R);
    b.subscribe(100);
    bench.clock.advance(1_000);
    expect(b.view).toEqual([R]);
  });

  test("leaving a VNI takes its routes out of view at once, and no others", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const a = bench.client([1]).announce(R, OTHER);
    const b = bench.client([1]).subscribe(100, 200);
    bench.clock.advance(1_000);
    b.log.takeChanges();
    b.client.unsubscribe(100);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    a.withdraw(R).announce(Q);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([]);
    b.subscribe(100);
    bench.clock.advance(1_000);
    expect(b.view).toEqual([Q, OTHER]);
  });

  test("UPDATEs of a VNI without subscription are ignored", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    const { log } = bench.client([1]).subscribe(200);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`ADD ${R}`);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`REMOVE ${R}`);
    clock.advance(1_000);
    expect(log.takeChanges()).toEqual([]);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("no phantom, however subscriptions and routes change while frames are under way", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const bench = new ClientBench({ seed, delayMs: () => random.below(300) });
      await bench.startServer(1);
      const a = bench.client([1]);
      const b = bench.client([1]).subscribe(100);
      bench.clock.advance(2_000);
      for (let turn = 0; turn < 40; turn++) {
        const route = random.pick([R, Q]);
        if (random.chance(0.5)) a.announce(route);
        else a.withdraw(route);
        if (random.chance(0.5)) b.subscribe(100);
        else b.client.unsubscribe(100);
        bench.clock.advance(random.below(400));
      }
      a.withdraw(Q).announce(R);
      b.subscribe(100);
      bench.clock.advance(5_000);
      expect([seed, b.view]).toEqual([seed, [R]]);
    }
  });
});

describe("a listener that acts on what it is told", () => {
  test("leaving the VNI in the middle of a sweep", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    server.announce(R, Q);
    const { client, log } = bench.client([1], { hold: { holdMs: 0, holdAloneMs: 1_000 } }).subscribe(100);
    clock.advance(500);
    const routeRemoved = log.routeRemoved.bind(log);
    log.routeRemoved = (route) => {
      routeRemoved(route);
      client.unsubscribe(100);
    };
    server.stop();
    clock.advance(2_000);
    expect(log.view).toEqual([]);
    expect(client.routeCount).toBe(0);
  });

  test("subscribing again while the VNI's routes go", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    bench.client([1]).announce(R);
    const b = bench.client([1]).subscribe(100);
    bench.clock.advance(1_000);
    const routeRemoved = b.log.routeRemoved.bind(b.log);
    b.log.routeRemoved = (route) => {
      routeRemoved(route);
      b.subscribe(100);
    };
    b.client.unsubscribe(100);
    expect(b.view).toEqual([]);
    bench.clock.advance(1_000);
    expect(b.view).toEqual([R]);
  });

  test("stopping when the first of several holds ends leaves no timer", async () => {
    const bench = new ClientBench();
    for (const port of [1, 2, 3]) await bench.startServer(port);
    const a = bench.client([1]).announce(R);
    const b = bench.client([2]).announce(Q);
    const { client, log } = bench.client([1, 2, 3]).subscribe(100);
    bench.clock.advance(100);
    for (const port of [1, 2]) {
      bench.killServer(port);
      bench.clock.advance(1_000);
    }
    log.takeChanges();
    await Promise.all([a.client.stop(), b.client.stop()]);
    const routeRemoved = log.routeRemoved.bind(log);
    let stopped: Promise<void> | null = null;
    log.routeRemoved = (route) => {
      routeRemoved(route);
      stopped = client.stop();
    };
    while (stopped === null) bench.clock.advance(10);
    await stopped;
    expect(log.takeChanges().length).toBe(1);
    bench.stopServer(3);
    bench.clock.advance(10);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  for (const state of ["connecting", "handshake", "established", "retry"]) {
    test(`stopping when the state is ${state} leaves no timer`, async () => {
      const bench = new ClientBench();
      if (state === "handshake" || state === "established") await bench.startServer(1);
      const { client, log } = bench.client([1]);
      const serverState = log.serverState.bind(log);
      let stopped: Promise<void> | null = null;
      log.serverState = (server, now, reason) => {
        serverState(server, now, reason);
        if (now === state) stopped ??= client.stop();
      };
      while (stopped === null) bench.clock.advance(10);
      await stopped;
      const lastStates = log.takeStates().slice(-2);
      expect(lastStates.map((line) => /\]:1 (\w+)/.exec(line)?.[1])).toEqual([state, "stopped"]);
      if (bench.isRunning(1)) bench.stopServer(1);
      expect(bench.clock.pendingTimers).toBe(0);
    });
  }
});

describe("stopping", () => {
  test("withdraws, then closes, and leaves nothing behind", async () => {
    const bench = new ClientBench({ delayMs: 20 });
    const server = await bench.startServer(1);
    const a = bench.client([1]).announce(R, Q).subscribe(100);
    const b = bench.client([1]).subscribe(100).announce("100 ::/0 via 2001:db8::9");
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    a.log.takeChanges();
    a.log.takeStates();
    const stopped = a.client.stop();
    expect(a.client.stop()).toBe(stopped);
    await bench.until(stopped);
    bench.clock.advance(100);
    expect(b.log.takeChanges().sort()).toEqual([`- ${R}`, `- ${Q}`].sort());
    expect(server.stats().counters.strangersRemoves).toBe(0);
    expect(server.stats().counters.closes).toEqual({ "closed-by-peer": 1 });
    expect(a.log.takeStates()).toEqual(["[::1]:1 stopped: stopped"]);
    expect(a.states).toEqual(["stopped"]);

    await bench.until(b.client.stop());
    bench.clock.advance(100);
    bench.stopServer(1);
    expect(bench.clock.pendingTimers).toBe(0);
    bench.clock.advance(60_000);
    expect([...a.log.takeStates(), ...a.log.takeChanges()]).toEqual([]);
  });

  test("says REMOVE, and has no events any more while it waits for room", async () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.announce(R);
    link.establish();
    link.say(`ADD ${Q}`);
    link.makeRoom(0);
    link.announce(OTHER);
    link.take();
    const stopped = link.client.stop();
    link.say(`REMOVE ${Q}`, `ADD ${R}`);
    link.makeRoom();
    expect(link.take().slice(0, 2)).toEqual([`ADD ${OTHER}`, `REMOVE ${R}; REMOVE ${OTHER}`]);
    link.clock.advance(5);
    await stopped;
    expect(link.isEnded).toBe(true);
    expect(link.log.takeChanges()).toEqual([`+ ${Q}`]);
    expect(link.clock.pendingTimers).toBe(0);
  });

  test("does not wait for a server that does not read, beyond the time given", async () => {
    const bench = new ClientBench({ capacityBytes: 200 });
    await bench.startServer(1);
    const a = bench.client([1]);
    bench.clock.advance(1_000);
    bench.setStalled(1, true);
    a.announce(
      R,
      Q,
      OTHER,
      "100 ::/0 via 2001:db8::9",
      "101 ::/0 via 2001:db8::9",
      "102 ::/0 via 2001:db8::9",
    );
    bench.clock.advance(10);
    const beforeMs = bench.clock.nowMs();
    await bench.until(a.client.stop(500));
    expect(bench.clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(500);
    expect(bench.clock.nowMs() - beforeMs).toBeLessThan(520);
    expect(a.states).toEqual(["stopped"]);
  });

  test("in whatever state, and with stale routes held", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    await bench.startServer(2);
    const a = bench.client([1]).announce(R);
    // 3 refuses, 4 is silent.
    bench.network.silent.add("[::1]:4");
    const b = bench.client([1, 2, 3, 4]).subscribe(100);
    bench.clock.advance(1_000);
    bench.stopServer(1);
    bench.clock.advance(100);
    expect(b.states).toEqual(["retry", "established", "retry", "connecting"]);
    expect(b.view).toEqual([R]);
    b.log.takeChanges();
    await Promise.all([a.client.stop(), b.client.stop()]);
    expect(b.states).toEqual(["stopped", "stopped", "stopped", "stopped"]);
    bench.stopServer(2);
    bench.clock.advance(10);
    expect(bench.clock.pendingTimers).toBe(0);
    expect(b.log.takeChanges()).toEqual([]);
  });
});
