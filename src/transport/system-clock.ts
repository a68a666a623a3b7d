import type { Clock, Timer } from "../session/clock.ts";

/** No turn of the event loop should be much longer, so that keepalives are answered in time. */
const TURN_MS = 8;

/** The clock of the running process. */
export class SystemClock implements Clock {
  #queued: (() => void)[] = [];
  #isRunning = false;

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    // A longer wait than setTimeout can hold (24.8 days) ends early and is asked for again by who waits.
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), 0x7fffffff));
    return { cancel: () => clearTimeout(timer) };
  }

  /** Calls asked for within one turn of the event loop share one immediate, and wait for the next when they take long. */
  soon(run: () => void): void {
    this.#queued.push(run);
    if (this.#queued.length === 1 && !this.#isRunning) setImmediate(this.#runQueued);
  }

  readonly #runQueued = (): void => {
    const queued = this.#queued;
    this.#queued = [];
    this.#isRunning = true;
    const startMs = performance.now();
    let done = 0;
    try {
      while (done < queued.length && performance.now() - startMs < TURN_MS) queued[done++]?.();
    } finally {
      // What is left, also by one that threw, comes before what was asked for meanwhile.
      this.#isRunning = false;
      if (done < queued.length) this.#queued = queued.slice(done).concat(this.#queued);
      if (this.#queued.length > 0) setImmediate(this.#runQueued);
    }
  };
}
