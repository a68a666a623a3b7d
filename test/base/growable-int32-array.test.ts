import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { GrowableInt32Array, reserveLargeArrays } from "../../src/base/growable-int32-array.ts";

/** More than the eight for which the engine does not need to be asked for a shared memory. */
const ARRAYS = 12;
const LARGE = 300_000;
/** Of the words, one in so many is written. */
const EVERY = 1009;
/** Enough for Bun, not for a memory of 4 GB. */
const LIMIT_KB = 4_000_000;
const MODULE = join(import.meta.dir, "../../src/base/growable-int32-array.ts");

describe("GrowableInt32Array", () => {
  test("keeps what was written while it grows from a handful to millions, and is zero elsewhere", () => {
    const array = new GrowableInt32Array();
    let end = 0;
    for (let length = 1; length < 4_000_000; length = Math.ceil(length * 1.7)) {
      const words = array.reserve(length);
      expect(words.length).toBeGreaterThanOrEqual(length);
      for (; end < length; end++) if (end % EVERY === 0) words[end] = ~end;
    }
    expect(array.words.findIndex((word, index) => word !== (isWritten(index, end) ? ~index : 0))).toBe(-1);
  });

  test("a large one grows in place, however many there are", () => {
    const arrays = Array.from({ length: ARRAYS }, () => new GrowableInt32Array());
    for (const [number, array] of arrays.entries()) {
      const before = array.reserve(LARGE);
      const after = array.reserve(10 * LARGE);
      // Another view of the same memory: what is written there is read here.
      before[LARGE - 1] = number + 1;
      expect(after.length).toBeGreaterThan(before.length);
      expect(after[LARGE - 1]).toBe(number + 1);
    }
  });

  test("prepared memories are used, one for each array, and start at zero", () => {
    reserveLargeArrays(3);
    const arrays = Array.from({ length: 5 }, () => new GrowableInt32Array());
    for (const array of arrays) expect(array.reserve(LARGE).every((word) => word === 0)).toBe(true);
    for (const [number, array] of arrays.entries()) array.words.fill(number);
    for (const [number, array] of arrays.entries()) expect(array.words[LARGE - 1]).toBe(number);
  });

  test("where there are no addresses for memories, arrays become large all the same", () => {
    const script = `
      import { GrowableInt32Array, reserveLargeArrays } from ${JSON.stringify(MODULE)};
      reserveLargeArrays(12);
      const arrays = Array.from({ length: 12 }, () => new GrowableInt32Array());
      for (const array of arrays) array.reserve(${LARGE})[${LARGE - 1}] = 7;
      console.log(arrays.every((array) => array.reserve(${10 * LARGE})[${LARGE - 1}] === 7));`;
    const limited = `ulimit -v ${LIMIT_KB} && exec "$0" -e "$1"`;
    const { stdout, stderr } = Bun.spawnSync(["sh", "-c", limited, process.execPath, script]);
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toBe("true\n");
  });
});

function isWritten(index: number, end: number): boolean {
  return index < end && index % EVERY === 0;
}
