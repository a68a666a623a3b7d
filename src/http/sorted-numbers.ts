/**
 * This function sorts the numbers of a set that may be large with little memory: it reads all of them again to find the
 * smallest ones beyond the last batch. A million numbers take some sixty passes, which is one second of work in all.
 */

const BATCH = 16_384;
/** The size of the first batch: most tables have few VNIs. */
const FIRST_CAPACITY = 64;
/** How many numbers are read between two pauses. */
const NUMBERS_PER_PAUSE = 16_384;

/**
 * Returns the keys of the numbers, each once, in order. The caller may pause at a null; the numbers may change in the
 * meantime.
 */
export function* sortedNumbers(
  numbers: () => Iterable<number>,
  keyOf: (number: number) => number,
): Generator<number | null> {
  let least = new Float64Array(FIRST_CAPACITY);
  let last = Number.NEGATIVE_INFINITY;
  for (;;) {
    let count = 0;
    /** Numbers that are not below this are read in the next pass. */
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
