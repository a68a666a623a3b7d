/** Random numbers that a seed repeats (mulberry32), for tests that print their seed. Never for secrets. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 to 2^32-1. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }

  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new Error("nothing to pick from");
    return chosen;
  }

  /** The same items in random order, in a new array. */
  shuffled<T>(items: readonly T[]): T[] {
    const ranked = items.map((item) => ({ item, rank: this.word() }));
    return ranked.sort((a, b) => a.rank - b.rank).map(({ item }) => item);
  }

  bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.below(256));
  }
}
