/** What a histogram has counted up to now. */
export interface HistogramValue {
  /** Upper bounds of the buckets, inclusive and rising. */
  readonly bounds: readonly number[];
  /** How many values each bucket has, and how many were above the last bound. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts values by size, in buckets with fixed bounds. Observing one allocates nothing. */
export class Histogram {
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds are the upper bounds of the buckets, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value, `times` times. */
  observe(value: number, times = 1): void {
    const bounds = this.#bounds;
    let bucket = 0;
    // Most values are in the first buckets.
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + times;
    this.#sum += value * times;
  }

  value(): HistogramValue {
    return { bounds: Array.from(this.#bounds), counts: Array.from(this.#counts), sum: this.#sum };
  }
}
