/*
 * Next hops are stored as numbers. A data centre has far fewer of them than routes, so each is stored once, and a route
 * names it by its number. Two next hops are the same if all five fields are equal.
 *
 * A row of the array:
 *
 *     0 to 3   address, IPv4 in word 0
 *     4        target VNI
 *     5        NAT ports: first in the low 16 bits, last in the high ones
 *     6        type in bits 0 to 1, bit 2 is set for an IPv6 address
 *     7        number of routes that name it
 *     8        next row of the same hash bucket, or of the free list
 *     9, 10    the two lanes of its part of a route's digest (../digest.ts)
 */

import { GrowableInt32Array } from "../../base/growable-int32-array.ts";
import { nextHopOf } from "../../wire/codec.ts";
import type { NextHop } from "../../wire/message.ts";
import { UpdateFields } from "../../wire/message.ts";
import type { NextHopType } from "../../wire/protocol.ts";
import { HIGH_START, LOW_START, mixHigh, mixLow } from "../digest.ts";

const ROW_WORDS = 11;
const TARGET_VNI = 4;
const PORTS = 5;
const KIND = 6;
const REFERENCES = 7;
const NEXT = 8;
const DIGEST_HIGH = 9;
const DIGEST_LOW = 10;

const TYPE_BITS = 3;
const TYPES = 3;
const IPV6_BIT = 4;
const NONE = -1;
/** The first number of buckets, a power of 2. */
const FIRST_BUCKETS = 64;

export class NextHops {
  readonly #seed: number;
  readonly #store: GrowableInt32Array;
  /** The first row of each bucket. */
  readonly #buckets: GrowableInt32Array;
  #bucketCount = FIRST_BUCKETS;
  /** The bits of the hash that choose a bucket, as a mask: at least `bucketCount` - 1. */
  #bucketMask = FIRST_BUCKETS - 1;
  #rowCount = 0;
  #free = NONE;
  #size = 0;
  /** How many there are of each type. */
  readonly #sizeByType = new Int32Array(TYPES);
  readonly #fields = new UpdateFields();

  /** @param seed of the hash: without it a peer could send next hops that all share one bucket */
  constructor(seed = 0, maxWords?: number) {
    this.#seed = seed;
    this.#store = new GrowableInt32Array(maxWords);
    this.#buckets = new GrowableInt32Array(maxWords);
    this.#buckets.reserve(FIRST_BUCKETS).fill(NONE, 0, FIRST_BUCKETS);
  }

  /** The number of next hops that routes name. */
  get size(): number {
    return this.#size;
  }

