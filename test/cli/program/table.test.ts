import { describe, expect, test } from "bun:test";
import { styleFor } from "../../../src/cli/program/style.ts";
import { cellText, pairs, table } from "../../../src/cli/program/table.ts";

const PLAIN = styleFor(false, {});

describe("a table", () => {
  test("has its columns below each other, numbers flush right", () => {
    const rows = [
      ["[::1]:4711", 7, true, null],
      ["a", 12345, false, "why"],
      ["日本", 0, true, ""],
    ];
    expect(table(["SERVER", "N", "UP", "REASON"], rows, PLAIN)).toBe(
      [
        "SERVER          N  UP   REASON",
        "[::1]:4711      7  yes  -",
        "a           12345  no   why",
        "日本            0  yes  -",
        "",
      ].join("\n"),
    );
  });

  test("without rows has its heads", () => {
    expect(table(["VNI", "ROUTES"], [], PLAIN)).toBe("VNI  ROUTES\n");
  });

  test("has bold heads on a terminal", () => {
    expect(table(["A"], [["b"]], styleFor(true, {}))).toBe("\x1b[1mA\x1b[22m\nb\n");
  });
});

test("a cell cannot move the cursor", () => {
  expect(cellText("a\x1b[2J\nb")).toBe("a\ufffd[2J\ufffdb");
});

test("pairs have their values below each other", () => {
  const rows = [
    ["state", "running"],
    ["listening", "[::1]:1\n"],
  ] as const;
  expect(pairs(rows, PLAIN)).toBe("state      running\nlistening  [::1]:1\ufffd\n");
});
