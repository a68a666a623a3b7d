/**
 * Notices that this process stood still: stopped by a signal, its machine suspended or moved. To its peers it was as
 * silent as a dead server, and those whose patience ended have left; none of that was their doing.
 */
import type { Clock, Timer } from "../session/clock.ts";

const LOOK_MS = 250;
/**
 * A peer's patience is 2.5 keepalive intervals, of which one may be over when the standstill begins. What is missing of the
 * 1.5 that are left is the time from the beginning to the next look, and the way.
 */
const STANDSTILL_INTERVALS = 1.25;
/** No interval is shorter. */
const LEAST_INTERVAL_MS = 1_000;

export class StandstillWatch {
  #timer: Timer | null = null;
  #lastMs: number;

  constructor(
    private readonly clock: Clock,
    /** The shortest keepalive interval in use. */
    private readonly intervalMs: () => number,
    private readonly noticed: (forMs: number) => void,
  ) {
    this.#lastMs = clock.nowMs();
    this.#sleep();
  }

  /** Looks now: after a standstill, what waited at the sockets may have its turn before any timer. */
  look(): void {
    const nowMs = this.clock.nowMs();
    const lateMs = nowMs - this.#lastMs - LOOK_MS;
    if (lateMs < STANDSTILL_INTERVALS * LEAST_INTERVAL_MS) return;
    if (lateMs < STANDSTILL_INTERVALS * this.intervalMs()) return;
    this.#lastMs = nowMs;
    this.noticed(lateMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #sleep(): void {
    this.#timer = this.clock.after(LOOK_MS, () => {
      this.look();
      this.#lastMs = this.clock.nowMs();
      this.#sleep();
    });
  }
}
