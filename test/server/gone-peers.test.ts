import { expect, test } from "bun:test";
import { GONE_PEERS_KEPT_MS, GonePeers, MAX_GONE_PEERS } from "../../src/server/gone-peers.ts";
import { INSPECTION } from "../../src/server/inspection.ts";
import { ClientRig } from "../support/network/client-rig.ts";

test("a peer that left is remembered for an hour, with its last state and the reason", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const client = rig.client([1]).announce("100 10.0.1.0/24 via 2001:db8::1");
  rig.clock.advance(100);
  await rig.until(client.client.stop(0, "keep"));
  rig.clock.advance(1000);
  expect(server.peers()).toEqual([]);
  expect(server[INSPECTION]().gonePeers()).toMatchObject([
    { info: { id: 1, announcedRoutes: 1, state: "closed" }, reason: expect.stringContaining("closed") },
  ]);
  rig.clock.advance(GONE_PEERS_KEPT_MS);
  expect(server[INSPECTION]().gonePeers()).toEqual([]);
});

test("of very many, those that left last are remembered", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  rig.client([1]);
  rig.clock.advance(100);
  const [info] = server.peers();
  if (info === undefined) throw new Error("no peer");
  const gone = new GonePeers();
  for (let id = 0; id < MAX_GONE_PEERS + 10; id++) gone.add({ ...info, id }, { reason: "stopped" }, id);
  const ids = gone.list(MAX_GONE_PEERS + 10).map((peer) => peer.info.id);
  expect([ids.length, ids[0], ids.at(-1)]).toEqual([MAX_GONE_PEERS, 10, MAX_GONE_PEERS + 9]);
});

test("the backlog of a peer that does not read is what is still to be sent to it", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  rig.client([1]).subscribe(100);
  rig.clock.advance(100);
  rig.setStalled(1, true);
  const announcer = rig.client([1]);
  rig.clock.advance(100);
  const routes = Array.from({ length: 3000 }, (_, i) => `100 10.${i >> 8}.${i & 255}.0/24 via 2001:db8::1`);
  announcer.announce(...routes);
  rig.clock.advance(100);
  const [subscriber] = server.peers().filter((peer) => peer.subscriptionCount > 0);
  const id = subscriber?.id ?? 0;
  const backlog = server[INSPECTION]().backlogOf(id, 10_000);
  const sent = server.peers().find((peer) => peer.id === id)?.updatesSent ?? 0;
  expect(backlog + sent).toBe(server.stats().routes);
  expect(server[INSPECTION]().backlogOf(id, 10)).toBeLessThanOrEqual(10);
  rig.setStalled(1, false);
  rig.clock.advance(5000);
  expect(server[INSPECTION]().backlogOf(id, 10_000)).toBe(0);
});
