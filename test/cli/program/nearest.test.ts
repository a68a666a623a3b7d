import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearest } from "../../../src/cli/program/nearest.ts";

describe("editDistance", () => {
  const DISTANCES = [
    ["", "", 0],
    ["", "abc", 3],
    ["server", "server", 0],
    ["sever", "server", 1],
    ["serverr", "server", 1],
    ["zerver", "server", 1],
    ["sevrer", "server", 1],
    ["ab", "ba", 1],
    ["ca", "abc", 3],
    ["kitten", "sitting", 3],
  ] as const;

  test.each(DISTANCES)("%p and %p: %d", (a, b, keystrokes) => {
    expect(editDistance(a, b)).toBe(keystrokes);
    expect(editDistance(b, a)).toBe(keystrokes);
  });

  test("equals the recursive definition", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(recursiveDistance(a, b));
      }),
    );
  });
});

function recursiveDistance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [a1, b1] = [a.slice(0, -1), b.slice(0, -1)];
  const replaced = recursiveDistance(a1, b1) + (a.at(-1) === b.at(-1) ? 0 : 1);
  const least = Math.min(replaced, recursiveDistance(a1, b) + 1, recursiveDistance(a, b1) + 1);
  const swaps = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return swaps ? Math.min(least, recursiveDistance(a.slice(0, -2), b.slice(0, -2)) + 1) : least;
}

describe("nearest", () => {
  const FLAGS = [
    "server",
    "vni",
    "announce",
    "keepalive",
    "stale-time",
    "stale-time-alone",
    "json",
    "verbose",
  ];
  const GUESSES = [
    ["sever", "server"],
    ["anounce", "announce"],
    ["kepalive", "keepalive"],
    ["keep", "keepalive"],
    ["ann", "announce"],
    ["vnis", "vni"],
    ["stale-time-alon", "stale-time-alone"],
    ["staletimealone", "stale-time-alone"],
    ["jsno", "json"],
    ["install-routes", null],
    ["x", null],
    ["", null],
  ] as const;

  test.each(GUESSES)("%p: %p", (word, guess) => {
    expect(nearest(word, FLAGS)).toBe(guess);
  });
});
