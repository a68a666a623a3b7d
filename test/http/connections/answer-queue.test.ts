import { describe, expect, test } from "bun:test";
import { type Answer, AnswerQueue, type AnswerSink } from "../../../src/http/connections/answer-queue.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";

const PIECE = "x".repeat(1024);
const SLICE_BYTES = 32 * 1024;

/** A reader with so much room in its socket. */
class Reader implements AnswerSink {
  #room: number;
  taken = 0;
  isEnded = false;
  isAborted = false;
  isTooSlow = false;
  errors: unknown[] = [];
  made = 0;
  isWalkEnded = false;
  answer: Answer | null = null;

  constructor(room: number) {
    this.#room = room;
  }

  write(text: string): boolean {
    this.taken += text.length;
    this.#room -= text.length;
    return this.#room > 0;
  }

  end(): void {
    this.isEnded = true;
  }

  abort(): void {
    this.isAborted = true;
  }

  tooSlow(): void {
    this.isTooSlow = true;
  }

  failed(error: unknown): void {
    this.errors.push(error);
  }

  /** The reader takes what there is, and then so much more at once. */
  takes(room: number): void {
    this.#room = room;
    this.answer?.drained();
  }

  *pieces(count: number): Generator<string> {
    try {
      for (let i = 0; i < count; i++) {
        this.made++;
        yield PIECE;
      }
    } finally {
      this.isWalkEnded = true;
    }
  }
}

function setUp() {
  const clock = new FakeClock();
  const collections: string[] = [];
  const queue = new AnswerQueue(clock, {
    collectYoung: () => collections.push("young"),
    collectAll: () => collections.push("all"),
  });
  const send = (room: number, pieces = Number.POSITIVE_INFINITY): Reader => {
    const reader = new Reader(room);
    reader.answer = queue.send(reader.pieces(pieces), reader, reader);
    return reader;
  };
  return { clock, queue, send, collections };
}

