/*
 * The routes to one destination, one per next hop, the one that changed last first:
 *
 *     first[handle] ─▶ row 7 ─SIBLING─▶ row 2 ─SIBLING─▶ row 9 ─▶ NIL
 *
 * The word `first` of a destination holds:
 *
 *     from 0 on     its newest row
 *     -1            none
 *     up to -2      -2 - the number of its crowd, a row of
 *                       NEWEST  the row that changed last
 *                       COUNT   its rows
 *                       LIVE    those of them that are announced: not the tombstones
 *
 * A crowd's rows are found by their hops in an index (crowd-index.ts), which knows the newer neighbour of each, too: a
 * change costs the same however many hops the destination has. A short list is walked.
 *
 * The order is that of the rows in their VNI's journal. It shows what is still to be sent of the destination to a subscriber
 * whose cursor has reached a row: only rows newer than that one.
 */
import { CrowdIndex } from "./crowd-index.ts";
import { HOP, NIL, ORIGIN, ROW_SHIFT, type RouteRows, SIBLING } from "./route-rows.ts";
import { WordRows } from "./word-rows.ts";

const NEWEST = 0;
const COUNT = 1;
const LIVE = 2;
const ROW_WORDS = 3;
const FIRST_CROWD = -2;

export interface SiblingsOptions {
  readonly seed: number;
  /** A destination with more rows than this has a crowd of them. */
  readonly crowdFrom: number;
  readonly maxWords?: number | undefined;
}

export class Siblings {
  readonly #rows: RouteRows;
  readonly #crowdFrom: number;
  readonly #crowds: WordRows;
  /** By PREFIX and HOP. */
  readonly #index: CrowdIndex;

  constructor(rows: RouteRows, { seed, crowdFrom, maxWords }: SiblingsOptions) {
    this.#rows = rows;
    this.#crowdFrom = crowdFrom;
    this.#crowds = new WordRows(ROW_WORDS, maxWords);
    this.#index = new CrowdIndex(seed, maxWords);
  }

  get bytes(): number {
    return this.#crowds.bytes + this.#index.bytes;
  }

  /**
   * Makes room for this many more rows: adding them does not throw, even if each makes a crowd.
   * @throws CapacityError
   */
  reserve(rows: number): void {
    this.#crowds.reserve(rows);
    this.#index.reserve(rows * (this.#crowdFrom + 1));
  }

  /** Some destination has many rows. */
  get anyCrowd(): boolean {
    return this.#crowds.used > 0;
  }

  /** Returns the row with this hop, or NIL. */
  find(first: number, prefix: number, hop: number): number {
    if (first <= FIRST_CROWD) {
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
    return first <= FIRST_CROWD ? this.#newestOf(FIRST_CROWD - first) : first;
  }

  /** Returns the row that changed next after this one, or NIL. */
  newerThan(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    if (first <= FIRST_CROWD) {
      return this.#index.previousOf(this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number));
    }
    let newer = NIL;
    for (let at = first; at !== row; at = words[(at << ROW_SHIFT) + SIBLING] as number) newer = at;
    return newer;
  }

  /** Returns how many of the rows are announced. */
  liveOf(first: number): number {
    if (first <= FIRST_CROWD) return this.#crowds.words[(FIRST_CROWD - first) * ROW_WORDS + LIVE] as number;
    const { words } = this.#rows;
    let live = 0;
    for (let row = first; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      if ((words[(row << ROW_SHIFT) + ORIGIN] as number) >= 0) live++;
    }
    return live;
  }

  /** Counts one of the rows, which has become a route or a tombstone. */
  addLive(first: number, change: 1 | -1): void {
    if (first > FIRST_CROWD) return;
    const at = (FIRST_CROWD - first) * ROW_WORDS + LIVE;
    this.#crowds.words[at] = (this.#crowds.words[at] as number) + change;
  }

  /** Adds a new row, still a tombstone, for which there is room. Returns the new `first`. */
  add(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    if (first <= FIRST_CROWD) {
      const crowd = FIRST_CROWD - first;
      this.#count(crowd, 1);
      this.#index.add(prefix, words[(row << ROW_SHIFT) + HOP] as number, row, NIL);
      this.#prepend(crowd, prefix, row);
      return first;
    }
    words[(row << ROW_SHIFT) + SIBLING] = first;
    let count = 1;
    for (let other = first; other !== NIL; other = words[(other << ROW_SHIFT) + SIBLING] as number) count++;
    return count > this.#crowdFrom ? FIRST_CROWD - this.#makeCrowd(prefix, row, count) : row;
  }

  /** Removes a tombstone, and returns the new `first`. */
  remove(first: number, prefix: number, row: number): number {
    const { words } = this.#rows;
    const older = words[(row << ROW_SHIFT) + SIBLING] as number;
    if (first <= FIRST_CROWD) {
      const crowd = FIRST_CROWD - first;
      const entry = this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number);
      this.#unlink(crowd, prefix, row, this.#index.previousOf(entry));
      this.#index.remove(entry);
      return this.#count(crowd, -1) * 2 > this.#crowdFrom ? first : this.#dissolve(crowd, prefix);
    }
    if (first === row) return older;
    const newer = this.newerThan(first, prefix, row);
    words[(newer << ROW_SHIFT) + SIBLING] = older;
    return first;
  }

