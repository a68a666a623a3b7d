/*
 * This index finds members of long lists in constant time.
 *
 * Most lists of the route table are short: one or two next hops of a destination, one or two origins of a route. They
 * are linked in one direction, and are walked. A list of more than {@link LONG_LIST_FROM} members is long: its members
 * are in this index, by the list and by their key in it, with the member before them. So one of them is found and
 * removed without a walk, however long the list is. When it has shrunk to half of that number, it becomes a short list
 * again. Because of this gap, a list whose length varies around the limit is not converted again and again.
 *
 * A row of the array:
 *
 *     LIST, KEY   the list, and the key of the member in it
 *     MEMBER      the member's number
 *     PREVIOUS    the member before it in the list, or NIL
 *     NEXT        next row of the same hash bucket
 *
 * The hash table grows one bucket at a time, like that of next-hops.ts. The hash is seeded, so that a sender cannot
 * know which members share a bucket.
 */
import { GrowableInt32Array } from "../../base/growable-int32-array.ts";
import { NIL, RowPool } from "./row-pool.ts";

/** A list of more members than this is long. */
export const LONG_LIST_FROM = 16;

const LIST = 0;
const KEY = 1;
const MEMBER = 2;
const PREVIOUS = 3;
const NEXT = 4;
const ROW_WORDS = 5;
/** The first number of buckets, a power of 2. */
const FIRST_BUCKETS = 64;

export class LongListIndex {
  readonly #seed: number;
  readonly #rows: RowPool;
  /** The first row of each bucket. */
  readonly #buckets: GrowableInt32Array;
  #bucketCount = FIRST_BUCKETS;
  /** The bits of the hash that choose a bucket, as a mask: at least `bucketCount` - 1. */
  #bucketMask = FIRST_BUCKETS - 1;

  constructor(seed: number, maxWords?: number) {
    this.#seed = seed;
    this.#rows = new RowPool(ROW_WORDS, maxWords);
    this.#buckets = new GrowableInt32Array(maxWords);
    this.#buckets.reserve(FIRST_BUCKETS).fill(NIL, 0, FIRST_BUCKETS);
  }

  get size(): number {
    return this.#rows.used;
  }

  get bytes(): number {
    return this.#rows.bytes + this.#buckets.bytes;
  }

  /**
   * Makes room for this many more members: adding them does not throw.
   * @throws CapacityError
   */
  reserve(members: number): void {
    this.#rows.reserve(members);
    this.#buckets.reserve(Math.max(this.#bucketCount, this.#rows.used + members));
  }

  /** Returns the entry of a list's member, or NIL. */
  find(list: number, key: number): number {
    const words = this.#rows.words;
    let entry = this.#buckets.words[this.#bucketOf(list, key)] as number;
    while (entry !== NIL) {
      const at = entry * ROW_WORDS;
      if (words[at + KEY] === key && words[at + LIST] === list) break;
      entry = words[at + NEXT] as number;
    }
    return entry;
  }

  memberOf(entry: number): number {
    return this.#rows.words[entry * ROW_WORDS + MEMBER] as number;
  }

  /** Returns the member before this one in its list, or NIL. */
  previousOf(entry: number): number {
    return this.#rows.words[entry * ROW_WORDS + PREVIOUS] as number;
  }

  setPrevious(list: number, key: number, previous: number): void {
    this.#rows.words[this.find(list, key) * ROW_WORDS + PREVIOUS] = previous;
  }

  /** Adds a member that is not in the index yet, and for which there is room. */
  add(list: number, key: number, member: number, previous: number): void {
    const entry = this.#rows.allocate();
    const words = this.#rows.words;
    const buckets = this.#buckets.words;
    const bucket = this.#bucketOf(list, key);
    const at = entry * ROW_WORDS;
    words[at + LIST] = list;
    words[at + KEY] = key;
    words[at + MEMBER] = member;
    words[at + PREVIOUS] = previous;
    words[at + NEXT] = buckets[bucket] as number;
    buckets[bucket] = entry;
    if (this.#rows.used > this.#bucketCount) this.#addBucket();
  }

  remove(entry: number): void {
    const words = this.#rows.words;
    const buckets = this.#buckets.words;
    const at = entry * ROW_WORDS;
    const bucket = this.#bucketOf(words[at + LIST] as number, words[at + KEY] as number);
    const next = words[at + NEXT] as number;
    if (buckets[bucket] === entry) buckets[bucket] = next;
    else {
      let before = buckets[bucket] as number;
      while (words[before * ROW_WORDS + NEXT] !== entry) before = words[before * ROW_WORDS + NEXT] as number;
      words[before * ROW_WORDS + NEXT] = next;
    }
    this.#rows.release(entry);
  }

  /** Adds a bucket, which gets its share of the one from which it is split (linear hashing). */
  #addBucket(): void {
    const added = this.#bucketCount++;
    if (added > this.#bucketMask) this.#bucketMask = this.#bucketMask * 2 + 1;
    const split = added & (this.#bucketMask >>> 1);
    const buckets = this.#buckets.words;
    const words = this.#rows.words;
    let entry = buckets[split] as number;
    buckets[split] = buckets[added] = NIL;
    while (entry !== NIL) {
      const at = entry * ROW_WORDS;
      const next = words[at + NEXT] as number;
      const bucket = this.#bucketOf(words[at + LIST] as number, words[at + KEY] as number);
      words[at + NEXT] = buckets[bucket] as number;
      buckets[bucket] = entry;
      entry = next;
    }
  }

  #bucketOf(list: number, key: number): number {
    let h = Math.imul(list ^ this.#seed, 0x85ebca6b);
    h = Math.imul(((h << 13) | (h >>> 19)) ^ key, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    const bucket = h & this.#bucketMask;
    return bucket < this.#bucketCount ? bucket : bucket & (this.#bucketMask >>> 1);
  }
}
