/**
 * Numbers in order, from a set that may be large, with little memory: the least ones beyond the last batch are looked for
 * by reading all of them again. A million takes some sixty readings, and that is a second of work in all.
 */

const BATCH = 16_384;
/** Most tables have few VNIs. */
const FIRST_CAPACITY = 64;
/** Numbers that are looked at between two pauses. */
const NUMBERS_PER_PAUSE = 16_384;

/** The keys of the numbers, each once, in order. A null is a place to pause; the numbers may change meanwhile. */
export function* sortedNumbers(
  numbers: () => Iterable<number>,
  keyOf: (number: number) => number,
): Generator<number | null> {
  let least = new Float64Array(FIRST_CAPACITY);
  let last = Number.NEGATIVE_INFINITY;
  for (;;) {
    let count = 0;
    /** What is not below it waits for the next reading. */
    let limit = Number.POSITIVE_INFINITY;
    let looked = 0;
    for (const number of numbers()) {
      if (++looked % NUMBERS_PER_PAUSE === 0) yield null;
      const key = keyOf(number);
      if (key <= last || key >= limit) continue;
      least[count++] = key;
      if (count < least.length) continue;
      if (count < 2 * BATCH) {
        const larger = new Float64Array(2 * count);
        larger.set(least);
        least = larger;
        continue;
      }
      least.sort();
      limit = least[BATCH] as number;
      count = BATCH;
    }
    for (const key of least.subarray(0, count).sort()) {
      if (key !== last) yield key;
      last = key;
    }
    if (limit === Number.POSITIVE_INFINITY) return;
  }
}
