import { describe, expect, test } from "bun:test";
import { sortedLines } from "../../../src/http/public/sorted-lines.ts";
import { SeededRandom } from "../../support/models/random.ts";

function randomLines(count: number): string[] {
  const random = new SeededRandom(count);
  return Array.from({ length: count }, () => String(random.below(2 * count)));
}

describe("sortedLines", () => {
  test.each([0, 1, 2, 1023, 1024, 1025, 2048, 3000, 20_000])("sorts %i lines as text", (count) => {
    const lines = randomLines(count);
    const sorted = [...sortedLines(lines)].filter((line) => line !== null);
    expect(sorted).toEqual(lines.toSorted());
  });

  test("pauses while it gathers", () => {
    const read: number[] = [];
    let taken = 0;
    function* lines(): Generator<string> {
      for (const line of randomLines(5000)) {
        taken++;
        yield line;
      }
    }
    for (const line of sortedLines(lines())) {
      if (line === null) read.push(taken);
      else break;
    }
    expect(read).toEqual([1024, 2048, 3072, 4096]);
  });
});
