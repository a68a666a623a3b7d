import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import { NodeArena } from "./node-arena.ts";

/*
 * This file holds the memory of the tries of one address family, and defines the meaning of its words. `prefix-trie.ts`
 * draws how the parts work together.
 *
 * Each prefix has a record of 2 words for IPv4 or 5 for IPv6. The number of the record's row is the prefix's handle;
 * row 0 is never used, so that 0 means "none" inside the trie.
 *
 *     address (1 or 4 words, host bits 0) | parent << 8 | length in bits
 *     a free row:           next free row |               255
 *
 * A node has a head of 4 (IPv4) or 7 (IPv6) words, then 2^stride slots.
 *
 *     +0  position, bits 0..7     the bit of the address where the index of this node starts
 *         32 - stride, bits 8..12 so that `word << head >>> (head >> 8)` is the index: JavaScript takes
 *                                 shift counts modulo 32, the bits above do no harm
 *         own, bits 13..25        number of slots that hold something of their own (no RANGE, not 0)
 *         wait, bits 26..31       how many more times the node does not double although its children call for it,
 *                                 because that was found to be too much work (trie-resize.ts)
 *     +1  direct children, which are child nodes whose index starts where this node's index ends: their number in
 *         bits 0..11, and in bits 12..31 the sum of their slots / 4 (0 for two slots). The word has no meaning in a
 *         node of the largest stride, which never doubles
 *     +2  cover: the longest prefix that contains all of this node, of those below the node above it; or 0
 *     +3  the bits that all addresses in this node have in common, `position` of them, then zeros
 *
 * A slot, and the root of a trie, holds one of:  0 (nothing) | ~offset of a node | handle of a prefix, with flags:
 *
 *     EXACT   the prefix is no longer than the bits that lead to this slot: it contains every address with these bits
 *     RANGE   the prefix is shorter than these bits, so it stands in several slots of this node
 *
 * Every index that is read here comes from a word that the trie itself wrote, and so lies inside the array. Therefore
 * the trie's files cast what they read to number.
 */

/** The largest stride, 4,096 slots: it bounds how much one update may have to rewrite. */
export const MAX_STRIDE_BITS = 12;

/**
 * The most prefixes of one slot's chain that belong to this slot alone, because they are not shorter than the bits that
 * lead to it. Where there would be more, a node of two slots is put in between, which has the shorter ones as its cover
 * (trie-resize.ts). So a pass over all slots of a node reads few words for each. In tables like the Internet's, one
 * slot in 200 would have a longer chain.
 */
export const MAX_OWN_CHAIN = 2;

export const HANDLE_MASK = 0xffffff;
export const RANGE = 1 << 30;
export const EXACT = 1 << 29;
export const POSITION_MASK = 0xff;
const OWN_SHIFT = 13;
const OWN_MASK = 0x1fff;
const WAIT_SHIFT = 26;
const MAX_WAIT = 63;
export const DIRECT = 1;
export const COVER = 2;
export const ADDRESS = 3;

const FREE_LENGTH = 255;

/** From this many slots on, a pass that loads the words below them into the caches saves more time than it takes. */
const FETCHED_SLOTS = 64;

/** The two fields of the DIRECT word. */
const DIRECT_COUNT_MASK = 0xfff;
const DIRECT_QUARTERS_SHIFT = 12;
/**
 * The most that one child adds to the sum: the sum of 2,048 children then fits in 20 bits. A child of the largest
 * stride counts with half of its slots.
 */
const MAX_QUARTER = 511;

/**
 * How many words are kept free above the top before each insert, so that the arrays are not replaced during it;
 * unwritten pages take no memory. No update takes as much as REMOVE_HEADROOM_WORDS: the largest one doubles a node to
 * 2^12 slots and splits its children in two (MAX_RESIZE_SLOTS in trie-resize.ts), and each slot of these may need a
 * node of two slots.
 */
const INSERT_HEADROOM_WORDS = 1 << 19;
/**
 * The same before each removal. What an insert leaves free is enough for the removals that follow, even if the system
 * has no more memory.
 */
const REMOVE_HEADROOM_WORDS = 1 << 17;
const HEADROOM_ROWS = 1 << 12;

/** The capacity of a pool. Tests of full pools make it smaller. */
export interface PoolLimits {
  /** The most prefixes: at most 2^24 - 1, the largest handle of 24 bits. */
  readonly maxPrefixes?: number;
  /** The most words of the nodes' array, and of the records' array. */
  readonly maxWords?: number;
}

export class TrieStore {
  readonly family: 4 | 6;
  readonly addressWords: 1 | 4;
  /** Words of a record. */
  readonly recordWords: number;
  /** Words of a node before its slots. */
  readonly headWords: number;

