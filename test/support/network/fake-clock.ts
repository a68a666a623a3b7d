import type { Clock, Timer } from "../../../src/base/clock.ts";

/**
 * Time that moves only when told to. Calls that are due run in the order of their times, then of their asking;
 * what was asked for "soon" runs behind them and before time moves on, as in an event loop: sockets (which are
 * timers here), then timers, then immediates.
 */
export class FakeClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();
  #soon: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** How far the time of day is ahead of {@link nowMs}. */
  wallAheadMs = 1_800_000_000_000;

  wallMs(): number {
    return this.#nowMs + this.wallAheadMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const id = this.#order++;
    this.#timers.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), run });
    return { cancel: () => this.#timers.delete(id) };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** Runs everything due now, and what that sets off, until nothing is left. */
  settle(): void {
    for (let turns = 0; this.#runNextTimer(this.#nowMs) || this.#runSoon(); turns++) {
      if (turns > 1_000_000) throw new Error("the clock never comes to rest");
    }
  }

  /** Moves time on, stopping at each timer on the way. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    do this.settle();
    while (this.#runNextTimer(untilMs));
    this.#nowMs = untilMs;
    this.settle();
  }

  /** Lets time pass without running anything: the process was stopped, or the machine suspended. */
  freeze(byMs: number): void {
    this.#nowMs += byMs;
  }

  /** Timers that are set; a component that has ended leaves none. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  #runSoon(): boolean {
    const due = this.#soon;
    this.#soon = [];
    for (const run of due) run();
    return due.length > 0;
  }

  #runNextTimer(untilMs: number): boolean {
    let next: { id: number; atMs: number; run: () => void } | null = null;
    for (const [id, timer] of this.#timers) {
      if (timer.atMs <= untilMs && (next === null || timer.atMs < next.atMs)) next = { id, ...timer };
    }
    if (next === null) return false;
    this.#timers.delete(next.id);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
    return true;
  }
}
