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
    // A wait longer than setTimeout allows (24.8 days) ends early, and the caller waits again.
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), 0x7fffffff));
    return { cancel: () => clearTimeout(timer) };
  }

  /**
   * All calls that are requested in one turn of the event loop share one immediate, and wait for the next if they take
   * long.
   */
  soon(run: () => void, turnClass: TurnClass = "background"): void {
    turns.soon(run, turnClass);
  }
}
