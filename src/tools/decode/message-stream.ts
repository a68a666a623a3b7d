/**
 * Finds the messages in the bytes that one side of a connection sent, and goes on after what a peer would end the connection for.
 *
 *     in step:    frames follow each other; a faulty message is passed over, since its header says where the next one begins
 *     searching:  after a faulty header, after a gap, and where a capture begins inside a connection. The search ends at the first
 *                 place that holds a whole valid message which the bytes after it do not contradict.
 *
 * At most two frames of bytes are kept.
 */
import { decodeMessage } from "../../wire/codec.ts";
import { Framer } from "../../wire/framer.ts";
import type { Message } from "../../wire/message.ts";
import { HEADER_BYTES, MAX_FRAME_BYTES } from "../../wire/protocol.ts";
import { ProtocolError } from "../../wire/protocol-error.ts";

/** What was found; `offset` counts the bytes of the stream from the first one of the capture, gaps included. */
export type StreamItem =
  | { readonly kind: "message"; readonly offset: number; readonly message: Message }
  /** `frame`: the message as it is, or the header up to what is wrong in it. */
  | {
      readonly kind: "fault";
      readonly offset: number;
      readonly error: ProtocolError;
      readonly frame: Uint8Array;
    }
  /** Bytes that are no message. */
  | { readonly kind: "skipped"; readonly offset: number; readonly bytes: number }
  /** Bytes that the capture lacks. */
  | { readonly kind: "gap"; readonly offset: number; readonly bytes: number }
  /** The beginning of a message, before a gap or the end of the stream. */
  | { readonly kind: "cut"; readonly offset: number; readonly bytes: number };

const NO_BYTES = new Uint8Array(0);

export class MessageStream {
  /** Bytes not used yet: the beginning of a frame, or of what may be one. */
  #rest: Uint8Array = NO_BYTES;
  /** Offset of the first byte of `#rest` in the stream. */
  #offset = 0;
  /** Where the search began, in the stream; null while frames follow each other. */
  #searchedFrom: number | null;

  constructor(where: "at a frame" | "anywhere") {
    this.#searchedFrom = where === "anywhere" ? 0 : null;
  }

  *push(bytes: Uint8Array): Generator<StreamItem> {
    this.#rest = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    yield* this.#read(false);
    // A copy: a chunk of the file must not stay alive for the beginning of a frame.
    this.#rest = this.#rest.slice();
  }

  /** Says that the capture lacks the next bytes. */
  *gap(bytes: number): Generator<StreamItem> {
    yield* this.#finish();
    yield { kind: "gap", offset: this.#offset, bytes };
    this.#offset += bytes;
    this.#searchedFrom = this.#offset;
  }

  *end(): Generator<StreamItem> {
    yield* this.#finish();
  }

  /** Uses up what waits, since nothing will come that completes it. */
  *#finish(): Generator<StreamItem> {
    yield* this.#read(true);
    const offset = this.#searchedFrom ?? this.#offset;
    const bytes = this.#offset + this.#rest.length - offset;
    if (bytes > 0) yield { kind: this.#searchedFrom === null ? "cut" : "skipped", offset, bytes };
    this.#drop(this.#rest.length);
    this.#searchedFrom = null;
  }

  *#read(isEnd: boolean): Generator<StreamItem> {
    do {
      if (this.#searchedFrom !== null && !(yield* this.#search(isEnd))) return;
    } while (!(yield* this.#readFrames()));
  }

  /** Reads frames that follow each other. Returns false if a header is faulty. */
  *#readFrames(): Generator<StreamItem, boolean> {
    const bytes = this.#rest;
    const start = this.#offset;
    const framer = new Framer();
    framer.push(bytes);
    for (;;) {
      try {
        if (!framer.next()) return true;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        const at = this.#offset - start;
        yield { kind: "fault", offset: this.#offset, error, frame: bytes.slice(at, at + judgedBytes(error)) };
        this.#searchedFrom = this.#offset;
        return false;
      }
      const at = this.#offset - start;
      const frame = bytes.subarray(at, at + HEADER_BYTES + framer.payloadLengthBytes);
      yield itemOf(this.#offset, frame);
      this.#drop(frame.length);
    }
  }

  /** Returns true if a message was found: `#rest` begins with it. */
  *#search(isEnd: boolean): Generator<StreamItem, boolean> {
    const from = this.#searchedFrom ?? this.#offset;
    for (let at = 0; at < this.#rest.length; at++) {
      const likelihood = likelihoodOfFrame(this.#rest.subarray(at), isEnd);
      if (likelihood === "no") continue;
      this.#drop(at);
      if (likelihood === "undecided") return false;
      if (this.#offset > from) yield { kind: "skipped", offset: from, bytes: this.#offset - from };
      this.#searchedFrom = null;
      return true;
    }
    this.#drop(this.#rest.length);
    return false;
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count);
    this.#offset += count;
  }
}

function itemOf(offset: number, frame: Uint8Array): StreamItem {
  try {
    return { kind: "message", offset, message: decodeMessage(frame) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { kind: "fault", offset, error, frame: frame.slice() };
  }
}

/** Returns how many bytes of a header it takes to refuse it: up to the end of the field at fault. */
function judgedBytes({ detail: { offset = 0 } }: ProtocolError): number {
  return offset === 1 ? 3 : offset + 1;
}

/** Judges whether the bytes begin with a message: it must be valid as a whole, and what follows may be the next one. */
function likelihoodOfFrame(bytes: Uint8Array, isEnd: boolean): "yes" | "no" | "undecided" {
  if (bytes[0] !== 1) return "no";
  const framer = new Framer();
  try {
    framer.push(bytes.subarray(0, MAX_FRAME_BYTES));
    if (!framer.next()) return isEnd ? "no" : "undecided";
    const frameBytes = HEADER_BYTES + framer.payloadLengthBytes;
    decodeMessage(bytes.subarray(0, frameBytes));
    const next = new Framer();
    next.push(bytes.subarray(frameBytes, frameBytes + HEADER_BYTES));
    next.next();
    return "yes";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return "no";
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
