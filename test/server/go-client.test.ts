/** Clients with Go's habits (test/support/network/go-client.ts) that stood still: all of them have to come back. */
import { describe, expect, test } from "bun:test";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { GoClient } from "../support/network/go-client.ts";
import { SimulatedProcess } from "../support/scenario/simulated-process.ts";

const CLIENTS = 16;

async function setup(retainSeconds: number) {
  const rig = new ClientRig({ delayMs: 1 });
  const { clock, network, random } = rig;
  const server = await rig.startServer(1, { retainSeconds });
  const clients = Array.from({ length: CLIENTS }, (_, number) => {
    const process = new SimulatedProcess(clock, network);
    const announce = [`100 10.9.${number}.0/24 via 2001:db8::${number + 1}`];
    const common = { server: serverEndpoint(1), random, vnis: [100], announce };
    return { process, client: new GoClient({ ...common, clock: process, network: process }) };
  });
  clock.advance(6_000);
  expect(server.stats()).toMatchObject({ establishedPeers: CLIENTS, routes: CLIENTS });
  return { rig, server, clients };
}

describe("Go's clients are all back", () => {
  test.each([13, 14, 16, 18, 25, 60, 300])("after a suspension of %d s", async (seconds) => {
    const { rig, server, clients } = await setup(30);
    for (const { process } of clients) process.pause();
    rig.clock.advance(1_000 * seconds);
    for (const { process } of clients) process.resume();
    rig.clock.advance(40_000);
    expect(clients.filter(({ client }) => client.isWedged)).toEqual([]);
    expect(clients.map(({ client }) => client.state)).toEqual(Array(CLIENTS).fill("established"));
    expect(clients.map(({ client }) => client.routes.size)).toEqual(Array(CLIENTS).fill(CLIENTS - 1));
    expect(server.stats()).toMatchObject({ establishedPeers: CLIENTS, routes: CLIENTS });
    // It is what the test is about.
    expect(server.stats().counters.repeatedHellos).toBeGreaterThan(CLIENTS / 4);
    expect(clients.reduce((sum, { client }) => sum + client.repeatedHellos, 0)).toBe(
      server.stats().counters.repeatedHellos,
    );
  });

  test("and stay, though twice as many of their KEEPALIVEs come", async () => {
    const { rig, server, clients } = await setup(0);
    for (const { process } of clients) process.pause();
    rig.clock.advance(20_000);
    for (const { process } of clients) process.resume();
    rig.clock.advance(3_600_000);
    expect(server.stats()).toMatchObject({ establishedPeers: CLIENTS, routes: CLIENTS });
    expect(clients.filter(({ client }) => client.isWedged)).toEqual([]);
  });
});
