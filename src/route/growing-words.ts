/*
 * An array of 32-bit words that grows in place.
 *
 * A typed array grows by making a larger one and copying: at 32 MB that stops the event loop for 10 ms or
 * more, and both copies stay resident until a collection. A resizable ArrayBuffer does not copy, but loads
 * from it are 1.5 to 2.5 times slower. The memory of WebAssembly has neither fault, if it is a shared one: the
 * engine reserves addresses once, growing only makes further pages accessible, and what stands in front of it is
 * an ordinary fixed-length buffer, as fast as any. (One that is not shared does the same for the first eight of a
 * process and copies in all others: JavaScriptCore's Wasm::Memory, seen as 17 to 100 ms at 32 MB.) A page that was
 * never written costs nothing, so growing ahead is free.
 *
 * Making such a memory costs a full collection, from the fourth of a process on: less than a millisecond in a
 * process that has just started, 3 to 15 ms in one with much on its heap. So those that will be needed are made
 * at the start (`prepareMemories`), and arrays of up to 1 MB, which are copied in a fraction of a millisecond, do
 * without.
 *
 * No WebAssembly code is involved. Memory is never given back to the system before the whole array goes.
 */

const WORDS_PER_PAGE = 65536 / 4;

/** 4 GB, the most an index type of 32 bits allows: 2^30 words. */
const MAX_PAGES = 65536;

/** Up to here an array is an ordinary one, and doubles. */
const PLAIN_WORDS = 262_144;

/** The array cannot grow: the system refuses memory, or 4 GB are in use. */
export class OutOfWordsError extends Error {
  readonly code = "out_of_memory";
  constructor(readonly wantedWords: number) {
    super(
      `no memory for ${wantedWords} words of routing table; give the process more memory or fewer routes`,
    );
  }
}

/** Made, and not yet in use: one page each. */
const spareMemories: WebAssembly.Memory[] = [];

/** From now on so many arrays become large without stopping the event loop. */
export function prepareMemories(count: number): void {
  while (spareMemories.length < count) spareMemories.push(makeMemory());
}

function makeMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: true });
}

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

  /** Bytes taken; of what a memory grew ahead of need, nothing is resident. */
  get bytes(): number {
    return this.words.byteLength;
  }

  #growMemory(length: number): void {
    const pages = Math.ceil(length / WORDS_PER_PAGE);
    const isFirst = this.#memory === null;
    try {
      this.#memory ??= spareMemories.pop() ?? makeMemory();
      const hasPages = this.#memory.buffer.byteLength / 4 / WORDS_PER_PAGE;
      const grownBy = Math.max(pages - hasPages, hasPages >> 3);
      this.#memory.grow(Math.min(grownBy, MAX_PAGES - hasPages));
    } catch {
      throw new OutOfWordsError(length);
    }
    const words = new Int32Array(this.#memory.buffer);
    if (words.length < length) throw new OutOfWordsError(length);
    if (isFirst) this.#replace(words);
    else this.words = words;
  }

  #replace(words: Int32Array): void {
    words.set(this.words);
    this.words = words;
  }
}
