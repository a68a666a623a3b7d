import { GrowableInt32Array } from "../../base/growable-int32-array.ts";
import { NIL } from "./route-rows.ts";

/** Rows of so many words each; numbers of rows that were given back are used again. */
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
   * So many more can be allocated without a fault.
   * @throws CapacityError
   */
  reserve(rows: number): void {
    const free = this.#count - this.#used;
    if (free < rows) this.words = this.#store.reserve((this.#count + rows - free) * this.#rowWords);
  }

  /** A row that was reserved, with words of no meaning yet. */
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
