/**
 * Rows whose routes another program takes away or changes again and again. A row is put right at once each time, but not
 * for ever: more than {@link MAX_REPAIRS} times within a period, it waits, twice as long each time (fib-retries.ts), until it
 * has been left alone for a while.
 */

const PERIOD_MS = 60_000;
/** Once a second in a period: what happens now and then, or some times in a row, is repaired at once. */
export const MAX_REPAIRS = 60;
/** More than the longest wait of a retry and a period together. */
const FORGOTTEN_AFTER_MS = 125_000;

interface Fight {
  attempts: number;
  lastMs: number;
}

export class FibFights {
  /** Row → how often it was disturbed in this period. */
  #repairs = new Map<number, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** The rows that wait, or have waited lately. */
  readonly #fights = new Map<number, Fight>();

  /** Another program has disturbed the row. Gives how often beyond the limit; 0: it is to be put right at once. */
  disturbed(row: number, nowMs: number): number {
    if (nowMs - this.#sinceMs >= PERIOD_MS) this.#beginPeriod(nowMs);
    const fight = this.#fights.get(row);
    if (fight !== undefined) {
      fight.attempts++;
      fight.lastMs = nowMs;
      return fight.attempts;
    }
    const repairs = (this.#repairs.get(row) ?? 0) + 1;
    this.#repairs.set(row, repairs);
    if (repairs <= MAX_REPAIRS) return 0;
    this.#fights.set(row, { attempts: 1, lastMs: nowMs });
    return 1;
  }

  /** The row is free for another destination. */
  forget(row: number): void {
    if (this.#repairs.size > 0) this.#repairs.delete(row);
    if (this.#fights.size > 0) this.#fights.delete(row);
  }

  #beginPeriod(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#repairs = new Map();
    for (const [row, { lastMs }] of this.#fights) {
      if (nowMs - lastMs >= FORGOTTEN_AFTER_MS) this.#fights.delete(row);
    }
  }
}
