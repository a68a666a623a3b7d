import { expect, test } from "bun:test";
import { ClientRig } from "../support/network/client-rig.ts";

test("are of the moment: they do not change by themselves, and changing them changes nothing", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const first = server.stats().counters;
  const before = structuredClone(first);
  const { client } = rig.client([1]);
  rig.clock.advance(1_000);
  await rig.until(client.stop(0));
  const later = server.stats().counters;
  expect([first.connectionsAccepted, later.connectionsAccepted]).toEqual([0, 1]);
  expect([first.closes, later.closes]).toEqual([{}, { "closed-by-peer": 1 }]);
  expect(first).toEqual(before);
  // Read only for the compiler, yet not for a program that does not ask it.
  Object.assign(later, { connectionsAccepted: 99 });
  Object.assign(later.closes, { "closed-by-peer": 99 });
  expect(server.stats().counters).toEqual({
    ...before,
    connectionsAccepted: 1,
    closes: { "closed-by-peer": 1 },
  });
});
