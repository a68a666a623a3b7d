import type { PACINGS } from "../options/shared-options.ts";
import { countFrames } from "../wire/framer.ts";
import { Barrier } from "./barrier.ts";

/**
 * Decides how fast runs go out (wire/README.md, §6.1).
 *
 * A Go peer takes each read of up to 65,535 bytes as whole messages, and breaks its session if a read is full or ends
 * inside one. Measurements have shown what works: whole frames in writes that fit in one segment, and enough time
 * between them, even for a client that installs each route in its kernel.
 */
export interface Pace {
  /** The longest run to write at a time. */
  readonly writeBytes: number;
  /** Returns how long to wait before the next run; 0 if it may be sent now. */
  waitMs(nowMs: number): number;
  /** Notes that a run, of whole frames, was written. */
  onWrote(nowMs: number, run: Uint8Array): void;
}

/** Which peers are paced. `auto` paces those that have not proven yet not to be Go programs. */
export type Pacing = (typeof PACINGS)[number];

/** Writes as fast as the socket takes it. */
export class UnpacedWrites implements Pace {
  readonly writeBytes: number;
  constructor(writeBytes: number) {
    this.writeBytes = writeBytes;
  }
  waitMs(): number {
    return 0;
  }
  onWrote(): void {}
}

/** The size of a paced write fits in one segment of a path with the usual MTU: 1500 - 40 (IPv6) - 32 (TCP) = 1428. */
export const PACED_WRITE_BYTES = 1_400;
/**
 * The pause after a paced write. With frames of 36 bytes, those of an IPv4 route with an IPv6 hop, this makes 9,500
 * frames a second.
 */
const PACED_PAUSE_MS = 4;
/**
 * A Go client that installs routes takes 10,000 frames a second. Where frames are shorter (20 bytes with an IPv4 hop, 6 for
 * an End-of-RIB) more of them fit into a write, and it is followed by a longer pause.
 */
const PACED_FRAMES_PER_MS = 10;
/**
 * A new connection may have ten segments in flight (RFC 6928). Further writes wait in the sender's kernel, where they
 * are merged into full segments, which end inside frames. So at most eight are sent per round trip.
 */
const WRITES_PER_ROUND_TRIP = 8;

/** Writes little at a time, with a pause after each write. */
export class PacedWrites implements Pace {
  readonly writeBytes = PACED_WRITE_BYTES;
  readonly #pauseMs: number;
  #nextMs = 0;

  constructor(roundTripMs = 0) {
    this.#pauseMs = Math.max(PACED_PAUSE_MS, roundTripMs / WRITES_PER_ROUND_TRIP);
  }

  waitMs(nowMs: number): number {
    return Math.max(0, this.#nextMs - nowMs);
  }
  onWrote(nowMs: number, run: Uint8Array): void {
    this.#nextMs = nowMs + Math.max(this.#pauseMs, countFrames(run) / PACED_FRAMES_PER_MS);
  }
}

/** Ten segments are what TCP sends at once on a new connection (RFC 6928). */
const UNREAD_WRITES = 10;

/**
 * Counts the writes that a server is not known to have read: the answer to a KEEPALIVE means that everything before it was read.
 * A client paces its announcements by this. A client does not answer KEEPALIVEs, so a server paces by time (PacedWrites).
 */
export class UnreadWrites {
  #written = 0;
  /** How many writes are known to have been read; and how many will be, once the next answer has come. */
  #read = 0;
  readonly #unread = new Barrier<number>();

  /** Returns true if no paced write may follow before an answer. */
  get isFull(): boolean {
    return this.#written - this.#read >= UNREAD_WRITES;
  }

  /** Returns true if a KEEPALIVE was sent whose answer says more. */
  get awaitsAnswer(): boolean {
    return !this.#unread.isEmpty;
  }

  onWrote(): void {
    this.#written++;
  }

  /** Records that KEEPALIVE number `keepalive` goes out now, after everything that was written before. */
  keepaliveSent(keepalive: number): void {
    if (this.#unread.isEmpty) this.#unread.add(this.#written);
    this.#unread.sent(keepalive);
  }

  /** Records that the server has answered this many KEEPALIVEs. */
  keepaliveAnswered(keepalivesAnswered: number): void {
    for (const writes of this.#unread.answered(keepalivesAnswered)) this.#read = writes;
  }
}
