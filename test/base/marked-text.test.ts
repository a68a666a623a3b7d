import { describe, expect, test } from "bun:test";
import { markedText, printable } from "../../src/base/marked-text.ts";

describe("markedText", () => {
  const CASES = [
    ["one character", "100#x", 4, 5, "100#x\n    ^"],
    ["several", "100#nonsense@::1", 4, 12, "100#nonsense@::1\n    ^~~~~~~~"],
    ["something missing at the end", "100", 3, 3, "100\n   ^"],
    ["something missing at the start", ":1", 0, 0, ":1\n^"],
    ["an empty text", "", 0, 0, "\n^"],
    ["wide characters before and below it", "漢x漢字", 2, 4, "漢x漢字\n   ^~~~"],
    ["a combining character, which has no width", "e\u0301x", 2, 3, "e\u0301x\n ^"],
    ["a character outside the basic plane", "🚀x", 2, 3, "🚀x\n  ^"],
    ["control characters, shown as one cell each", "a\x1b[2J\nx", 6, 7, "a\ufffd[2J\ufffdx\n      ^"],
  ] as const;

  test.each(CASES)("marks %s", (_name, text, start, end, expected) => {
    expect(markedText(text, { start, end })).toBe(expected);
  });
});

test("printable replaces what could move the cursor or turn text round, one for one", () => {
  const hostile = "a\x00\t\r\n\x7f\x9b\u2028\u202e\u2066b";
  expect(printable(hostile)).toBe(`a${"\ufffd".repeat(hostile.length - 2)}b`);
  expect(printable("plain, ümlaut, 漢字, 🚀")).toBe("plain, ümlaut, 漢字, 🚀");
});
