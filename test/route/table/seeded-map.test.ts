import { expect, test } from "bun:test";
import { SeededMap } from "../../../src/route/table/seeded-map.ts";
import { SeededRandom } from "../../support/models/random.ts";

test("it holds what a Map holds, for numbers of 32 bits", () => {
  for (const seed of [0, 1, -1, 0x7fffffff, 20_261_130]) {
    const random = new SeededRandom(seed);
    const map = new SeededMap<number>(seed);
    const model = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const number = random.chance(0.5) ? random.below(1000) : 0xffffffff - random.below(1000);
      if (random.chance(0.4)) {
        map.delete(number);
        model.delete(number);
      } else {
        map.set(number, i);
        model.set(number, i);
      }
      expect(map.size).toBe(model.size);
      const other = random.below(1000);
      expect(map.get(other)).toBe(model.get(other));
    }
    for (const [number, value] of model) expect(map.get(number)).toBe(value);
  }
});

test("numbers that differ in their high bits only are spread over the Maps", () => {
  const map = new SeededMap<number>(12_345);
  for (let i = 0; i < 100_000; i++) map.set((i << 14) >>> 0, i);
  expect(map.size).toBe(100_000);
  expect(map.greatestShard).toBeLessThan(2 * (100_000 / 256));
});
