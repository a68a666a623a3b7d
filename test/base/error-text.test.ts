import { describe, expect, test } from "bun:test";
import { errorText } from "../../src/base/error-text.ts";
import { CapacityError } from "../../src/base/growable-int32-array.ts";

describe("an error in the log is one line", () => {
  test("with its name, code and message, and where it arose", () => {
    const text = errorText(new CapacityError(7));
    expect(text).toMatch(/^Error out_of_memory: no memory for 7 words .* at .*error-text\.test\.ts:\d+:\d+/);
    expect(text).not.toContain("\n");
  });

  test("without source text and with few lines of its stack, however deep it arose", () => {
    const fail = (depth: number): never => {
      if (depth > 0) fail(depth - 1);
      throw new TypeError(`sourceIsNotShown\n${"x".repeat(10_000)}`);
    };
    const caught = (() => {
      try {
        return fail(50);
      } catch (error) {
        return error;
      }
    })();
    const text = errorText(caught);
    expect(text).toStartWith("TypeError: sourceIsNotShown at ");
    expect(text.split(" at ").length).toBe(5);
    expect(text).not.toContain("throw new");
    expect(text.length).toBeLessThan(1_000);
  });

  test("whatever was thrown", () => {
    expect([errorText("text"), errorText(undefined), errorText(7)]).toEqual([
      "thrown: text",
      "thrown: undefined",
      "thrown: 7",
    ]);
  });
});
