import { GrowingWords } from "./growing-words.ts";
import { NodeArena } from "./node-arena.ts";

/*
 * The memory under the tries of one address family, and what its words mean. `prefix-trie.ts` draws how the
 * pieces work together.
 *
 * Record: one per prefix, 2 words for IPv4 and 5 for IPv6. Its row number is the prefix's handle; row 0 is
 * never used, so that 0 can mean "none" inside.
 *
 *     address (1 or 4 words, host bits 0) | parent << 8 | length in bits
 *     a free row:           next free row |               255
 *
 * Node: 4 (IPv4) or 7 (IPv6) words of head, then 2^stride slots.
 *
 *     +0  position, bits 0..7     the bit of the address where the index of this node starts
 *         32 - stride, bits 8..12 so that `word << head >>> (head >> 8)` is the index: JavaScript takes
 *                                 shift counts modulo 32, the bits above do no harm
 *         own, bits 13..31        number of slots that hold something of their own (no RANGE, not 0)
 *     +1  direct children: those whose index starts where ours ends; small ones (stride up to 6) in bits
 *         0..15, big ones in 16..31
 *     +2  cover: the longest prefix that contains all of this node, of those below the node above it; or 0
 *     +3  the bits that all addresses in this node have in common, `position` of them, then zeros
 *
 * Slot, as the root of a trie too:  0 nothing | ~offset of a node | handle of a prefix, and with it
 *
 *     EXACT   it is no longer than the bits that lead to this slot: whoever came here by these bits is in it
 *     RANGE   it is shorter, so it stands in several slots of this node
 *
 * Every index read here comes from a word that the trie itself wrote and lies inside the array: that is
 * why reads are cast to number throughout the trie's files.
 */

/** Largest stride: bounds what one update may have to rewrite. 4,096 slots. */
export const MAX_STRIDE_BITS = 12;
/** A child of at most this stride is cheap to split in two when the node above it doubles. */
export const SMALL_STRIDE_BITS = 6;

export const HANDLE_MASK = 0xffffff;
export const RANGE = 1 << 30;
export const EXACT = 1 << 29;
export const POSITION_MASK = 0xff;
export const OWN_SHIFT = 13;
export const DIRECT = 1;
export const COVER = 2;
export const ADDRESS = 3;

const MAX_HANDLE = HANDLE_MASK;
const FREE_LENGTH = 255;

/**
 * No update allocates more node words than this: a doubling node of 2^12 slots, its small children split
 * in two, and 64 big ones. Kept free above the top before each update, so that the arrays stay where they
 * are during it; unwritten pages take no memory.
 */
const HEADROOM_WORDS = 1 << 20;
const HEADROOM_ROWS = 1 << 12;

/** More prefixes than a handle of 24 bits can name. */
export class PoolFullError extends Error {
  readonly code = "prefix_pool_full";
  readonly limit = MAX_HANDLE;
  constructor(readonly family: 4 | 6) {
    super(`more than ${MAX_HANDLE} IPv${family} prefixes; filter or split the announcements`);
  }
}

export class TrieStore {
  readonly addressWords: 1 | 4;
  /** Words of a record. */
  readonly recordWords: number;
  /** Words of a node before its slots. */
  readonly headWords: number;

  nodes: Int32Array;
  records: Int32Array;
  /** Number of prefixes. */
  size = 0;

  readonly #arena: NodeArena;
  readonly #recordMemory = new GrowingWords();
  #rowsTop = 1;
  #freeRow = 0;

  constructor(readonly family: 4 | 6) {
    this.addressWords = family === 4 ? 1 : 4;
    this.recordWords = this.addressWords + 1;
    this.headWords = ADDRESS + this.addressWords;
    this.#arena = new NodeArena(this.headWords, MAX_STRIDE_BITS);
    this.nodes = this.#arena.words;
    this.records = this.#recordMemory.words;
  }

