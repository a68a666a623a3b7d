/**
 * Random and mutated frames. Each must end in a message or a ProtocolError, in the same one as with the
 * naive codec, and be called canonical exactly when encoding its message gives its bytes again.
 *
 *     BUNBOND_FUZZ=1000000 bun test test/wire/fuzz.test.ts        that many inputs
 *     BUNBOND_FUZZ_SEED=…  …                                       the ones of an earlier run
 */
import { expect, test } from "bun:test";
import { decodeMessage, encodeMessage } from "../../src/wire/codec.ts";
import { decodeUpdate } from "../../src/wire/decode.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { HEADER_BYTES, MessageType } from "../../src/wire/protocol.ts";
import { ProtocolError } from "../../src/wire/protocol-error.ts";
import { hostileFrame } from "../support/models/hostile-frames.ts";
import { type Bytes, naiveDecode, naiveEncode, type Outcome } from "../support/models/naive-codec.ts";
import { SeededRandom } from "../support/models/random.ts";
import { nonCanonicalVectors, refusedVectors, wireVectors } from "../support/models/wire-vectors.ts";

const { BUNBOND_FUZZ, BUNBOND_FUZZ_SEED } = process.env;
const COUNT = Number(BUNBOND_FUZZ ?? 50_000);
const SEED = Number(BUNBOND_FUZZ_SEED ?? crypto.getRandomValues(new Uint32Array(1))[0]);

const known: Bytes[] = [...wireVectors, ...nonCanonicalVectors, ...refusedVectors].map(({ frame }) => [
  ...frame,
]);
const fields = new UpdateFields();

function outcomeOf(frame: Uint8Array): Outcome {
  try {
    return { message: decodeMessage(frame) };
  } catch (error) {
    if (error instanceof ProtocolError) return { code: error.code };
    throw error;
  }
}

/** Why the codec is wrong about the frame, which ought to end as `naive` says; null when it is right. */
function complaint(frame: Uint8Array, naive: Outcome, neighbours: Bytes): string | null {
  const outcome = outcomeOf(frame);
  if (!Bun.deepEquals(outcome, naive, true))
    return `${JSON.stringify(outcome)} is not ${JSON.stringify(naive)}`;

  // What stands around a frame must not matter.
  const around = Uint8Array.of(...neighbours, ...frame, ...neighbours);
  const inside = around.subarray(neighbours.length, neighbours.length + frame.length);
  if (!Bun.deepEquals(outcomeOf(inside), naive, true)) return "depends on the bytes around it";

  if (!("message" in naive)) return null;
  const canonicalFrame = encodeMessage(naive.message);
  if (!Bun.deepEquals([...canonicalFrame], naiveEncode(naive.message))) return "is encoded wrongly";
  if (frame[3] === MessageType.UPDATE) {
    const view = new DataView(inside.buffer, inside.byteOffset);
    decodeUpdate(view, HEADER_BYTES, frame.length - HEADER_BYTES, fields);
    const isSame = Buffer.compare(canonicalFrame, frame) === 0;
    if (fields.canonical !== isSame) return `canonical is ${fields.canonical}`;
  }
  return null;
}

test(
  `${COUNT} hostile frames, BUNBOND_FUZZ_SEED=${SEED}`,
  () => {
    const random = new SeededRandom(SEED);
    const tally = new Map<string, number>();
    for (let index = 0; index < COUNT; index += 1) {
      const frame = Uint8Array.from(hostileFrame(random, known));
      const naive = naiveDecode([...frame]);
      const wrong = complaint(frame, naive, random.pick([[0xff], [0x80, 0x80], [0x20, 1], [0]]));
      if (wrong !== null) throw new Error(`frame ${frame.toHex()}, number ${index}: ${wrong}`);
      const kind = "code" in naive ? naive.code : naive.message.type;
      tally.set(kind, (tally.get(kind) ?? 0) + 1);
    }
    if (COUNT >= 50_000) {
      // The inputs are worth their time only while they reach everything.
      const codes = new Set(refusedVectors.map(({ code }) => code));
      const missed = [...codes, ...Object.keys(MessageType)].filter((kind) => !tally.has(kind));
      expect(missed).toEqual([]);
    }
    if (BUNBOND_FUZZ !== undefined)
      console.log(`${[...tally].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  },
  { timeout: 5_000 + COUNT },
);
