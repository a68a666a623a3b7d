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
}

export class FibRetries {
  readonly #faults = new Map<number, Fault>();
  /** Per number of attempts, when the row is due. All of one wait equally long: the oldest entry is due first. */
  readonly #waiting = Array.from({ length: LEVELS }, () => new Map<number, number>());

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
    const counted = { ...fault, attempts };
    this.#faults.set(row, counted);
    this.#stopWaiting(row);
    const level = Math.min(attempts, LEVELS) - 1;
    this.#waiting[level]?.set(row, nowMs + FIRST_DELAY_MS * 2 ** level);
    return counted;
  }

  delete(row: number): void {
    if (this.#faults.delete(row)) this.#stopWaiting(row);
  }

  /** Takes the rows that are due. They count as failing still. */
  takeDue(nowMs: number): number[] {
    const due: number[] = [];
    for (const level of this.#waiting) {
      for (const [row, atMs] of level) {
        if (atMs > nowMs) break;
        level.delete(row);
        due.push(row);
      }
    }
    return due;
  }

  /** Infinity: nothing waits. */
  get nextDueMs(): number {
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
    for (const level of this.#waiting) level.delete(row);
  }
}
