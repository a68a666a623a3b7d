/** A client that is not ready yet: what it announces is its own, but no server is told before it is released. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ClientCore } from "../../src/client/client-core.ts";
import type { Route } from "../../src/route/route.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig } from "../support/network/client-rig.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryNetwork } from "../support/network/memory-network.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";

async function heldClient() {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const held = rig.client([1], {
    announceWhen: new Promise(() => {}),
    announceWithinMs: Number.POSITIVE_INFINITY,
  });
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
  const { client } = rig.client([1], {
    announceWhen: new Promise(() => {}),
    announceWithinMs: Number.POSITIVE_INFINITY,
  });
  client.announce(routeOfText(R));
  client.releaseAnnouncements();
  const server = await rig.startServer(1);
  rig.clock.advance(20_000);
  expect([...server.routes()]).toHaveLength(1);
});

describe("announceWhen", () => {
  async function waitingClient(options: { readonly announceWithinMs?: number } = {}) {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const ready = Promise.withResolvers<void>();
    const errors: unknown[] = [];
    const logger = { ...silentLogger, error: (...line: unknown[]) => errors.push(line) };
    const { client } = rig.client([1], { announceWhen: ready.promise, logger, ...options });
    client.announce(routeOfText(R));
    rig.clock.advance(100);
    return { rig, client, ready, errors, known: () => [...server.routes()].length };
  }

  test("announces as soon as the promise resolves", async () => {
    const { rig, ready, known } = await waitingClient();
    expect(known()).toBe(0);
    ready.resolve();
    await ready.promise;
    rig.clock.advance(10);
    expect(known()).toBe(1);
  });

  test("announces after two seconds, or another given time, all the same", async () => {
    for (const [announceWithinMs, limitMs] of [
      [undefined, 2_000],
      [500, 500],
    ] as const) {
      const { rig, client, ready, known } = await waitingClient(
        announceWithinMs === undefined ? {} : { announceWithinMs },
      );
      rig.clock.advance(limitMs - 101);
      expect(known()).toBe(0);
      rig.clock.advance(10);
      expect(known()).toBe(1);
      expect(client.releaseAnnouncements()).toBeFalse();
      ready.resolve();
      await ready.promise;
      rig.clock.advance(100);
      expect(known()).toBe(1);
    }
  });

  test("announces at once when the promise rejects, and logs why", async () => {
    const { rig, ready, errors, known } = await waitingClient();
    ready.reject(new Error("no device"));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    rig.clock.advance(10);
    expect(known()).toBe(1);
    expect(errors).toEqual([
      [
        "the handler failed; the client continues",
        { event: "announceWhen", error: expect.stringContaining("no device") },
      ],
    ]);
  });

  test("says nothing of a promise that rejects after the client has stopped", async () => {
    const { rig, client, ready, errors } = await waitingClient();
    const stopped = client.stop();
    rig.clock.advance(5_000);
    await stopped;
    ready.reject(new Error("the kernel routes were closed"));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(errors).toEqual([]);
  });

  test("a confirmation waits for the announcements, too", async () => {
    const { rig, client, ready, known } = await waitingClient();
    const confirmed: number[] = [];
    client.confirm(() => confirmed.push(known()));
    rig.clock.advance(500);
    rig.stopServer(1);
    rig.clock.advance(100);
    expect(confirmed).toEqual([]);
    ready.resolve();
    await ready.promise;
    await rig.startServer(1);
    rig.clock.advance(20_000);
    expect(confirmed.length).toBe(1);
    const other = await waitingClient();
    other.client.confirm(() => confirmed.push(other.known()));
    other.ready.resolve();
    await other.ready.promise;
    other.rig.clock.advance(100);
    expect(confirmed[1]).toBe(1);
  });

  test("a confirmation waits for nothing if nothing is announced", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { client } = rig.client([1], { announceWhen: new Promise(() => {}) });
    rig.clock.advance(100);
    const confirmed: string[] = [];
    client.confirm(({ host }) => confirmed.push(host));
    rig.clock.advance(100);
    expect(confirmed).toEqual(["::1"]);
  });

  test("leaves no timer when a handler stops the client as it starts", () => {
    const clock = new FakeClock();
    const network = new MemoryNetwork({ clock });
    const client = new ClientCore({
      servers: [{ host: "::1", port: 1 }],
      clock,
      network,
      announceWhen: new Promise(() => {}),
      handler: { serverState: (_, state) => state === "connecting" && client.stop() },
    });
    client.start();
    clock.advance(10);
    expect(clock.pendingTimers).toBe(0);
  });

  test("announces nothing after the client has stopped, and leaves no timer", async () => {
    const { rig, client, ready, known } = await waitingClient();
    await client.stop();
    ready.resolve();
    await ready.promise;
    rig.clock.advance(100);
    expect(known()).toBe(0);
    rig.stopServer(1);
    rig.clock.advance(100);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});
