/** A client that is stopped, and listeners that act on what they are told, be it by stopping it. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ClientBench, serverEndpoint } from "../support/network/client-bench.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("a listener that acts on what it is told", () => {
  test("leaving the VNI in the middle of a sweep", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    server.announce(R, Q);
    const { client, log } = bench
      .client([1], { staleTimes: { staleTimeMs: 0, staleTimeAloneMs: 1_000 } })
      .subscribe(100);
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
    const staleTimes = { staleTimeMs: 60_000, staleTimeAloneMs: 600_000 };
    const { client, log } = bench.client([1, 2, 3], { staleTimes }).subscribe(100);
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
    const logged: string[] = [];
    const note = (line: string) => logged.push(line);
    const logger = { debug: note, info: note, warn: note, error: note };
    const a = bench.client([1], { logger }).announce(R, Q).subscribe(100);
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
    expect(server.stats().counters.unmatchedRemoves).toBe(0);
    expect(server.stats().counters.closes).toEqual({ "closed-by-peer": 1 });
    expect(a.log.takeStates()).toEqual(["[::1]:1 stopped: stopped"]);
    expect(a.states).toEqual(["stopped"]);

    logged.length = 0;
    await bench.until(b.client.stop());
    bench.clock.advance(100);
    bench.stopServer(1);
    expect(bench.clock.pendingTimers).toBe(0);
    bench.clock.advance(60_000);
    expect(logged).toEqual([]);
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

  test("waits until the network has taken the last byte", async () => {
    const link = new ScriptedLink();
    link.announce(R);
    link.establish();
    link.take();
    link.roomBytes = 0;
    const stopped = link.client.stop();
    link.clock.advance(20);
    await Promise.resolve();
    expect(link.isEnded).toBe(false);
    link.makeRoom();
    expect(link.take()[0]).toBe(`REMOVE ${R}`);
    link.clock.advance(5);
    await stopped;
    expect(link.isEnded).toBe(true);
  });

  test("does not wait for a server that does not read, beyond the time given", async () => {
    const bench = new ClientBench({ capacityBytes: 200 });
    await bench.startServer(1);
    await bench.startServer(2);
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (...line: unknown[]) => warnings.push(line) };
    const a = bench.client([1, 2], { logger });
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
    expect(a.states).toEqual(["stopped", "stopped"]);
    expect(warnings).toEqual([["stopped before this server had read all changes", { server: "[::1]:1" }]]);
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
    bench.clock.advance(11_000);
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
