import { describe, expect, test } from "bun:test";
import { inSlices } from "../../src/http/slices.ts";
import type { Clock } from "../../src/session/clock.ts";

/** Time that passes only by `nowMs++`; a turn of the event loop is over at once. */
class CountingClock implements Clock {
  now = 0;
  turns = 0;

  nowMs(): number {
    return this.now;
  }

  soon(run: () => void): void {
    this.turns++;
    run();
  }

  after(): never {
    throw new Error("nothing here waits for a time");
  }
}

describe("inSlices", () => {
  test("work that takes long is interrupted every few milliseconds, with or without text", async () => {
    const clock = new CountingClock();
    const turnsAt: number[] = [];
    function* pieces(): Generator<string> {
      for (let i = 0; i < 100; i++) {
        clock.now++;
        turnsAt.push(clock.turns);
        yield i < 50 ? "" : "x";
      }
    }
    const slices = await Array.fromAsync(inSlices(pieces(), clock));
    expect(slices.join("")).toBe("x".repeat(50));
    expect(slices).not.toContain("");
    for (let i = 10; i < 100; i++) expect(turnsAt[i]).toBeGreaterThan(turnsAt[i - 10] ?? 0);
  });

  test("text that is made fast is interrupted too, so that it is not made far ahead of its reader", async () => {
    const clock = new CountingClock();
    const piece = "x".repeat(1000);
    const slices = await Array.fromAsync(inSlices(Array(1000).fill(piece), clock));
    expect(slices.join("")).toBe(piece.repeat(1000));
    expect(Math.max(...slices.map((slice) => slice.length))).toBeLessThan(70_000);
    expect(clock.turns).toBeGreaterThan(10);
  });

  test("short work takes no turn, and nothing gives nothing", async () => {
    const clock = new CountingClock();
    expect(await Array.fromAsync(inSlices(["a", "", "b"], clock))).toEqual(["ab"]);
    expect(await Array.fromAsync(inSlices([], clock))).toEqual([]);
    expect(clock.turns).toBe(0);
  });

  test("a reader that goes ends the work", async () => {
    let isEnded = false;
    function* endless(): Generator<string> {
      try {
        for (;;) yield "x".repeat(1000);
      } finally {
        isEnded = true;
      }
    }
    for await (const _ of inSlices(endless(), new CountingClock())) break;
    expect(isEnded).toBe(true);
  });
});
