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

/** Below this a plain array is copied in some microseconds; a WebAssembly memory takes longer only to be made. */
const PLAIN_WORDS = WORDS_PER_PAGE;

export class GrowingWords {
  #memory: WebAssembly.Memory | null = null;

  /** All words, zero where never written. Replaced by `reserve`: take it again after each call. */
  words: Int32Array = new Int32Array(16);

  /** Makes at least `length` words accessible and returns the array. Content and indexes stay. */
  reserve(length: number): Int32Array {
    if (length > this.words.length) {
      if (length <= PLAIN_WORDS) this.#replace(new Int32Array(Math.max(length, this.words.length * 2)));
      else this.#growMemory(length);
    }
    return this.words;
  }

  /** Bytes taken; of what a WebAssembly memory grew ahead of need, nothing is resident. */
  get bytes(): number {
    return this.words.byteLength;
  }

  #growMemory(length: number): void {
    const pages = Math.ceil(length / WORDS_PER_PAGE);
    try {
      if (this.#memory === null) {
        this.#memory = new WebAssembly.Memory({ initial: pages, maximum: MAX_PAGES });
        this.#replace(new Int32Array(this.#memory.buffer));
        return;
      }
      const hasPages = this.words.length / WORDS_PER_PAGE;
      const grownBy = Math.max(pages - hasPages, hasPages >> 3);
      this.#memory.grow(Math.min(grownBy, MAX_PAGES - hasPages));
    } catch {
      throw new OutOfWordsError(length);
    }
    this.words = new Int32Array(this.#memory.buffer);
    if (this.words.length < length) throw new OutOfWordsError(length);
  }

  #replace(words: Int32Array): void {
    words.set(this.words);
    this.words = words;
  }
}
