/** Times that change while the server runs. */
import { expect, test } from "bun:test";
import { ClientRig } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";

test("keepalive: for the next connections; those that are there stay", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const { client } = rig.client([1]);
  rig.clock.advance(1_000);
  server.configure({ keepaliveSeconds: 1 });
  rig.client([1]);
  rig.clock.advance(1_000);
  expect(client.servers()).toMatchObject([{ state: "established", sessions: 1 }]);
  rig.setStalled(1, true);
  rig.clock.advance(2_600);
  // The one with the old interval of 5 s is waited for.
  expect(server.stats().peers).toBe(1);
});

test("retain: for whoever is lost from now on", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const watcher = rig.client([1]).subscribe(100);
  const announcer = rig.client([1]).announce(R);
  rig.clock.advance(1_000);
  server.configure({ retainSeconds: 10 });
  await announcer.client.stop(0, "keep");
  rig.clock.advance(9_000);
  expect(watcher.view).toEqual([R]);
  rig.clock.advance(2_000);
  expect(watcher.view).toEqual([]);
});

test("send-hold: for the next connections", async () => {
  const rig = new ClientRig({ capacityBytes: 1_000 });
  const server = await rig.startServer(1, { keepaliveSeconds: 60 });
  server.configure({ sendHoldSeconds: 20 });
  const announcer = rig.client([1], { keepaliveSeconds: 60 });
  rig.client([1], { keepaliveSeconds: 60 }).subscribe(100);
  rig.clock.advance(1_000);
  const [, connection] = rig.network.connections;
  if (connection !== undefined) connection.client.isReading = false;
  for (let n = 0; n < 100; n++) announcer.announce(`100 10.0.${n}.0/24 via 2001:db8::1`);
  rig.clock.advance(19_000);
  expect(server.stats().peers).toBe(2);
  rig.clock.advance(2_000);
  expect(server.stats().peers).toBe(1);
});