  nodes: Int32Array;
  records: Int32Array;
  /** Number of prefixes. */
  size = 0;
  /** How many slots and prefixes of chains the update has passed so far; its time is proportional to them. */
  steps = 0;

  /** The last result of {@link fetchChains}. It has no meaning, but without it the engine would leave out the reads. */
  fetched = 0;
  readonly #arena: NodeArena;
  readonly #recordMemory: GrowableInt32Array;
  readonly #maxHandle: number;
  #rowsTop = 1;
  #freeRow = 0;

  constructor(family: 4 | 6, { maxPrefixes = HANDLE_MASK, maxWords }: PoolLimits = {}) {
    this.family = family;
    this.addressWords = family === 4 ? 1 : 4;
    this.recordWords = this.addressWords + 1;
    this.headWords = ADDRESS + this.addressWords;
    this.#maxHandle = Math.min(maxPrefixes, HANDLE_MASK);
    this.#recordMemory = new GrowableInt32Array(maxWords);
    this.#arena = new NodeArena(this.headWords, MAX_STRIDE_BITS, maxWords);
    this.nodes = this.#arena.words;
    this.records = this.#recordMemory.words;
  }

  /**
   * Must be called before each insert: `nodes` and `records` then stay the same arrays until its end. Returns false if
   * there is no handle or no memory for one more prefix; then the insert must not change anything.
   */
  reserveInsert(): boolean {
    if (this.#freeRow === 0 && this.#rowsTop > this.#maxHandle) return false;
    if (this.#arena.hasRoom(INSERT_HEADROOM_WORDS) && this.#hasRowRoom()) return true;
    return this.#grow();
  }

  #hasRowRoom(): boolean {
    return this.#freeRow !== 0 || (this.#rowsTop + 1) * this.recordWords <= this.records.length;
  }

  #grow(): boolean {
    try {
      this.#arena.reserve(INSERT_HEADROOM_WORDS);
      this.nodes = this.#arena.words;
      if (!this.#hasRowRoom()) this.#growRecords();
      return true;
    } catch (error) {
      if (error instanceof CapacityError) return false;
      throw error;
    }
  }

  /** Adds many rows or, if there is not enough memory for them, one. */
  #growRecords(): void {
    const wanted = Math.min(this.#rowsTop + HEADROOM_ROWS, this.#maxHandle + 1);
    try {
      this.records = this.#recordMemory.reserve(wanted * this.recordWords);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      this.records = this.#recordMemory.reserve((this.#rowsTop + 1) * this.recordWords);
    }
  }

  /** Must be called before each removal: `nodes` then stays the same array until its end. */
  reserveRemove(): void {
    if (this.#arena.hasRoom(REMOVE_HEADROOM_WORDS)) return;
    this.#arena.reserve(REMOVE_HEADROOM_WORDS);
    this.nodes = this.#arena.words;
  }

  /** Returns the bytes of all records and nodes up to the highest ever used, free ones included. */
  bytesUsed(): number {
    return 4 * (this.#arena.top + this.#rowsTop * this.recordWords);
  }

  /** How many of these bytes are free. */
  bytesIdle(): number {
    return 4 * (this.#arena.idleWords + (this.#rowsTop - 1 - this.size) * this.recordWords);
  }

  /** Makes a record, for which `reserveInsert` has made room. It is not in a chain yet. */
  allocateRecord(w0: number, w1: number, w2: number, w3: number, lengthBits: number): number {
    const records = this.records;
    let handle = this.#freeRow;
    if (handle !== 0) {
      this.#freeRow = records[handle * this.recordWords] as number;
    } else {
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

  /** Makes an empty root. Returns -1 if there is no memory for it. */
  allocateRoot(): number {
    if (!this.#arena.hasRoom(INSERT_HEADROOM_WORDS) && !this.#grow()) return -1;
    const root = this.#arena.take(1);
    this.nodes[root] = 0;
    return root;
  }

  freeRoot(root: number): void {
    this.#arena.give(root, 1);
  }

  /** Returns a new node, whose head words and slots are all still to be written. */
  allocateNode(strideBits: number): number {
    return this.#arena.take(this.headWords + (1 << strideBits));
  }

  freeNode(node: number, strideBits: number): void {
    this.#arena.give(node, this.headWords + (1 << strideBits));
  }

  lengthOf(handle: number): number {
    return (this.records[handle * this.recordWords + this.addressWords] as number) & 0xff;
  }

  /** Returns the next shorter prefix of the handle's chain, or 0. */
  parentOf(handle: number): number {
    return (this.records[handle * this.recordWords + this.addressWords] as number) >>> 8;
  }

  setParent(handle: number, parent: number): void {
    const at = handle * this.recordWords + this.addressWords;
    this.records[at] = (parent << 8) | ((this.records[at] as number) & 0xff);
  }

  /** Returns the number of leading bits that the address shares with the address words at `offset`. */
  commonBits(words: Int32Array, offset: number, w0: number, w1: number, w2: number, w3: number): number {
    const x0 = (words[offset] as number) ^ w0;
    if (x0 !== 0 || this.addressWords === 1) return Math.clz32(x0);
    const x1 = (words[offset + 1] as number) ^ w1;
    if (x1 !== 0) return 32 + Math.clz32(x1);
    const x2 = (words[offset + 2] as number) ^ w2;
    if (x2 !== 0) return 64 + Math.clz32(x2);
    return 96 + Math.clz32((words[offset + 3] as number) ^ w3);
  }

  /** Returns bit `position` of the address words at `offset`. */
  bitAt(words: Int32Array, offset: number, position: number): number {
    return ((words[offset + (position >> 5)] as number) >>> (31 - (position & 31))) & 1;
  }

  positionOf(node: number): number {
    return (this.nodes[node] as number) & POSITION_MASK;
  }

  strideOf(node: number): number {
    return 32 - (((this.nodes[node] as number) >> 8) & 31);
  }

  /** Returns the bit position after the node's index. For no node, above a root, it is 0. */
  endOf(node: number): number {
    return node === 0 ? 0 : this.positionOf(node) + this.strideOf(node);
  }

  /** Returns how many slots of the node hold something of their own. */
  ownOf(node: number): number {
    return ((this.nodes[node] as number) >> OWN_SHIFT) & OWN_MASK;
  }

  /** Makes the node wait before it is checked again whether it can double. */
  startWait(node: number): void {
    this.nodes[node] = (this.nodes[node] as number) | (MAX_WAIT << WAIT_SHIFT);
  }

  /** Returns true if the node still waits, and then counts this call down. */
  takeWait(node: number): boolean {
    const head = this.nodes[node] as number;
    if (head >>> WAIT_SHIFT === 0) return false;
    this.nodes[node] = head - (1 << WAIT_SHIFT);
    return true;
  }

  directCountOf(node: number): number {
    return (this.nodes[node + DIRECT] as number) & DIRECT_COUNT_MASK;
  }

  /**
   * Returns an upper bound of the direct children's slots. Children of the largest stride count with half of theirs.
   */
  directSlotsOf(node: number): number {
    const direct = this.nodes[node + DIRECT] as number;
    return 2 * (direct & DIRECT_COUNT_MASK) + 4 * (direct >>> DIRECT_QUARTERS_SHIFT);
  }

  /** Writes a node's head, except its address. */
  writeHead(node: number, position: number, strideBits: number, cover: number): void {
    this.nodes[node] = position | ((32 - strideBits) << 8);
    this.nodes[node + DIRECT] = 0;
    this.nodes[node + COVER] = cover;
  }

  addOwn(node: number, difference: number): void {
    if (node !== 0) this.nodes[node] = (this.nodes[node] as number) + (difference << OWN_SHIFT);
  }

  /** Adds a slot's content to `node`'s direct children (+1) or removes it (-1), if it is a direct child. */
  countDirect(node: number, slot: number, difference: number): void {
    if (node === 0 || slot >= 0) return;
    const child = ~slot;
    if (this.positionOf(child) === this.endOf(node)) this.addDirect(node, this.strideOf(child), difference);
  }

  /** Adds that many direct children of a stride to those of a node. */
  addDirect(node: number, strideBits: number, difference: number): void {
    const quarter = Math.min((1 << strideBits) >> 2, MAX_QUARTER);
    this.nodes[node + DIRECT] =
      (this.nodes[node + DIRECT] as number) + difference * ((quarter << DIRECT_QUARTERS_SHIFT) + 1);
  }

  /** Writes the first `position` bits of a record's address as the address of a node. */
  writeAddress(node: number, record: number, position: number): void {
    for (let i = 0; i < this.addressWords; i++) {
      const bits = position - 32 * i;
      const mask = bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits);
      this.nodes[node + ADDRESS + i] = (this.records[record * this.recordWords + i] as number) & mask;
    }
  }

  /*
   * Each slot has a chain of prefixes. They contain the slot's addresses, or those of the node in it, and are longer
   * than the cover of the slot's own node:
   *
   *     slot ──▶ longest (head) ──parent──▶ next shorter ──parent──▶ shortest, whose parent is 0
   *
   * The head is the prefix in the slot, or the cover of the node in the slot. At most MAX_OWN_CHAIN prefixes of a chain
   * are not shorter than the bits that lead to the slot; these are in no other slot's chain. The others span several
   * slots, and there is at most one of them per bit of the node's stride.
   */

  /** Returns the head of the slot's chain: its prefix, or the cover of its node. */
  headOf(slot: number): number {
    return slot < 0 ? (this.nodes[~slot + COVER] as number) : slot & HANDLE_MASK;
  }

  /** Returns the slot's content with another head of its chain. `end` is the end of the node that the slot is in. */
  withHead(slot: number, head: number, end: number): number {
    if (slot >= 0) return this.slotOf(head, end);
    this.nodes[~slot + COVER] = head;
    return slot;
  }

  /** Returns a prefix, or 0, as the content of a slot in a node that ends at `end`. */
  slotOf(handle: number, end: number): number {
    if (handle === 0) return 0;
    const lengthBits = this.lengthOf(handle);
    return lengthBits > end ? handle : lengthBits === end ? handle | EXACT : handle | EXACT | RANGE;
  }

  /** Returns the longest prefix in the chain of at most `lengthBits`, or 0. It is for look-ups, and counts no steps. */
  climb(head: number, lengthBits: number): number {
    let at = head;
    while (at !== 0 && this.lengthOf(at) > lengthBits) at = this.parentOf(at);
    return at;
  }

  /** Returns the same as {@link climb}, and counts steps. It is for updates. */
  restOf(head: number, lengthBits: number): number {
    const last = this.lastLonger(head, lengthBits);
    return last === 0 ? head : this.parentOf(last);
  }

  /**
   * Loads the first two records of these slots' chains into the caches, many at a time. A walk from slot to slot would
   * wait for the memory at each of them.
   */
  fetchChains(from: number, count: number): void {
    if (count < FETCHED_SLOTS) return;
    const { nodes, records, recordWords, addressWords } = this;
    let all = 0;
    for (let i = from; i < from + count; i++) {
      const slot = nodes[i] as number;
      const head = slot < 0 ? (nodes[~slot + COVER] as number) : slot & HANDLE_MASK;
      const above = (records[head * recordWords + addressWords] as number) >>> 8;
      all |= records[above * recordWords + addressWords] as number;
    }
    this.fetched = all;
  }

  /** Returns how many prefixes of the chain are at least `lengthBits` long. */
  countFrom(head: number, lengthBits: number): number {
    const { records, recordWords, addressWords } = this;
    let count = 0;
    for (let at = head; at !== 0; count++) {
      const word = records[at * recordWords + addressWords] as number;
      if ((word & 0xff) < lengthBits) break;
      at = word >>> 8;
    }
    this.steps += count;
    return count;
  }

  /** Returns the shortest prefix in the chain that is longer than `lengthBits`, or 0. */
  lastLonger(head: number, lengthBits: number): number {
    const { records, recordWords, addressWords } = this;
    let last = 0;
    let steps = 1;
    for (let at = head; at !== 0; steps++) {
      const word = records[at * recordWords + addressWords] as number;
      if ((word & 0xff) <= lengthBits) break;
      last = at;
      at = word >>> 8;
    }
    this.steps += steps;
    return last;
  }

  /** Returns how many slots a prefix spans in a node that ends at `end`. */
  spanOf(handle: number, end: number): number {
    const lengthBits = this.lengthOf(handle);
    return lengthBits < end ? 1 << (end - lengthBits) : 1;
  }

  /** Inserts a prefix into a chain. Returns the chain's head. */
  link(head: number, prefix: number, lengthBits: number): number {
    if (head === 0 || this.lengthOf(head) < lengthBits) {
      this.setParent(prefix, head);
      return prefix;
    }
    const below = this.lastLonger(head, lengthBits);
    this.setParent(prefix, this.parentOf(below));
    this.setParent(below, prefix);
    return head;
  }

  /** Removes a prefix from a chain. Returns the chain's head. */
  unlink(head: number, prefix: number): number {
    if (head === prefix) return this.parentOf(prefix);
    let below = head;
    while (this.parentOf(below) !== prefix) {
      below = this.parentOf(below);
      this.steps++;
    }
    this.setParent(below, this.parentOf(prefix));
    return head;
  }

  /** Removes the prefixes of at most `lengthBits` from the chain. Returns the chain's head, 0 if nothing is left. */
  cut(head: number, lengthBits: number): number {
    const last = this.lastLonger(head, lengthBits);
    if (last === 0) return 0;
    if (this.parentOf(last) !== 0) this.setParent(last, 0);
    return head;
  }

  /** Appends `cover` and the prefixes above it to a chain, unless they are in it already. Returns the chain's head. */
  attach(head: number, cover: number): number {
    if (head === 0 || head === cover) return cover;
    let last = head;
    let above = this.parentOf(last);
    while (above !== 0 && above !== cover) {
      last = above;
      above = this.parentOf(last);
      this.steps++;
    }
    if (above !== cover) this.setParent(last, cover);
    return head;
  }
}
