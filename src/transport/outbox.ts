/**
 * What goes out on a connection, in this order, whole frames each:
 *
 *     rest of the last write   a write the socket took only in part; nothing may come between
 *     control frames           HELLO, KEEPALIVE: small, due at once
 *     runs from the source     UPDATEs, subscriptions, End-of-RIBs: pulled when there is room, never queued here
 *
 * Pulling is what keeps a slow peer cheap: what it has not been sent yet is not bytes in a buffer, but a
 * difference that the source works out when the socket can take it. And a KEEPALIVE waits for at most
 * one run, however much is still to be sent.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { errorText } from "../base/error-text.ts";
import type { CloseReason } from "../session/close-reason.ts";
import { MAX_HELLO_FRAME_BYTES } from "../wire/encode.ts";
import type { ByteStream } from "./network.ts";
import { type Pace, UnpacedWrites } from "./pacing.ts";
import type { FairSource } from "./schedule/fair-queue.ts";
import { WriteMember, type Writer, type WriteSchedule } from "./schedule/write-schedule.ts";

/** Where a connection's frames come from, once it is established. */
export interface OutputSource {
  /**
   * The next whole frames for the peer, at most `limitBytes` of them, to be written in one go. Empty:
   * nothing to be sent until the connection is woken. Valid until the next call.
   */
  nextRun(limitBytes: number): Uint8Array;
}

/** Longest run pulled at a time: what a KEEPALIVE or another VNI's change has to wait for at most. */
export const RUN_BYTES = 65_536;
/** HELLO and KEEPALIVEs gather here only while the socket takes nothing, so there is seldom more than one. */
const CONTROL_BYTES = 64;
/** 16,384 unread answers: whoever asks that often without reading them is no client, but an attack. */
const CONTROL_LIMIT_BYTES = 65_536;
/** Answers to what is being read are gathered up to here, then written. */
const CONTROL_GATHER_BYTES = 1_024;

const NO_BYTES = new Uint8Array(0);
const NO_CONTROL = new DataView(NO_BYTES.buffer);

export class Outbox implements Writer {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #schedule: WriteSchedule;
  readonly #source: OutputSource;
  readonly #sendHoldMs: number;
  /** The connection has to end; `stop` follows. */
  readonly #fail: (reason: CloseReason) => void;
  #pace: Pace;
  readonly #turn: WriteMember;
  #rest: Uint8Array = NO_BYTES;
  #control = NO_CONTROL;
  #controlBytes = 0;
  /** The socket did not take everything: wait for `writable`. */
  #blocked = false;
  #flushing = false;
  /** Control frames are gathered. */
  #gathers = false;
  /** The peer is ESTABLISHED: the source may be asked. */
  #pulls = false;
  #paceTimer: Timer | null = null;
  #sendHoldTimer: Timer | null = null;
  #lastTakenMs = 0;
  #closed = false;

  constructor(
    stream: ByteStream,
    clock: Clock,
    schedule: WriteSchedule,
    peer: FairSource,
    source: OutputSource,
    sendHoldMs: number,
    fail: (reason: CloseReason) => void,
    pace: Pace = new UnpacedWrites(RUN_BYTES),
  ) {
    this.#stream = stream;
    this.#clock = clock;
    this.#schedule = schedule;
    this.#source = source;
    this.#sendHoldMs = sendHoldMs;
    this.#fail = fail;
    this.#pace = pace;
    this.#turn = new WriteMember(peer, this);
  }

  /** Everything pulled so far has been taken by the socket. */
  get drained(): boolean {
    return this.#rest.length === 0 && this.#controlBytes === 0;
  }

  /** From now on the source is asked, too. */
  open(): void {
    this.#pulls = true;
  }

  /** Nothing goes out any more, and what waited is dropped. */
  stop(): void {
    this.#closed = true;
    this.#schedule.leave(this.#turn);
    this.#paceTimer?.cancel();
    this.#sendHoldTimer?.cancel();
    this.#rest = NO_BYTES;
    this.#control = NO_CONTROL;
    this.#controlBytes = 0;
  }

