import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeMessage } from "../../src/wire/codec.ts";
import { Framer } from "../../src/wire/framer.ts";
import { MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES } from "../../src/wire/protocol.ts";
import { describeCode, ProtocolError } from "../../src/wire/protocol-error.ts";
import { arbitraryMessage } from "../support/models/arbitrary-message.ts";
import { frameOf } from "../support/models/naive-codec.ts";
import { wireVectors } from "../support/models/wire-vectors.ts";

/** Frames in hex, and the code that ended them. */
interface Framed {
  readonly frames: readonly string[];
  readonly error: string | null;
}

/** What a stream holds, found the slow way: all of it at once, every header on its own. */
function naiveFrames(stream: Uint8Array): Framed {
  const frames: string[] = [];
  for (let rest = stream; rest.length > 0; ) {
    const [version, lengthHigh, lengthLow, type] = rest;
    if (version !== 1) return { frames, error: "UNSUPPORTED_VERSION" };
    if (lengthHigh === undefined || lengthLow === undefined) break;
    const end = 4 + lengthHigh * 256 + lengthLow;
    if (end > MAX_FRAME_BYTES) return { frames, error: "PAYLOAD_TOO_LONG" };
    if (type === undefined) break;
    if (type < 1 || type > 5) return { frames, error: "UNKNOWN_TYPE" };
    if (rest.length < end) break;
    frames.push(rest.subarray(0, end).toHex());
    rest = rest.subarray(end);
  }
  return { frames, error: null };
}

/** What the framer makes of the stream in these chunks; what its fields say is checked for each frame. */
function framesOf(chunks: readonly Uint8Array[]): Framed {
  const framer = new Framer();
  const frames: string[] = [];
  try {
    for (const chunk of chunks) {
      framer.push(chunk);
      while (framer.next()) {
        const { frameOffset, payloadOffset, payloadLengthBytes, bytes, view } = framer;
        const end = payloadOffset + payloadLengthBytes;
        frames.push(bytes.subarray(frameOffset, end).toHex());
        const same =
          payloadOffset === frameOffset + 4 &&
          view.getUint8(frameOffset + 3) === framer.type &&
          view.getUint8(end - 1) === bytes[end - 1] &&
          view.byteLength === bytes.length;
        if (!same) throw new Error("the framer's fields contradict each other");
      }
    }
  } catch (error) {
    if (error instanceof ProtocolError) return { frames, error: error.code };
    throw error;
  }
  return { frames, error: null };
}

/** The stream cut at these places (ascending), each chunk a view into a larger buffer. */
function cut(stream: Uint8Array, ...places: number[]): Uint8Array[] {
  const ends = [...places, stream.length];
  return ends.map((end, i) => {
    const part = stream.subarray(ends[i - 1] ?? 0, end);
    const buffer = new Uint8Array(part.length + 16).fill(0x01);
    buffer.set(part, 8);
    return buffer.subarray(8, 8 + part.length);
  });
}

function join(...parts: ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...Array.from(part)]));
}

function vectorFrame(name: string): Uint8Array {
  const found = wireVectors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found.frame;
}

describe("every vector", () => {
  for (const { name, frame } of wireVectors) {
    const whole = { frames: [frame.toHex()], error: null };
    test(`${name}: cut at every byte`, () => {
      for (let place = 0; place <= frame.length; place += 1)
        expect(framesOf(cut(frame, place))).toEqual(whole);
    });
    test(`${name}: one byte at a time`, () => {
      expect(framesOf(cut(frame, ...frame.keys()))).toEqual(whole);
    });
  }
});

test("several frames, cut at every pair of places", () => {
  const stream = join(
    vectorFrame("hello server 5 s"),
    vectorFrame("keepalive"),
    vectorFrame("subscribe 100"),
    vectorFrame("nat with ports"),
    vectorFrame("keepalive"),
    vectorFrame("ipv4 standard"),
    vectorFrame("End-of-RIB of vni 100"),
  );
  const expected = naiveFrames(stream);
  expect(expected.frames).toHaveLength(7);
  let wrong = 0;
  for (let first = 0; first <= stream.length; first += 1) {
    for (let second = first; second <= stream.length; second += 1) {
      if (!Bun.deepEquals(framesOf(cut(stream, first, second)), expected)) wrong += 1;
    }
  }
  expect(wrong).toBe(0);
});

test("frames of the greatest length, cut at every place", () => {
  const greatest = frameOf(5, Array(MAX_PAYLOAD_BYTES).fill(0xab));
  const stream = join(vectorFrame("keepalive"), greatest, greatest, vectorFrame("keepalive"));
  const expected = naiveFrames(stream);
  expect(expected.frames).toHaveLength(4);
  for (let place = 0; place <= stream.length; place += 1) {
    if (!Bun.deepEquals(framesOf(cut(stream, place)), expected))
      throw new Error(`differs when cut at ${place}`);
  }
});

