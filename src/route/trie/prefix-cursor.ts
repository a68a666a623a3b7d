import type { PrefixPool } from "./prefix-trie.ts";
import { ADDRESS, POSITION_MASK } from "./trie-store.ts";

/*
 * A cursor is a position in the ordered walk over a trie: by address, then by length, so a prefix comes before those
 * that it contains. Nothing is allocated on the way. The cursor holds the path to its position; if the trie has changed
 * in the meantime, it finds its position again by the last prefix that it returned. So a walk may pause for any time
 * (slices of an event loop, pages of an answer): a prefix that exists all the time comes exactly once, and what is
 * added or removed before the cursor does not matter.
 *
 * A step passes the empty slots up to the next prefix: at most those of all nodes on a path, 8,448 for IPv4 and 33,792
 * for IPv6, side by side in memory. The average is 48 at most, since a node may not be sparser.
 */

/** The most nodes of a path: one per address bit. */
const MAX_DEPTH = 129;

export class PrefixCursor {
  readonly #pool: PrefixPool;
  #root: number;
  /** The path: per level the node, and the slot that is next. */
  readonly #nodes = new Int32Array(MAX_DEPTH);
  readonly #indexes = new Int32Array(MAX_DEPTH);
  #depth = 0;
  /** The prefixes of the current slot that come before anything below it, the shortest on top. */
  readonly #due = new Int32Array(MAX_DEPTH);
  #dueCount = 0;
  /** The version of the pool for which the path is valid. */
  #version = -1;
  /** The first prefix that may come next. Its length is 0 to 129: a successor may be longer than an address. */
  readonly #from = new Int32Array(4);
  #fromLengthBits = 0;
  /** The walk is limited to prefixes inside this one. */
  readonly #inside = new Int32Array(4);
  #insideLengthBits = 0;

  /** Makes a cursor at the start of a trie. */
  constructor(pool: PrefixPool, root: number) {
    this.#pool = pool;
    this.#root = root;
  }

  /** Moves to the start of another trie of the pool. */
  enter(root: number): void {
    this.#root = root;
    this.seek(0, 0, 0, 0, 0);
  }

  /** Moves to the first prefix that does not come before the given one; the walk goes from there to the end of the trie. */
  seek(w0: number, w1: number, w2: number, w3: number, lengthBits: number): void {
    this.#insideLengthBits = 0;
    this.#place(w0, w1, w2, w3, lengthBits);
  }

  /** Moves directly after the given prefix, whether it exists or not. */
  seekBehind(w0: number, w1: number, w2: number, w3: number, lengthBits: number): void {
    this.seek(w0, w1, w2, w3, lengthBits + 1);
  }

  /** Limits the walk to the prefixes inside the given one: itself, if it exists, and all longer ones. */
  seekInside(w0: number, w1: number, w2: number, w3: number, lengthBits: number): void {
    this.#inside[0] = w0;
    this.#inside[1] = w1;
    this.#inside[2] = w2;
    this.#inside[3] = w3;
    this.#insideLengthBits = lengthBits;
    this.#place(w0, w1, w2, w3, lengthBits);
  }

