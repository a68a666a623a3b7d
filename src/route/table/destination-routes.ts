/*
 * The routes to one destination, one per next hop, form a list. The route that changed last is the first:
 *
 *     first[handle] ─▶ row 7 ─SIBLING─▶ row 2 ─SIBLING─▶ row 9 ─▶ NIL
 *
 * The word `first` of a destination holds:
 *
 *     from 0 on     its newest row
 *     -1            nothing: there is no row
 *     up to -2      -2 - the number of its long list, a row of
 *                       NEWEST  the row that changed last
 *                       COUNT   its rows
 *                       LIVE    those of them that are announced: not the tombstones
 *
 * A long list's rows are found by their hops in an index (long-list-index.ts), which also has the newer neighbour of
 * each. So a change takes the same time however many hops the destination has. A short list is walked.
 *
 * The order is that of the rows in their VNI's journal. A subscriber whose cursor has reached a row still has to be
 * sent only the newer rows of the destination.
 */
import { LongListIndex } from "./long-list-index.ts";
import { HOP, ORIGIN, ROW_SHIFT, SIBLING } from "./route-rows.ts";
import { NIL, RowPool } from "./row-pool.ts";

const NEWEST = 0;
const COUNT = 1;
const LIVE = 2;
const ROW_WORDS = 3;
const FIRST_LONG_LIST = -2;

export interface DestinationRoutesOptions {
  readonly seed: number;
  /** The rows of a destination with more rows than this are a long list. */
  readonly longListFrom: number;
  readonly maxWords?: number | undefined;
}

export class DestinationRoutes {
  readonly #rows: RowPool;
  readonly #longListFrom: number;
  readonly #longLists: RowPool;
  /** The rows of long lists by PREFIX and HOP. */
  readonly #index: LongListIndex;

  constructor(rows: RowPool, { seed, longListFrom, maxWords }: DestinationRoutesOptions) {
    this.#rows = rows;
    this.#longListFrom = longListFrom;
    this.#longLists = new RowPool(ROW_WORDS, maxWords);
    this.#index = new LongListIndex(seed, maxWords);
  }

  get bytes(): number {
    return this.#longLists.bytes + this.#index.bytes;
  }

  /**
   * Makes room for this many more rows: adding them does not throw, even if each makes a long list.
   * @throws CapacityError
   */
  reserve(rows: number): void {
    this.#longLists.reserve(rows);
    this.#index.reserve(rows * (this.#longListFrom + 1));
  }

  /** True if any destination has a long list. */
  get anyLongList(): boolean {
    return this.#longLists.used > 0;
  }

  /** Returns the row with this hop, or NIL. */
  find(first: number, prefix: number, hop: number): number {
    if (first <= FIRST_LONG_LIST) {
      const entry = this.#index.find(prefix, hop);
      return entry === NIL ? NIL : this.#index.memberOf(entry);
    }
    const { words } = this.#rows;
    let row = first;
    while (row !== NIL && words[(row << ROW_SHIFT) + HOP] !== hop) {
      row = words[(row << ROW_SHIFT) + SIBLING] as number;
    }
    return row;
  }

  /** Returns the row that changed last; SIBLING leads to the others. */
  newest(first: number): number {
    return first <= FIRST_LONG_LIST ? this.#newestOf(FIRST_LONG_LIST - first) : first;
  }

  /** Returns the row that changed next after this one, or NIL. */
  newerThan(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    if (first <= FIRST_LONG_LIST) {
      return this.#index.previousOf(this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number));
    }
    let newer = NIL;
    for (let at = first; at !== row; at = words[(at << ROW_SHIFT) + SIBLING] as number) newer = at;
    return newer;
  }

  /** Returns how many of the rows are announced. */
  liveOf(first: number): number {
    if (first <= FIRST_LONG_LIST)
      return this.#longLists.words[(FIRST_LONG_LIST - first) * ROW_WORDS + LIVE] as number;
    const { words } = this.#rows;
    let live = 0;
    for (let row = first; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      if ((words[(row << ROW_SHIFT) + ORIGIN] as number) >= 0) live++;
    }
    return live;
  }

  /** Adjusts the count after one of the rows has become a route (1) or a tombstone (-1). */
  addLive(first: number, change: 1 | -1): void {
    if (first > FIRST_LONG_LIST) return;
    const at = (FIRST_LONG_LIST - first) * ROW_WORDS + LIVE;
    this.#longLists.words[at] = (this.#longLists.words[at] as number) + change;
  }

