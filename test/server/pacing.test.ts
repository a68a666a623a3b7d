/**
 * Gentle mode, judged by a reader with the weaknesses of the Go program (test/support/network/strict-reader.ts).
 *
 *     BUNBOND_ROUTES=50000 bun test --timeout 60000 test/server/pacing.test.ts      so many over a real socket
 */

import { describe, expect, test } from "bun:test";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { Server } from "../../src/server/server.ts";
import { Action, MessageType } from "../../src/wire/protocol.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import { NumberedView, numberedFrames } from "../support/models/numbered-routes.ts";
import { SeededRandom } from "../support/models/random.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryConnection, MemoryNetwork } from "../support/network/memory-network.ts";
import { RawPeer } from "../support/network/raw-peer.ts";
import { RecordedNetwork, type Write } from "../support/network/recorded-network.ts";
import {
  breachOfRead,
  INSTALLING_FRAMES_PER_SECOND,
  StrictReader,
} from "../support/network/strict-reader.ts";
import { syncStrictly } from "../support/network/strict-socket.ts";
import { TcpPeer } from "../support/network/tcp-peer.ts";

const { BUNBOND_ROUTES } = process.env;
const LISTEN = { host: "::", port: 4711 };
const VNI = 100;
const ROUTES = 50_000;
const AMPLE = 1 << 30;

