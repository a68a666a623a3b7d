/**
 * The schedule in a simulated event loop: each iteration delivers what open sockets hold, then makes the calls asked for.
 * Time is what reading takes.
 */
import { describe, expect, test } from "bun:test";
import { FairSource } from "../../../src/transport/schedule/fair-queue.ts";
import { type Reader, type ReadMember, ReadSchedule } from "../../../src/transport/schedule/read-schedule.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";

const CHUNK_BYTES = 512 << 10;
/** What a socket holds before its buffer has grown. */
const FIRST_CHUNK_BYTES = 128 << 10;
/** 512 KB take 20 ms. */
const MS_PER_BYTE = 20 / CHUNK_BYTES;

class SimulatedSocket implements Reader {
  readonly loop: SimulatedLoop;
  /** It has always more to send. */
  floods: boolean;
  readonly chunkBytes: number;
  isPaused = false;
  /** Sent, not delivered yet: in the kernel. */
  pendingBytes = 0;
  /** Delivered, not read yet. */
  heldBytes = 0;
  readBytes = 0;
  /** When what is pending or held was sent, and how long that took to be read at most. */
  sentMs = 0;
  longestMs = 0;
  readonly member: ReadMember;

  constructor(loop: SimulatedLoop, source: FairSource, floods: boolean, chunkBytes = CHUNK_BYTES) {
    this.loop = loop;
    this.floods = floods;
    this.chunkBytes = chunkBytes;
    this.member = loop.schedule.join(source, this, "server");
    loop.sockets.push(this);
  }

  read(untilMs: number): boolean {
    const { clock } = this.loop;
    while (this.heldBytes > 0) {
      const bytes = Math.min(this.heldBytes, 512);
      this.heldBytes -= bytes;
      this.readBytes += bytes;
      clock.freeze(bytes * MS_PER_BYTE);
      if (clock.nowMs() >= untilMs && this.heldBytes > 0) return true;
    }
    if (this.pendingBytes === 0) this.longestMs = Math.max(this.longestMs, clock.nowMs() - this.sentMs);
    return false;
  }

  pauseInput(): void {
    expect(this.isPaused).toBe(false);
    this.isPaused = true;
  }

  resumeInput(): void {
    expect(this.isPaused).toBe(true);
    this.isPaused = false;
  }

  narrowInput(): void {}

  send(bytes: number): void {
    if (this.pendingBytes + this.heldBytes === 0) this.sentMs = this.loop.clock.nowMs();
    this.pendingBytes += bytes;
  }

  deliver(): void {
    const isFirst = this.readBytes + this.heldBytes === 0;
    if (this.floods)
      this.pendingBytes = isFirst ? Math.min(this.chunkBytes, FIRST_CHUNK_BYTES) : this.chunkBytes;
    if (this.isPaused || this.pendingBytes === 0) return;
    const bytes = Math.min(this.pendingBytes, CHUNK_BYTES);
    this.pendingBytes -= bytes;
    this.heldBytes += bytes;
    this.loop.schedule.onReceived(this.member, bytes);
  }
}

class SimulatedLoop {
  readonly clock = new FakeClock();
  readonly schedule = new ReadSchedule(this.clock);
  readonly sockets: SimulatedSocket[] = [];
  mostHeldBytes = 0;
  longestTurnMs = 0;
  #asked: (() => void)[] = [];

  constructor() {
    this.clock.soon = (run) => this.#asked.push(run);
  }

  /** Iterations of the event loop until so much time has passed. */
  run(forMs: number, eachTurn: () => void = () => {}): void {
    const untilMs = this.clock.nowMs() + forMs;
    while (this.clock.nowMs() < untilMs) {
      const startMs = this.clock.nowMs();
      eachTurn();
      for (const socket of this.sockets) socket.deliver();
      this.mostHeldBytes = Math.max(this.mostHeldBytes, this.schedule.heldBytes);
      const asked = this.#asked;
      this.#asked = [];
      for (const call of asked) call();
      this.longestTurnMs = Math.max(this.longestTurnMs, this.clock.nowMs() - startMs);
      // An iteration takes some time itself; timers are due meanwhile.
      this.clock.advance(0.1);
    }
  }
}

function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

