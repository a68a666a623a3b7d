import { GrowableInt32Array } from "../../base/growable-int32-array.ts";

/** NIL means no row, no origin or no prefix. */
export const NIL = -1;

/** Allocates rows of a fixed number of words in one array. The numbers of released rows are used again. */
export class RowPool {
  readonly #rowWords: number;
  readonly #store: GrowableInt32Array;
  /**
   * The words of all rows, row `n` from n × `rowWords` on. `reserve` and `allocate` replace the array: read it again
   * after them.
   */
  words: Int32Array;
  #count = 0;
  /** The row that was released last. Its first word is the one that was released before it, or NIL. */
  #free = NIL;
  #used = 0;

  constructor(rowWords: number, maxWords?: number) {
    this.#rowWords = rowWords;
    this.#store = new GrowableInt32Array(maxWords);
    this.words = this.#store.words;
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
    if (free < rows) this.words = this.#store.reserve((this.#count + rows - free) * this.#rowWords);
  }

  /**
   * Returns the number of a row whose words have no meaning yet.
   * @throws CapacityError if none was reserved
   */
  allocate(): number {
    const row = this.#free;
    if (row === NIL) this.reserve(1);
    else this.#free = this.words[row * this.#rowWords] as number;
    this.#used++;
    return row === NIL ? this.#count++ : row;
  }

  release(row: number): void {
    this.#used--;
    this.words[row * this.#rowWords] = this.#free;
    this.#free = row;
  }
}
