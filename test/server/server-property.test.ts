/**
 * The whole server under whatever chance brings: peers that come, announce, subscribe, stall, break the protocol
 * and vanish, on pipes that are short, slow and cut anywhere. The slow model judges each frame that anybody hears.
 *
 *     BUNBOND_RUNS=10000 bun test test/server/server-property.test.ts        that many runs; fast-check prints seeds
 */
import { test } from "bun:test";
import fc from "fast-check";
import { type LogFields, type Logger, silentLogger } from "../../src/base/logger.ts";
import { Server } from "../../src/server/server.ts";
import { SeededRandom } from "../support/models/random.ts";
import { Breach, SlowModel } from "../support/models/slow-model.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryNetwork } from "../support/network/memory-network.ts";
import { RawPeer } from "../support/network/raw-peer.ts";
import { tellHeard, WatchedNetwork } from "../support/network/watched-network.ts";

const { BUNBOND_RUNS } = process.env;
const LISTEN = { host: "::", port: 4711 };
const SETTLE_MS = 3_000;
/** So many announcers stay, where the server settles: those that go are never most of all, which would be a cut-off. */
const STEADY = 16;

/** Losses of peers that were established for less are not judged (server.ts). */
const SEASONED_MS = 5_000;
/** So long the server gathers losses that come close together (loss-watch.ts). */
const GATHER_MS = 100;

/**
 * Peers that have left a server that settles, and whose routes count until it has judged whose fault that is. Here it is
 * never the server's own, for the steady announcers stay: all routes are withdrawn, when the server's log says so. A loss
 * alone is judged in the millisecond in which it came, others at most {@link GATHER_MS} later.
 */
class Departures {
  readonly #clock: FakeClock;
  readonly #model: SlowModel;
  readonly #joinedMs = new Map<string, number>();
  readonly #leftMs = new Map<string, number>();
  readonly #undecided = new Set<string>();
  #breach: Breach | null = null;

  constructor(clock: FakeClock, model: SlowModel) {
    this.#clock = clock;
    this.#model = model;
  }

  joined(peer: string): void {
    this.#joinedMs.set(peer, this.#clock.nowMs());
  }

  left(peer: string): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#joinedMs.get(peer) ?? nowMs) < SEASONED_MS) {
      this.#model.leave(peer);
      return;
    }
    this.#leftMs.set(peer, nowMs);
    this.#undecided.add(peer);
    this.#model.retain(peer);
  }

  readonly logger: Logger = {
    ...silentLogger,
    info: (message, fields) => this.#logged(message, fields),
    warn: (message, fields) => this.#logged(message, fields),
  };

  check(): void {
    if (this.#breach !== null) throw this.#breach;
    for (const peer of this.#undecided) throw new Breach(`the routes of ${peer} are never withdrawn`);
  }

  #logged(message: string, { peer }: LogFields = {}): void {
    if (message.startsWith("most announcers were lost") || message.includes("was suspended")) {
      this.#breach ??= new Breach(`the server says: ${message}`);
    }
    if (message !== "peer disconnected, its routes are withdrawn") return;
    if (typeof peer !== "string" || !this.#undecided.delete(peer)) return;
    this.#model.forget(peer);
    const leftMs = this.#leftMs.get(peer) ?? 0;
    const tookMs = this.#clock.nowMs() - leftMs;
    // The losses before it may themselves have been gathered.
    const isNear = (otherMs: number) => otherMs >= leftMs - 2 * GATHER_MS;
    const isAlone = ![...this.#leftMs].some(([other, otherMs]) => other !== peer && isNear(otherMs));
    if (tookMs > (isAlone ? 0 : GATHER_MS)) {
      this.#breach ??= new Breach(`the routes of ${peer} are withdrawn after ${tookMs} ms`);
    }
  }
}

/** A client that keeps to the protocol in one thing: no SUBSCRIBE before the fence of an UNSUBSCRIBE. */
class RandomPeer {
  readonly raw: RawPeer;
  isSilent = false;
  #keepalivesSent = 1;
  #keepalivesAnswered = 0;
  /** Per VNI the KEEPALIVE behind its last UNSUBSCRIBE. */
  readonly #fences = new Map<number, number>();

  constructor(clock: FakeClock, network: MemoryNetwork, model: SlowModel, hello: string) {
    this.raw = new RawPeer(clock);
    this.raw.onMessage = (message) => {
      if (message.type === "KEEPALIVE" && message.endOfRib === undefined) this.#keepalivesAnswered++;
      tellHeard(model, this.raw.name, message);
    };
    this.raw.connect(network, LISTEN);
    this.raw.send(hello, "KEEPALIVE");
    const keepAlive = () => {
      if (this.raw.isClosed || this.isSilent) return;
      this.send("KEEPALIVE");
      clock.after(2_000, keepAlive);
    };
    clock.after(2_000, keepAlive);
  }

  send(...frames: readonly string[]): void {
    this.#keepalivesSent += frames.filter((frame) => frame === "KEEPALIVE").length;
    this.raw.send(...frames);
  }

  subscribe(vni: number): void {
    if ((this.#fences.get(vni) ?? 0) <= this.#keepalivesAnswered) this.send(`SUBSCRIBE ${vni}`);
  }

  unsubscribe(vni: number): void {
    this.send(`UNSUBSCRIBE ${vni}`, "KEEPALIVE");
    this.#fences.set(vni, this.#keepalivesSent);
  }
}

const who = fc.nat({ max: 3 });
const vni = fc.constantFrom(0, 100);
const HOPS = [
  "10.0.1.0/24 via 2001:db8::1",
  "10.0.1.9/24 via 2001:db8::1",
  "::/0 via 10.0.0.1 type nat ports 1-9",
];
const route = fc.tuple(vni, fc.constantFrom(...HOPS)).map(([of, text]) => `${of} ${text}`);
const frame = fc.oneof(
  { weight: 6, arbitrary: route.map((text) => `ADD ${text}`) },
  { weight: 4, arbitrary: route.map((text) => `REMOVE ${text}`) },
  { weight: 1, arbitrary: fc.constantFrom("KEEPALIVE", "HELLO 2", "ADD 100 10.0.0.0/33 via ::1") },
);
const breach = fc.constantFrom("HEX 01000001", "HEX 02", "HEX 0104a5", "HEX 0100020310ff", "HEX 010000");

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      who,
      frames: fc.array(frame, { maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("subscribe" as const), who, vni }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), who, vni }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 3, 40, 2_500) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("stall" as const, "read" as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("end" as const, "abort" as const, "silent" as const), who }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("breach" as const), who, frame: breach }) },
);

