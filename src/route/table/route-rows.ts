/*
 * The rows of the route table and of its journal: one array, eight words (half a cache line) per row, so that
 * one read brings all that is needed to decide about a route.
 *
 *     word      of a route                                    of a cursor in a journal
 *     NEXT      next row of the VNI's journal                 the same
 *     PREVIOUS  previous row                                  the same
 *     PREFIX    handle × 2, + 1 for IPv6                      -1
 *     SIBLING   the route to the same destination that has    -
 *               changed before it (siblings.ts)
 *     HOP       number of its next hop                        -
 *     SLOT      its bit in subscriptions' bitmaps             number of subscriptions here
 *     ORIGIN    its origins (origins.ts); a tombstone has     -
 *               -1 - the number of subscriptions with a
 *               pending withdrawal of it
 *     VNI       index of its VNI                              the same
 *
 * A route without origins is a tombstone. Numbers of rows that were given back are used again.
 */
import { GrowableInt32Array } from "../../base/growable-int32-array.ts";

export const NEXT = 0;
export const PREVIOUS = 1;
export const PREFIX = 2;
export const SIBLING = 3;
export const HOP = 4;
export const SLOT = 5;
export const ORIGIN = 6;
export const VNI = 7;

/** Words per row, as a shift: row × 8. */
export const ROW_SHIFT = 3;
/** Stands for no row, no origin and no prefix. */
export const NIL = -1;

export class RouteRows {
  readonly #store: GrowableInt32Array;
  #count = 0;
  #free = NIL;
  #used = 0;
  /** How many rows routes leave free: enough for a row for each cursor. */
  keptForCursors = 0;

  constructor(maxWords?: number) {
    this.#store = new GrowableInt32Array(maxWords);
  }

  /** The words of all rows. The array is replaced when rows are added: read this again after `allocate`. */
  get words(): Int32Array {
    return this.#store.words;
  }

  /** How many rows are in use. */
  get used(): number {
    return this.#used;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  /**
   * Makes room for this many more rows: `allocate` does not throw for them.
   * @throws CapacityError
   */
  reserve(rows: number): void {
    const free = this.#count - this.#used;
    if (free < rows) this.#store.reserve((this.#count + rows - free) << ROW_SHIFT);
  }

  /**
   * Returns the number of a row whose words have no meaning yet.
   * @throws CapacityError if none was reserved
   */
  allocate(): number {
    const row = this.#free;
    if (row === NIL) this.#store.reserve((this.#count + 1) << ROW_SHIFT);
    else this.#free = this.words[row << ROW_SHIFT] as number;
    this.#used++;
    return row === NIL ? this.#count++ : row;
  }

  release(row: number): void {
    this.#used--;
    this.words[(row << ROW_SHIFT) + NEXT] = this.#free;
    this.#free = row;
  }
}
