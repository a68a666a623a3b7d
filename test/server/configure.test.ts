/** Times that change while the server runs. */
import { expect, test } from "bun:test";
import { ClientBench } from "../support/network/client-bench.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";

test("keepalive: for the next connections; those that are there stay", async () => {
  const bench = new ClientBench();
  const server = await bench.startServer(1);
  const { client } = bench.client([1]);
  bench.clock.advance(1_000);
  server.configure({ keepaliveSeconds: 1 });
  bench.client([1]);
  bench.clock.advance(1_000);
  expect(client.servers()).toMatchObject([{ state: "established", sessions: 1 }]);
  bench.setStalled(1, true);
  bench.clock.advance(2_600);
  // The one with the old interval of 5 s is waited for.
  expect(server.stats().peers).toBe(1);
});

test("retain: for whoever is lost from now on", async () => {
  const bench = new ClientBench();
  const server = await bench.startServer(1);
  const watcher = bench.client([1]).subscribe(100);
  const announcer = bench.client([1]).announce(R);
  bench.clock.advance(1_000);
  server.configure({ retainSeconds: 10 });
  await announcer.client.stop(0, "keep");
  bench.clock.advance(9_000);
  expect(watcher.view).toEqual([R]);
  bench.clock.advance(2_000);
  expect(watcher.view).toEqual([]);
});

test("send-hold: for the next connections", async () => {
  const bench = new ClientBench({ capacityBytes: 1_000 });
  const server = await bench.startServer(1, { keepaliveSeconds: 60 });
  server.configure({ sendHoldSeconds: 20 });
  const announcer = bench.client([1], { keepaliveSeconds: 60 });
  bench.client([1], { keepaliveSeconds: 60 }).subscribe(100);
  bench.clock.advance(1_000);
  const [, connection] = bench.network.connections;
  if (connection !== undefined) connection.client.isReading = false;
  for (let n = 0; n < 100; n++) announcer.announce(`100 10.0.${n}.0/24 via 2001:db8::1`);
  bench.clock.advance(19_000);
  expect(server.stats().peers).toBe(2);
  bench.clock.advance(2_000);
  expect(server.stats().peers).toBe(1);
});
