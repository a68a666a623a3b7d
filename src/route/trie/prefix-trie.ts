import type { Prefix } from "../../net/ip.ts";
import { growNode, limitChain, shrinkNode, shrinkSingle } from "./trie-resize.ts";
import {
  ADDRESS,
  COVER,
  EXACT,
  HANDLE_MASK,
  POSITION_MASK,
  type PoolLimits,
  RANGE,
  TrieStore,
} from "./trie-store.ts";

/*
 * A pool keeps the prefixes of one address family, and finds the longest of them that contains an address.
 *
 * One pool holds many tries: a trie is one word, its root, and all nodes and records are allocated in the same two
 * arrays, so ten thousand VNIs of ten routes are as cheap as one of a hundred thousand. A prefix in a trie has a
 * handle, the number of its record. Handles are small and dense, and are used again after a removal. Further data about
 * prefixes is kept in arrays that are indexed by the handle.
 *
 * A trie is an LC-trie: a node is indexed by `stride` bits of the address at once, grows and shrinks with its content,
 * and skips the bits in which all its addresses agree.
 *
 *     root ──► node: bits 8 to 9 of the address         skipped: bits 0 to 7, they are 10 everywhere
 *              cover 10.0.0.0/8                         contains the whole node
 *              ┌──────────┬──────────┬──────────┬──────────┐
 *           00 │ ~node ─┐ │ 10.64/10 │ 10.128/9 │ 10.192/16│ 11
 *              └────────┼─┴──────────┴──RANGE───┴────┼─────┘
 *                       ▼                            └ parent ► 10.128/9
 *              node: bits 24 to 31, 256 slots
 *              cover 10.1.2.0/24 ─ parent ► 10.0.0.0/10
 *              ...
 *
 * Where prefixes contain one another, the slot holds the longest, whose record names the next shorter one
 * as its parent. Such a chain stays within one node: it ends before the prefixes that contain all of the
 * node, which are the cover of that node and its chain. So a short prefix that contains a million others
 * is written to some slots of one node and not to a million records. A prefix that spans several slots
 * stands in each of them that holds nothing longer.
 *
 * A look-up walks down without comparing anything, then compares the address with the one record it found. If they
 * agree in d bits, every prefix of that chain and every cover on the way down with at most d bits contains the address,
 * and no other prefix does. (`trie-store.ts` defines the words, `trie-resize.ts` grows and shrinks the nodes.)
 *
 * Announcers choose the shape of the tries. So each loop of an update has a bound that holds in every trie,
 * MAX_UPDATE_STEPS in all:
 *
 *     the way down                     a node per bit of the address at most: 33 or 129
 *     the chain of a slot              2 prefixes of its own (MAX_OWN_CHAIN in trie-store.ts) and one per bit of the
 *                                      stride, 12. Nodes of two slots and one content cut longer chains into pieces
 *     a prefix that spans slots        2,048 of them, 4 steps each; where a longer prefix spans several of them,
 *                                      these are one step
 *     a node that doubles              MAX_RESIZE_SLOTS and MAX_RESIZE_WORK in trie-resize.ts, and once per update; a
 *                                      node that would take more does not double
 *     a node that halves               4,096 slots, then 2,048 and so on: 8,192
 *     blocks of words for nodes        a look at each of 13 lists (node-arena.ts)
 *
 * Beside that, arrays of up to 1 MB are copied when they grow, a few times in the life of a pool (growable-int32-array.ts).
 *
 * Addresses are signed 32-bit words, of which IPv4 uses `w0` and ignores the rest.
 */

/**
 * The most slots and prefixes of chains that an update passes. Most of them are slots that lie side by side. The
 * records below them are fetched ahead (`fetchChains`), since some thousand words that are in no cache would take most
 * of the time. A search for the worst case has found 12,500.
 */
export const MAX_UPDATE_STEPS = 32_768;

const BATCH = 32;
const HEAD_WORDS_4 = ADDRESS + 1;
const HEAD_WORDS_6 = ADDRESS + 4;

export class PrefixPool {
  readonly family: 4 | 6;
  /** True if the last `insert` made a new prefix. */
  created = false;
  /** Increases with every insert and remove that changes something. */
  version = 0;

