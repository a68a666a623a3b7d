import { expect, test } from "bun:test";
import { Histogram } from "../../src/base/histogram.ts";

test("a value counts in the first bucket whose bound it does not exceed", () => {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of [0, 1, 1.5, 2, 5, 5.1, 100]) histogram.observe(value);
  histogram.observe(1.5, 10);
  expect(histogram.value()).toEqual({ bounds: [1, 2, 5], counts: [2, 12, 1, 2], sum: 129.6 });
});
