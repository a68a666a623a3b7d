/**
 * Checks whether a received frame is, byte for byte, one that an announcer of a route set sends: it compares words in place,
 * which takes a fifth of the time of decoding.
 *
 *     header, action, VNI, family | prefix … INDEX | prefix length | next hop 2001:db8:: … ANNOUNCER + 1
 *     ─────────── fixed ──────────          word   ───────────── fixed ─────────────           word
 *
 * The two words are read, all other bytes compared: four at a time, and the last comparison of a stretch may
 * overlap the one before.
 */
import type { Action } from "../../wire/protocol.ts";
import type { RouteSet } from "./route-set.ts";

/** Key and length, address's key and length, 16 bytes of address: the next hop ends the frame. */
const NEXT_HOP_BYTES = 20;
/** Key and varint of the prefix length: 32 takes one byte, 128 two. */
const PREFIX_LENGTH_BYTES = { 4: 2, 6: 3 } as const;
const WORD_BYTES = 4;

export class FrameTemplate {
  readonly payloadBytes: number;
  /** Offsets of the two words from the first byte of the frame. */
  readonly indexOffset: number;
  readonly hopOffset: number;
  readonly #offsets: Uint8Array;
  readonly #words: Int32Array;

  constructor(routes: RouteSet, action: Action) {
    const frame = routes.frame(action);
    const view = new DataView(frame.buffer);
    this.payloadBytes = frame.length - 4;
    this.hopOffset = frame.length - WORD_BYTES;
    this.indexOffset = frame.length - NEXT_HOP_BYTES - PREFIX_LENGTH_BYTES[routes.family] - WORD_BYTES;
    const offsets = [
      ...wordsOf(0, this.indexOffset),
      ...wordsOf(this.indexOffset + WORD_BYTES, this.hopOffset),
    ];
    this.#offsets = Uint8Array.from(offsets);
    this.#words = Int32Array.from(offsets, (offset) => view.getInt32(offset));
  }

  /** Returns true if all fixed bytes are right of the frame at `offset`, which must have this template's length. */
  matches(view: DataView, offset: number): boolean {
    const offsets = this.#offsets;
    const words = this.#words;
    for (let i = 0; i < words.length; i++) {
      if (view.getInt32(offset + (offsets[i] ?? 0)) !== words[i]) return false;
    }
    return true;
  }
}

/** Returns offsets of words that together cover the bytes from `start` up to `end`, at least four bytes. */
function wordsOf(start: number, end: number): number[] {
  const offsets: number[] = [];
  for (let at = start; at + WORD_BYTES <= end; at += WORD_BYTES) offsets.push(at);
  if ((end - start) % WORD_BYTES > 0) offsets.push(end - WORD_BYTES);
  return offsets;
}