  /** The source has something to send: it is pulled when it is this peer's turn. */
  wake(): void {
    if (!this.#blocked && !this.#closed) this.#schedule.wake(this.#turn);
  }

  /** From now on runs go out at another pace. */
  setPace(pace: Pace): void {
    this.#pace = pace;
    this.#paceTimer?.cancel();
    this.#paceTimer = null;
    this.wake();
  }

  /** Sends a small frame ahead of all that has not been pulled yet. */
  control(encode: (view: DataView, offset: number) => number): void {
    if (this.#controlBytes > CONTROL_LIMIT_BYTES) {
      this.#fail({ reason: "send-queue-full" });
      return;
    }
    if (this.#controlBytes + MAX_HELLO_FRAME_BYTES > this.#control.byteLength) this.#growControl();
    this.#controlBytes = encode(this.#control, this.#controlBytes);
    if (!this.#gathers || this.#controlBytes >= CONTROL_GATHER_BYTES) this.flush(0);
  }

  /** Control frames are written in one go, once they are gathered no more: the answers to what is read in one go. */
  set gathers(gathers: boolean) {
    this.#gathers = gathers;
    if (!gathers && this.#controlBytes > 0) this.flush(0);
  }

  #growControl(): void {
    const grown = new Uint8Array(Math.max(CONTROL_BYTES, this.#control.byteLength * 2));
    grown.set(new Uint8Array(this.#control.buffer));
    this.#control = new DataView(grown.buffer);
  }

  writable(): void {
    this.#blocked = false;
    // Not at once: when many peers have room again, they are served a turn's worth at a time.
    if (!this.#closed) this.#schedule.resume(this.#turn);
  }

  flush(limitBytes: number): boolean {
    // Whoever asks from within (the source, for a KEEPALIVE) is served by the loop that is running.
    if (this.#flushing) return false;
    this.#flushing = true;
    try {
      return this.#writeWhatIsDue(limitBytes);
    } catch (error) {
      this.#fail({ reason: "internal-error", detail: errorText(error) });
      return false;
    } finally {
      this.#flushing = false;
    }
  }

  /** Returns true if the limit of what is pulled ends it. */
  #writeWhatIsDue(limitBytes: number): boolean {
    let pulledBytes = 0;
    while (!this.#blocked && !this.#closed) {
      if (this.#rest.length > 0) {
        this.#write(this.#rest);
        continue;
      }
      if (this.#controlBytes > 0) {
        const control = new Uint8Array(this.#control.buffer, 0, this.#controlBytes);
        this.#controlBytes = 0;
        this.#write(control);
        continue;
      }
      if (!this.#pulls || limitBytes === 0) return false;
      const waitMs = this.#pace.waitMs(this.#clock.nowMs());
      if (waitMs > 0) {
        this.#wakeAfter(waitMs);
        return false;
      }
      if (pulledBytes >= limitBytes) return true;
      const run = this.#source.nextRun(this.#pace.writeBytes);
      if (run.length === 0) {
        if (this.#controlBytes > 0) continue;
        return false;
      }
      this.#pace.wrote(this.#clock.nowMs(), run);
      pulledBytes += run.length;
      this.#write(run);
    }
    return false;
  }

  #wakeAfter(waitMs: number): void {
    if (this.#paceTimer !== null) return;
    this.#paceTimer = this.#clock.after(waitMs, () => {
      this.#paceTimer = null;
      this.wake();
    });
  }

  /** What the socket does not take is copied, since the caller's bytes live on only until its next call. */
  #write(bytes: Uint8Array): void {
    const taken = this.#stream.write(bytes);
    this.#blocked = taken < bytes.length;
    if (this.#blocked) this.#watchProgress(taken > 0);
    if (!this.#blocked) this.#rest = NO_BYTES;
    else this.#rest = bytes === this.#rest ? bytes.subarray(taken) : bytes.slice(taken);
  }

  #watchProgress(hasTaken: boolean): void {
    if (hasTaken || this.#sendHoldTimer === null) this.#lastTakenMs = this.#clock.nowMs();
    this.#sendHoldTimer ??= this.#clock.after(this.#sendHoldMs, this.#judgeProgress);
  }

  readonly #judgeProgress = (): void => {
    this.#sendHoldTimer = null;
    if (!this.#blocked || this.#closed) return;
    const waitMs = this.#lastTakenMs + this.#sendHoldMs - this.#clock.nowMs();
    if (waitMs <= 0) this.#fail({ reason: "send-hold-timeout" });
    else this.#sendHoldTimer = this.#clock.after(waitMs, this.#judgeProgress);
  };
}
