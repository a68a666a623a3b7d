/**
 * The outbox is the output of a connection. It sends whole frames in this order:
 *
 *     rest of the last write   a write the socket took only in part; nothing may come between
 *     control frames           HELLO, KEEPALIVE: small, due at once
 *     runs from the source     UPDATEs, subscriptions, End-of-RIBs: pulled when there is room, never queued here
 *
 * Because frames are pulled, a slow peer takes little memory: its unsent frames are not in a buffer, but the source
 * computes them when the socket can take them. And a KEEPALIVE waits for at most one run, however much is still to be
 * sent.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { errorText } from "../base/error-text.ts";
import type { CloseReason } from "../session/close-reason.ts";
import { MAX_HELLO_FRAME_BYTES } from "../wire/encode.ts";
import type { ByteStream } from "./network.ts";
import { type Pace, UnpacedWrites } from "./pacing.ts";
import type { FairSource } from "./schedule/fair-queue.ts";
import { type DueOutput, WriteMember, type Writer, type WriteSchedule } from "./schedule/write-schedule.ts";
import { SendHold } from "./send-hold.ts";
import type { Traffic } from "./traffic.ts";

/** The source of a connection's frames, once it is established. */
export interface OutputSource {
  /**
   * Returns the next whole frames for the peer, at most `limitBytes`, to be written in one go. The result is empty if
   * nothing is to be sent until the connection is woken, and is valid until the next call.
   */
  nextRun(limitBytes: number): Uint8Array;
  /** True if all that is due is bulk: a large table, or many changes that the peer has missed (write-schedule.ts). */
  readonly onlyBulkIsDue: boolean;
}

/** The longest run that is pulled at a time: a KEEPALIVE or another VNI's change waits for at most this much. */
export const RUN_BYTES = 65_536;
/** The longest run while all connections together keep much: some hundred updates (write-schedule.ts). */
export const SHORT_RUN_BYTES = 8_192;
/**
 * The initial size of the buffer for HELLO and KEEPALIVEs. They wait only while the socket takes nothing, so it seldom
 * has more than one.
 */
const CONTROL_BYTES = 64;
/** The limit is 16,384 unread answers. A correct client never has that many, so this is an attack. */
const CONTROL_LIMIT_BYTES = 65_536;
/** Answers to what is being read are gathered up to this size, then written. */
const CONTROL_GATHER_BYTES = 1_024;

const CAUGHT_UP = Number.NEGATIVE_INFINITY;
const NO_BYTES = new Uint8Array(0);
const NO_CONTROL = new DataView(NO_BYTES.buffer);

export interface OutboxOptions {
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly schedule: WriteSchedule;
  /** The peer's source network. */
  readonly peer: FairSource;
  readonly source: OutputSource;
  readonly sendHoldMs: number;
  /** What is written is counted here: bytes by the outbox, messages by those who make them. */
  readonly traffic: Traffic;
  /** Called when the connection has to end. The caller must then call `stop`. */
  onFailed(reason: CloseReason): void;
  readonly pace?: Pace | undefined;
}

export class Outbox implements Writer {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #schedule: WriteSchedule;
  readonly #source: OutputSource;
  readonly #sendHold: SendHold;
  readonly #traffic: Traffic;
  readonly #onFailed: (reason: CloseReason) => void;
  #pace: Pace;
  readonly #turn: WriteMember;
  #rest: Uint8Array = NO_BYTES;
  #control = NO_CONTROL;
  #controlBytes = 0;
  #isFlushing = false;
  /** True while control frames are gathered for one write. */
  #gathers = false;
  /** True once the peer is ESTABLISHED, so that the source is pulled. */
  #pulls = false;
  #paceTimer: Timer | null = null;
  /** Since when the source always had something left; {@link CAUGHT_UP} if it had nothing when it was asked last. */
  #behindSinceMs = CAUGHT_UP;
  #isStopped = false;

