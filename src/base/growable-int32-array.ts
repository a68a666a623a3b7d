/*
 * This is an array of 32-bit words that grows in place.
 *
 * A typed array grows by making a larger one and copying: at 32 MB that stops the event loop for 10 ms or more, and
 * both copies stay resident until a collection. A resizable ArrayBuffer does not copy, but reads of it are 1.5 to 2.5
 * times slower. A shared memory of WebAssembly has neither disadvantage: the engine reserves addresses once, growing
 * only makes further pages accessible, and the program uses it as an ordinary fixed-length buffer, at full speed. (A
 * memory that is not shared does the same for the first eight of a process, and copies for all others: JavaScriptCore's
 * Wasm::Memory, measured as 17 to 100 ms at 32 MB.) A page that was never written takes no memory, so growing in
 * advance is free.
 *
 * Making such a memory causes a full collection, from the fourth memory of a process on: less than a millisecond in a
 * process that has just started, 3 to 15 ms in one with a large heap. So those that will be needed are made at the
 * start (`reserveLargeArrays`), and arrays of up to 1 MB, which are copied in a fraction of a millisecond, are ordinary
 * ones. So are all arrays if the process may not have the addresses, 4 GB for each (`ulimit -v`).
 *
 * No WebAssembly code is involved. Memory is returned to the system only with the whole array.
 */

const BYTES_PER_PAGE = 65_536;
const WORDS_PER_PAGE = BYTES_PER_PAGE / 4;

/** The most pages of a memory, 4 GB or 2^30 words, which is the limit of 32-bit indexes. */
const MAX_PAGES = 65_536;

/** An array of up to this size is an ordinary one, which doubles by copying. */
const PLAIN_WORDS = 262_144;

/** An array cannot grow: the system refuses memory, 4 GB are in use, or the array has its maximum size. */
export class CapacityError extends Error {
  readonly wantedWords: number;
  readonly code = "out_of_memory";
  constructor(wantedWords: number) {
    super(
      `no memory for ${wantedWords} words of routing table; give the process more memory or fewer routes`,
    );
    this.wantedWords = wantedWords;
  }
}

/** Memories that are reserved and not in use yet, of one page each. */
const spareMemory: WebAssembly.Memory[] = [];

/** Lets this many arrays become large without stopping the event loop, if the process has addresses for them. */
export function reserveLargeArrays(count: number): void {
  while (spareMemory.length < count) {
    const memory = makeMemory();
    if (memory === null) {
      // The last memory is released, so that the rest of the process has its addresses.
      spareMemory.pop();
      return;
    }
    spareMemory.push(memory);
  }
}

/** Returns a new memory, or null if no addresses are left. */
function makeMemory(): WebAssembly.Memory | null {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: true });
  } catch {
    return null;
  }
}

export class GrowableInt32Array {
  readonly #maxWords: number;
  #memory: WebAssembly.Memory | null = null;

  /** All words. Those that were never written are 0. `reserve` replaces the array: read it again after each call. */
  words: Int32Array = new Int32Array(16);

  /** @param maxWords the maximum size, which tests reduce */
  constructor(maxWords = Number.POSITIVE_INFINITY) {
    this.#maxWords = maxWords;
  }

  /**
   * Makes at least `length` words accessible and returns the array. Content and indexes stay.
   * @throws CapacityError
   */
  reserve(length: number): Int32Array {
    if (length > this.words.length || length > this.#maxWords) this.#growTo(length);
    return this.words;
  }

  /** Grows the array. This is a method of its own, so that the engine does not compile it into each caller of `reserve`. */
  #growTo(length: number): void {
    if (length > this.#maxWords) throw new CapacityError(length);
    if (length > PLAIN_WORDS) this.#memory ??= spareMemory.pop() ?? makeMemory();
    if (this.#memory === null) this.#double(length);
    else this.#grow(this.#memory, length);
  }

  /** The size in bytes. The part by which a memory has grown in advance is not resident. */
  get bytes(): number {
    return this.words.byteLength;
  }

  #double(length: number): void {
    try {
      this.#moveTo(new Int32Array(Math.max(length, this.words.length * 2)));
    } catch {
      throw new CapacityError(length);
    }
  }

  #grow(memory: WebAssembly.Memory, length: number): void {
    const isInMemory = this.words.buffer === memory.buffer;
    const pages = Math.ceil(length / WORDS_PER_PAGE);
    const hasPages = memory.buffer.byteLength / BYTES_PER_PAGE;
    const grownBy = Math.max(pages - hasPages, hasPages >> 3);
    try {
      memory.grow(Math.min(grownBy, MAX_PAGES - hasPages));
    } catch {
      throw new CapacityError(length);
    }
    const words = new Int32Array(memory.buffer);
    if (words.length < length) throw new CapacityError(length);
    if (isInMemory) this.words = words;
    else this.#moveTo(words);
  }

  #moveTo(words: Int32Array): void {
    words.set(this.words);
    this.words = words;
  }
}