const scene = fc.record({
  pipe: fc.constantFrom(
    { capacityBytes: 1, delayMs: 0 },
    { capacityBytes: 7, delayMs: 0 },
    { capacityBytes: 60, delayMs: 2 },
    { capacityBytes: 200, delayMs: 30 },
    { capacityBytes: 2_000, delayMs: 0 },
    { capacityBytes: 65_536, delayMs: 30 },
  ),
  cutSeed: fc.option(fc.integer(), { nil: null }),
  pacing: fc.constantFrom("auto" as const, "always" as const, "never" as const),
  settles: fc.boolean(),
  steps: fc.array(step, { maxLength: 60, size: "max" }),
});

type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

async function play({ pipe, cutSeed, pacing, settles, steps }: Scene): Promise<void> {
  const clock = new FakeClock();
  const model = new SlowModel({ deferEndOfRib: settles });
  const departures = settles ? new Departures(clock, model) : undefined;
  const cutter = cutSeed === null ? null : new SeededRandom(cutSeed);
  const network = new MemoryNetwork({
    clock,
    ...pipe,
    ...(cutter === null ? {} : { cutRandomly: () => cutter.word() / 2 ** 32 }),
  });
  // Asked for before the server's own timer, so that the model knows first.
  if (settles) clock.after(SETTLE_MS, () => model.releaseEndOfRib());
  const server = await Server.start({
    listen: LISTEN,
    settleSeconds: settles ? SETTLE_MS / 1_000 : 0,
    pacing,
    clock,
    network: new WatchedNetwork(network, model, departures),
    logger: departures?.logger ?? silentLogger,
  });
  const steady = Array.from({ length: settles ? STEADY : 0 }, (_, n) => {
    const peer = new RandomPeer(clock, network, model, "HELLO 2");
    peer.send(`ADD 9 10.9.${n}.0/24 via 2001:db8::9`);
    return peer;
  });
  const peers = new Map<number, RandomPeer>();
  /** The peer in this seat; whoever is gone is followed by a new one. Seats 2 and 3 are for servers. */
  const peerAt = (seat: number): RandomPeer => {
    const seated = peers.get(seat);
    if (seated !== undefined && !seated.raw.isClosed) return seated;
    const peer = new RandomPeer(clock, network, model, seat < 2 ? "HELLO 2" : "HELLO 2 server");
    peers.set(seat, peer);
    clock.advance(pipe.delayMs);
    return peer;
  };
  for (const step of steps) {
    if (step.do === "wait") {
      clock.advance(step.ms);
      continue;
    }
    const peer = peerAt(step.who);
    if (step.do === "send") peer.send(...step.frames);
    else if (step.do === "subscribe") peer.subscribe(step.vni);
    else if (step.do === "unsubscribe") peer.unsubscribe(step.vni);
    else if (step.do === "breach") peer.send(step.frame);
    else if (step.do === "silent") peer.isSilent = true;
    else if (step.do === "end") peer.raw.end();
    else if (step.do === "abort") peer.raw.abort();
    else peer.raw.stream.isReading = step.do === "read";
  }
  // Long enough for the marks, and for the server to miss whoever fell silent.
  for (const { raw } of peers.values()) raw.stream.isReading = true;
  clock.advance(5_500);
  // Long enough for all that is due; not for the server to miss those who fall silent now.
  for (const peer of [...peers.values(), ...steady]) peer.isSilent = true;
  clock.advance(2_000);
  model.atQuiet();
  departures?.check();
  server.stop();
  clock.advance(10_000);
}

const TIMEOUT_MS = 3_600_000;

test(
  "every peer hears what the rules say, whatever happens",
  () => fc.assert(fc.asyncProperty(scene, play), { numRuns: Number(BUNBOND_RUNS ?? 200) }),
  TIMEOUT_MS,
);