  constructor(options: OutboxOptions) {
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#schedule = options.schedule;
    this.#source = options.source;
    this.#traffic = options.traffic;
    this.#onFailed = options.onFailed;
    this.#sendHold = new SendHold(options.clock, options.sendHoldMs, () =>
      this.#onFailed({ reason: "send-hold-timeout" }),
    );
    this.#pace = options.pace ?? new UnpacedWrites(RUN_BYTES);
    this.#turn = new WriteMember(options.peer, this);
  }

  /** Everything pulled so far has been taken by the socket. */
  get drained(): boolean {
    return this.#rest.length === 0 && this.#controlBytes === 0;
  }

  /** Bytes that the socket has not taken. */
  get queueBytes(): number {
    return this.#rest.length + this.#controlBytes;
  }

  /** For how long the socket has taken no byte although some wait; 0 if none do. */
  get blockedForMs(): number {
    return this.#sendHold.blockedForMs;
  }

  /** For how long the source has always had something left; 0 if it had nothing when it was asked last. */
  get behindForMs(): number {
    return this.#behindSinceMs === CAUGHT_UP ? 0 : this.#clock.nowMs() - this.#behindSinceMs;
  }

  /** Begins to pull from the source. */
  open(): void {
    this.#pulls = true;
  }

  /** Ends all output. Waiting bytes are dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#schedule.leave(this.#turn);
    this.#paceTimer?.cancel();
    this.#sendHold.stop();
    this.#keep(NO_BYTES);
    this.#control = NO_CONTROL;
    this.#controlBytes = 0;
  }

  /** Notes that the source has something to send. It is pulled in this peer's turn. */
  wake(): void {
    if (this.#sendHold.isBlocked || this.#isStopped) return;
    if (this.#source.onlyBulkIsDue) this.#schedule.wakeBulk(this.#turn);
    else this.#schedule.wake(this.#turn);
  }

  /** Sets the pace of the runs from now on. */
  setPace(pace: Pace): void {
    this.#pace = pace;
    this.#paceTimer?.cancel();
    this.#paceTimer = null;
    this.wake();
  }

  /** Sends a small frame before everything that has not been pulled yet. */
  control(encode: (view: DataView, offset: number) => number): void {
    if (this.#controlBytes > CONTROL_LIMIT_BYTES) {
      this.#onFailed({ reason: "send-queue-full" });
      return;
    }
    if (this.#controlBytes + MAX_HELLO_FRAME_BYTES > this.#control.byteLength) this.#growControl();
    this.#controlBytes = encode(this.#control, this.#controlBytes);
    if (!this.#gathers || this.#controlBytes >= CONTROL_GATHER_BYTES) this.flush(0);
  }

  /**
   * True gathers control frames from now on, which are the answers to what is read in one go; false writes the gathered
   * ones.
   */
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
    this.#sendHold.writable();
    // Nothing is written here: when many peers have room again, some of them are served in each turn.
    this.wake();
  }

  flush(limitBytes: number): DueOutput {
    // The running loop serves a call that comes from the source itself, which sends a KEEPALIVE.
    if (this.#isFlushing) return "nothing";
    this.#isFlushing = true;
    try {
      return this.#writeWhatIsDue(limitBytes);
    } catch (error) {
      this.#onFailed({ reason: "internal-error", detail: errorText(error) });
      return "nothing";
    } finally {
      this.#isFlushing = false;
    }
  }

  /** Writes until nothing is due, the socket is full, or the limit is reached. Returns what is due then. */
  #writeWhatIsDue(limitBytes: number): DueOutput {
    let pulledBytes = 0;
    while (!this.#sendHold.isBlocked && !this.#isStopped) {
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
      if (!this.#pulls || limitBytes === 0) return "nothing";
      const nowMs = this.#clock.nowMs();
      const waitMs = this.#pace.waitMs(nowMs);
      if (waitMs > 0) {
        this.#wakeAfter(waitMs);
        return "nothing";
      }
      if (pulledBytes >= limitBytes) return this.#source.onlyBulkIsDue ? "bulk" : "little";
      const runBytes = this.#schedule.keepsMuch ? SHORT_RUN_BYTES : RUN_BYTES;
      const run = this.#source.nextRun(Math.min(this.#pace.writeBytes, limitBytes, runBytes));
      if (run.length === 0) {
        if (this.#controlBytes > 0) continue;
        this.#behindSinceMs = CAUGHT_UP;
        return "nothing";
      }
      if (this.#behindSinceMs === CAUGHT_UP) this.#behindSinceMs = nowMs;
      this.#pace.onWrote(this.#clock.nowMs(), run);
      pulledBytes += run.length;
      this.#write(run);
    }
    return "nothing";
  }

  #wakeAfter(waitMs: number): void {
    if (this.#paceTimer !== null) return;
    this.#paceTimer = this.#clock.after(waitMs, () => {
      this.#paceTimer = null;
      this.wake();
    });
  }

  /** Writes, and copies what the socket does not take, since the caller's bytes are valid only until its next call. */
  #write(bytes: Uint8Array): void {
    const taken = this.#stream.write(bytes);
    this.#traffic.sentBytes += taken;
    this.#sendHold.wrote(taken, bytes.length);
    if (taken === bytes.length) this.#keep(NO_BYTES);
    else this.#keep(bytes === this.#rest ? bytes.subarray(taken) : bytes.slice(taken));
  }

  #keep(rest: Uint8Array): void {
    this.#schedule.keptBytes += rest.length - this.#rest.length;
    this.#rest = rest;
  }
}
