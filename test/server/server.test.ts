/** The server as a whole, where a scenario's steps do not say enough. The rules step by step: test/scenario. */

import { describe, expect, test } from "bun:test";
import type { LogFields, Logger } from "../../src/base/logger.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { Server } from "../../src/server/server.ts";
import { ListenError } from "../../src/transport/network.ts";
import { RUN_BYTES } from "../../src/transport/outbox.ts";
import { SKIP_CODES } from "../../src/wire/protocol-error.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import { refusedVectors } from "../support/models/wire-vectors.ts";
import { manyAdds } from "../support/network/connection-under-test.ts";
import { RawPeer } from "../support/network/raw-peer.ts";
import { ServerRig } from "../support/network/server-rig.ts";

const LISTEN = { host: "::", port: 4711 };
const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

class Rig extends ServerRig {
  readonly log: { readonly message: string; readonly fields: LogFields }[] = [];
  readonly logger: Logger;

  constructor(capacityBytes?: number) {
    super(capacityBytes);
    const note = (message: string, fields: LogFields = {}) => {
      this.log.push({ message, fields });
    };
    this.logger = { debug: note, info: note, warn: note, error: note };
  }
}

describe("a handler", () => {
  test("is told of established peers that come and go, and of no others", async () => {
    const rig = new Rig();
    const told: string[] = [];
    const server = await rig.start({
      handler: {
        peerEstablished: ({ id, remote, state }) => told.push(`${id} ${state} ${remote !== ""}`),
        peerGone: ({ id, announcedRoutes, subscriptions }, { reason }) =>
          told.push(`${id} gone ${reason} ${announcedRoutes} ${subscriptions}`),
      },
    });
    new RawPeer(rig.clock).connect(rig.network, LISTEN).send("HELLO 5");
    const peer = rig.peer(`ADD ${R}`, "SUBSCRIBE 200");
    expect(told).toEqual(["2 established true"]);
    server.resetPeer(2);
    rig.clock.settle();
    expect(told.splice(1)).toEqual(["2 gone reset 1 200"]);
    expect(peer.isClosed).toBe(true);
    server.stop();
    rig.clock.settle();
    expect(told).toHaveLength(1);
  });

  test("that fails breaks nothing, and is logged", async () => {
    const rig = new Rig();
    const fail = () => {
      throw new Error("the handler's own business");
    };
    const server = await rig.start({
      handler: { peerEstablished: fail, peerGone: async () => fail() },
    });
    rig.peer(`ADD ${R}`);
    expect(server.stats()).toMatchObject({ establishedPeers: 1, routes: 1 });
    server.stop();
    rig.clock.settle();
    // A rejected promise of the handler is logged in a later turn, which has no event.
    await Bun.sleep(0);
    const failures = rig.log.filter(({ message }) => message === "the handler failed; the server continues");
    expect(failures.map(({ fields: { event } }) => event)).toEqual(["peerEstablished", "peerGone"]);
  });
});

