/**
 * Which rows are to be looked at: those that changed, each once, in their order; and walks that find many of them, a
 * step at a time.
 */
import { CHANGED, type FibRows, familyOf } from "./fib-rows.ts";

export class FibChanges {
  /** Rows with the flag CHANGED, from `#from` on. */
  #rows: number[] = [];
  #from = 0;
  /** Each call of `next` marks one row at most. */
  readonly #walks: Iterator<void>[] = [];

  constructor(private readonly rows: FibRows) {}

  get hasRows(): boolean {
    return this.#from < this.#rows.length;
  }

  get hasWalks(): boolean {
    return this.#walks.length > 0;
  }

  mark(row: number): void {
    if (this.rows.has(row, CHANGED)) return;
    this.rows.raise(row, CHANGED);
    this.#rows.push(row);
    this.#countPending(row, 1);
  }

  addWalk(walk: Iterator<void>): void {
    this.#walks.push(walk);
  }

  /** Goes on with the walks, for some `limit` rows. */
  walk(limit: number): void {
    for (let steps = 0; steps < limit; steps++) {
      const [walk] = this.#walks;
      if (walk === undefined) return;
      if (walk.next().done) this.#walks.shift();
    }
  }

  /** Takes up to `limit` marked rows: they are not marked any more. */
  take(limit: number): number[] {
    const until = Math.min(this.#rows.length, this.#from + limit);
    const taken = this.#rows.slice(this.#from, until);
    this.#from = until;
    if (until === this.#rows.length) {
      this.#rows = [];
      this.#from = 0;
    }
    for (const row of taken) {
      this.rows.lower(row, CHANGED);
      this.#countPending(row, -1);
    }
    return taken;
  }

  #countPending(row: number, by: 1 | -1): void {
    this.rows.tableOf(row).counts[familyOf(row)].pending += by;
  }
}
