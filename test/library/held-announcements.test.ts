/** A client that is not ready yet: what it announces is its own, but no server is told before it is released. */
import { expect, test } from "bun:test";
import type { Route } from "../../src/route/route.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";

async function heldClient() {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const held = rig.client([1], { defersAnnouncements: true });
  const known = () => Array.from(server.routes(), (route: Route) => route.destination.w0).length;
  rig.clock.advance(100);
  return { rig, server, client: held.client, known };
}

test("held: nothing is told, though it counts as announced", async () => {
  const { rig, client, known } = await heldClient();
  client.announce(routeOfText(R));
  rig.clock.advance(60_000);
  expect([known(), client.announcementCount]).toEqual([0, 1]);
});

test("released: everything is told, and what comes later at once", async () => {
  const { rig, client, known } = await heldClient();
  client.announce(routeOfText(R));
  expect(client.releaseAnnouncements()).toBeTrue();
  expect(client.releaseAnnouncements()).toBeFalse();
  rig.clock.advance(100);
  expect(known()).toBe(1);
  client.announce(routeOfText(Q));
  rig.clock.advance(100);
  expect(known()).toBe(2);
});

test("withdrawn or drained before the release: it is not told", async () => {
  const { rig, client, known } = await heldClient();
  client.announce(routeOfText(R));
  client.announce(routeOfText(Q));
  client.withdraw(routeOfText(R));
  client.drain();
  client.releaseAnnouncements();
  rig.clock.advance(100);
  expect(known()).toBe(0);
  client.undrain();
  rig.clock.advance(100);
  expect(known()).toBe(1);
});

test("also to a server that was away at the release", async () => {
  const rig = new ClientRig();
  const { client } = rig.client([1], { defersAnnouncements: true });
  client.announce(routeOfText(R));
  client.releaseAnnouncements();
  const server = await rig.startServer(1);
  rig.clock.advance(20_000);
  expect([...server.routes()]).toHaveLength(1);
});
