import type { Clock, Timer, TurnClass } from "../../base/clock.ts";
import { TurnQueue } from "./turn-queue.ts";

/** A process has one event loop, however many clocks it makes. */
const turns = new TurnQueue(
  () => performance.now(),
  (run) => setImmediate(run),
);

/** The clock of the running process. */
export class SystemClock implements Clock {
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
  soon(run: () => void, turnClass: TurnClass = "background"): void {
    turns.soon(run, turnClass);
  }
}
