import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";

/*
 * An arena allocates blocks of words for nodes of 2^1 to 2^12 slots in one growing array.
 *
 * Nodes double and halve all the time. So free neighbours are joined at once; otherwise small free blocks would stay
 * unused between larger ones. A free block is marked in its first and last word, where its neighbours check it. This
 * takes no memory in nodes, since FREE is set neither in the first word of a node (its head) nor in the last (a slot).
 *
 *     free block:  FREE + size | next | previous | ... | FREE + size       4 words and more, in a list
 *                  FREE + size |        ...        | FREE + size           2 or 3 words, in none
 *                  FREE + 1                                                1 word, in none
 *
 * Nodes of two or four slots are made and freed with every second insert. Their blocks are not joined, but kept as they
 * are for the next node of the size: checking the neighbours would take a seventh of the time of an insert.
 *
 *     kept block:  0 | next kept one of the size | ... | 0
 *
 * List `b` holds the blocks that are large enough for a node of 2^b slots but not of 2^(b + 1), so the first block of a
 * list always fits, and nothing is searched. List 0 holds the blocks that are too small for any node. No block has
 * offset 0.
 */

const FREE = 1 << 28;
const SIZE_MASK = FREE - 1;
const NEXT = 1;
const PREVIOUS = 2;
const MIN_LISTED_WORDS = 4;
/** Nodes of at most this many slots are kept when they are released. */
const MAX_KEPT_SLOTS = 4;

export class NodeArena {
  readonly headWords: number;
  readonly maxStrideBits: number;
  readonly #memory: GrowableInt32Array;
  readonly #lists: Int32Array;
  /** The first kept block, by number of slots. */
  readonly #kept = new Int32Array(MAX_KEPT_SLOTS + 1);
  /** All words. Only `reserve` replaces the array. */
  words: Int32Array;
  /** Words below this are in use or free. Those above were never written, or were released. */
  top = 1;
  /** How many words below the top are free. */
  idleWords = 0;

  constructor(headWords: number, maxStrideBits: number, maxWords?: number) {
    this.headWords = headWords;
    this.maxStrideBits = maxStrideBits;
    this.#memory = new GrowableInt32Array(maxWords);
    this.words = this.#memory.words;
    this.#lists = new Int32Array(maxStrideBits + 1);
  }

  /** Returns true if `headroom` words can be taken without replacing `words`. */
  hasRoom(headroom: number): boolean {
    return this.top + headroom <= this.words.length;
  }

  /**
   * Makes {@link hasRoom} true.
   * @throws CapacityError; then nothing has changed
   */
  reserve(headroom: number): void {
    if (!this.hasRoom(headroom)) this.words = this.#memory.reserve(this.top + 2 * headroom);
  }

  /** Returns a block for a node or, for `size` 1, a single word. All words but the first and last may hold anything. */
  take(size: number): number {
    const words = this.words;
    const slots = size - this.headWords;
    let block = slots > 0 && slots <= MAX_KEPT_SLOTS ? (this.#kept[slots] as number) : 0;
    if (block !== 0) {
      this.#kept[slots] = words[block + NEXT] as number;
      this.idleWords -= size;
      return block;
    }
    // List 0 holds blocks of several sizes, but each is large enough for a single word, the only other size.
    for (let list = this.#listOf(size); block === 0 && list <= this.maxStrideBits; list++) {
      block = this.#lists[list] as number;
    }
    if (block === 0) {
      block = this.top;
      if (block + size > words.length) throw new CapacityError(block + size);
      this.top += size;
    } else {
      const found = (words[block] as number) & SIZE_MASK;
      this.#unlist(block, found);
      this.idleWords -= size;
      if (found > size) this.#mark(block + size, found - size);
    }
    words[block] = 0;
    words[block + size - 1] = 0;
    return block;
  }

  give(block: number, size: number): void {
    const words = this.words;
    this.idleWords += size;
    const slots = size - this.headWords;
    if (slots > 0 && slots <= MAX_KEPT_SLOTS) {
      words[block] = 0;
      words[block + NEXT] = this.#kept[slots] as number;
      words[block + size - 1] = 0;
      this.#kept[slots] = block;
      return;
    }
    let from = block;
    let behind = block + size;
    const before = words[block - 1] as number;
    if (before > 0 && (before & FREE) !== 0) {
      from -= before & SIZE_MASK;
      this.#unlist(from, before & SIZE_MASK);
    }
    if (behind < this.top) {
      const after = words[behind] as number;
      if (after > 0 && (after & FREE) !== 0) {
        this.#unlist(behind, after & SIZE_MASK);
        behind += after & SIZE_MASK;
      }
    }
    if (behind === this.top) {
      this.top = from;
      this.idleWords -= behind - from;
    } else {
      this.#mark(from, behind - from);
    }
  }

  #listOf(size: number): number {
    const slots = size - this.headWords;
    return slots < 2 ? 0 : Math.min(31 - Math.clz32(slots), this.maxStrideBits);
  }

  #mark(block: number, size: number): void {
    const words = this.words;
    words[block] = FREE | size;
    words[block + size - 1] = FREE | size;
    if (size < MIN_LISTED_WORDS) return;
    const list = this.#listOf(size);
    const next = this.#lists[list] as number;
    words[block + NEXT] = next;
    words[block + PREVIOUS] = 0;
    if (next !== 0) words[next + PREVIOUS] = block;
    this.#lists[list] = block;
  }

  #unlist(block: number, size: number): void {
    if (size < MIN_LISTED_WORDS) return;
    const words = this.words;
    const next = words[block + NEXT] as number;
    const previous = words[block + PREVIOUS] as number;
    if (next !== 0) words[next + PREVIOUS] = previous;
    if (previous !== 0) words[previous + NEXT] = next;
    else this.#lists[this.#listOf(size)] = next;
  }
}