describe.each([1, 10, 300, 2_500])("beside %d that flood from one source", (floods) => {
  const flooded = () => {
    const loop = new SimulatedLoop();
    const source = new FairSource("flood");
    for (let i = 0; i < floods; i++) new SimulatedSocket(loop, source, true, i % 2 ? CHUNK_BYTES : 20_000);
    return { loop, source };
  };

  test("who says little is read within a turn or two, be it of the same source", () => {
    const { loop, source } = flooded();
    const quiet = [source, new FairSource("other")].map((of) => new SimulatedSocket(loop, of, false));
    let nextMs = 0;
    const talk = () => {
      if (loop.clock.nowMs() < nextMs) return;
      nextMs += 100;
      for (const socket of quiet) socket.send(4 + (nextMs % 300 === 0 ? 40 : 0));
    };
    // At first all are thought to say little, and what 2,500 deliver is too much to be held.
    loop.run(2_000, talk);
    for (const socket of quiet) expect(socket.longestMs).toBeLessThan(1_000);
    for (const socket of quiet) socket.longestMs = 0;
    loop.run(3_000, talk);
    for (const socket of quiet) {
      expect(socket.readBytes).toBeGreaterThan(200);
      expect(socket.longestMs).toBeLessThan(40);
    }
    expect(loop.longestTurnMs).toBeLessThan(20);
  });

  test("one of another source that has much to say gets half of the time", () => {
    const { loop } = flooded();
    const loader = new SimulatedSocket(loop, new FairSource("loader"), true);
    loop.run(10_000);
    const all = loop.sockets.reduce((sum, { readBytes }) => sum + readBytes, 0);
    expect(loader.readBytes / all).toBeGreaterThan(0.4);
  });

  test("what is held is bounded, once they have delivered for the first time", () => {
    const { loop } = flooded();
    loop.run(floods * 10 + 2_000);
    // Each has delivered once before it was known to send much.
    expect(loop.mostHeldBytes).toBeLessThanOrEqual(floods * FIRST_CHUNK_BYTES + (16 << 20));
    loop.mostHeldBytes = 0;
    loop.run(1_000);
    expect(loop.mostHeldBytes).toBeLessThanOrEqual((16 << 20) + 16 * CHUNK_BYTES);
  });
});

describe.each([20, 300, 1_000])("beside %d that flood, each from a source of its own", (floods) => {
  const flooded = () => {
    const loop = new SimulatedLoop();
    for (let i = 0; i < floods; i++) new SimulatedSocket(loop, new FairSource(`flood ${i}`), true);
    return loop;
  };

  test("what is held is bounded by the places, once they have delivered for the first time", () => {
    const loop = flooded();
    loop.run(floods * 10 + 2_000);
    // Each has delivered once before it was known to send much.
    expect(loop.mostHeldBytes).toBeLessThanOrEqual(
      floods * FIRST_CHUNK_BYTES + (16 << 20) + 48 * CHUNK_BYTES,
    );
    loop.mostHeldBytes = 0;
    loop.run(1_000);
    expect(loop.mostHeldBytes).toBeLessThanOrEqual((16 << 20) + 48 * CHUNK_BYTES);
  });

  test("all get the same, and one of another source as much as each", () => {
    const loop = flooded();
    new SimulatedSocket(loop, new FairSource("loader"), true);
    loop.run(floods * 300);
    expect(spread(loop.sockets.map(({ readBytes }) => readBytes))).toBeLessThan(1.5);
  });

  test("who says little is read within a turn or two", () => {
    const loop = flooded();
    const quiet = new SimulatedSocket(loop, new FairSource("other"), false);
    let nextMs = 0;
    const talk = () => {
      if (loop.clock.nowMs() < nextMs) return;
      nextMs += 100;
      quiet.send(4);
    };
    loop.run(2_000, talk);
    quiet.longestMs = 0;
    loop.run(3_000, talk);
    expect(quiet.longestMs).toBeLessThan(40);
    expect(loop.longestTurnMs).toBeLessThan(20);
  });
});

test("a KEEPALIVE does not wait until thousands of small chunks that came before it have been read", () => {
  const loop = new SimulatedLoop();
  const source = new FairSource("2001:db8::/64");
  const others = Array.from({ length: 2_000 }, () => new SimulatedSocket(loop, source, false));
  const innocent = new SimulatedSocket(loop, source, false);
  for (const other of others) other.send(4_000);
  innocent.send(50);
  loop.run(1_000);
  expect(innocent.longestMs).toBeLessThan(20);
  for (const other of others) expect(other.readBytes).toBe(4_000);
});

