/**
 * Measures by how much the event loop is late: a timer fires every half second, and is late if something else ran then, or if the
 * process had no processor. What is reported is the most of the last 15 to 30 seconds, so that no reader takes it away from another.
 */
import type { Clock, Timer } from "./clock.ts";

const SAMPLE_MS = 500;
const WINDOW_MS = 15_000;

export class LoopLag {
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  /** The most in the present window, and in the one before. */
  #maxMs = 0;
  #maxBeforeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get maxSeconds(): number {
    return Math.max(this.#maxMs, this.#maxBeforeMs) / 1000;
  }

  start(): void {
    const dueMs = this.#clock.nowMs() + SAMPLE_MS;
    this.#timer = this.#clock.after(SAMPLE_MS, () => {
      this.#sample(dueMs);
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #sample(dueMs: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + WINDOW_MS;
      this.#maxBeforeMs = this.#maxMs;
      this.#maxMs = 0;
    }
    this.#maxMs = Math.max(this.#maxMs, nowMs - dueMs);
  }
}