  /** The words of the tries, for the cursor of this folder. */
  readonly store: TrieStore;
  readonly #contents = new Int32Array(BATCH);
  readonly #ends = new Int32Array(BATCH);

  constructor(family: 4 | 6, limits?: PoolLimits) {
    this.family = family;
    this.store = new TrieStore(family, limits);
  }

  /** The number of prefixes in all tries. */
  get size(): number {
    return this.store.size;
  }

  /** How many slots and prefixes the last `insert` or `remove` has passed, without the nodes on the way down. */
  get steps(): number {
    return this.store.steps;
  }

  /** Returns the bytes of nodes, roots and records, free ones included. They are never returned to the system. */
  bytesUsed(): number {
    return this.store.bytesUsed();
  }

  /** Returns how many of these bytes are free. */
  bytesIdle(): number {
    return this.store.bytesIdle();
  }

  /** Makes an empty trie and returns its root; -1 if there is no memory for it. */
  createRoot(): number {
    return this.store.allocateRoot();
  }

  /** Removes an empty trie. */
  disposeRoot(root: number): void {
    if (!this.isEmpty(root)) throw new TrieNotEmptyError();
    this.store.freeRoot(root);
  }

  isEmpty(root: number): boolean {
    return this.store.nodes[root] === 0;
  }

  /** Returns word 0 to 3 of the prefix's address. */
  wordOf(handle: number, index: number): number {
    const { records, recordWords, addressWords } = this.store;
    return index < addressWords ? (records[handle * recordWords + index] as number) : 0;
  }

  lengthBitsOf(handle: number): number {
    return this.store.lengthOf(handle);
  }

  prefixOf(handle: number): Prefix {
    return {
      family: this.family,
      w0: this.wordOf(handle, 0),
      w1: this.wordOf(handle, 1),
      w2: this.wordOf(handle, 2),
      w3: this.wordOf(handle, 3),
      lengthBits: this.lengthBitsOf(handle),
    };
  }

  /**
   * Finds the prefix or adds it, and returns its handle; `created` is true if it was added. Host bits must be 0.
   * Returns -1 and changes nothing if the prefix does not exist, and the pool is full or the system refuses memory.
   */
  insert(root: number, w0: number, w1: number, w2: number, w3: number, lengthBits: number): number {
    const store = this.store;
    store.steps = 0;
    if (!store.reserveInsert()) {
      this.created = false;
      return this.find(root, w0, w1, w2, w3, lengthBits);
    }
    const nodes = store.nodes;
    const headWords = store.headWords;
    let node = 0;
    let nodeAt = 0;
    let above = 0;
    let at = root;
    let end = 0;
    let content = nodes[at] as number;
    let common = 0;
    while (content < 0) {
      const child = ~content;
      const head = nodes[child] as number;
      const position = head & POSITION_MASK;
      common = store.commonBits(nodes, child + ADDRESS, w0, w1, w2, w3);
      if (common < position || position >= lengthBits) break;
      const word = position < 64 ? (position < 32 ? w0 : w1) : position < 96 ? w2 : w3;
      above = node;
      node = child;
      nodeAt = at;
      at = child + headWords + ((word << head) >>> (head >> 8));
      end = position + 32 - ((head >> 8) & 31);
      if (lengthBits < end) return this.#insertRange(at, end, w0, w1, w2, w3, lengthBits);
      content = nodes[at] as number;
    }

    if (content === 0) {
      this.#count();
      const made = store.allocateRecord(w0, w1, w2, w3, lengthBits);
      nodes[at] = store.slotOf(made, end);
      store.addOwn(node, 1);
      return made;
    }

    // How many leading bits decide where the content belongs, and how many of them the prefix shares.
    let bits: number;
    if (content > 0) {
      const handle = content & HANDLE_MASK;
      common = store.commonBits(store.records, handle * store.recordWords, w0, w1, w2, w3);
      bits = store.lengthOf(handle);
    } else {
      bits = store.positionOf(~content);
    }
    if (common >= lengthBits || common >= bits) {
      // The prefix contains the content, or the other way round: it goes into the slot's chain.
      const head = store.headOf(content);
      const next = store.climb(head, lengthBits);
      if (next !== 0 && store.lengthOf(next) === lengthBits) {
        this.created = false;
        return next;
      }
      this.#count();
      const made = store.allocateRecord(w0, w1, w2, w3, lengthBits);
      if ((content & RANGE) !== 0 && content > 0) store.addOwn(node, 1);
      const linked = store.withHead(content, store.link(head, made, lengthBits), end);
      nodes[at] = limitChain(store, linked, end);
      return made;
    }

    this.#count();
    const made = store.allocateRecord(w0, w1, w2, w3, lengthBits);
    const fork = this.#fork(content, made, common);
    nodes[at] = ~fork;
    store.countDirect(node, ~fork, 1);
    if (node === 0 || common !== end || !growNode(store, nodeAt, above)) growNode(store, at, node);
    return made;
  }

