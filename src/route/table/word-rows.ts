import { GrowableInt32Array } from "../../base/growable-int32-array.ts";
import { NIL } from "./route-rows.ts";

/** Rows of a fixed number of words; the numbers of rows that were released are used again. */
export class WordRows {
  readonly #rowWords: number;
  /** All rows' words, row `n` from n × `rowWords` on. Replaced by `reserve`. */
  words: Int32Array;
  readonly #store: GrowableInt32Array;
  #count = 0;
  #free = NIL;
  #used = 0;

  constructor(rowWords: number, maxWords?: number) {
    this.#rowWords = rowWords;
    this.#store = new GrowableInt32Array(maxWords);
    this.words = this.#store.words;
  }

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
    if (free < rows) this.words = this.#store.reserve((this.#count + rows - free) * this.#rowWords);
  }

  /** Returns a row that was reserved; its words have no meaning yet. */
  allocate(): number {
    this.#used++;
    const row = this.#free;
    if (row === NIL) return this.#count++;
    this.#free = this.words[row * this.#rowWords] as number;
    return row;
  }

  release(row: number): void {
    this.#used--;
    this.words[row * this.#rowWords] = this.#free;
    this.#free = row;
  }
}
