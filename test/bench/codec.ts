/**
 * What the codec costs for each UPDATE, one JSON line per figure: `bun test/bench/codec.ts`.
 *
 * - `decode`: framer and decoder, from 64 KB chunks; `decode-tolerant`: an UPDATE that is not canonical
 * - `encode`: into one buffer, over and over
 *
 * With BUN_JSC_logGC=1 in the environment the engine tells of each garbage collection ("GC END"). There is none,
 * since an UPDATE allocates nothing; one small object for each would make a hundred.
 */
import { decodeUpdate } from "../../src/wire/decode.ts";
import { encodeUpdate } from "../../src/wire/encode.ts";
import { Framer } from "../../src/wire/framer.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { Action } from "../../src/wire/protocol.ts";

const FRAMES = {
  ipv4: "0100200510641a0812040a000100181822120a1020010db8000000000000000000000001",
  ipv6: "01002e0510641a160801121020010db8000100000000000000000000183022120a1020010db8000000000000000000000001",
};
const CHUNK_BYTES = 65_536;
const ROUNDS = 7;
const UPDATES_PER_ROUND = 1_000_000;

const framer = new Framer();
const fields = new UpdateFields();
const room = new DataView(new ArrayBuffer(CHUNK_BYTES));

for (const [family, hex] of Object.entries(FRAMES)) {
  const frame = Uint8Array.fromHex(hex);
  // An unknown field behind the others; its two bytes are added to the header's payload length.
  const tolerant = Uint8Array.of(...frame, 0x48, 1);
  tolerant[2] = frame.length - 4 + 2;
  report(`decode-tolerant-${family}`, () => decodeAll(tolerant));
  report(`decode-${family}`, () => decodeAll(frame));
  report(`encode-${family}`, encodeAll);
}

function decodeAll(frame: Uint8Array): void {
  const count = Math.floor(CHUNK_BYTES / frame.length);
  const chunk = new Uint8Array(count * frame.length);
  for (let at = 0; at < chunk.length; at += frame.length) chunk.set(frame, at);
  for (let left = UPDATES_PER_ROUND; left > 0; left -= count) {
    framer.push(chunk);
    while (framer.next()) {
      const skip = decodeUpdate(framer.view, framer.payloadOffset, framer.payloadLengthBytes, fields);
      if (skip !== null) throw new Error(skip);
    }
  }
}

function encodeAll(): void {
  let at = 0;
  for (let left = UPDATES_PER_ROUND; left > 0; left -= 1) {
    fields.p0 = left;
    at = encodeUpdate(room, at, fields, Action.ADD);
    if (at > CHUNK_BYTES - 100) at = 0;
  }
}

/** The best of several rounds: the others were disturbed. */
function report(name: string, work: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = Bun.nanoseconds();
    work();
    best = Math.min(best, (Bun.nanoseconds() - started) / UPDATES_PER_ROUND);
  }
  console.log(JSON.stringify({ name: `${name}-ns`, value: Math.round(best * 10) / 10 }));
}
