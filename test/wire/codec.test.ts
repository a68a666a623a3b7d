import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeMessage,
  destinationOf,
  encodeMessage,
  fillUpdateFields,
  nextHopOf,
} from "../../src/wire/codec.ts";
import { decodeUpdate } from "../../src/wire/decode.ts";
import {
  encodeUpdate,
  MAX_CONTROL_FRAME_BYTES,
  MAX_HELLO_FRAME_BYTES,
  MAX_UPDATE_FRAME_BYTES,
} from "../../src/wire/encode.ts";
import { type Message, UpdateFields } from "../../src/wire/message.ts";
import { Action, HEADER_BYTES, MessageType } from "../../src/wire/protocol.ts";
import { ProtocolError } from "../../src/wire/protocol-error.ts";
import {
  arbitraryMessage,
  arbitraryNextHop,
  arbitraryPrefix,
  arbitraryUpdate,
} from "../support/models/arbitrary-message.ts";
import { naiveEncode } from "../support/models/naive-codec.ts";
import { nonCanonicalVectors, refusedVectors, wireVectors } from "../support/models/wire-vectors.ts";

/** Decodes an UPDATE's frame in place, in the middle of bytes that would continue it. */
function decodeAmongOthers(frame: Uint8Array): UpdateFields {
  const surrounded = new Uint8Array(frame.length + 64).fill(0x20);
  surrounded.set(frame, 32);
  const fields = new UpdateFields();
  const view = new DataView(surrounded.buffer);
  const skip = decodeUpdate(view, 32 + HEADER_BYTES, frame.length - HEADER_BYTES, fields);
  expect(skip).toBeNull();
  return fields;
}

function refusalOf(frame: Uint8Array): ProtocolError {
  try {
    decodeMessage(frame);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("canonical frames", () => {
  for (const { name, frame, message } of wireVectors) {
    test(name, () => {
      expect(decodeMessage(frame)).toEqual(message);
      expect(encodeMessage(message).toHex()).toBe(frame.toHex());
      if (message.type === "UPDATE") expect(decodeAmongOthers(frame).canonical).toBe(true);
    });
  }
});

describe("other valid proto3", () => {
  for (const { name, frame, message, canonicalFrame } of nonCanonicalVectors) {
    test(name, () => {
      expect(decodeMessage(frame)).toEqual(message);
      expect(encodeMessage(message).toHex()).toBe(canonicalFrame.toHex());
      if (message.type === "UPDATE") expect(decodeAmongOthers(frame).canonical).toBe(false);
    });
  }
});

describe("refused", () => {
  for (const { name, frame, code } of refusedVectors) {
    test(`${name}: ${code}`, () => {
      expect<string>(refusalOf(frame).code).toBe(code);
    });
  }

  test("an error names the place and the value", () => {
    expect(refusalOf(Uint8Array.of(1, 4, 0xa5, 5)).message).toEndWith("(value 1189, at byte 1 of the frame)");
    const badInNextHop = Uint8Array.of(1, 0, 4, 5, 0x22, 2, 0x18, 0x80);
    expect(refusalOf(badInNextHop).detail).toEqual({ offset: 7, reason: "varint cut off" });
  });

  test("a skipped UPDATE still tells its VNI", () => {
    const fields = new UpdateFields();
    const payload = Uint8Array.of(0x10, 100);
    expect(decodeUpdate(new DataView(payload.buffer), 0, 2, fields)).toBe("MISSING_DESTINATION");
    expect(fields.vni).toBe(100);
  });
});

test("any message survives encoding and decoding, in the naive encoder's bytes", () => {
  fc.assert(
    fc.property(arbitraryMessage, (message) => {
      const frame = encodeMessage(message);
      expect([...frame]).toEqual([...naiveEncode(message)]);
      expect(decodeMessage(frame)).toEqual(message);
    }),
  );
});

test("any encoded UPDATE is seen to be canonical", () => {
  fc.assert(
    fc.property(arbitraryUpdate, (update) =>
      expect(decodeAmongOthers(encodeMessage(update)).canonical).toBe(true),
    ),
  );
});

test("nothing that an earlier UPDATE left in the fields shows in a later one", () => {
  const fields = new UpdateFields();
  fc.assert(
    fc.property(arbitraryUpdate, fc.boolean(), (update, asCanonical) => {
      const canonical = encodeMessage(update);
      // An unknown field behind it takes the tolerant way through the decoder.
      const payload = Uint8Array.of(...canonical.subarray(HEADER_BYTES), ...(asCanonical ? [] : [0x48, 1]));
      expect(decodeUpdate(new DataView(payload.buffer), 0, payload.length, fields)).toBeNull();
      expect(fields).toEqual({ ...decodeAmongOthers(canonical), canonical: asCanonical });
    }),
  );
});

test("fields and objects are two forms of one thing", () => {
  const fields = new UpdateFields();
  fc.assert(
    fc.property(arbitraryPrefix, arbitraryNextHop, (destination, nextHop) => {
      fillUpdateFields(fields, 100, destination, nextHop);
      expect(destinationOf(fields)).toEqual(destination);
      expect(nextHopOf(fields)).toEqual(nextHop);
    }),
  );
});

describe("encoding into a caller's buffer", () => {
  const longest = {
    type: "UPDATE",
    action: Action.REMOVE,
    vni: 2 ** 32 - 1,
    destination: { family: 6, w0: -1, w1: -1, w2: -1, w3: -1, lengthBits: 128 },
    nextHop: {
      address: { family: 6, w0: -1, w1: -1, w2: -1, w3: -1 },
      targetVni: 2 ** 32 - 1,
      type: 2,
      natPortFrom: 65535,
      natPortTo: 65535,
    },
  } as const satisfies Message;

  test("the longest frames are as long as the constants say", () => {
    expect(encodeMessage(longest)).toHaveLength(MAX_UPDATE_FRAME_BYTES);
    const interval = { keepaliveSeconds: 2 ** 32 - 1, isServer: true };
    expect(encodeMessage({ type: "HELLO", ...interval, serverId: "ff".repeat(8) })).toHaveLength(
      MAX_HELLO_FRAME_BYTES,
    );
    expect(encodeMessage({ type: "SUBSCRIBE", vni: 2 ** 32 - 1 })).toHaveLength(MAX_CONTROL_FRAME_BYTES);
  });

  test("writes at the offset, the given action, and nothing besides", () => {
    const fields = new UpdateFields();
    fillUpdateFields(fields, longest.vni, longest.destination, longest.nextHop);
    const buffer = new Uint8Array(200).fill(0xee);
    const end = encodeUpdate(new DataView(buffer.buffer), 50, fields, Action.REMOVE);
    expect(buffer.subarray(50, end).toHex()).toBe(encodeMessage(longest).toHex());
    expect(buffer[3 + 50]).toBe(MessageType.UPDATE);
    expect(buffer.subarray(0, 50).every((byte) => byte === 0xee)).toBe(true);
    expect(buffer.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  });
});