  #count(): void {
    this.created = true;
    this.version++;
  }

  /** Adds a prefix that is shorter than the end of its node to the chains of all slots that it spans. */
  #insertRange(
    first: number,
    end: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    lengthBits: number,
  ): number {
    const store = this.store;
    const nodes = store.nodes;
    const found = store.climb(store.headOf(nodes[first] as number), lengthBits);
    if (found !== 0 && store.lengthOf(found) === lengthBits) {
      this.created = false;
      return found;
    }
    this.#count();
    const made = store.allocateRecord(w0, w1, w2, w3, lengthBits);
    const behind = first + (1 << (end - lengthBits));
    store.fetchChains(first, behind - first);
    for (let i = first; i < behind; ) {
      store.steps++;
      const content = nodes[i] as number;
      const head = store.headOf(content);
      const below = store.lastLonger(head, lengthBits);
      if (below === 0) {
        store.setParent(made, head);
        nodes[i++] = store.withHead(content, made, end);
      } else {
        store.setParent(made, store.parentOf(below));
        store.setParent(below, made);
        i += store.spanOf(below, end);
      }
    }
    return made;
  }

  /** Makes a node of two slots at bit `position`, the first in which the slot's content and the new prefix differ. */
  #fork(content: number, made: number, position: number): number {
    const store = this.store;
    const { nodes, records, headWords } = store;
    const record = made * store.recordWords;
    const head = store.headOf(content);
    const fork = store.allocateNode(1);
    const last = store.lastLonger(head, position);
    const cover = last === 0 ? head : store.parentOf(last);
    if (last !== 0 && cover !== 0) store.setParent(last, 0);
    store.writeHead(fork, position, 1, cover);
    store.addOwn(fork, 2);
    store.writeAddress(fork, made, position);
    const side = store.bitAt(records, record, position);
    nodes[fork + headWords + side] = store.slotOf(made, position + 1);
    const other = fork + headWords + 1 - side;
    nodes[other] = store.withHead(content, last === 0 ? 0 : head, position + 1);
    store.countDirect(fork, content, 1);
    shrinkSingle(store, other, fork);
    return fork;
  }

  /** Returns the handle of exactly this prefix, or -1. */
  find(root: number, w0: number, w1: number, w2: number, w3: number, lengthBits: number): number {
    const store = this.store;
    const { nodes, headWords } = store;
    let content = nodes[root] as number;
    while (content < 0) {
      const child = ~content;
      const head = nodes[child] as number;
      const position = head & POSITION_MASK;
      if (position >= lengthBits) {
        content = nodes[child + COVER] as number;
        break;
      }
      const word = position < 64 ? (position < 32 ? w0 : w1) : position < 96 ? w2 : w3;
      content = nodes[child + headWords + ((word << head) >>> (head >> 8))] as number;
    }
    const found = store.climb(content & HANDLE_MASK, lengthBits);
    if (found === 0 || store.lengthOf(found) !== lengthBits) return -1;
    const common = store.commonBits(store.records, found * store.recordWords, w0, w1, w2, w3);
    return common >= lengthBits ? found : -1;
  }

  /** Removes a prefix of this trie; the handle may name another one from the next insert on. */
  remove(root: number, handle: number): void {
    const store = this.store;
    store.steps = 0;
    store.reserveRemove();
    const { nodes, records, headWords, addressWords } = store;
    if (!store.isLive(handle)) throw new NoSuchPrefixError(handle);
    const record = handle * store.recordWords;
    const lengthBits = store.lengthOf(handle);
    let node = 0;
    let nodeAt = 0;
    let above = 0;
    let at = root;
    let end = 0;
    let content = nodes[at] as number;
    while (content < 0) {
      const child = ~content;
      const head = nodes[child] as number;
      const position = head & POSITION_MASK;
      if (position >= lengthBits) break;
      const word = records[addressWords === 1 ? record : record + (position >> 5)] as number;
      above = node;
      node = child;
      nodeAt = at;
      at = child + headWords + ((word << head) >>> (head >> 8));
      end = position + 32 - ((head >> 8) & 31);
      content = nodes[at] as number;
      if (lengthBits < end) break;
    }

    this.version++;
    if (lengthBits < end) {
      this.#removeRange(at, end, handle, lengthBits);
    } else {
      this.#unlink(at, handle, end);
      const left = nodes[at] as number;
      if (left < 0) shrinkSingle(store, at, node);
      else if (left === 0 || (left & RANGE) !== 0) store.addOwn(node, -1);
    }
    store.freeRecord(handle);
    if (node !== 0) shrinkNode(store, nodeAt, above);
  }

  /** Removes a prefix from the chain of one slot. This is a method of its own because `remove` takes 8 % longer with it inline. */
  #unlink(at: number, handle: number, end: number): void {
    const store = this.store;
    const content = store.nodes[at] as number;
    store.nodes[at] = store.withHead(content, store.unlink(store.headOf(content), handle), end);
  }

  /** Removes a prefix that is shorter than the end of its node from the chains of all slots that it spans. */
  #removeRange(first: number, end: number, handle: number, lengthBits: number): void {
    const store = this.store;
    const nodes = store.nodes;
    const parent = store.parentOf(handle);
    const behind = first + (1 << (end - lengthBits));
    store.fetchChains(first, behind - first);
    for (let i = first; i < behind; ) {
      store.steps++;
      const content = nodes[i] as number;
      const below = store.lastLonger(store.headOf(content), lengthBits);
      if (below === 0) {
        nodes[i++] = store.withHead(content, parent, end);
      } else {
        store.setParent(below, parent);
        i += store.spanOf(below, end);
      }
    }
  }

  /** Returns the longest prefix that contains the address, or -1. */
  lookup(root: number, w0: number, w1: number, w2: number, w3: number): number {
    const store = this.store;
    const nodes = store.nodes;
    let node = 0;
    let content = nodes[root] as number;
    if (store.addressWords === 1) {
      // This does what `answer` does, for the usual ends of an IPv4 walk: one call less saves a fifth of the time.
      while (content < 0) {
        node = ~content;
        const head = nodes[node] as number;
        content = nodes[node + HEAD_WORDS_4 + ((w0 << head) >>> (head >> 8))] as number;
      }
      const handle = content & HANDLE_MASK;
      if ((content & EXACT) !== 0) {
        // Word 0 of the array is always 0, which is the right address for 0/0 at the root, where there is no node.
        const common = Math.clz32((nodes[node + ADDRESS] as number) ^ w0);
        if (common >= ((nodes[node] as number) & POSITION_MASK)) return handle;
      } else {
        const records = store.records;
        const common = Math.clz32((records[2 * handle] as number) ^ w0);
        if (((records[2 * handle + 1] as number) & 0xff) <= common && handle !== 0) return handle;
      }
      return this.#answer(root, node, content, w0, 0, 0, 0);
    }
    while (content < 0) {
      node = ~content;
      const head = nodes[node] as number;
      const position = head & POSITION_MASK;
      const word = position < 64 ? (position < 32 ? w0 : w1) : position < 96 ? w2 : w3;
      content = nodes[node + HEAD_WORDS_6 + ((word << head) >>> (head >> 8))] as number;
    }
    return this.#answer(root, node, content, w0, w1, w2, w3);
  }

  /** Returns the longest prefix that contains the address, given where the walk down ended. */
  #answer(
    root: number,
    node: number,
    content: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): number {
    const store = this.store;
    if (content !== 0 && (content & EXACT) === 0) {
      const { records, recordWords, addressWords } = store;
      let handle = content & HANDLE_MASK;
      let at = handle * recordWords;
      const common = store.commonBits(records, at, w0, w1, w2, w3);
      do {
        const word = records[at + addressWords] as number;
        if ((word & 0xff) <= common) return handle;
        handle = word >>> 8;
        at = handle * recordWords;
      } while (handle !== 0);
    } else if (node !== 0) {
      // The node's own address shows whether the bits that were skipped agree; no record is needed.
      const found = content !== 0 ? content & HANDLE_MASK : (store.nodes[node + COVER] as number);
      if (found !== 0) {
        const common = store.commonBits(store.nodes, node + ADDRESS, w0, w1, w2, w3);
        if (common >= store.positionOf(node)) return found;
      }
    }
    return this.lookupWithin(root, w0, w1, w2, w3, 128);
  }

  /**
   * Returns the longest prefix of at most `maxLengthBits` that contains the address, or -1. To find all that contain a given
   * prefix, begin with its address and length, and continue with the length of the result less 1.
   */
  lookupWithin(root: number, w0: number, w1: number, w2: number, w3: number, maxLengthBits: number): number {
    const store = this.store;
    const { nodes, headWords } = store;
    let best = 0;
    let content = nodes[root] as number;
    while (content < 0) {
      const node = ~content;
      const head = nodes[node] as number;
      const position = head & POSITION_MASK;
      const common = store.commonBits(nodes, node + ADDRESS, w0, w1, w2, w3);
      const limit = Math.min(common, maxLengthBits);
      const cover = nodes[node + COVER] as number;
      if (limit < position) {
        return store.climb(cover, limit) || best || -1;
      }
      if (cover !== 0) best = cover;
      const word = position < 64 ? (position < 32 ? w0 : w1) : position < 96 ? w2 : w3;
      content = nodes[node + headWords + ((word << head) >>> (head >> 8))] as number;
    }
    if (content !== 0) {
      const handle = content & HANDLE_MASK;
      const common = store.commonBits(store.records, handle * store.recordWords, w0, w1, w2, w3);
      const found = store.climb(handle, Math.min(common, maxLengthBits));
      if (found !== 0) return found;
    }
    return best || -1;
  }

  /**
   * Looks up `count` addresses of one trie, 1 or 4 words each in `addresses`, and writes the results to `handles` (-1
   * for none). Several walks are done at the same time, so that their cache misses overlap.
   */
  lookupMany(root: number, addresses: Int32Array, count: number, handles: Int32Array): void {
    const store = this.store;
    const { nodes, headWords, addressWords } = store;
    const contents = this.#contents;
    const ends = this.#ends;
    for (let start = 0; start < count; start += BATCH) {
      const n = Math.min(count - start, BATCH);
      const first = start * addressWords;
      contents.fill(nodes[root] as number);
      ends.fill(0);
      for (let busy = true; busy; ) {
        busy = false;
        for (let i = 0; i < n; i++) {
          const content = contents[i] as number;
          if (content >= 0) continue;
          const node = ~content;
          const head = nodes[node] as number;
          const at = addressWords === 1 ? first + i : first + 4 * i + ((head & POSITION_MASK) >> 5);
          const word = addresses[at] as number;
          const next = nodes[node + headWords + ((word << head) >>> (head >> 8))] as number;
          contents[i] = next;
          ends[i] = node;
          if (next < 0) busy = true;
        }
      }
      for (let i = 0; i < n; i++) {
        const at = first + i * addressWords;
        const w0 = addresses[at] as number;
        handles[start + i] =
          addressWords === 1
            ? this.#answer(root, ends[i] as number, contents[i] as number, w0, 0, 0, 0)
            : this.#answer(
                root,
                ends[i] as number,
                contents[i] as number,
                w0,
                addresses[at + 1] as number,
                addresses[at + 2] as number,
                addresses[at + 3] as number,
              );
      }
    }
  }
}

/** A trie that still has prefixes cannot be removed. */
export class TrieNotEmptyError extends Error {
  readonly code = "trie_not_empty";
  constructor() {
    super("the trie still holds prefixes; remove them first");
  }
}

/** The handle names no prefix. */
export class NoSuchPrefixError extends Error {
  readonly handle: number;
  readonly code = "no_such_prefix";
  constructor(handle: number) {
    super(`no prefix has the handle ${handle}`);
    this.handle = handle;
  }
}
