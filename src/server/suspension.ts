/**
 * Notices that this process stood still: stopped by a signal, its machine suspended or moved. To its peers it was as
 * silent as a dead server, and those whose patience ended have left; none of that was their doing.
 *
 * The clock that never steps back (Linux's CLOCK_MONOTONIC) shows it where it has gone on. In a virtual machine that was
 * paused, or a machine that was suspended, it stands still itself; then the time of day may show it, once somebody has set that
 * right: it has gone on by more than the other. Somebody who sets it forward by hand looks the same, and does no harm: clients
 * are waited for in vain, once. So that a time of day that is set to and fro does not look like one suspension after
 * another, only what is ahead of all that was seen within an hour counts; and a step back is nothing.
 */
import type { Clock, Timer } from "../base/clock.ts";

const LOOK_MS = 250;
/**
 * A peer's patience is 2.5 keepalive intervals, of which one may be over when the suspension begins. What is missing of the
 * 1.5 that are left is the time from the beginning to the next look, and the way.
 */
const SUSPENSION_INTERVALS = 1.25;
/** A step of the time of day that was taken back counts for so long. */
const REMEMBER_STEP_MS = 3_600_000;
/** No interval is shorter. */
const LEAST_INTERVAL_MS = 1_000;

export class SuspensionWatch {
  readonly #clock: Clock;
  /** The shortest keepalive interval in use. */
  readonly #intervalMs: () => number;
  readonly #noticed: (forMs: number) => void;
  #timer: Timer | null = null;
  #lastMs: number;
  /** By how much the time of day was ahead of the other clock at most, and when that was seen last. */
  #aheadMs: number;
  #aheadSeenMs: number;

  constructor(clock: Clock, intervalMs: () => number, noticed: (forMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#noticed = noticed;
    this.#lastMs = clock.nowMs();
    this.#aheadSeenMs = this.#lastMs;
    this.#aheadMs = this.#wallAheadMs(this.#lastMs);
    this.#sleep();
  }

  /** Looks now: after a suspension, what waited at the sockets may have its turn before any timer. */
  look(): void {
    const nowMs = this.#clock.nowMs();
    const lateMs = Math.max(nowMs - this.#lastMs - LOOK_MS, this.#takeWallStepMs(nowMs));
    if (lateMs < SUSPENSION_INTERVALS * LEAST_INTERVAL_MS) return;
    if (lateMs < SUSPENSION_INTERVALS * this.#intervalMs()) return;
    this.#lastMs = nowMs;
    this.#noticed(lateMs);
  }

  #wallAheadMs(nowMs: number): number {
    return (this.#clock.wallMs?.() ?? nowMs) - nowMs;
  }

  /** By how much the time of day has gone on beyond the other clock since the last look. */
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
