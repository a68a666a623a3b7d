/**
 * Queues the rows to look at: those that changed, each once, in their order; and walks that find many of them, a step at
 * a time.
 */
import { CHANGED, type FibRows, familyOf } from "./rows.ts";

/** Taken rows are removed from the front of the array when there are this many: moving the rest costs time. */
const TAKEN_KEPT = 100_000;

export class ChangedRows {
  readonly #rows: FibRows;
  /** Rows with the flag CHANGED, from `#from` on. */
  readonly #changed: number[] = [];
  #from = 0;
  /** Walks that have not ended. Each call of `next` marks one row at most. */
  readonly #walks: Iterator<void>[] = [];

  constructor(rows: FibRows) {
    this.#rows = rows;
  }

  get hasRows(): boolean {
    return this.#from < this.#changed.length;
  }

  get hasWalks(): boolean {
    return this.#walks.length > 0;
  }

  mark(row: number): void {
    if (this.#rows.has(row, CHANGED)) return;
    this.#rows.queued(row);
    this.#changed.push(row);
    this.#countPending(row, 1);
  }

  addWalk(walk: Iterator<void>): void {
    this.#walks.push(walk);
  }

  /** Continues the walks, for about `limit` rows. */
  walk(limit: number): void {
    for (let steps = 0; steps < limit; steps++) {
      const [walk] = this.#walks;
      if (walk === undefined) return;
      if (walk.next().done) this.#walks.shift();
    }
  }

  /** Takes the row that was marked first, which is not marked any more; undefined if no row is marked. */
  takeNext(): number | undefined {
    const row = this.#changed[this.#from];
    if (row === undefined) return undefined;
    this.#from++;
    // The second condition is for rows that are marked all the time: then the array never becomes empty.
    if (this.#from === this.#changed.length || this.#from >= TAKEN_KEPT) {
      this.#changed.splice(0, this.#from);
      this.#from = 0;
    }
    this.#rows.dequeued(row);
    this.#countPending(row, -1);
    return row;
  }

  /** Takes up to `limit` rows, one after the other. */
  *take(limit: number): Iterable<number> {
    for (let left = limit; left > 0; left--) {
      const row = this.takeNext();
      if (row === undefined) return;
      yield row;
    }
  }

  #countPending(row: number, by: 1 | -1): void {
    this.#rows.tableOf(row).counts[familyOf(row)].pending += by;
  }
}