describe("what is made of an answer", () => {
  test("all of it, for a reader who takes it, and not in the turn that asks", () => {
    const { clock, send } = setUp();
    const reader = send(Number.POSITIVE_INFINITY, 1000);
    expect(reader.made).toBe(0);
    clock.settle();
    expect([reader.taken, reader.isEnded, reader.isAborted]).toEqual([1000 * 1024, true, false]);
    reader.answer?.closed();
    clock.advance(60_000);
    expect([reader.isAborted, clock.pendingTimers]).toEqual([false, 0]);
  });

  test("a slice, for one who takes nothing; the next when it has taken that", () => {
    const { clock, send } = setUp();
    const reader = send(1);
    clock.settle();
    expect(reader.taken).toBe(SLICE_BYTES);
    reader.takes(2 * SLICE_BYTES);
    clock.settle();
    expect(reader.taken).toBe(3 * SLICE_BYTES);
  });

  test("nothing more once the reader is gone", () => {
    const { clock, send } = setUp();
    const reader = send(1);
    clock.settle();
    reader.answer?.closed();
    expect(reader.isWalkEnded).toBe(true);
    reader.takes(10 * SLICE_BYTES);
    clock.settle();
    expect([reader.taken, clock.pendingTimers]).toEqual([SLICE_BYTES, 1]);
    clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test("what it can take before the pieces fail; then it breaks off", () => {
    const { clock, queue } = setUp();
    const reader = new Reader(Number.POSITIVE_INFINITY);
    function* failing() {
      yield* reader.pieces(50);
      throw new Error("no table");
    }
    reader.answer = queue.send(failing(), reader, reader);
    clock.settle();
    expect([reader.taken, reader.isEnded, reader.isAborted]).toEqual([SLICE_BYTES, false, true]);
    expect(reader.errors).toEqual([new Error("no table")]);
  });

  test("garbage is collected after some megabytes of text, or many answers that were broken off", () => {
    const { clock, send, collections } = setUp();
    send(Number.POSITIVE_INFINITY, 65 * 1024);
    clock.settle();
    const eight = [...Array(7).fill("young"), "all"];
    expect(collections).toEqual([...eight, ...eight, ...eight, ...eight]);
    for (let i = 0; i < 64; i++) send(Number.POSITIVE_INFINITY).answer?.closed();
    send(1);
    clock.settle();
    expect(collections.slice(32)).toEqual(["young"]);
  });
});

describe("several readers", () => {
  test("one slice a turn for all together, and the oldest comes first", () => {
    const { clock, send } = setUp();
    const readers = [send(Number.POSITIVE_INFINITY, 320), send(Number.POSITIVE_INFINITY, 320)];
    const order: number[] = [];
    for (const [i, reader] of readers.entries()) {
      const write = reader.write.bind(reader);
      reader.write = (text) => {
        order.push(i);
        return write(text);
      };
    }
    clock.settle();
    expect(order).toEqual([...Array(10).fill(0), ...Array(10).fill(1)]);
  });

  test("those that stand still hold up nobody, however many they are", () => {
    const { clock, send } = setUp();
    const still = Array.from({ length: 40 }, () => send(1));
    const patient = send(Number.POSITIVE_INFINITY, 1000);
    clock.settle();
    expect(patient.isEnded).toBe(true);
    expect(new Set(still.map(({ taken }) => taken))).toEqual(new Set([SLICE_BYTES]));
  });
});

test("of those that are ready the one that has taken most comes first, and others that took little wait", () => {
  const { clock, send } = setUp();
  const slow = send(1);
  clock.settle();
  const patient = send(1, 1000);
  clock.settle();
  patient.takes(1);
  clock.settle();
  expect([slow.taken, patient.taken]).toEqual([SLICE_BYTES, 2 * SLICE_BYTES]);
  let takenBefore = 0;
  patient.end = () => {
    takenBefore = slow.taken;
    slow.answer?.closed();
  };
  slow.takes(Number.POSITIVE_INFINITY);
  patient.takes(Number.POSITIVE_INFINITY);
  clock.settle();
  expect(takenBefore).toBe(SLICE_BYTES);
});

describe("a reader has to take 32 KB in 10 s", () => {
  test("one who takes nothing is cut off, and its walk ends", () => {
    const { clock, send } = setUp();
    const reader = send(1);
    clock.advance(9_000);
    expect(reader.isAborted).toBe(false);
    clock.advance(2_500);
    expect([reader.isTooSlow, reader.isAborted, reader.isWalkEnded]).toEqual([true, true, true]);
    clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test("one who takes that much is served to the end", () => {
    const { clock, send } = setUp();
    const reader = send(1, 1024);
    for (let i = 0; i < 32; i++) {
      clock.advance(9_500);
      reader.takes(1);
    }
    clock.advance(1_000);
    expect([reader.taken, reader.isEnded, reader.isAborted]).toEqual([1024 * 1024, true, false]);
  });

  test("what was taken faster counts for later, but not for more than 30 s", () => {
    const { clock, send } = setUp();
    const reader = send(100 * SLICE_BYTES);
    clock.advance(28_000);
    expect(reader.isAborted).toBe(false);
    clock.advance(4_000);
    expect(reader.isAborted).toBe(true);
  });

  test("the end of an answer, and a short one, have to be taken, too", () => {
    const { clock, queue } = setUp();
    const readers = [new Reader(1), new Reader(1)] as const;
    queue.sendText("short", readers[0], readers[0]);
    queue.send(["long"], readers[1], readers[1]);
    clock.advance(12_000);
    expect(readers.map(({ isEnded, isTooSlow, isAborted }) => [isEnded, isTooSlow, isAborted])).toEqual([
      [true, true, true],
      [true, true, true],
    ]);
  });
});

test("an answer that waits for its turn is not too slow", () => {
  const { clock, queue, send } = setUp();
  // 30 s of work that always gives its reader something to take.
  function* long() {
    for (let i = 0; i < 100; i++) {
      clock.freeze(300);
      yield PIECE;
    }
  }
  const first = new Reader(Number.POSITIVE_INFINITY);
  first.answer = queue.send(long(), first, first);
  const second = send(1);
  clock.settle();
  expect(clock.nowMs()).toBe(30_000);
  clock.advance(5_000);
  expect([second.taken, second.isAborted]).toEqual([SLICE_BYTES, false]);
});

describe("a stream", () => {
  /** Pieces that come when the test gives them. */
  function source() {
    const given: string[] = [];
    let wake = () => {};
    const state = { asked: 0, isEnded: false, end: false };
    async function* pieces() {
      try {
        for (;;) {
          state.asked++;
          while (given.length === 0 && !state.end) await new Promise<void>((resolve) => (wake = resolve));
          const piece = given.shift();
          if (piece === undefined) return;
          if (piece === "fails") throw new Error("no more");
          yield piece;
        }
      } finally {
        state.isEnded = true;
      }
    }
    return {
      state,
      pieces: pieces(),
      give: async (...more: string[]) => {
        given.push(...more);
        wake();
        await turns();
      },
      end: async () => {
        state.end = true;
        wake();
        await turns();
      },
    };
  }
  /** Lets all that waits for promises go on. */
  const turns = () => new Promise((resolve) => setImmediate(resolve));

  function setUpStream(room = Number.POSITIVE_INFINITY) {
    const { clock, queue, send } = setUp();
    const reader = new Reader(room);
    const from = source();
    reader.answer = queue.sendStream(from.pieces, reader, reader);
    return { clock, queue, send, reader, ...from };
  }

  test("goes out as it comes, stays open while it is silent, and ends", async () => {
    const { clock, reader, give, end } = setUpStream();
    await give("a");
    expect(reader.taken).toBe(1);
    clock.advance(3_600_000);
    await give("bc");
    expect(reader).toMatchObject({ taken: 3, isEnded: false, isTooSlow: false });
    await end();
    expect(reader).toMatchObject({ taken: 3, isEnded: true, isAborted: false });
  });

  test("is asked for no more than its reader takes, who is cut off in the end", async () => {
    const { clock, reader, state, give } = setUpStream(1);
    await give("a", "b", "c");
    expect(reader.taken).toBe(1);
    reader.takes(1);
    await turns();
    expect(reader.taken).toBe(2);
    expect(state.asked).toBe(2);
    clock.advance(9_000);
    expect(reader.isAborted).toBe(false);
    clock.advance(2_000);
    expect(reader).toMatchObject({ isAborted: true, isTooSlow: true });
    await turns();
    expect(reader.taken).toBe(2);
    expect(state.isEnded).toBe(true);
  });

  test("ends when the reader goes, and nothing is written any more", async () => {
    const { reader, state, give } = setUpStream();
    await give("a");
    reader.answer?.closed();
    await give("b");
    expect(state.isEnded).toBe(true);
    expect(reader).toMatchObject({ taken: 1, isEnded: false, isAborted: false, errors: [] });
  });

  test("that fails breaks off", async () => {
    const { reader, give } = setUpStream();
    await give("a", "fails");
    expect(reader).toMatchObject({ taken: 1, isEnded: false, isAborted: true });
    expect(reader.errors).toEqual([new Error("no more")]);
  });

  test("that always has something leaves other answers their turn", async () => {
    const { clock, reader, give, send } = setUpStream();
    await give(...Array(64).fill(PIECE));
    expect(reader.taken).toBe(SLICE_BYTES);
    const other = send(Number.POSITIVE_INFINITY, 1);
    clock.advance(0);
    await turns();
    expect(reader.taken).toBe(2 * SLICE_BYTES);
    clock.advance(0);
    expect(other.isEnded).toBe(true);
  });
});
