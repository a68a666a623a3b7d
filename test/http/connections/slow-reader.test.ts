import { expect, test } from "bun:test";
import {
  firstCreditUntilMs,
  isSlow,
  nextCreditUntilMs,
  SLICE_CHARS,
  type Stall,
  takenBytesPerMs,
} from "../../../src/http/connections/slow-reader.ts";

const NOW_MS = 100_000;

test("a reader has ten seconds for its first text", () => {
  expect(firstCreditUntilMs(NOW_MS)).toBe(NOW_MS + 10_000);
});

test.each<readonly [string, leftMs: number, slices: number, creditMs: number]>([
  ["a slice just in time", 0, 1, 10_000],
  ["a slice long after that", -50_000, 1, 10_000],
  ["little text: it has its ten seconds all the same", 0, 0.1, 10_000],
  ["a slice early: what is left counts", 4_000, 1, 14_000],
  ["very early, again and again: thirty seconds at most", 29_000, 1, 30_000],
  ["much at once", 0, 100, 30_000],
])("the credit after %s", (_, leftMs, slices, creditMs) => {
  expect(nextCreditUntilMs(NOW_MS + leftMs, NOW_MS, slices * SLICE_CHARS)).toBe(NOW_MS + creditMs);
});

test.each<readonly [string, stalledMs: number, Partial<Stall>, boolean]>([
  ["it has just stalled", 249, {}, false],
  ["it has stalled for a quarter of a second", 250, {}, true],
  ["it has taken 10 MB, and stalled for a second", 1_249, { takenBytes: 10e6 }, false],
  ["it has taken 10 MB, and stalled for longer", 1_250, { takenBytes: 10e6 }, true],
  ["it trickles", 10, { forMs: 3_000, isUsual: true }, true],
  ["it trickles, but has had no time to show its rate", 10, { forMs: 2_999, isUsual: true }, false],
  ["it mostly takes what there is", 10, { forMs: 60_000 }, false],
])("slow: %s", (_, stalledMs, rest, expected) => {
  const stall: Stall = {
    sinceMs: NOW_MS - stalledMs,
    takenBytes: 0,
    forMs: stalledMs,
    blockedMs: stalledMs,
    isUsual: false,
    ...rest,
  };
  expect(isSlow(stall, NOW_MS)).toBe(expected);
});

test("the rate counts the time in which there was something to take", () => {
  const stall = { sinceMs: 0, takenBytes: 5_000, forMs: 100, isUsual: false };
  expect(takenBytesPerMs({ ...stall, blockedMs: 50 })).toBe(100);
  expect(takenBytesPerMs({ ...stall, blockedMs: 0 })).toBe(5_000);
});