  /** Number of them by {@link NextHopType}. */
  get sizeByType(): readonly number[] {
    return Array.from(this.#sizeByType);
  }

  get bytes(): number {
    return this.#store.bytes + this.#buckets.bytes;
  }

  /** Returns the number of the next hop in `f`, or -1 if no route names it. */
  find(f: UpdateFields): number {
    const ports = f.natPortFrom | (f.natPortTo << 16);
    const kind = f.hopType | (f.hopFamily === 6 ? IPV6_BIT : 0);
    const targetVni = f.targetVni | 0;
    const words = this.#store.words;
    const bucket = this.#bucketOfHash(hash(f.h0 ^ this.#seed, f.h1, f.h2, f.h3, targetVni, ports, kind));
    let id = this.#buckets.words[bucket] as number;
    while (id !== NONE) {
      const at = id * ROW_WORDS;
      if (
        words[at + 3] === f.h3 &&
        words[at + 2] === f.h2 &&
        words[at + 1] === f.h1 &&
        words[at] === f.h0 &&
        words[at + PORTS] === ports &&
        words[at + KIND] === kind &&
        words[at + TARGET_VNI] === targetVni
      ) {
        break;
      }
      id = words[at + NEXT] as number;
    }
    return id;
  }

  /**
   * Makes room for this many more next hops: making them does not throw.
   * @throws CapacityError
   */
  reserve(hops: number): void {
    const free = this.#rowCount - this.#size;
    if (free < hops) this.#store.reserve((this.#rowCount + hops - free) * ROW_WORDS);
    this.#buckets.reserve(this.#bucketCount + hops);
  }

  /** Returns the number of the next hop in `f`, new or known. A caller that keeps it calls {@link retain}. */
  intern(f: UpdateFields): number {
    const found = this.find(f);
    return found === NONE ? this.#make(f) : found;
  }

  retain(id: number): void {
    const at = id * ROW_WORDS + REFERENCES;
    const words = this.#store.words;
    words[at] = (words[at] as number) + 1;
  }

  /** Releases the next hop of a route. When no route names it any more, its number becomes free. */
  release(id: number): void {
    const words = this.#store.words;
    const at = id * ROW_WORDS;
    const references = (words[at + REFERENCES] as number) - 1;
    words[at + REFERENCES] = references;
    if (references > 0) return;
    const bucket = this.#bucketOf(at);
    const buckets = this.#buckets.words;
    let before = NONE;
    let found = buckets[bucket] as number;
    while (found !== id) {
      before = found;
      found = words[found * ROW_WORDS + NEXT] as number;
    }
    const next = words[at + NEXT] as number;
    if (before === NONE) buckets[bucket] = next;
    else words[before * ROW_WORDS + NEXT] = next;
    words[at + NEXT] = this.#free;
    this.#free = id;
    this.#size--;
    this.#countType(words[at + KIND] as number, -1);
  }

  /** Writes the next hop to `out`, whose other fields stay. */
  fill(id: number, out: UpdateFields): void {
    const words = this.#store.words;
    const at = id * ROW_WORDS;
    const ports = words[at + PORTS] as number;
    const kind = words[at + KIND] as number;
    out.h0 = words[at] as number;
    out.h1 = words[at + 1] as number;
    out.h2 = words[at + 2] as number;
    out.h3 = words[at + 3] as number;
    out.targetVni = (words[at + TARGET_VNI] as number) >>> 0;
    out.natPortFrom = ports & 0xffff;
    out.natPortTo = ports >>> 16;
    // Only types that the decoder has accepted are stored.
    out.hopType = (kind & TYPE_BITS) as NextHopType;
    out.hopFamily = (kind & IPV6_BIT) === 0 ? 4 : 6;
  }

  /** Returns the high lane of the next hop's part of a digest. */
  digestHighOf(id: number): number {
    return this.#store.words[id * ROW_WORDS + DIGEST_HIGH] as number;
  }

  /** Returns the low lane of the next hop's part of a digest. */
  digestLowOf(id: number): number {
    return this.#store.words[id * ROW_WORDS + DIGEST_LOW] as number;
  }

  nextHopOf(id: number): NextHop {
    this.fill(id, this.#fields);
    return nextHopOf(this.#fields);
  }

  #make(f: UpdateFields): number {
    let id = this.#free;
    if (id !== NONE) this.#free = this.#store.words[id * ROW_WORDS + NEXT] as number;
    else id = this.#rowCount++;
    const at = id * ROW_WORDS;
    const words = this.#store.reserve(at + ROW_WORDS);
    words[at] = f.h0;
    words[at + 1] = f.h1;
    words[at + 2] = f.h2;
    words[at + 3] = f.h3;
    words[at + TARGET_VNI] = f.targetVni | 0;
    words[at + PORTS] = f.natPortFrom | (f.natPortTo << 16);
    words[at + KIND] = f.hopType | (f.hopFamily === 6 ? IPV6_BIT : 0);
    words[at + REFERENCES] = 0;
    let high = HIGH_START;
    let low = LOW_START;
    for (let i = 0; i <= KIND; i++) {
      high = mixHigh(high, words[at + i] as number);
      low = mixLow(low, words[at + i] as number);
    }
    words[at + DIGEST_HIGH] = high;
    words[at + DIGEST_LOW] = low;
    const bucket = this.#bucketOf(at);
    const buckets = this.#buckets.words;
    words[at + NEXT] = buckets[bucket] as number;
    buckets[bucket] = id;
    this.#countType(f.hopType, 1);
    if (++this.#size > this.#bucketCount) this.#addBucket();
    return id;
  }

  #countType(kind: number, change: 1 | -1): void {
    const type = kind & TYPE_BITS;
    this.#sizeByType[type] = (this.#sizeByType[type] as number) + change;
  }

  /**
   * Adds a bucket for one more next hop (linear hashing): it gets its share of the bucket from which it is split.
   * Doubling all buckets at once would stop the event loop for 0.1 s at some 500,000 next hops.
   */
  #addBucket(): void {
    const added = this.#bucketCount++;
    if (added > this.#bucketMask) this.#bucketMask = this.#bucketMask * 2 + 1;
    const split = added & (this.#bucketMask >>> 1);
    const buckets = this.#buckets.reserve(this.#bucketCount);
    const words = this.#store.words;
    let id = buckets[split] as number;
    buckets[split] = buckets[added] = NONE;
    while (id !== NONE) {
      const at = id * ROW_WORDS;
      const next = words[at + NEXT] as number;
      const bucket = this.#bucketOf(at);
      words[at + NEXT] = buckets[bucket] as number;
      buckets[bucket] = id;
      id = next;
    }
  }

  #bucketOfHash(hash: number): number {
    const bucket = hash & this.#bucketMask;
    return bucket < this.#bucketCount ? bucket : bucket & (this.#bucketMask >>> 1);
  }

  #bucketOf(at: number): number {
    const words = this.#store.words;
    return this.#bucketOfHash(
      hash(
        (words[at] as number) ^ this.#seed,
        words[at + 1] as number,
        words[at + 2] as number,
        words[at + 3] as number,
        words[at + TARGET_VNI] as number,
        words[at + PORTS] as number,
        words[at + KIND] as number,
      ),
    );
  }
}

/**
 * Hashes seven words, the first one with the seed. The last steps (murmur3's finalizer) spread every bit over the low
 * ones.
 */
function hash(a: number, b: number, c: number, d: number, e: number, f: number, g: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul((h ^ b) + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(((h << 13) | (h >>> 19)) ^ c, 0x27d4eb2f);
  h = Math.imul(((h << 13) | (h >>> 19)) ^ d, 0x165667b1);
  h = Math.imul(((h << 13) | (h >>> 19)) ^ e, 0x85ebca6b);
  h = Math.imul(((h << 13) | (h >>> 19)) ^ f, 0xc2b2ae35);
  h ^= g;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
