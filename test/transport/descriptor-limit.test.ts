import { expect, test } from "bun:test";
import {
  connectionLimit,
  httpConnectionLimit,
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

test("what is not for route clients, HTTP and the control socket is for the rest, also where there are few", () => {
  const shares = [0, 1, 40, 64, 256, 1_024, 524_288].map((limit) => {
    const http = httpConnectionLimit(limit);
    return [limit, connectionLimit(limit), http, limit - connectionLimit(limit) - 2 * http];
  });
  expect(shares).toEqual([
    [0, 0, 0, 0],
    [1, 0, 0, 1],
    [40, 20, 2, 16],
    [64, 32, 4, 24],
    [256, 192, 16, 32],
    [1_024, 896, 48, 32],
    [524_288, 524_160, 48, 32],
  ]);
  expect(connectionLimit(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  expect(httpConnectionLimit(Number.POSITIVE_INFINITY)).toBe(48);
});