describe("every refused frame", () => {
  const skipCodes = new Set<string>(SKIP_CODES);
  // Not a frame's fault, but of who cut the stream: only whole frames in hand can have it.
  const vectors = refusedVectors.filter(({ code }) => code !== "FRAME_LENGTH_MISMATCH");

  test("that closes: the peer goes with its routes, and nobody else", async () => {
    for (const { name, frame, code } of vectors.filter(({ code }) => !skipCodes.has(code))) {
      const rig = new Rig();
      const server = await rig.start();
      const watcher = rig.peer("SUBSCRIBE 100");
      const other = rig.peer(`ADD ${Q}`);
      const bad = rig.peer(`ADD ${R}`);
      watcher.takeHeard();
      bad.sendBytes(frame);
      rig.clock.settle();
      const { closes, protocolErrors } = server.stats().counters;
      expect({ name, closes, protocolErrors }).toEqual({
        name,
        closes: { "protocol-error": 1 },
        protocolErrors: { [code]: 1 },
      });
      expect([bad.isClosed, watcher.isClosed, other.isClosed]).toEqual([true, false, false]);
      expect(watcher.takeHeard()).toEqual([`REMOVE ${R}`]);
      expect(server.stats()).toMatchObject({ peers: 2, establishedPeers: 2, routes: 1 });
    }
  });

  test("that is skipped: counted by its reason, logged once, and the session stays", async () => {
    const tried = new Set<string>();
    for (const { name, frame, code } of vectors.filter(({ code }) => skipCodes.has(code))) {
      tried.add(code);
      const rig = new Rig();
      const server = await rig.start();
      const watcher = rig.peer("SUBSCRIBE 100");
      watcher.takeHeard();
      const peer = rig.peer(`ADD ${R}`);
      for (let times = 0; times < 3; times++) peer.sendBytes(frame);
      peer.send(`ADD ${Q}`, "KEEPALIVE");
      rig.clock.settle();
      expect({ name, skippedUpdates: server.stats().counters.skippedUpdates }).toEqual({
        name,
        skippedUpdates: { [code]: 3 },
      });
      expect(rig.log.filter(({ fields: { code: logged } }) => logged === code).length).toBe(1);
      expect(watcher.takeHeard()).toEqual([`ADD ${R}`, `ADD ${Q}`]);
      expect(peer.takeHeard()).toEqual(["KEEPALIVE"]);
      expect(server.peers().map((info) => info.skippedUpdates)).toEqual([0, 3]);
    }
    expect([...tried].sort()).toEqual([...SKIP_CODES].sort());
  });
});

test("says whether it sends End-of-RIBs yet", async () => {
  const rig = new Rig();
  const server = await rig.start({ settleSeconds: 15 });
  const atOnce = await rig.start({ listen: { host: "::", port: 4712 } });
  expect([server.stats().isSettled, atOnce.stats().isSettled]).toEqual([false, true]);
  rig.clock.advance(14_999);
  expect(server.stats().isSettled).toBe(false);
  rig.clock.advance(1);
  expect(server.stats().isSettled).toBe(true);
});

test("that stood still right before its stop leaves no timer", async () => {
  const rig = new Rig();
  const server = await rig.start({ settleSeconds: 15 });
  const peer = rig.peer(`ADD ${R}`);
  rig.clock.advance(1_000);
  rig.clock.freeze(20_000);
  server.stop();
  rig.clock.settle();
  expect([peer.isClosed, rig.clock.pendingTimers]).toEqual([true, 0]);
});

describe("what is logged of a peer that goes", () => {
  const WITHDRAWN = /withdrawn/;
  const saysWithdrawn = (rig: Rig) => rig.log.filter(({ message }) => WITHDRAWN.test(message));

  test("whose routes are retained, and announced again by the next one: of no withdrawal", async () => {
    const rig = new Rig();
    const server = await rig.start({ retainSeconds: 30 });
    rig.peer(`ADD ${R}`, `ADD ${Q}`).end();
    rig.clock.settle();
    rig.peer(`ADD ${R}`, `ADD ${Q}`);
    rig.clock.advance(30_000);
    expect(saysWithdrawn(rig)).toEqual([]);
    expect(server.stats().routes).toBe(2);
  });

  test("whose routes are retained, and not all announced again: how many went, and whose they were", async () => {
    const rig = new Rig();
    const server = await rig.start({ retainSeconds: 30 });
    const lost = rig.peer(`ADD ${R}`, `ADD ${Q}`);
    const named = server.peers().map(({ remote, id }) => ({ peer: remote, id }));
    lost.end();
    rig.clock.settle();
    rig.peer(`ADD ${Q}`);
    rig.clock.advance(30_000);
    const message = "retained routes are withdrawn: they were not announced again in time";
    expect(saysWithdrawn(rig)).toEqual(named.map((name) => ({ message, fields: { ...name, routes: 1 } })));
    expect(named).toHaveLength(1);
    expect(server.stats().routes).toBe(1);
  });

  test("since the server stops: nothing, for nobody is told of a withdrawal", async () => {
    const rig = new Rig();
    const server = await rig.start();
    const watcher = rig.peer(`ADD ${R}`);
    server.stop();
    rig.clock.settle();
    expect(watcher.isClosed).toBe(true);
    expect(saysWithdrawn(rig)).toEqual([]);
  });
});

