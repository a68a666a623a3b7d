import { describe, expect, test } from "bun:test";
import { styleFor } from "../../../src/cli/program/style.ts";
import {
  agoText,
  type Cell,
  type Column,
  cellText,
  pairLines,
  phrase,
  tableLines,
} from "../../../src/cli/program/table.ts";

const NOW_MS = Date.parse("2026-01-02T03:04:05.678Z");
const OPTIONS = { style: styleFor(false, {}), widthCells: undefined, isWide: false, nowMs: NOW_MS };

type Row = readonly Cell[];

/** One column for each head, which shows the cell at its place. */
function columns(...heads: readonly string[]): Column<Row>[] {
  return heads.map((head, index) => ({ head, value: (row) => row[index] ?? null }));
}

describe("a table", () => {
  test("has its columns below each other, numbers flush right", () => {
    const rows = [
      ["[::1]:4711", 7, true, null],
      ["a", 12345, false, "why"],
      ["日本", 0, true, ""],
    ];
    expect(tableLines(columns("SERVER", "N", "UP", "REASON"), rows, OPTIONS)).toBe(
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
    expect(tableLines(columns("VNI", "ROUTES"), [], OPTIONS)).toBe("VNI  ROUTES\n");
  });

  test("has bold heads on a terminal", () => {
    const style = styleFor(true, {});
    expect(tableLines(columns("A"), [["b"]], { ...OPTIONS, style })).toBe("\x1b[1mA\x1b[22m\nb\n");
  });

  const WIDE_ROWS: Row[] = [
    [1, "a long reason, which nobody reads", "日本語日本語日本語", "x"],
    [22, "short", "日", "y"],
  ];
  const FITTING: Column<Row>[] = [
    ...columns("ID", "REASON", "NAME"),
    { head: "EXTRA", value: (row) => row[3] ?? null, dropOrder: 1 },
    { head: "MORE", value: (row) => row[3] ?? null, isWideOnly: true },
  ];

  test.each([80, 64, 63, 50, 40, 30, 24])("fits a terminal of %d cells", (widthCells) => {
    const text = tableLines(FITTING, WIDE_ROWS, { ...OPTIONS, widthCells });
    for (const line of text.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(widthCells);
    expect(text).not.toContain("MORE");
    expect(text.includes("EXTRA")).toBe(widthCells >= 64);
  });

  test("elides what is too wide, never in the middle of a wide character", () => {
    expect(tableLines(FITTING, WIDE_ROWS, { ...OPTIONS, widthCells: 30 })).toBe(
      ["ID  REASON        NAME", " 1  a long reas…  日本語日本…", "22  short         日", ""].join("\n"),
    );
  });

  test("is not fitted by -o wide, which shows all columns", () => {
    const text = tableLines(FITTING, WIDE_ROWS, { ...OPTIONS, widthCells: 30, isWide: true });
    expect(text).toContain("a long reason, which nobody reads");
    expect(text).toContain("MORE");
  });
});

const VNIS = Array.from({ length: 40 }, (_, index) => 100 + index);

test.each([
  [[], "-", "-"],
  [[100], "100", "100"],
  [[100, 101, 102], "100, 101, 102", "100, 101, 102"],
  [VNIS, "100, 101, 102, 103 +36", VNIS.join(", ")],
  [["a-name-that-is-longer-than-a-list-may-be", "b"], "a-name-that-is-longer-than-a-list-may-be +1", null],
] as [Cell, string, string | null][])("a list is cut with a count: %j", (cell, cut, whole) => {
  expect(cellText(cell, OPTIONS)).toBe(cut);
  if (whole !== null) expect(cellText(cell, { ...OPTIONS, isWide: true })).toBe(whole);
});

test.each([
  ["2026-01-02T03:04:05.678Z", "0s ago"],
  ["2026-01-02T03:03:06.678Z", "59s ago"],
  ["2026-01-02T03:01:00.000Z", "3m ago"],
  ["2026-01-02T00:00:00.000Z", "3h ago"],
  ["2025-12-25T00:00:00.000Z", "8d ago"],
  ["2026-01-02T03:05:00.000Z", "0s ago"],
  ["no time", "no time"],
])("%s is %s", (time, text) => {
  expect(agoText(time, NOW_MS)).toBe(text);
});

test("a time stands in full by -o wide", () => {
  const time = "2026-01-02T03:01:00.000Z";
  expect(cellText(time, OPTIONS, true)).toBe("3m ago");
  expect(cellText(time, { ...OPTIONS, isWide: true }, true)).toBe(time);
});

test("a cell cannot move the cursor", () => {
  expect(cellText("a\x1b[2J\nb", OPTIONS)).toBe("a\ufffd[2J\ufffdb");
  expect(cellText(["a\x1b[2J", "b\u202e"], OPTIONS)).toBe("a\ufffd[2J, b\ufffd");
  expect(cellText("\x1b", OPTIONS, true)).toBe("\ufffd");
});

test("pairs have their values below each other", () => {
  const rows = [
    { name: "state", value: "running" },
    { name: "uptime", value: phrase`${7} s, since ${"10\n"}` },
  ];
  expect(pairLines(rows, OPTIONS)).toBe("state   running\nuptime  7 s, since 10\ufffd\n");
});
