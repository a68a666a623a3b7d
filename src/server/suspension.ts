/**
 * SuspensionWatch detects that this process was suspended: it was stopped by a signal, or its machine was suspended or
 * moved. For its peers it was as silent as a dead server, so some of them have timed out and closed their sessions,
 * although they were never down.
 *
 * The clock that never steps back (Linux's CLOCK_MONOTONIC) shows this if it was running in the meantime. In a virtual
 * machine that was paused, or a machine that was suspended, it was not running. Then the time of day may show it, once
 * it is corrected: it has advanced by more than the other clock. A time of day that is set forward by hand looks the
 * same, and does no harm: the server waits once for clients that never left. A time of day that is set forward and back
 * again must not look like one suspension after another: so only an advance beyond all that were seen within an hour
 * counts, and a step back is ignored.
 */
import type { Clock, Timer } from "../base/clock.ts";

const LOOK_MS = 250;
/**
 * A suspension of this many keepalive intervals makes peers time out. A peer times out after 2.5 intervals, of which
 * one may be over when the suspension begins. The time to the next check, and the round trip, are subtracted from the
 * other 1.5.
 */
const SUSPENSION_INTERVALS = 1.25;
/** How long an advance of the time of day is remembered after it was set back. */
const REMEMBER_STEP_MS = 3_600_000;
/** The shortest possible keepalive interval. */
const LEAST_INTERVAL_MS = 1_000;

export class SuspensionWatch {
  readonly #clock: Clock;
  /** The shortest keepalive interval in use. */
  readonly #intervalMs: () => number;
  readonly #onSuspended: (forMs: number) => void;
  #timer: Timer | null = null;
  #lastMs: number;
  /** The most by which the time of day was ahead of the other clock, and when that was seen last. */
  #aheadMs: number;
  #aheadSeenMs: number;

  constructor(clock: Clock, intervalMs: () => number, onSuspended: (forMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onSuspended = onSuspended;
    this.#lastMs = clock.nowMs();
    this.#aheadSeenMs = this.#lastMs;
    this.#aheadMs = this.#wallAheadMs(this.#lastMs);
    this.#sleep();
  }

  /** Checks now. After a suspension the sockets may have their turn before any timer. */
  look(): void {
    const nowMs = this.#clock.nowMs();
    const lateMs = Math.max(nowMs - this.#lastMs - LOOK_MS, this.#takeWallStepMs(nowMs));
    if (lateMs < SUSPENSION_INTERVALS * LEAST_INTERVAL_MS) return;
    if (lateMs < SUSPENSION_INTERVALS * this.#intervalMs()) return;
    this.#lastMs = nowMs;
    this.#onSuspended(lateMs);
  }

  #wallAheadMs(nowMs: number): number {
    return (this.#clock.wallMs?.() ?? nowMs) - nowMs;
  }

  /** Returns by how much more than the other clock the time of day has advanced since the last check. */
  #takeWallStepMs(nowMs: number): number {
    const aheadMs = this.#wallAheadMs(nowMs);
    const stepMs = aheadMs - this.#aheadMs;
    if (stepMs < 0 && nowMs - this.#aheadSeenMs < REMEMBER_STEP_MS) return 0;
    this.#aheadMs = aheadMs;
    this.#aheadSeenMs = nowMs;
    return stepMs;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #sleep(): void {
    this.#timer = this.#clock.after(LOOK_MS, () => {
      this.look();
      this.#lastMs = this.#clock.nowMs();
      this.#sleep();
    });
  }
}
