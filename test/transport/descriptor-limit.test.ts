import { expect, test } from "bun:test";
import {
  connectionLimit,
  parseDescriptorLimit,
  readDescriptorLimit,
} from "../../src/transport/descriptor-limit.ts";

/** As Linux 6.1 writes it. */
function limits(openFiles: string): string {
  return [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max stack size            8388608              unlimited            bytes     ",
    openFiles,
    "Max locked memory         8388608              8388608              bytes     ",
    "",
  ].join("\n");
}

test.each([
  ["Max open files            1024                 524288               files     ", 1024],
  [
    "Max open files            unlimited            unlimited            files     ",
    Number.POSITIVE_INFINITY,
  ],
  [
    "Max processes             40                   40                   processes ",
    Number.POSITIVE_INFINITY,
  ],
])("%s", (line, limit) => {
  expect(parseDescriptorLimit(limits(line))).toBe(limit);
});

test("this process has one", () => {
  expect(readDescriptorLimit()).toBeGreaterThan(0);
});

test("64 are for the rest, or half of few", () => {
  const few = [0, 1, 40, 128, 129].map(connectionLimit);
  expect(few).toEqual([0, 0, 20, 64, 65]);
  expect([1_024, 524_288, Number.POSITIVE_INFINITY].map(connectionLimit)).toEqual([
    960,
    524_224,
    Number.POSITIVE_INFINITY,
  ]);
});