test("KEEPALIVEs of thousands at the same moment are read before the rest of a flood", () => {
  const loop = new SimulatedLoop();
  const source = new FairSource("2001:db8::/64");
  for (let i = 0; i < 10; i++) new SimulatedSocket(loop, source, true);
  loop.run(2_000);
  const peers = Array.from({ length: 4_000 }, () => new SimulatedSocket(loop, source, false));
  for (const peer of peers) peer.send(250);
  // Reading them takes 40 ms, and each turn the flood has 8 ms.
  loop.run(500);
  expect(Math.max(...peers.map(({ longestMs }) => longestMs))).toBeLessThan(130);
  expect(loop.longestTurnMs).toBeLessThan(20);
});

test("all that flood from one source get the same", () => {
  const loop = new SimulatedLoop();
  const source = new FairSource("flood");
  for (let i = 0; i < 40; i++) new SimulatedSocket(loop, source, true);
  loop.run(60_000);
  expect(spread(loop.sockets.map(({ readBytes }) => readBytes))).toBeLessThan(1.5);
});

test("2,500 that were silent and then send at once are all read in the end, and others meanwhile", () => {
  const loop = new SimulatedLoop();
  const source = new FairSource("flood");
  for (let i = 0; i < 2_500; i++) new SimulatedSocket(loop, source, false).send(CHUNK_BYTES / 4);
  const quiet = new SimulatedSocket(loop, source, false);
  let nextMs = 0;
  loop.run(20_000, () => {
    if (loop.clock.nowMs() < nextMs) return;
    nextMs += 100;
    quiet.send(4);
  });
  for (const socket of loop.sockets.slice(0, 2_500)) expect(socket.readBytes).toBe(CHUNK_BYTES / 4);
  expect(quiet.longestMs).toBeLessThan(20_000);
  expect(loop.schedule.heldBytes).toBe(0);
});

describe("places are free again", () => {
  /** One of another source gets half of the time, which it cannot without a place of its source. */
  const expectFree = (loop: SimulatedLoop) => {
    loop.sockets.length = 0;
    const source = new FairSource("flood");
    for (let i = 0; i < 40; i++) new SimulatedSocket(loop, source, true);
    const loader = new SimulatedSocket(loop, new FairSource("loader"), true);
    loop.run(10_000);
    const all = loop.sockets.reduce((sum, { readBytes }) => sum + readBytes, 0);
    expect(loader.readBytes / all).toBeGreaterThan(0.4);
  };

  test("after connections have left, wherever they stood", () => {
    const loop = new SimulatedLoop();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) new SimulatedSocket(loop, new FairSource(`flood ${i}`), true);
      loop.run(37 * round);
      for (const { member } of loop.sockets) loop.schedule.leave(member);
      loop.sockets.length = 0;
    }
    expectFree(loop);
  });

  test("after connections have fallen silent", () => {
    const loop = new SimulatedLoop();
    for (let i = 0; i < 100; i++) new SimulatedSocket(loop, new FairSource(`flood ${i}`), true);
    loop.run(5_000);
    for (const socket of loop.sockets) {
      socket.floods = false;
      socket.pendingBytes = 0;
    }
    loop.run(1_000);
    expectFree(loop);
  });

  test("after so much was held that all were parked, although much still is", () => {
    const loop = new SimulatedLoop();
    const floods = Array.from({ length: 100 }, (_, i) => {
      return new SimulatedSocket(loop, new FairSource(`flood ${i}`), true, 5_000);
    });
    loop.run(5_000);
    const crowd = new FairSource("crowd");
    // The first hundred leave no shared place; all deliver before those that have just got a place of their source.
    for (const crowded of [100, 250]) {
      for (let i = 0; i < crowded; i++) new SimulatedSocket(loop, crowd, false).send(CHUNK_BYTES);
      loop.sockets.unshift(...loop.sockets.splice(-crowded));
      loop.run(100);
    }
    const read = () => floods.reduce((sum, { readBytes }) => sum + readBytes, 0);
    const before = read();
    loop.run(1_000);
    expect((read() - before) * MS_PER_BYTE).toBeGreaterThan(500);
  });
});

test("those that leave take what they hold with them, wherever they stand", () => {
  const loop = new SimulatedLoop();
  const source = new FairSource("flood");
  for (let i = 0; i < 400; i++) new SimulatedSocket(loop, source, true);
  loop.run(500);
  for (const { member } of loop.sockets) loop.schedule.leave(member);
  expect(loop.schedule.heldBytes).toBe(0);
  expect(loop.sockets.every(({ isPaused }) => !isPaused)).toBe(true);
});
