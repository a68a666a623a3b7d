/** Keeps the rows whose last operation failed; each is tried again on its own: after 1 s, 2 s, 4 s, … up to 64 s. */

const FIRST_DELAY_MS = 1_000;
const LEVELS = 7;

export interface Fault {
  readonly attempts: number;
  /** Whether a foreign route is in its place. */
  readonly isCollision: boolean;
  /** As "EEXIST". */
  readonly code: string;
  /** The kernel's text. */
  readonly message: string;
  /** The route that was found in its place, as text; undefined if none was. */
  readonly inTheWay?: string;
}

export class FibRetries {
  readonly #faults = new Map<number, Fault>();
  /** For each number of attempts: row → when it is due. All rows of one map wait equally long, so the oldest is due first. */
  readonly #waiting = Array.from({ length: LEVELS }, () => new Map<number, number>());
  /** Rows that no longer wait, and were not taken yet. */
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

  /** Records that the row has failed, and when it is tried again. `attempts`: if not one more than before. */
  add(
    row: number,
    fault: Omit<Fault, "attempts">,
    nowMs: number,
    attempts = (this.#faults.get(row)?.attempts ?? 0) + 1,
  ): Fault {
    const before = this.#faults.get(row);
    // It is taken to be still in the way until the next search.
    const isSame = before?.inTheWay !== undefined && before.code === fault.code;
    const counted = { ...fault, attempts, ...(isSame && { inTheWay: before.inTheWay }) };
    this.#faults.set(row, counted);
    this.#stopWaiting(row);
    const level = Math.min(attempts, LEVELS) - 1;
    this.#waiting[level]?.set(row, nowMs + FIRST_DELAY_MS * 2 ** level);
    return counted;
  }

  /** Records the route that was found in the row's place. */
  setInTheWay(row: number, inTheWay: string): void {
    const fault = this.#faults.get(row);
    if (fault?.code === "EEXIST") this.#faults.set(row, { ...fault, inTheWay });
  }

  delete(row: number): void {
    if (this.#faults.delete(row)) this.#stopWaiting(row);
  }

  /** Makes all rows that wait due now: the cause of their faults may be gone. */
  makeAllDue(): void {
    for (const level of this.#waiting) {
      for (const row of level.keys()) this.#due.add(row);
      level.clear();
    }
  }

  /** Takes up to `limit` rows that are due. They still count as failing. */
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

  /** When the next row is due, by the clock; Infinity if no row waits. */
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
