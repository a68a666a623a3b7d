import { describe, expect, test } from "bun:test";
import { MAX_WAITING_BYTES, type StreamPart, TcpStream } from "../../../src/tools/capture/tcp-stream.ts";
import { SeededRandom } from "../../support/models/random.ts";

/** A segment as a text: where it begins in the stream, its bytes, and how many bytes more it had that were not captured. */
type Segment = readonly [offset: number, text: string, missingBytes?: number];

/** The stream's first byte has this number: the numbers pass 2^32 after five bytes. */
const FIRST = 0xfffffffb;

function streamOf(segments: readonly Segment[]): string {
  const stream = new TcpStream();
  stream.begin(FIRST - 1);
  const parts: StreamPart[] = [];
  for (const [offset, text, missingBytes = 0] of segments) {
    parts.push(...stream.add((FIRST + offset) >>> 0, Buffer.from(text), missingBytes));
  }
  parts.push(...stream.flush());
  expect(stream.waitingBytes).toBe(0);
  return shown(parts);
}

/** Bytes as text, and a gap as its length in brackets. */
function shown(parts: readonly StreamPart[]): string {
  return parts
    .map((part) => (typeof part === "number" ? `[${part}]` : Buffer.from(part).toString()))
    .join("");
}

const CASES: readonly (readonly [what: string, segments: readonly Segment[], stream: string])[] = [
  [
    "in order",
    [
      [0, "abcd"],
      [4, "efgh"],
      [8, "ij"],
    ],
    "abcdefghij",
  ],
  [
    "out of order",
    [
      [8, "ij"],
      [4, "efgh"],
      [0, "abcd"],
    ],
    "abcdefghij",
  ],
  [
    "sent again",
    [
      [0, "abcd"],
      [0, "abcd"],
      [4, "ef"],
      [0, "abcdef"],
    ],
    "abcdef",
  ],
  [
    "sent again out of order",
    [
      [4, "ef"],
      [4, "ef"],
      [0, "abcd"],
      [4, "efgh"],
    ],
    "abcdefgh",
  ],
  [
    "overlapping",
    [
      [0, "abcd"],
      [2, "cdef"],
      [1, "bcdefgh"],
    ],
    "abcdefgh",
  ],
  [
    "overlapping out of order",
    [
      [6, "ghij"],
      [4, "efgh"],
      [0, "abcde"],
    ],
    "abcdefghij",
  ],
  [
    "overlapping with other bytes: the first copy counts",
    [
      [0, "abcd"],
      [2, "XXef"],
    ],
    "abcdef",
  ],
  [
    "a gap",
    [
      [0, "ab"],
      [4, "ef"],
    ],
    "ab[2]ef",
  ],
  [
    "two gaps",
    [
      [0, "ab"],
      [8, "ij"],
      [4, "ef"],
    ],
    "ab[2]ef[2]ij",
  ],
  ["a gap at the beginning", [[2, "cd"]], "[2]cd"],
  [
    "a gap that is filled late",
    [
      [0, "ab"],
      [4, "ef"],
      [6, "gh"],
      [2, "cd"],
    ],
    "abcdefgh",
  ],
  [
    "a packet that was captured in part",
    [
      [0, "ab", 2],
      [4, "ef"],
    ],
    "ab[2]ef",
  ],
  [
    "a packet captured in part, and then whole",
    [
      [0, "abcd"],
      [0, "a", 3],
      [4, "ef"],
    ],
    "abcdef",
  ],
  [
    "a packet captured in part, and longer than what came",
    [
      [0, "abcd"],
      [2, "c", 5],
      [8, "ij"],
    ],
    "abcd[4]ij",
  ],
  [
    "a keepalive of TCP",
    [
      [0, "abcd"],
      [3, ""],
      [3, "d"],
      [4, "ef"],
    ],
    "abcdef",
  ],
];

test.each(CASES)("%s", (_what, segments, stream) => {
  expect(streamOf(segments)).toBe(stream);
});

test("without a SYN, a stream begins with the first segment", () => {
  const stream = new TcpStream();
  expect(
    shown([...stream.add(1000, Buffer.from("ab"), 0), ...stream.add(998, Buffer.from("xxabcd"), 0)]),
  ).toBe("abcd");
});

test("a SYN that is sent again is the same; another one is another connection's", () => {
  const stream = new TcpStream();
  expect([stream.begin(99), stream.begin(99)]).toEqual([true, true]);
  stream.add(100, Buffer.from("abc"), 0);
  expect([stream.begin(99), stream.begin(5_000)]).toEqual([true, false]);
});

test("what waits is bounded: a gap is given up when too much waits for it", () => {
  const stream = new TcpStream();
  stream.begin(-1 >>> 0);
  const parts: StreamPart[] = [];
  const segment = new Uint8Array(1400).fill(0x61);
  for (let i = 1; i <= 1000; i++) {
    parts.push(...stream.add(i * 1400, segment, 0));
    expect(stream.waitingBytes).toBeLessThanOrEqual(MAX_WAITING_BYTES);
  }
  expect(parts[0]).toBe(1400);
  expect(parts.filter((part) => typeof part === "number")).toHaveLength(1);
});

test("segments of one byte are counted with what they cost", () => {
  const stream = new TcpStream();
  stream.begin(-1 >>> 0);
  let count = 0;
  while (stream.add((count + 1) * 2, Uint8Array.of(1), 0).length === 0) count++;
  expect(count).toBeLessThan(MAX_WAITING_BYTES / 60);
});

describe("any segmentation", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  test(`in any order within a window gives the stream (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    for (let run = 0; run < 300; run++) {
      const bytes = Uint8Array.from(random.bytes(1 + random.below(400)));
      const first = random.pick([0, 5, 2 ** 31 - 50, 2 ** 32 - 50, random.word()]) >>> 0;
      const segments: { at: number; data: Uint8Array; rank: number }[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + random.below(60);
        // Some begin before what was sent, and some come twice.
        const from = Math.max(0, at - random.below(20));
        segments.push({
          at: from,
          data: bytes.subarray(from, at + length),
          rank: segments.length + random.below(6),
        });
        if (random.chance(0.3))
          segments.push({ at: from, data: bytes.subarray(from, at + length), rank: random.below(99) });
        at += length;
      }
      const stream = new TcpStream();
      stream.begin((first - 1) >>> 0);
      const parts = segments
        .sort((a, b) => a.rank - b.rank)
        .flatMap(({ at, data }) => stream.add((first + at) >>> 0, data, 0));
      expect(
        Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from("gap") : part))),
      ).toEqual(Buffer.from(bytes));
    }
  });
});
