import { expect, test } from "bun:test";
import { sortedNumbers } from "../../src/http/sorted-numbers.ts";
import { SeededRandom } from "../support/models/random.ts";

const same = (number: number) => number;

test.each([0, 1, 8192, 32_767, 32_768, 32_769, 100_000])("%i numbers, some of them twice", (count) => {
  const random = new SeededRandom(count);
  const numbers = Array.from({ length: count }, () => random.below(count * 4));
  const ordered = [...sortedNumbers(() => numbers, same)].filter((number) => number !== null);
  expect(ordered).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});

test("many that are all the same come once", () => {
  expect([...sortedNumbers(() => Array(40_000).fill(7), same)].filter((number) => number !== null)).toEqual([
    7,
  ]);
});

test("pauses while it reads, and what comes meanwhile may come or not, but in order", () => {
  const numbers = new Set(Array.from({ length: 200_000 }, (_, n) => (n * 7919) % 200_003));
  let pauses = 0;
  let last = -1;
  for (const number of sortedNumbers(() => numbers, same)) {
    if (number === null) {
      pauses++;
      numbers.add(300_000 + pauses);
      numbers.delete(pauses);
      continue;
    }
    expect(number).toBeGreaterThan(last);
    last = number;
  }
  expect(pauses).toBeGreaterThan(20);
});