class Rig {
  readonly clock = new FakeClock();
  readonly #memory = new MemoryNetwork({ clock: this.clock, capacityBytes: AMPLE });
  readonly network = new RecordedNetwork(this.#memory, this.clock);

  static async start(options: Partial<ServerOptions> = {}): Promise<Rig> {
    const rig = new Rig();
    const { clock, network } = rig;
    await Server.start({ listen: LISTEN, settleSeconds: 0, clock, network, ...options });
    return rig;
  }

  /** A client as ours is, which has said this behind its handshake. */
  peer(...frames: readonly string[]): RawPeer {
    const peer = new RawPeer(this.clock).connect(this.#memory, LISTEN);
    peer.send("HELLO 5", "KEEPALIVE");
    this.clock.settle();
    peer.keepAlive(5_000);
    peer.takeHeard();
    if (frames.length > 0) peer.send(...frames);
    this.clock.settle();
    return peer;
  }

  /** A client that announces these routes. */
  announcer(vni: number, from: number, to: number): RawPeer {
    const peer = this.peer();
    peer.sendBytes(numberedFrames(vni, from, to));
    this.clock.settle();
    return peer;
  }

  /** A Go client that installs what it hears, on its first connection. */
  goClient(views: readonly NumberedView[], keepaliveSeconds = 5): StrictReader {
    const { clock, network } = this;
    const reader = new StrictReader({
      clock,
      writesTo: (peer) => network.writesTo(peer),
      views,
      keepaliveSeconds,
    });
    network.connect(LISTEN, reader);
    clock.settle();
    return reader;
  }
}

describe("the strict reader", () => {
  /** Why it broke over 20,000 routes, written like this by a path with the largest segments; null: it did not. */
  function brokenBy(writeBytes: number, everyMs: number, framesPerSecond: number): string | null {
    const clock = new FakeClock();
    const pipe = new MemoryConnection({ clock, capacityBytes: AMPLE }, "reader", "writer");
    const writes: Write[] = [];
    const view = new NumberedView(VNI, 20_000);
    const options = { clock, writesTo: () => writes, views: [view], framesPerSecond, segmentBytes: 65_483 };
    const reader = new StrictReader(options);
    pipe.client.events = reader.connected(pipe.client);
    const frames = numberedFrames(VNI, 0, view.count);
    const frameBytes = frames.length / view.count;
    const length = writeBytes - (writeBytes % frameBytes);
    for (let at = 0; at < frames.length && reader.brokenBy === null; at += length) {
      const bytes = frames.subarray(at, at + length);
      writes.push({ atMs: clock.nowMs(), bytes });
      pipe.server.write(bytes);
      clock.advance(everyMs);
    }
    clock.advance(1_000);
    if (reader.brokenBy === null) expect(view.size).toBe(view.count);
    return reader.brokenBy;
  }

  // As was measured with the Go program.
  test.each([
    [16_384, 4, "breaks", "breaks"],
    [4_096, 4, "ok", "breaks"],
    [1_400, 1, "ok", "breaks"],
    [1_400, 4, "ok", "ok"],
  ])("%d bytes each %d ms: %s, and with routes installed %s", (writeBytes, everyMs, plain, installing) => {
    const outcome = (framesPerSecond: number) =>
      brokenBy(writeBytes, everyMs, framesPerSecond) === null ? "ok" : "breaks";
    expect([outcome(40_000), outcome(INSTALLING_FRAMES_PER_SECOND)]).toEqual([plain, installing]);
  });

  test("breaks on a full read and on one that ends inside a frame", () => {
    const frame = frameOfText("SUBSCRIBE 100");
    for (let cut = 1; cut < frame.length; cut++) {
      expect(breachOfRead(new Uint8Array([...frame, ...frame.subarray(0, cut)]))).toContain("inside a frame");
    }
    expect(breachOfRead(new Uint8Array([...frame, ...frame]))).toBeNull();
    expect(breachOfRead(new Uint8Array(65_535))).toContain("65535");
  });
});

describe("a Go client that installs routes", () => {
  test(`has ${ROUTES} routes of a VNI on its first connection`, async () => {
    const rig = await Rig.start({ pacing: "auto" });
    rig.announcer(VNI, 0, ROUTES);
    const view = new NumberedView(VNI, ROUTES);
    const reader = rig.goClient([view]);
    rig.clock.advance(6_000);
    expect([reader.brokenBy, view.size, view.endedAfter]).toEqual([null, ROUTES, ROUTES]);
    // It keeps up, and has not merely a large buffer.
    expect(reader.mostWaitingBytes).toBeLessThan(4 * 1_400);
    expectPaced(rig.network.writesTo(reader.name), view.count);
  });

  test.each([1, 2, 5])(
    "and a KEEPALIVE each %d s hears the changes meanwhile, and their end",
    async (seconds) => {
      const rig = await Rig.start({ pacing: "auto" });
      const random = new SeededRandom(seconds);
      const count = 10_000;
      const announcer = rig.announcer(VNI, 0, count);
      const view = new NumberedView(VNI, count);
      const reader = rig.goClient([view], seconds);
      const isThere = new Uint8Array(count).fill(1);
      // 2,000 changes a second for two seconds, in bursts.
      for (let bursts = 0; bursts < 40; bursts++) {
        for (let changes = 0; changes < 100; changes++) {
          const number = random.below(count);
          isThere[number] = 1 - (isThere[number] ?? 0);
          announcer.sendBytes(
            numberedFrames(VNI, number, number + 1, isThere[number] === 1 ? Action.ADD : Action.REMOVE),
          );
        }
        rig.clock.advance(40 + random.below(20));
      }
      rig.clock.advance(2_000);
      expect(reader.brokenBy).toBeNull();
      expect([...isThere.keys()].filter((number) => view.has(number) !== (isThere[number] === 1))).toEqual(
        [],
      );
      // All of it goes at once, and the reader outlives that, too.
      announcer.end();
      rig.clock.advance(3_000);
      expect([reader.brokenBy, view.size]).toEqual([null, 0]);
      expectPaced(rig.network.writesTo(reader.name), view.adds + view.removes);
    },
  );

  test("has ten VNIs at once, beside others of its kind, and a quick client does not wait for them", async () => {
    const rig = await Rig.start({ pacing: "auto" });
    const vnis = Array.from({ length: 10 }, (_, i) => i);
    const count = 500;
    for (const vni of vnis) rig.announcer(vni, 0, count);
    const clients = [1, 2, 3].map(() => {
      const views = vnis.map((vni) => new NumberedView(vni, count));
      return { views, reader: rig.goClient(views) };
    });
    const quick = rig.peer(...vnis.map((vni) => `SUBSCRIBE ${vni}`), "KEEPALIVE");
    expect(quick.takeHeard().filter((frame) => frame.startsWith("ADD"))).toHaveLength(10 * count);
    rig.clock.advance(1_000);
    for (const { views, reader } of clients) {
      expect([reader.brokenBy, ...views.map(({ endedAfter }) => endedAfter)]).toEqual([
        null,
        ...vnis.map(() => count),
      ]);
    }
  });

  test("breaks without it", async () => {
    const rig = await Rig.start({ pacing: "never" });
    rig.announcer(VNI, 0, 5_000);
    const reader = rig.goClient([new NumberedView(VNI, 5_000)]);
    rig.clock.advance(1_000);
    expect(reader.brokenBy).not.toBeNull();
  });
});

/** Each write is whole frames, runs are small and keep their distance, KEEPALIVEs and HELLO are alone. */
function expectPaced(writes: readonly Write[], updates: number): void {
  let lastRunMs = Number.NEGATIVE_INFINITY;
  let updateBytes = 0;
  for (const { atMs, bytes } of writes) {
    expect(breachOfRead(bytes)).toBeNull();
    expect(bytes.length).toBeLessThanOrEqual(1_400);
    // HELLO and KEEPALIVE; one with a payload is an End-of-RIB, and part of a run.
    const [, , payloadBytes, type] = bytes;
    if (type === MessageType.HELLO || (type === MessageType.KEEPALIVE && payloadBytes === 0)) continue;
    expect(atMs).toBeGreaterThanOrEqual(lastRunMs + 4);
    lastRunMs = atMs;
    updateBytes += bytes.length;
  }
  // Neither needlessly many: a frame has 36 to 38 bytes.
  expect(updateBytes).toBeGreaterThanOrEqual(36 * updates);
}

describe("full speed", () => {
  const count = 5_000;

  /** What a client that says this behind its handshake is written, and when it is complete. */
  async function syncOf(pacing: ServerOptions["pacing"], ...frames: readonly string[]) {
    const rig = await Rig.start(pacing === undefined ? {} : { pacing });
    rig.announcer(VNI, 0, count);
    const subscriber = rig.peer();
    const startMs = rig.clock.nowMs();
    const before = rig.network.writesTo(subscriber.name).length;
    subscriber.send(...frames);
    rig.clock.advance(1_000);
    expect(subscriber.takeHeard().filter((frame) => frame.startsWith("ADD"))).toHaveLength(count);
    const writes = rig.network.writesTo(subscriber.name).slice(before);
    const bytes = writes.reduce((sum, write) => sum + write.bytes.length, 0);
    const tookMs = (writes.findLast((write) => write.bytes[3] === MessageType.UPDATE)?.atMs ?? 0) - startMs;
    return { bytes, tookMs, longestBytes: Math.max(...writes.map((write) => write.bytes.length)) };
  }

  test("is for who shows itself early, and `never`: all at once", async () => {
    const early = await syncOf("auto", "SUBSCRIBE 100", "KEEPALIVE");
    expect(early.tookMs).toBe(0);
    expect(early.longestBytes).toBeGreaterThan(60_000);
    expect((await syncOf("never", "SUBSCRIBE 100")).tookMs).toBe(0);
  });

  test("is not for who keeps the rhythm, and `always`: 1,400 bytes each 4 ms", async () => {
    for (const slow of [
      await syncOf("auto", "SUBSCRIBE 100"),
      await syncOf("always", "SUBSCRIBE 100", "KEEPALIVE"),
    ]) {
      const slots = slow.tookMs / 4 + 1;
      expect(slow.bytes / slots).toBeGreaterThan(1_320);
      expect(slow.bytes / slots).toBeLessThanOrEqual(1_400);
    }
  });

  test("begins in the middle of a sync, when the peer shows itself then", async () => {
    const rig = await Rig.start();
    rig.announcer(VNI, 0, count);
    const subscriber = rig.peer("SUBSCRIBE 100");
    rig.clock.advance(300);
    const before = subscriber.takeHeard().length;
    expect(before).toBeLessThan(3_000);
    subscriber.send("KEEPALIVE");
    rig.clock.settle();
    expect(before + subscriber.takeHeard().length).toBe(count + 2);
  });
});

test("over a real socket, too, a Go client that installs routes has its table", async () => {
  const count = Number(BUNBOND_ROUTES ?? 3_000);
  const server = await Server.start({ listen: { host: "::1", port: 0 }, settleSeconds: 0 });
  using announcer = await TcpPeer.establish(formatEndpoint(server.endpoint));
  // A few kilobytes at a time fit any socket.
  for (let from = 0; from < count; from += 500) {
    announcer.sendBytes(numberedFrames(VNI, from, Math.min(count, from + 500)));
    await announcer.roundTrip();
  }
  const view = new NumberedView(VNI, count);
  const { brokenBy, tookMs } = await syncStrictly(server.endpoint, view);
  server.stop();
  expect([brokenBy, view.size]).toEqual([null, count]);
  // No faster than it may be: not even 38 frames each 4 ms.
  expect(tookMs).toBeGreaterThan(4 * Math.floor(count / 38));
});