describe("a large table", () => {
  const ADDS = manyAdds(4_000);

  test("is sent with KEEPALIVEs answered on the way, between frames", async () => {
    const rig = new Rig(5_000);
    await rig.start();
    rig.peer(...ADDS);
    const slow = rig.peer();
    slow.stream.isReading = false;
    slow.send("SUBSCRIBE 100", "KEEPALIVE");
    rig.clock.settle();
    slow.send("KEEPALIVE");
    rig.clock.settle();
    slow.stream.isReading = true;
    rig.clock.settle();
    const heard = slow.takeHeard();
    const answers = heard.flatMap((frame, index) => (frame === "KEEPALIVE" ? [index] : []));
    expect([answers.length, heard.length]).toEqual([2, ADDS.length + 3]);
    const beforeSecond = heard.slice(0, answers[1]);
    const bytes = beforeSecond.reduce((sum, frame) => sum + frameOfText(frame).length, 0);
    expect(bytes).toBeLessThanOrEqual(5_000 + RUN_BYTES);
    expect(heard.filter((frame) => frame.startsWith("ADD")).sort()).toEqual([...ADDS].sort());
    expect(heard.at(-1)).toBe("END 100");
  });

  test("goes in order to a peer that does not read for a while, and as it is then", async () => {
    const rig = new Rig(5_000);
    await rig.start();
    const announcer = rig.peer(...ADDS);
    const slow = rig.peer();
    slow.stream.isReading = false;
    slow.send("SUBSCRIBE 100");
    rig.clock.settle();
    announcer.send(...ADDS.map((add) => add.replace("ADD", "REMOVE")));
    rig.clock.settle();
    slow.stream.isReading = true;
    rig.clock.settle();
    const heard = slow.takeHeard();
    const added = heard.filter((frame) => frame.startsWith("ADD"));
    const removed = heard.filter((frame) => frame.startsWith("REMOVE"));
    // What had been handed to the socket, and a REMOVE for each of that.
    expect(added.length).toBeGreaterThan(100);
    expect(added.length).toBeLessThan(2_500);
    expect(removed.map((frame) => frame.slice(7)).sort()).toEqual(
      added.map((frame) => frame.slice(4)).sort(),
    );
  });
});

describe("gentleness", () => {
  const ADDS = manyAdds(400);
  /** Bytes of the longest chunk that a new subscriber gets, and for how long chunks come. */
  async function measure(pacing: ServerOptions["pacing"], ...frames: readonly string[]) {
    const rig = new Rig(1 << 20);
    await rig.start(pacing === undefined ? {} : { pacing });
    rig.peer(...ADDS);
    const subscriber = rig.peer(...frames);
    const startMs = rig.clock.nowMs();
    rig.clock.advance(1_000);
    expect(subscriber.takeHeard()).toContain("END 100");
    const longestBytes = Math.max(...subscriber.chunks.map(({ bytes }) => bytes.length));
    return { isPaced: longestBytes <= 1_400, tookMs: (subscriber.chunks.at(-1)?.atMs ?? 0) - startMs };
  }

  test("auto: small steps for who keeps the rhythm, as Go does", async () => {
    const { isPaced, tookMs } = await measure("auto", "SUBSCRIBE 100");
    expect(isPaced).toBe(true);
    expect(tookMs).toBeGreaterThanOrEqual(40);
  });

  test("auto: full speed for who sends a KEEPALIVE early, as rustbond and BunBond do", async () => {
    expect(await measure("auto", "KEEPALIVE", "SUBSCRIBE 100")).toEqual({ isPaced: false, tookMs: 0 });
    expect((await measure("auto", "SUBSCRIBE 100", "KEEPALIVE")).tookMs).toBe(0);
  });

  test("always: whoever it is", async () => {
    expect((await measure("always", "KEEPALIVE", "SUBSCRIBE 100")).isPaced).toBe(true);
  });

  test("never: nobody", async () => {
    expect(await measure("never", "SUBSCRIBE 100")).toEqual({ isPaced: false, tookMs: 0 });
  });

  test("auto is the default", async () => {
    const rig = new Rig();
    await Server.start({ listen: LISTEN, settleSeconds: 0, clock: rig.clock, network: rig.network });
    rig.peer(...ADDS);
    expect(rig.peer("SUBSCRIBE 100").takeHeard().length).toBeLessThan(50);
  });
});