  /** Adds a new row, still a tombstone, for which there is room. Returns the new `first`. */
  add(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    if (first <= FIRST_LONG_LIST) {
      const longList = FIRST_LONG_LIST - first;
      this.#count(longList, 1);
      this.#index.add(prefix, words[(row << ROW_SHIFT) + HOP] as number, row, NIL);
      this.#prepend(longList, prefix, row);
      return first;
    }
    words[(row << ROW_SHIFT) + SIBLING] = first;
    let count = 1;
    for (let other = first; other !== NIL; other = words[(other << ROW_SHIFT) + SIBLING] as number) count++;
    return count > this.#longListFrom ? FIRST_LONG_LIST - this.#makeLongList(prefix, row, count) : row;
  }

  /** Removes a tombstone, and returns the new `first`. */
  remove(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    const older = words[(row << ROW_SHIFT) + SIBLING] as number;
    if (first <= FIRST_LONG_LIST) {
      const longList = FIRST_LONG_LIST - first;
      const entry = this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number);
      this.#unlink(longList, prefix, row, this.#index.previousOf(entry));
      this.#index.remove(entry);
      return this.#count(longList, -1) * 2 > this.#longListFrom ? first : this.#dissolve(longList, prefix);
    }
    if (first === row) return older;
    const newer = this.newerThan(first, prefix, row);
    words[(newer << ROW_SHIFT) + SIBLING] = older;
    return first;
  }

  /** Moves a row that has changed to the front. Returns the new `first`. */
  moveToFront(first: number, prefix: number, row: number): number {
    if (first === row) return first;
    const { words } = this.#rows;
    const newer = this.newerThan(first, prefix, row);
    if (first <= FIRST_LONG_LIST) {
      if (newer === NIL) return first;
      this.#unlink(FIRST_LONG_LIST - first, prefix, row, newer);
      this.#prepend(FIRST_LONG_LIST - first, prefix, row);
      return first;
    }
    words[(newer << ROW_SHIFT) + SIBLING] = words[(row << ROW_SHIFT) + SIBLING] as number;
    words[(row << ROW_SHIFT) + SIBLING] = first;
    return row;
  }

  #newestOf(longList: number): number {
    return this.#longLists.words[longList * ROW_WORDS + NEWEST] as number;
  }

  #count(longList: number, change: 1 | -1): number {
    const at = longList * ROW_WORDS + COUNT;
    const count = (this.#longLists.words[at] as number) + change;
    this.#longLists.words[at] = count;
    return count;
  }

  #makeLongList(prefix: number, newest: number, count: number): number {
    const { words } = this.#rows;
    const live = this.liveOf(newest);
    const longList = this.#longLists.allocate();
    const at = longList * ROW_WORDS;
    this.#longLists.words[at + NEWEST] = newest;
    this.#longLists.words[at + COUNT] = count;
    this.#longLists.words[at + LIVE] = live;
    let newer = NIL;
    for (let row = newest; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      this.#index.add(prefix, words[(row << ROW_SHIFT) + HOP] as number, row, newer);
      newer = row;
    }
    return longList;
  }

  /** Makes a short list of a long list, and returns its newest row. */
  #dissolve(longList: number, prefix: number): number {
    const { words } = this.#rows;
    const newest = this.#newestOf(longList);
    for (let row = newest; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      this.#index.remove(this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number));
    }
    this.#longLists.release(longList);
    return newest;
  }

  #prepend(longList: number, prefix: number, row: number): void {
    const { words } = this.#rows;
    const older = this.#newestOf(longList);
    words[(row << ROW_SHIFT) + SIBLING] = older;
    this.#setNewer(prefix, older, row);
    this.#setNewer(prefix, row, NIL);
    this.#longLists.words[longList * ROW_WORDS + NEWEST] = row;
  }

  #unlink(longList: number, prefix: number, row: number, newer: number): void {
    const { words } = this.#rows;
    const older = words[(row << ROW_SHIFT) + SIBLING] as number;
    if (older !== NIL) this.#setNewer(prefix, older, newer);
    if (newer === NIL) this.#longLists.words[longList * ROW_WORDS + NEWEST] = older;
    else words[(newer << ROW_SHIFT) + SIBLING] = older;
  }

  #setNewer(prefix: number, row: number, newer: number): void {
    this.#index.setPrevious(prefix, this.#rows.words[(row << ROW_SHIFT) + HOP] as number, newer);
  }
}
