/** Servers and links that fail under many routes or for long, with the default times. */
import { describe, expect, test } from "bun:test";
import { ClientRig, type RigClient } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
/** A retry, a handshake and the settle time of a server. */
const BACK_MS = 30_000;
const HOUR_MS = 3_600_000;
/** 2.5 keepalive intervals. */
const SILENCE_MS = 12_500;

async function twoServers(): Promise<ClientRig> {
  const rig = new ClientRig();
  await rig.startServer(1);
  await rig.startServer(2);
  return rig;
}

test("two servers restarted in turn under 1,000 routes: none of 20 clients sees a withdrawal", async () => {
  const rig = await twoServers();
  const clients = Array.from({ length: 20 }, (_, n) =>
    rig
      .client([1, 2])
      .subscribe(100)
      .announce(...Array.from({ length: 50 }, (_, m) => `100 10.${n}.${m}.0/24 via 2001:db8::${n + 1}`)),
  );
  rig.clock.advance(1_000);
  for (const { log } of clients) expect(log.takeChanges()).toHaveLength(950);
  for (const port of [1, 2]) {
    // Its routes are nowhere else: that it goes shows that the End-of-RIB was heard, before any stale time is over.
    const lost = "100 192.0.2.255/32 via 2001:db8::255";
    const only = rig.client([port]).announce(lost);
    rig.clock.advance(1_000);
    rig.killServer(port);
    await rig.until(only.client.stop());
    rig.clock.advance(2_000);
    await rig.startServer(port, { settleSeconds: 15 });
    rig.clock.advance(14_000);
    for (const { log } of clients) expect(log.takeChanges()).toEqual([`+ ${lost}`]);
    rig.clock.advance(2_000);
    for (const { log, states } of clients) {
      expect(log.takeChanges()).toEqual([`- ${lost}`]);
      expect(states).toEqual(["established", "established"]);
    }
  }
});

test("all servers gone for an hour: the routes stay; back again, they tell only what has changed", async () => {
  const rig = await twoServers();
  const announcer = rig.client([1, 2]).announce(R, Q);
  const watchers = [[1, 2], [1], [2]].map((ports) => rig.client(ports).subscribe(100));
  rig.clock.advance(1_000);
  for (const { log } of watchers) expect(log.takeChanges()).toHaveLength(2);
  rig.killServer(1);
  rig.clock.advance(10_000);
  rig.stopServer(2);
  rig.clock.advance(HOUR_MS / 2);
  announcer.withdraw(R);
  rig.clock.advance(HOUR_MS / 2);
  for (const { log } of watchers) {
    expect(log.takeChanges()).toEqual([]);
    expect(log.view).toEqual([R, Q]);
  }
  for (const port of [1, 2]) await rig.startServer(port, { settleSeconds: 15 });
  rig.clock.advance(BACK_MS);
  for (const { log } of watchers) expect(log.takeChanges()).toEqual([`- ${R}`]);
});

test("what one server withdraws while the other one is silent goes when that is known to be lost", async () => {
  const rig = await twoServers();
  const announcer = rig.client([1, 2]).announce(R, Q);
  const { log } = rig.client([1, 2]).subscribe(100);
  rig.clock.advance(1_000);
  expect(log.takeChanges()).toHaveLength(2);
  log.takeStates();
  const withFirst = rig.network.connections[2];
  withFirst?.server.closeNow("its host is dead, and sends nothing");
  rig.clock.advance(2_000);
  announcer.withdraw(R);
  rig.clock.advance(1_000);
  // It may be alive, and have R from others.
  expect(log.takeChanges()).toEqual([]);
  rig.clock.advance(SILENCE_MS);
  expect(log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
  expect(log.takeChanges()).toEqual([`- ${R}`]);
  rig.clock.advance(BACK_MS);
  expect(log.takeChanges()).toEqual([]);
});

describe("a connection that is open at one end only", () => {
  async function threeClients(): Promise<{
    readonly rig: ClientRig;
    readonly announcer: RigClient;
    readonly watcher: RigClient;
  }> {
    const rig = new ClientRig();
    await rig.startServer(1, {});
    const announcer = rig.client([1]).subscribe(100).announce(R);
    const watcher = rig.client([1]).subscribe(100).announce(Q);
    // So that a KEEPALIVE and its answer are the last that was heard.
    rig.clock.advance(10_000);
    expect([announcer, watcher].map(({ log }) => log.takeChanges())).toEqual([[`+ ${Q}`], [`+ ${R}`]]);
    announcer.log.takeStates();
    return { rig, announcer, watcher };
  }

  test("the client's: it notices after 2.5 intervals, comes back, and keeps its routes all the time", async () => {
    const { rig, announcer, watcher } = await threeClients();
    rig.network.connections[0]?.server.closeNow("the server's host has forgotten it");
    rig.clock.advance(SILENCE_MS - 10);
    expect(watcher.log.takeChanges()).toEqual([`- ${R}`]);
    expect(announcer.log.takeStates()).toEqual([]);
    rig.clock.advance(20);
    expect(announcer.log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
    rig.clock.advance(BACK_MS);
    expect(announcer.log.takeChanges()).toEqual([]);
    expect(watcher.log.takeChanges()).toEqual([`+ ${R}`]);
  });

  test("the server's: it notices after 2.5 intervals; if the client is back by then, nobody else does", async () => {
    const { rig, announcer, watcher } = await threeClients();
    rig.network.connections[0]?.client.closeNow("the client's host has forgotten it");
    rig.clock.advance(10_500);
    expect(announcer.states).toEqual(["established"]);
    expect(rig.server(1).stats().peers).toBe(3);
    rig.clock.advance(SILENCE_MS - 10_500 + 5_000);
    expect(rig.server(1).stats()).toMatchObject({ peers: 2, routes: 2 });
    for (const { log } of [announcer, watcher]) expect(log.takeChanges()).toEqual([]);
  });
});

test("a server restarted every second for a minute, and the other one's connections cut: views exact at the end", async () => {
  const rig = await twoServers();
  const [a, b] = [rig.client([1, 2]).announce(R), rig.client([1, 2]).announce(Q)];
  const { log } = rig.client([1, 2]).subscribe(100);
  for (let second = 0; second < 60; second++) {
    if (second % 2 === 0) rig.killServer(1);
    else await rig.startServer(1, { settleSeconds: 15 });
    if (second % 7 === 0) rig.cutConnections(2);
    if (second % 3 === 0) a.withdraw(R);
    else a.announce(R);
    rig.clock.advance(1_000);
  }
  await rig.until(b.client.stop());
  rig.clock.advance(BACK_MS);
  expect(log.view).toEqual([R]);
  a.withdraw(R);
  rig.clock.advance(100);
  expect(log.view).toEqual([]);
});
