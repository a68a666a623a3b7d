/** A client that is stopped, and listeners that act on what they are told, be it by stopping it. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("a listener that acts on what it is told", () => {
  test("leaving the VNI in the middle of a sweep", async () => {
    const rig = new ClientRig();
    const { clock, network } = rig;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    server.announce(R, Q);
    const { client, log } = rig
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
    const rig = new ClientRig();
    await rig.startServer(1);
    rig.client([1]).announce(R);
    const b = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    const routeRemoved = b.log.routeRemoved.bind(b.log);
    b.log.routeRemoved = (route) => {
      routeRemoved(route);
      b.subscribe(100);
    };
    b.client.unsubscribe(100);
    expect(b.view).toEqual([]);
    rig.clock.advance(1_000);
    expect(b.view).toEqual([R]);
  });

  test("stopping when the first of several holds ends leaves no timer", async () => {
    const rig = new ClientRig();
    for (const port of [1, 2, 3]) await rig.startServer(port);
    const a = rig.client([1]).announce(R);
    const b = rig.client([2]).announce(Q);
    const staleTimes = { staleTimeMs: 60_000, staleTimeAloneMs: 600_000 };
    const { client, log } = rig.client([1, 2, 3], { staleTimes }).subscribe(100);
    rig.clock.advance(100);
    for (const port of [1, 2]) {
      rig.killServer(port);
      rig.clock.advance(1_000);
    }
    log.takeChanges();
    await Promise.all([a.client.stop(), b.client.stop()]);
    const routeRemoved = log.routeRemoved.bind(log);
    let stopped: Promise<void> | null = null;
    log.routeRemoved = (route) => {
      routeRemoved(route);
      stopped = client.stop();
    };
    while (stopped === null) rig.clock.advance(10);
    await stopped;
    expect(log.takeChanges().length).toBe(1);
    rig.stopServer(3);
    rig.clock.advance(10);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  for (const state of ["connecting", "handshake", "established", "retry"]) {
    test(`stopping when the state is ${state} leaves no timer`, async () => {
      const rig = new ClientRig();
      if (state === "handshake" || state === "established") await rig.startServer(1);
      const { client, log } = rig.client([1]);
      const serverState = log.serverState.bind(log);
      let stopped: Promise<void> | null = null;
      log.serverState = (server, now, reason) => {
        serverState(server, now, reason);
        if (now === state) stopped ??= client.stop();
      };
      while (stopped === null) rig.clock.advance(10);
      await stopped;
      const lastStates = log.takeStates().slice(-2);
      expect(lastStates.map((line) => /\]:1 (\w+)/.exec(line)?.[1])).toEqual([state, "stopped"]);
      if (rig.isRunning(1)) rig.stopServer(1);
      expect(rig.clock.pendingTimers).toBe(0);
    });
  }
});

describe("stopping", () => {
  test("withdraws, then closes, and leaves nothing behind", async () => {
    const rig = new ClientRig({ delayMs: 20 });
    const server = await rig.startServer(1);
    const logged: string[] = [];
    const note = (line: string) => logged.push(line);
    const logger = { debug: note, info: note, warn: note, error: note };
    const a = rig.client([1], { logger }).announce(R, Q).subscribe(100);
    const b = rig.client([1]).subscribe(100).announce("100 ::/0 via 2001:db8::9");
    rig.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    a.log.takeChanges();
    a.log.takeStates();
    const stopped = a.client.stop();
    expect(a.client.stop()).toBe(stopped);
    await rig.until(stopped);
    rig.clock.advance(100);
    expect(b.log.takeChanges().sort()).toEqual([`- ${R}`, `- ${Q}`].sort());
    expect(server.stats().counters.unmatchedRemoves).toBe(0);
    expect(server.stats().counters.closes).toEqual({ "closed-by-peer": 1 });
    expect(a.log.takeStates()).toEqual(["[::1]:1 stopped: stopped"]);
    expect(a.states).toEqual(["stopped"]);

    logged.length = 0;
    await rig.until(b.client.stop());
    rig.clock.advance(100);
    rig.stopServer(1);
    expect(rig.clock.pendingTimers).toBe(0);
    rig.clock.advance(60_000);
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
    link.clock.settle();
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
    link.clock.settle();
    await stopped;
    expect(link.isEnded).toBe(true);
  });

  test("does not wait for a server that does not read, beyond the time given", async () => {
    const rig = new ClientRig({ capacityBytes: 200 });
    await rig.startServer(1);
    await rig.startServer(2);
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (...line: unknown[]) => warnings.push(line) };
    const a = rig.client([1, 2], { logger });
    rig.clock.advance(1_000);
    rig.setStalled(1, true);
    a.announce(
      R,
      Q,
      OTHER,
      "100 ::/0 via 2001:db8::9",
      "101 ::/0 via 2001:db8::9",
      "102 ::/0 via 2001:db8::9",
    );
    rig.clock.advance(10);
    const beforeMs = rig.clock.nowMs();
    await rig.until(a.client.stop(500));
    expect(rig.clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(500);
    expect(rig.clock.nowMs() - beforeMs).toBeLessThan(520);
    expect(a.states).toEqual(["stopped", "stopped"]);
    expect(warnings).toEqual([["stopped before this server had read all changes", { server: "[::1]:1" }]]);
  });

  test("in whatever state, and with stale routes held", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const a = rig.client([1]).announce(R);
    // 3 refuses, 4 is silent.
    rig.network.silent.add("[::1]:4");
    const b = rig.client([1, 2, 3, 4]).subscribe(100);
    rig.clock.advance(1_000);
    rig.stopServer(1);
    rig.clock.advance(11_000);
    expect(b.states).toEqual(["retry", "established", "retry", "connecting"]);
    expect(b.view).toEqual([R]);
    b.log.takeChanges();
    await Promise.all([a.client.stop(), b.client.stop()]);
    expect(b.states).toEqual(["stopped", "stopped", "stopped", "stopped"]);
    rig.stopServer(2);
    rig.clock.advance(10);
    expect(rig.clock.pendingTimers).toBe(0);
    expect(b.log.takeChanges()).toEqual([]);
  });
});
