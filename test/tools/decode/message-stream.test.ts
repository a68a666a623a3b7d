import { describe, expect, test } from "bun:test";
import { MessageStream, type StreamItem } from "../../../src/tools/decode/message-stream.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import { HEADER_BYTES } from "../../../src/wire/protocol.ts";
import { ProtocolError } from "../../../src/wire/protocol-error.ts";
import { joined } from "../../support/models/capture-file.ts";
import { SeededRandom } from "../../support/models/random.ts";
import { refusedVectors, wireVectors } from "../../support/models/wire-vectors.ts";

const KEEPALIVE = encodeMessage({ type: "KEEPALIVE" });
const SUBSCRIBE = encodeMessage({ type: "SUBSCRIBE", vni: 100 });
const UPDATE = wireVectors.find(({ message }) => message.type === "UPDATE")?.frame ?? new Uint8Array(0);
const HEADER_FAULTS = ["UNSUPPORTED_VERSION", "PAYLOAD_TOO_LONG", "UNKNOWN_TYPE"];

function itemsOf(where: "at a frame" | "anywhere", ...parts: readonly (Uint8Array | number)[]): StreamItem[] {
  const stream = new MessageStream(where);
  const items = parts.flatMap((part) => [
    ...(typeof part === "number" ? stream.gap(part) : stream.push(part)),
  ]);
  return [...items, ...stream.end()];
}

/** "message 0 KEEPALIVE", "fault 4 UNKNOWN_TYPE", "gap 8 100" */
function shown(items: readonly StreamItem[]): string[] {
  return items.map((item) => {
    if (item.kind === "message") return `message ${item.offset} ${item.message.type}`;
    return `${item.kind} ${item.offset} ${item.kind === "fault" ? item.error.code : item.bytes}`;
  });
}

test("messages follow each other, however they are cut", () => {
  const bytes = joined(...wireVectors.map(({ frame }) => frame));
  const expected = wireVectors.map(({ message }) => message);
  for (const chunkBytes of [1, 2, 3, 5, 7, 64, 1000, bytes.length]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
    for (const where of ["at a frame", "anywhere"] as const) {
      const items = itemsOf(where, ...chunks);
      expect(items.map((item) => item.kind === "message" && item.message)).toEqual(expected);
    }
  }
});

describe("a fault is named, and decoding goes on after it:", () => {
  // One header that lacks its payload waits for it.
  const whole = refusedVectors.filter(({ frame, code }) => {
    const payload = new DataView(frame.buffer, frame.byteOffset).byteLength - HEADER_BYTES;
    const isWhole = frame.length >= HEADER_BYTES && payload === ((frame[1] ?? 0) << 8) + (frame[2] ?? 0);
    return isWhole || HEADER_FAULTS.includes(code);
  });

  test.each(whole)("$name", ({ frame, code }) => {
    const [fault, ...others] = itemsOf("at a frame", frame, SUBSCRIBE, KEEPALIVE);
    expect(shown(fault === undefined ? [] : [fault])).toEqual([`fault 0 ${code}`]);
    expect(shown(others).slice(-2)).toEqual([
      `message ${frame.length} SUBSCRIBE`,
      `message ${frame.length + SUBSCRIBE.length} KEEPALIVE`,
    ]);
    if (!HEADER_FAULTS.includes(code)) expect(others).toHaveLength(2);
  });

  test("there are many kinds", () => {
    expect(new Set(whole.map(({ code }) => code)).size).toBeGreaterThan(10);
  });

  test("the place in the frame is known", () => {
    const [item] = itemsOf("at a frame", Uint8Array.fromHex("010003030864ff"));
    if (item?.kind !== "fault") throw new Error("a fault is expected");
    expect(item.error).toBeInstanceOf(ProtocolError);
    expect([item.error.code, item.error.detail.offset]).toEqual(["MALFORMED_MESSAGE", 6]);
    expect(item.frame.toHex()).toBe("010003030864ff");
  });
});

const CASES: readonly (readonly [
  what: string,
  parts: readonly (Uint8Array | number)[],
  items: readonly string[],
])[] = [
  [
    "the middle of a message",
    [UPDATE.subarray(9), SUBSCRIBE],
    [`skipped 0 ${UPDATE.length - 9}`, `message ${UPDATE.length - 9} SUBSCRIBE`],
  ],
  ["the middle of a message alone", [UPDATE.subarray(9)], [`skipped 0 ${UPDATE.length - 9}`]],
  ["a message and a piece of one", [KEEPALIVE, UPDATE.subarray(0, 9)], ["message 0 KEEPALIVE", "cut 4 9"]],
  [
    "a gap between messages",
    [KEEPALIVE, 100, KEEPALIVE],
    ["message 0 KEEPALIVE", "gap 4 100", "message 104 KEEPALIVE"],
  ],
  [
    "a gap inside a message",
    [KEEPALIVE, UPDATE.subarray(0, 9), 5, UPDATE.subarray(14), SUBSCRIBE],
    [
      "message 0 KEEPALIVE",
      "cut 4 9",
      "gap 13 5",
      `skipped 18 ${UPDATE.length - 14}`,
      `message ${4 + UPDATE.length} SUBSCRIBE`,
    ],
  ],
  [
    "bytes that look like a message, which those after them contradict",
    [joined(Uint8Array.fromHex("ffff01000002"), UPDATE.subarray(9), KEEPALIVE)],
    [`skipped 0 ${6 + UPDATE.length - 9}`, `message ${6 + UPDATE.length - 9} KEEPALIVE`],
  ],
  ["nothing but zeros", [new Uint8Array(5000)], ["skipped 0 5000"]],
  ["headers without end", [new Uint8Array(3000).fill(1)], ["skipped 0 3000"]],
];

test.each(CASES)("from the middle of a connection: %s", (_what, parts, items) => {
  expect(shown(itemsOf("anywhere", ...parts))).toEqual([...items]);
});

const SEED = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

test(`any bytes in any pieces: each byte is accounted for once (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const frames = [...wireVectors, ...refusedVectors].map(({ frame }) => frame);
  for (let run = 0; run < 300; run++) {
    const parts = Array.from({ length: 1 + random.below(12) }, () => {
      const frame = random.pick(frames).slice();
      if (random.chance(0.3)) frame[random.below(frame.length)] = random.below(256);
      return random.chance(0.2) ? frame.subarray(random.below(frame.length)) : frame;
    });
    const bytes = joined(...parts);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(200);
      chunks.push(bytes.subarray(at, at + length));
      at += length;
    }
    const where = random.pick(["at a frame", "anywhere"] as const);
    const items = itemsOf(where, ...chunks);
    let next = 0;
    for (const [index, item] of items.entries()) {
      expect(item.offset).toBe(next);
      if (item.kind === "skipped" || item.kind === "cut" || item.kind === "gap") next += item.bytes;
      // After a faulty header comes what was skipped from it on.
      else next = items[index + 1]?.offset ?? bytes.length;
    }
    expect(next).toBe(bytes.length);
    // A search takes the end of a segment for the end of a message, so only without one are pieces the same as the whole.
    const whole = itemsOf(where, bytes);
    const isInStep = [...items, ...whole].every(({ kind }) => kind !== "skipped");
    if (isInStep) expect(items).toEqual(whole);
  }
});
