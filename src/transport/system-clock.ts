import type { Clock, Timer } from "../session/clock.ts";

/** The clock of the running process. */
export class SystemClock implements Clock {
  #queued: (() => void)[] = [];

  nowMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    // A longer wait than setTimeout can hold (24.8 days) ends early and is asked for again by who waits.
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), 0x7fffffff));
    return { cancel: () => clearTimeout(timer) };
  }

  /** All calls asked for within one turn of the event loop share one immediate. */
  soon(run: () => void): void {
    this.#queued.push(run);
    if (this.#queued.length === 1) setImmediate(this.#runQueued);
  }

  readonly #runQueued = (): void => {
    const queued = this.#queued;
    this.#queued = [];
    for (const run of queued) run();
  };
}
