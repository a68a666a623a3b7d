/*
 * This is a map whose keys are 32-bit numbers that peers choose, such as VNIs.
 *
 * A Map of JavaScriptCore has two disadvantages for such keys. It doubles in one step: 60 ms at 200,000 entries and 0.4
 * s at 1,600,000 on a busy machine. And its hash of a number is known, so that a peer can choose numbers that all share
 * a bucket, and each look-up passes all of them. Here a number is permuted with a secret before it becomes a key, and
 * the keys are spread over many small Maps, each of which grows by itself.
 */
const SHARDS = 256;

export class SeededMap<V> {
  readonly #seed: number;
  readonly #shards: (Map<number, V> | undefined)[] = new Array(SHARDS).fill(undefined);
  #size = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of entries of the largest Map, which is the most that one step may have to copy. */
  get greatestShard(): number {
    return Math.max(...this.#shards.map((shard) => shard?.size ?? 0));
  }

  get(number: number): V | undefined {
    const key = this.#keyOf(number);
    return this.#shards[key & (SHARDS - 1)]?.get(key);
  }

  set(number: number, value: V): void {
    const key = this.#keyOf(number);
    let shard = this.#shards[key & (SHARDS - 1)];
    if (shard === undefined) shard = this.#shards[key & (SHARDS - 1)] = new Map();
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
  }

  delete(number: number): void {
    const key = this.#keyOf(number);
    if (this.#shards[key & (SHARDS - 1)]?.delete(key) === true) this.#size--;
  }

  /**
   * Permutes a number (murmur3's finalizer, with the secret in between). Each step is reversible, so no two numbers
   * have the same key.
   */
  #keyOf(number: number): number {
    let h = number ^ this.#seed;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ (this.#seed >>> 7);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) + this.#seed;
    return h ^ (h >>> 16);
  }
}