test("any stream in any chunks gives what the naive framer finds, good or bad", () => {
  const frame = arbitraryMessage.map((message) => encodeMessage(message));
  const header = fc.tuple(
    fc.constantFrom(1, 1, 1, 0, 2),
    fc.constantFrom(0, 0, 4, 5),
    fc.nat(255),
    fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 255),
  );
  const stream = fc
    .array(fc.oneof({ weight: 5, arbitrary: frame }, { weight: 1, arbitrary: header }), { maxLength: 12 })
    .map((parts) => join(...parts));
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 20 }), (bytes, lengths) => {
      let place = 0;
      const places = lengths.map((length) => {
        place = Math.min(place + length, bytes.length);
        return place;
      });
      expect(framesOf(cut(bytes, ...places))).toEqual(naiveFrames(bytes));
    }),
    { numRuns: 500 },
  );
});

describe("views", () => {
  const keepalive = vectorFrame("keepalive");
  const update = vectorFrame("ipv4 standard");

  test("whole frames are looked at in the chunk, through one view", () => {
    const framer = new Framer();
    const chunk = join(update, keepalive);
    framer.push(chunk);
    expect(framer.next()).toBe(true);
    expect(framer.bytes).toBe(chunk);
    const { view } = framer;
    expect(view.buffer).toBe(chunk.buffer);
    expect(framer.next()).toBe(true);
    expect(framer.view).toBe(view);
    expect(framer.frameOffset).toBe(update.length);
  });

  test("behind a cut frame the rest of its chunk is not copied", () => {
    const framer = new Framer();
    framer.push(update.subarray(0, 10));
    expect(framer.next()).toBe(false);
    const chunk = join(update.subarray(10), update, update.subarray(0, 10));
    framer.push(chunk);
    expect(framer.next()).toBe(true);
    const completed = framer.bytes.subarray(framer.frameOffset, framer.frameOffset + update.length);
    expect(framer.bytes).not.toBe(chunk);
    expect(framer.next()).toBe(true);
    expect(framer.bytes).toBe(chunk);
    // The completed frame's bytes stay until next() returns false, not longer: the next tail takes their place.
    expect(completed).toEqual(update);
    chunk.set([0xff, 0xff], chunk.length - 2);
    expect(framer.next()).toBe(false);
    expect(completed).not.toEqual(update);
  });

  test("an idle framer holds no chunk", () => {
    const framer = new Framer();
    framer.push(keepalive);
    expect(framer.next()).toBe(true);
    expect(framer.next()).toBe(false);
    expect(framer.bytes.buffer.byteLength).toBe(0);
    expect(framer.view.byteLength).toBe(0);
  });

  test("a chunk before the last one was read is a mistake of the caller", () => {
    const framer = new Framer();
    framer.push(keepalive);
    expect(() => framer.push(keepalive)).toThrow("before next() returned false");
  });
});

describe("a bad header is refused at the byte that shows it", () => {
  const cases = [
    { name: "version", header: [2, 0, 0, 2], code: "UNSUPPORTED_VERSION", byte: 1 },
    { name: "length 1189", header: [1, 0x04, 0xa5, 5], code: "PAYLOAD_TOO_LONG", byte: 3 },
    { name: "type 0", header: [1, 0, 0, 0], code: "UNKNOWN_TYPE", byte: 4 },
    { name: "type 6", header: [1, 0, 9, 6], code: "UNKNOWN_TYPE", byte: 4 },
    { name: "length before type", header: [1, 0xff, 0xff, 99], code: "PAYLOAD_TOO_LONG", byte: 3 },
  ] as const;
  for (const { name, header, code, byte } of cases) {
    test(name, () => {
      const good = vectorFrame("subscribe 100");
      const stream = join(good, header);
      const upTo = (bytes: number) => cut(stream.subarray(0, good.length + bytes));
      expect(framesOf(upTo(byte - 1))).toEqual({ frames: [good.toHex()], error: null });
      expect(framesOf(upTo(byte))).toEqual({ frames: [good.toHex()], error: code });
      expect(framesOf(cut(stream, ...stream.keys()))).toEqual({ frames: [good.toHex()], error: code });
    });
  }

  test("and again, when asked again", () => {
    for (const { header, code } of cases) {
      for (const chunks of [cut(Uint8Array.from(header)), cut(Uint8Array.from(header), 2)]) {
        const framer = new Framer();
        const read = () => {
          for (const chunk of chunks.splice(0)) {
            framer.push(chunk);
            while (framer.next());
          }
          framer.next();
        };
        expect(read).toThrow(describeCode(code));
        expect(() => framer.next()).toThrow(describeCode(code));
      }
    }
  });
});
