/** Servers and links that fail under many routes or for long, with the default times. */
import { describe, expect, test } from "bun:test";
import { type BenchClient, ClientBench } from "../support/network/client-bench.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
/** A retry, a handshake and the settle time of a server. */
const BACK_MS = 30_000;
const HOUR_MS = 3_600_000;
/** 2.5 keepalive intervals. */
const SILENCE_MS = 12_500;

async function twoServers(): Promise<ClientBench> {
  const bench = new ClientBench();
  await bench.startServer(1);
  await bench.startServer(2);
  return bench;
}

test("two servers restarted in turn under 1,000 routes: none of 20 clients sees a withdrawal", async () => {
  const bench = await twoServers();
  const clients = Array.from({ length: 20 }, (_, n) =>
    bench
      .client([1, 2])
      .subscribe(100)
      .announce(...Array.from({ length: 50 }, (_, m) => `100 10.${n}.${m}.0/24 via 2001:db8::${n + 1}`)),
  );
  bench.clock.advance(1_000);
  for (const { log } of clients) expect(log.takeChanges()).toHaveLength(950);
  for (const port of [1, 2]) {
    // Its routes are nowhere else: that it goes shows that the End-of-RIB was heard, before any stale time is over.
    const lost = "100 192.0.2.255/32 via 2001:db8::255";
    const only = bench.client([port]).announce(lost);
    bench.clock.advance(1_000);
    bench.killServer(port);
    await bench.until(only.client.stop());
    bench.clock.advance(2_000);
    await bench.startServer(port, { settleSeconds: 15 });
    bench.clock.advance(14_000);
    for (const { log } of clients) expect(log.takeChanges()).toEqual([`+ ${lost}`]);
    bench.clock.advance(2_000);
    for (const { log, states } of clients) {
      expect(log.takeChanges()).toEqual([`- ${lost}`]);
      expect(states).toEqual(["established", "established"]);
    }
  }
});

test("all servers gone for an hour: the routes stay; back again, they tell only what has changed", async () => {
  const bench = await twoServers();
  const announcer = bench.client([1, 2]).announce(R, Q);
  const watchers = [[1, 2], [1], [2]].map((ports) => bench.client(ports).subscribe(100));
  bench.clock.advance(1_000);
  for (const { log } of watchers) expect(log.takeChanges()).toHaveLength(2);
  bench.killServer(1);
  bench.clock.advance(10_000);
  bench.stopServer(2);
  bench.clock.advance(HOUR_MS / 2);
  announcer.withdraw(R);
  bench.clock.advance(HOUR_MS / 2);
  for (const { log } of watchers) {
    expect(log.takeChanges()).toEqual([]);
    expect(log.view).toEqual([R, Q]);
  }
  for (const port of [1, 2]) await bench.startServer(port, { settleSeconds: 15 });
  bench.clock.advance(BACK_MS);
  for (const { log } of watchers) expect(log.takeChanges()).toEqual([`- ${R}`]);
});

test("what one server withdraws while the other one is silent goes when that is known to be lost", async () => {
  const bench = await twoServers();
  const announcer = bench.client([1, 2]).announce(R, Q);
  const { log } = bench.client([1, 2]).subscribe(100);
  bench.clock.advance(1_000);
  expect(log.takeChanges()).toHaveLength(2);
  log.takeStates();
  const withFirst = bench.network.connections[2];
  withFirst?.server.closeNow("its host is dead, and sends nothing");
  bench.clock.advance(2_000);
  announcer.withdraw(R);
  bench.clock.advance(1_000);
  // It may be alive, and have R from others.
  expect(log.takeChanges()).toEqual([]);
  bench.clock.advance(SILENCE_MS);
  expect(log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
  expect(log.takeChanges()).toEqual([`- ${R}`]);
  bench.clock.advance(BACK_MS);
  expect(log.takeChanges()).toEqual([]);
});

describe("a connection that is open at one end only", () => {
  async function threeClients(): Promise<{
    readonly bench: ClientBench;
    readonly announcer: BenchClient;
    readonly watcher: BenchClient;
  }> {
    const bench = new ClientBench();
    await bench.startServer(1, {});
    const announcer = bench.client([1]).subscribe(100).announce(R);
    const watcher = bench.client([1]).subscribe(100).announce(Q);
    // So that a KEEPALIVE and its answer are the last that was heard.
    bench.clock.advance(10_000);
    expect([announcer, watcher].map(({ log }) => log.takeChanges())).toEqual([[`+ ${Q}`], [`+ ${R}`]]);
    announcer.log.takeStates();
    return { bench, announcer, watcher };
  }

  test("the client's: it notices after 2.5 intervals, comes back, and keeps its routes all the time", async () => {
    const { bench, announcer, watcher } = await threeClients();
    bench.network.connections[0]?.server.closeNow("the server's host has forgotten it");
    bench.clock.advance(SILENCE_MS - 10);
    expect(watcher.log.takeChanges()).toEqual([`- ${R}`]);
    expect(announcer.log.takeStates()).toEqual([]);
    bench.clock.advance(20);
    expect(announcer.log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
    bench.clock.advance(BACK_MS);
    expect(announcer.log.takeChanges()).toEqual([]);
    expect(watcher.log.takeChanges()).toEqual([`+ ${R}`]);
  });

  test("the server's: it notices after 2.5 intervals; if the client is back by then, nobody else does", async () => {
    const { bench, announcer, watcher } = await threeClients();
    bench.network.connections[0]?.client.closeNow("the client's host has forgotten it");
    bench.clock.advance(10_500);
    expect(announcer.states).toEqual(["established"]);
    expect(bench.server(1).stats().peers).toBe(3);
    bench.clock.advance(SILENCE_MS - 10_500 + 5_000);
    expect(bench.server(1).stats()).toMatchObject({ peers: 2, routes: 2 });
    for (const { log } of [announcer, watcher]) expect(log.takeChanges()).toEqual([]);
  });
});

test("a server restarted every second for a minute, and the other one's connections cut: views exact at the end", async () => {
  const bench = await twoServers();
  const [a, b] = [bench.client([1, 2]).announce(R), bench.client([1, 2]).announce(Q)];
  const { log } = bench.client([1, 2]).subscribe(100);
  for (let second = 0; second < 60; second++) {
    if (second % 2 === 0) bench.killServer(1);
    else await bench.startServer(1, { settleSeconds: 15 });
    if (second % 7 === 0) bench.cutConnections(2);
    if (second % 3 === 0) a.withdraw(R);
    else a.announce(R);
    bench.clock.advance(1_000);
  }
  await bench.until(b.client.stop());
  bench.clock.advance(BACK_MS);
  expect(log.view).toEqual([R]);
  a.withdraw(R);
  bench.clock.advance(100);
  expect(log.view).toEqual([]);
});