describe("the default settle time", () => {
  test("is 15 s", async () => {
    const rig = new Rig();
    await Server.start({ listen: LISTEN, clock: rig.clock, network: rig.network });
    const subscriber = rig.peer("SUBSCRIBE 100");
    subscriber.keepAlive(5_000);
    rig.clock.advance(14_999);
    expect(subscriber.takeHeard()).not.toContain("END 100");
    rig.clock.advance(1);
    expect(subscriber.takeHeard()).toContain("END 100");
  });
});

describe("what operators see", () => {
  test("peers, routes and counts", async () => {
    const rig = new Rig();
    const server = await rig.start();
    const silent = new RawPeer(rig.clock).connect(rig.network, LISTEN);
    const peer = rig.peer(
      `ADD ${R}`,
      `ADD ${Q}`,
      `ADD ${Q}`,
      "SUBSCRIBE 7",
      "SUBSCRIBE 0",
      `REMOVE ${R}`,
      `REMOVE ${R}`,
    );
    rig.clock.advance(1_500);
    expect(server.peers()).toEqual([
      {
        id: 1,
        remote: silent.name,
        state: "hello-awaited",
        isServer: false,
        keepaliveSeconds: 5,
        subscriptionCount: 0,
        subscriptions: [],
        announcedRoutes: 0,
        skippedUpdates: 0,
        limitsMet: [],
        establishedForMs: null,
        silentForMs: 1_500,
        roundTripMs: 0,
        updatesReceived: 0,
        updatesSent: 0,
        receivedBytes: 0,
        sentBytes: expect.any(Number),
        sendQueueBytes: 0,
        sendBlockedForMs: 0,
        behindForMs: 0,
      },
      {
        id: 2,
        remote: peer.name,
        state: "established",
        isServer: false,
        keepaliveSeconds: 5,
        subscriptionCount: 2,
        subscriptions: [0, 7],
        announcedRoutes: 1,
        skippedUpdates: 0,
        limitsMet: [],
        establishedForMs: 1_500,
        silentForMs: 1_500,
        roundTripMs: 0,
        updatesReceived: 5,
        updatesSent: 0,
        receivedBytes: expect.any(Number),
        sentBytes: expect.any(Number),
        sendQueueBytes: 0,
        sendBlockedForMs: 0,
        behindForMs: 0,
      },
    ]);
    expect(server.stats()).toMatchObject({
      peers: 2,
      establishedPeers: 1,
      routes: 1,
      counters: { connectionsAccepted: 2, updatesReceived: 5, unmatchedRemoves: 1 },
    });
  });
});

describe("start and stop", () => {
  test("an address in use is refused, and leaves no timer", async () => {
    const rig = new Rig();
    const first = await rig.start();
    const second = rig.start({ settleSeconds: 15 });
    expect(second).rejects.toBeInstanceOf(ListenError);
    await second.catch(() => {});
    first.stop();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("stop closes everybody, and tells nobody that the others' routes are gone", async () => {
    const rig = new Rig();
    const server = await rig.start({ settleSeconds: 3_600 });
    const watcher = rig.peer("SUBSCRIBE 100");
    const announcer = rig.peer(`ADD ${R}`);
    watcher.takeHeard();
    server.stop();
    rig.clock.settle();
    expect([watcher.closedBecause, announcer.closedBecause]).toEqual(["in order", "in order"]);
    expect(watcher.takeHeard()).toEqual([]);
    expect(server.stats()).toMatchObject({ peers: 0, routes: 0, counters: { closes: { stopped: 2 } } });
    expect(rig.clock.pendingTimers).toBe(0);
    const late = new RawPeer(rig.clock).connect(rig.network, LISTEN);
    rig.clock.settle();
    expect(late.closedBecause).toBe("connection refused");
  });
});
