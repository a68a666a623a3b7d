/*
 * An array of 32-bit words that grows in place.
 *
 * A typed array grows by making a larger one and copying: at 32 MB that stops the event loop for 10 ms or
 * more, and both copies stay resident until a collection. A resizable ArrayBuffer does not copy, but loads
 * from it are 1.5 to 2.5 times slower. The memory of WebAssembly has neither fault: the engine reserves
 * addresses once, growing only makes further pages accessible (0.5 ms at most was seen), and what stands in
 * front of it is an ordinary fixed-length ArrayBuffer, as fast as any. A page that was never written costs
 * nothing, so growing ahead is free.
 *
 * No WebAssembly code is involved. Memory is never given back to the system before the whole array goes.
 */

const WORDS_PER_PAGE = 65536 / 4;

/** 4 GB, the most an index type of 32 bits allows: 2^30 words. */
const MAX_PAGES = 65536;

/** The array cannot grow: the system refuses memory, or 4 GB are in use. */
export class OutOfWordsError extends Error {
  readonly code = "out_of_memory";
  constructor(readonly wantedWords: number) {
    super(
      `no memory for ${wantedWords} words of routing table; give the process more memory or fewer routes`,
    );
  }
}

export class GrowingWords {
  readonly #memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES });

  /** All words, zero where never written. Replaced by `reserve`: take it again after each call. */
  words = new Int32Array(this.#memory.buffer);

  /** Makes at least `length` words accessible and returns the array. Content and indexes stay. */
  reserve(length: number): Int32Array {
    const missing = length - this.words.length;
    if (missing > 0) {
      const grownBy =
        Math.max(Math.ceil(missing / WORDS_PER_PAGE), this.words.length / WORDS_PER_PAGE / 8) | 0;
      try {
        this.#memory.grow(Math.min(grownBy, MAX_PAGES - this.words.length / WORDS_PER_PAGE));
      } catch {
        throw new OutOfWordsError(length);
      }
      this.words = new Int32Array(this.#memory.buffer);
      if (this.words.length < length) throw new OutOfWordsError(length);
    }
    return this.words;
  }
}