  /** Makes a row that has changed the first. Returns the new `first`. */
  moveToFront(first: number, prefix: number, row: number): number {
    if (first === row) return first;
    const { words } = this.#rows;
    const newer = this.newerThan(first, prefix, row);
    if (first <= FIRST_CROWD) {
      if (newer === NIL) return first;
      this.#unlink(FIRST_CROWD - first, prefix, row, newer);
      this.#prepend(FIRST_CROWD - first, prefix, row);
      return first;
    }
    words[(newer << ROW_SHIFT) + SIBLING] = words[(row << ROW_SHIFT) + SIBLING] as number;
    words[(row << ROW_SHIFT) + SIBLING] = first;
    return row;
  }

  #newestOf(crowd: number): number {
    return this.#crowds.words[crowd * ROW_WORDS + NEWEST] as number;
  }

  #count(crowd: number, change: 1 | -1): number {
    const at = crowd * ROW_WORDS + COUNT;
    const count = (this.#crowds.words[at] as number) + change;
    this.#crowds.words[at] = count;
    return count;
  }

  #makeCrowd(prefix: number, newest: number, count: number): number {
    const { words } = this.#rows;
    const live = this.liveOf(newest);
    const crowd = this.#crowds.allocate();
    const at = crowd * ROW_WORDS;
    this.#crowds.words[at + NEWEST] = newest;
    this.#crowds.words[at + COUNT] = count;
    this.#crowds.words[at + LIVE] = live;
    let newer = NIL;
    for (let row = newest; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      this.#index.add(prefix, words[(row << ROW_SHIFT) + HOP] as number, row, newer);
      newer = row;
    }
    return crowd;
  }

  /** Makes a crowd a short list again, and returns its newest row. */
  #dissolve(crowd: number, prefix: number): number {
    const { words } = this.#rows;
    const newest = this.#newestOf(crowd);
    for (let row = newest; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      this.#index.remove(this.#index.find(prefix, words[(row << ROW_SHIFT) + HOP] as number));
    }
    this.#crowds.release(crowd);
    return newest;
  }

  #prepend(crowd: number, prefix: number, row: number): void {
    const { words } = this.#rows;
    const older = this.#newestOf(crowd);
    words[(row << ROW_SHIFT) + SIBLING] = older;
    this.#setNewer(prefix, older, row);
    this.#setNewer(prefix, row, NIL);
    this.#crowds.words[crowd * ROW_WORDS + NEWEST] = row;
  }

  #unlink(crowd: number, prefix: number, row: number, newer: number): void {
    const { words } = this.#rows;
    const older = words[(row << ROW_SHIFT) + SIBLING] as number;
    if (older !== NIL) this.#setNewer(prefix, older, newer);
    if (newer === NIL) this.#crowds.words[crowd * ROW_WORDS + NEWEST] = older;
    else words[(newer << ROW_SHIFT) + SIBLING] = older;
  }

  #setNewer(prefix: number, row: number, newer: number): void {
    this.#index.setPrevious(prefix, this.#rows.words[(row << ROW_SHIFT) + HOP] as number, newer);
  }
}
