/** Destinations whose last operation failed, each tried again on its own: after 1 s, 2 s, 4 s, … up to 64 s. */

const FIRST_DELAY_MS = 1_000;
const LEVELS = 7;

export interface Fault {
  readonly attempts: number;
  /** A foreign route is in its place. */
  readonly isCollision: boolean;
  /** As "EEXIST". */
  readonly code: string;
  /** The kernel's words. */
  readonly message: string;
  /** Of a collision: the route that was found in its place, in words; left out: none was. */
  readonly inTheWay?: string;
}

export class FibRetries {
  readonly #faults = new Map<number, Fault>();
  /** Per number of attempts, when the row is due. All of one wait equally long: the oldest entry is due first. */
  readonly #waiting = Array.from({ length: LEVELS }, () => new Map<number, number>());
  /** Rows that wait no longer, and were not taken yet. */
  readonly #due = new Set<number>();

  get(row: number): Fault | undefined {
    return this.#faults.get(row);
  }

  get size(): number {
    return this.#faults.size;
  }

  all(): Iterable<readonly [row: number, fault: Fault]> {
    return this.#faults;
  }

  /** The row has failed, once more, or for the time that is given. */
  add(
    row: number,
    fault: Omit<Fault, "attempts">,
    nowMs: number,
    attempts = (this.#faults.get(row)?.attempts ?? 0) + 1,
  ): Fault {
    const before = this.#faults.get(row);
    // Until it is looked for once more, it is taken to be there still.
    const isSame = before?.inTheWay !== undefined && before.code === fault.code;
    const counted = { ...fault, attempts, ...(isSame && { inTheWay: before.inTheWay }) };
    this.#faults.set(row, counted);
    this.#stopWaiting(row);
    const level = Math.min(attempts, LEVELS) - 1;
    this.#waiting[level]?.set(row, nowMs + FIRST_DELAY_MS * 2 ** level);
    return counted;
  }

  /** That route was found in the row's place. */
  nameObstacle(row: number, inTheWay: string): void {
    const fault = this.#faults.get(row);
    if (fault?.code === "EEXIST") this.#faults.set(row, { ...fault, inTheWay });
  }

  delete(row: number): void {
    if (this.#faults.delete(row)) this.#stopWaiting(row);
  }

  /** What the rows failed for may be gone: all that wait are due now. */
  makeAllDue(): void {
    for (const level of this.#waiting) {
      for (const row of level.keys()) this.#due.add(row);
      level.clear();
    }
  }

  /** Takes up to `limit` rows that are due. They count as failing still. */
  takeDue(nowMs: number, limit = Number.POSITIVE_INFINITY): number[] {
    const due: number[] = [];
    for (const row of this.#due) {
      if (due.length === limit) return due;
      this.#due.delete(row);
      due.push(row);
    }
    for (const level of this.#waiting) {
      for (const [row, atMs] of level) {
        if (atMs > nowMs) break;
        if (due.length === limit) return due;
        level.delete(row);
        due.push(row);
      }
    }
    return due;
  }

  /** When a row is due, by the clock; Infinity: nothing waits. */
  get nextDueMs(): number {
    if (this.#due.size > 0) return 0;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const level of this.#waiting) {
      for (const atMs of level.values()) {
        nextMs = Math.min(nextMs, atMs);
        break;
      }
    }
    return nextMs;
  }

  #stopWaiting(row: number): void {
    this.#due.delete(row);
    for (const level of this.#waiting) level.delete(row);
  }
}
