/**
 * Notices that this process stood still: stopped by a signal, its machine suspended or moved. To its peers it was as
 * silent as a dead server, and those whose patience ended have left; none of that was their doing.
 */
import type { Clock, Timer } from "../session/clock.ts";

const LOOK_MS = 1_000;
/** Below the patience of the least patient peer: 2.5 intervals of 1 s. */
const STANDSTILL_MS = 2_000;

export class StandstillWatch {
  #timer: Timer | null = null;
  #lastMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly noticed: (forMs: number) => void,
  ) {
    this.#lastMs = clock.nowMs();
    this.#sleep();
  }

  /** Looks now: after a standstill, what waited at the sockets may have its turn before any timer. */
  look(): void {
    const nowMs = this.clock.nowMs();
    const lateMs = nowMs - this.#lastMs - LOOK_MS;
    if (lateMs < STANDSTILL_MS) return;
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