  /** Returns the handle of the next prefix, or -1 at the end. */
  next(): number {
    const { store, version } = this.#pool;
    if (this.#version !== version) this.#descend();
    while (this.#dueCount === 0) {
      if (this.#depth === 0) return -1;
      const level = this.#depth - 1;
      const node = this.#nodes[level] as number;
      const slots = 1 << store.strideOf(node);
      const first = node + store.headWords;
      let index = this.#indexes[level] as number;
      let content = 0;
      while (index < slots) {
        content = store.nodes[first + index++] as number;
        if (content !== 0) break;
      }
      this.#indexes[level] = index;
      if (content === 0) {
        this.#depth = level;
        continue;
      }
      this.#collect(content, node, index - 1);
      if (content < 0) this.#push(~content, 0);
    }
    const handle = this.#due[--this.#dueCount] as number;
    if (this.#insideLengthBits !== 0 && !this.#isInside(handle)) {
      this.#dueCount = 0;
      this.#depth = 0;
      return -1;
    }
    const { records, recordWords, addressWords } = store;
    const at = handle * recordWords;
    this.#from[0] = records[at] as number;
    if (addressWords === 4) {
      this.#from[1] = records[at + 1] as number;
      this.#from[2] = records[at + 2] as number;
      this.#from[3] = records[at + 3] as number;
    }
    this.#fromLengthBits = store.lengthOf(handle) + 1;
    return handle;
  }

  #place(w0: number, w1: number, w2: number, w3: number, lengthBits: number): void {
    this.#from[0] = w0;
    this.#from[1] = w1;
    this.#from[2] = w2;
    this.#from[3] = w3;
    this.#fromLengthBits = lengthBits;
    this.#version = -1;
  }

  #isInside(handle: number): boolean {
    const store = this.#pool.store;
    const inside = this.#inside;
    const at = handle * store.recordWords;
    return (
      store.lengthOf(handle) >= this.#insideLengthBits &&
      store.commonBits(store.records, at, at4(inside, 0), at4(inside, 1), at4(inside, 2), at4(inside, 3)) >=
        this.#insideLengthBits
    );
  }

  /** Makes the path to the first prefix that may come next. */
  #descend(): void {
    const store = this.#pool.store;
    const { nodes, headWords } = store;
    const from = this.#from;
    this.#version = this.#pool.version;
    this.#depth = 0;
    this.#dueCount = 0;
    let node = 0;
    let index = 0;
    let content = nodes[this.#root] as number;
    for (;;) {
      this.#collect(content, node, index);
      while (this.#dueCount > 0 && this.#isBefore(this.#due[this.#dueCount - 1] as number)) this.#dueCount--;
      if (content >= 0) return;
      node = ~content;
      if (this.#dueCount > 0) {
        // The prefixes that are due do not come before `from`, and what they contain comes after them.
        this.#push(node, 0);
        return;
      }
      const head = nodes[node] as number;
      const position = head & POSITION_MASK;
      const common = store.commonBits(
        nodes,
        node + ADDRESS,
        at4(from, 0),
        at4(from, 1),
        at4(from, 2),
        at4(from, 3),
      );
      if (common < position) {
        // The whole node comes before the position, or after it.
        if (store.bitAt(from, 0, common) === 0) this.#push(node, 0);
        return;
      }
      index = ((from[position >> 5] as number) << head) >>> (head >> 8);
      this.#push(node, index + 1);
      content = nodes[node + headWords + index] as number;
    }
  }

  #push(node: number, index: number): void {
    this.#nodes[this.#depth] = node;
    this.#indexes[this.#depth++] = index;
  }

  /** Makes the prefixes of a slot's chain due that begin in this slot, and not in an earlier one. */
  #collect(content: number, node: number, index: number): void {
    const store = this.#pool.store;
    const head = node === 0 ? 0 : (store.nodes[node] as number);
    const word = (head & POSITION_MASK) >> 5;
    let handle = store.headOf(content);
    while (handle !== 0) {
      if (node !== 0) {
        const bits = store.records[handle * store.recordWords + word] as number;
        if ((bits << head) >>> (head >> 8) !== index) return;
      }
      this.#due[this.#dueCount++] = handle;
      handle = store.parentOf(handle);
    }
  }

  /** Returns true if the prefix comes before the first one that may come next. */
  #isBefore(handle: number): boolean {
    const store = this.#pool.store;
    const at = handle * store.recordWords;
    for (let i = 0; i < store.addressWords; i++) {
      const word = store.records[at + i] as number;
      const least = this.#from[i] as number;
      if (word !== least) return word >>> 0 < least >>> 0;
    }
    return store.lengthOf(handle) < this.#fromLengthBits;
  }
}

function at4(words: Int32Array, index: number): number {
  return words[index] as number;
}
