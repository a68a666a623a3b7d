/**
 * Counts how often another program deletes or changes a row's route. A row is repaired at once each time, but not for
 * ever: after more than {@link MAX_REPAIRS} times within a period it waits, twice as long each time (retries.ts), until
 * no other program has touched it for a while.
 */

const PERIOD_MS = 60_000;
/** Once a second in a period, on average. */
export const MAX_REPAIRS = 60;
/** After this time without a disturbance a row is repaired at once again: more than the longest wait and a period together. */
const FORGOTTEN_AFTER_MS = 125_000;

interface Fight {
  attempts: number;
  lastMs: number;
}

export class DisturbedRows {
  /** How often each row was disturbed in this period. */
  #repairs = new Map<number, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** Rows that wait, or have waited lately. */
  readonly #fights = new Map<number, Fight>();

  /** Counts a disturbance. Returns how many there were beyond the limit; 0 if the row is to be repaired at once. */
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

  /** Forgets the row: it was freed. */
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