  /** To be called before an update: afterwards `nodes` and `records` stay the same arrays until it ends. */
  reserve(): void {
    this.#arena.reserve(HEADROOM_WORDS);
    this.nodes = this.#arena.words;
    if ((this.#rowsTop + 1) * this.recordWords > this.records.length) {
      this.records = this.#recordMemory.reserve((this.#rowsTop + HEADROOM_ROWS) * this.recordWords);
    }
  }

  /** Bytes of all records and nodes up to the highest ever used, free ones included. */
  bytesUsed(): number {
    return 4 * (this.#arena.top + this.#rowsTop * this.recordWords);
  }

  /** Bytes of those that lie free, waiting to be used again. */
  bytesIdle(): number {
    return 4 * (this.#arena.idleWords + (this.#rowsTop - 1 - this.size) * this.recordWords);
  }

  allocateRecord(w0: number, w1: number, w2: number, w3: number, lengthBits: number): number {
    const records = this.records;
    let handle = this.#freeRow;
    if (handle !== 0) {
      this.#freeRow = records[handle * this.recordWords] as number;
    } else {
      if (this.#rowsTop > MAX_HANDLE) throw new PoolFullError(this.family);
      handle = this.#rowsTop++;
    }
    const at = handle * this.recordWords;
    records[at] = w0;
    if (this.addressWords === 4) {
      records[at + 1] = w1;
      records[at + 2] = w2;
      records[at + 3] = w3;
    }
    records[at + this.addressWords] = lengthBits;
    this.size++;
    return handle;
  }

  freeRecord(handle: number): void {
    const at = handle * this.recordWords;
    this.records[at] = this.#freeRow;
    this.records[at + this.addressWords] = FREE_LENGTH;
    this.#freeRow = handle;
    this.size--;
  }

  isLive(handle: number): boolean {
    return handle > 0 && handle < this.#rowsTop && this.lengthOf(handle) !== FREE_LENGTH;
  }

  allocateRoot(): number {
    this.reserve();
    const root = this.#arena.take(1);
    this.nodes[root] = 0;
    return root;
  }

  freeRoot(root: number): void {
    this.#arena.give(root, 1);
  }

  /** A node whose head words and slots are all still to be written. */
  allocateNode(strideBits: number): number {
    return this.#arena.take(this.headWords + (1 << strideBits));
  }

  freeNode(node: number, strideBits: number): void {
    this.#arena.give(node, this.headWords + (1 << strideBits));
  }

  lengthOf(handle: number): number {
    return (this.records[handle * this.recordWords + this.addressWords] as number) & 0xff;
  }

  /** The next shorter prefix of the handle's chain, or 0. */
  parentOf(handle: number): number {
    return (this.records[handle * this.recordWords + this.addressWords] as number) >>> 8;
  }

  setParent(handle: number, parent: number): void {
    const at = handle * this.recordWords + this.addressWords;
    this.records[at] = (parent << 8) | ((this.records[at] as number) & 0xff);
  }

  /** Number of leading bits that the address shares with the address words at `offset`. */
  commonBits(words: Int32Array, offset: number, w0: number, w1: number, w2: number, w3: number): number {
    const x0 = (words[offset] as number) ^ w0;
    if (x0 !== 0 || this.addressWords === 1) return Math.clz32(x0);
    const x1 = (words[offset + 1] as number) ^ w1;
    if (x1 !== 0) return 32 + Math.clz32(x1);
    const x2 = (words[offset + 2] as number) ^ w2;
    if (x2 !== 0) return 64 + Math.clz32(x2);
    return 96 + Math.clz32((words[offset + 3] as number) ^ w3);
  }

  /** Bit `position` of the address words at `offset`. */
  bitAt(words: Int32Array, offset: number, position: number): number {
    return ((words[offset + (position >> 5)] as number) >>> (31 - (position & 31))) & 1;
  }

  positionOf(node: number): number {
    return (this.nodes[node] as number) & POSITION_MASK;
  }

  strideOf(node: number): number {
    return 32 - (((this.nodes[node] as number) >> 8) & 31);
  }

  /** The bit position behind the node's index; 0 for no node, that is for a root's slot. */
  endOf(node: number): number {
    return node === 0 ? 0 : this.positionOf(node) + this.strideOf(node);
  }

  /** Writes a node's head, address excepted. */
  writeHead(node: number, position: number, strideBits: number, cover: number): void {
    this.nodes[node] = position | ((32 - strideBits) << 8);
    this.nodes[node + DIRECT] = 0;
    this.nodes[node + COVER] = cover;
  }

  addOwn(node: number, difference: number): void {
    if (node !== 0) this.nodes[node] = (this.nodes[node] as number) + (difference << OWN_SHIFT);
  }

  /** Counts a slot's content in (+1) or out (-1) of `node`'s direct children, if it is one. */
  countDirect(node: number, slot: number, difference: number): void {
    if (node === 0 || slot >= 0) return;
    const child = ~slot;
    if (this.positionOf(child) !== this.endOf(node)) return;
    const unit = this.strideOf(child) <= SMALL_STRIDE_BITS ? 1 : 0x10000;
    this.nodes[node + DIRECT] = (this.nodes[node + DIRECT] as number) + difference * unit;
  }

  /*
   * Chains. The prefixes below a node that contain a given slot of it, down to the content of the slot or
   * the cover of the node in it, form a chain from the longest, its head, to the shortest, whose parent is 0. Lengths fall strictly.
   */

  /** The slot's chain: its prefix, or the cover of its node. */
  headOf(slot: number): number {
    return slot < 0 ? (this.nodes[~slot + COVER] as number) : slot & HANDLE_MASK;
  }

  /** The same slot content under another chain head; `end` is the end of the node that the slot is in. */
  withHead(slot: number, head: number, end: number): number {
    if (slot >= 0) return this.slotOf(head, end);
    this.nodes[~slot + COVER] = head;
    return slot;
  }

  /** A prefix, or 0, as the content of a slot in a node that ends at `end`. */
  slotOf(handle: number, end: number): number {
    if (handle === 0) return 0;
    const lengthBits = this.lengthOf(handle);
    return lengthBits > end ? handle : lengthBits === end ? handle | EXACT : handle | EXACT | RANGE;
  }

  /** The longest prefix in the chain of at most `lengthBits`, or 0. */
  climb(head: number, lengthBits: number): number {
    let at = head;
    while (at !== 0 && this.lengthOf(at) > lengthBits) at = this.parentOf(at);
    return at;
  }

  /** Puts a prefix into a chain, unless it is there. Returns the head. */
  link(head: number, prefix: number, lengthBits: number): number {
    if (head === prefix) return head;
    if (head === 0 || this.lengthOf(head) < lengthBits) {
      this.setParent(prefix, head);
      return prefix;
    }
    let below = head;
    let above = this.parentOf(below);
    while (above !== 0 && this.lengthOf(above) > lengthBits) {
      below = above;
      above = this.parentOf(below);
    }
    if (above !== prefix) {
      this.setParent(prefix, above);
      this.setParent(below, prefix);
    }
    return head;
  }

  /** Takes a prefix out of a chain, unless that was done. Returns the head. */
  unlink(head: number, prefix: number, lengthBits: number): number {
    if (head === prefix) return this.parentOf(prefix);
    let below = head;
    let above = this.parentOf(below);
    while (above !== prefix) {
      if (above === 0 || this.lengthOf(above) < lengthBits) return head;
      below = above;
      above = this.parentOf(below);
    }
    this.setParent(below, this.parentOf(prefix));
    return head;
  }

  /** Drops the prefixes of at most `lengthBits` from the chain. Returns the head, 0 if nothing is left. */
  cut(head: number, lengthBits: number): number {
    if (head === 0 || this.lengthOf(head) <= lengthBits) return 0;
    let last = head;
    let above = this.parentOf(last);
    while (above !== 0 && this.lengthOf(above) > lengthBits) {
      last = above;
      above = this.parentOf(last);
    }
    if (above !== 0) this.setParent(last, 0);
    return head;
  }

  /** Continues a chain with `cover` and what is above it, unless it does so already. Returns the head. */
  attach(head: number, cover: number): number {
    if (head === 0 || head === cover) return cover;
    let last = head;
    let above = this.parentOf(last);
    while (above !== 0 && above !== cover) {
      last = above;
      above = this.parentOf(last);
    }
    if (above !== cover) this.setParent(last, cover);
    return head;
  }
}
