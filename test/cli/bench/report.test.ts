import { describe, expect, test } from "bun:test";
import { noDeliveries } from "../../../src/cli/bench/delivery-check.ts";
import { formatNumber, median, quantile } from "../../../src/cli/bench/figures.ts";
import { ProgressBar } from "../../../src/cli/bench/progress-bar.ts";
import { jsonReport, type Result, textReport } from "../../../src/cli/bench/report.ts";
import { parseBenchOptions } from "../../../src/cli/commands/bench-command.ts";

const OPTIONS = parseBenchOptions(["latency", "--server", "[2001:db8::1]:5000", "--rate", "50"]);
const GOOD: Result = {
  time: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
  failure: null,
  lost: 0,
  wrong: 0,
  deliveries: { ...noDeliveries(), received: 1_234_567 },
  figures: [
    { name: "deliveries", label: "deliveries", value: 1_234_567 },
    { name: "p50Us", label: "latency, median", value: 12.345, unit: "µs", decimals: 1 },
  ],
};
const BAD: Result = {
  ...GOOD,
  failure: "nothing was received or sent for 10 s",
  lost: 3,
  wrong: 2,
  deliveries: { ...noDeliveries(), altered: 2, echoes: 5 },
  figures: [],
};

describe("results", () => {
  test("for people", () => {
    expect(textReport(OPTIONS, GOOD)).toBe(
      [
        "latency on [2001:db8::1]:5000: subscribers 50, updates 2000, rate 50, vni 9999, family IPv4, workers 1",
        "  deliveries       1,234,567",
        "  latency, median       12.3 µs",
        "  lost                     0",
        "  wrong                    0",
        "",
      ].join("\n"),
    );
  });

  test("for people, of a bad run", () => {
    expect(textReport(OPTIONS, BAD).split("\n").slice(1)).toEqual([
      "  lost                                    3",
      "  wrong                                   2",
      "    with another next hop, or unreadable  2",
      "  own routes sent back                    5",
      "  ended early: nothing was received or sent for 10 s",
      "",
    ]);
  });

  test("for programs: one line", () => {
    const line = jsonReport(OPTIONS, BAD);
    expect(line).toEndWith("}\n");
    expect(line.trimEnd()).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({
      time: "2026-01-02T03:04:05.000Z",
      mode: "latency",
      server: "[2001:db8::1]:5000",
      parameters: { subscribers: 50, updates: 2000, rate: 50, vni: 9999, family: 4 },
      failure: "nothing was received or sent for 10 s",
      figures: { lost: 3, wrong: 2, altered: 2, echoes: 5, foreign: 0 },
    });
    expect(JSON.parse(jsonReport(OPTIONS, GOOD)).figures).toMatchObject({
      deliveries: 1_234_567,
      p50Us: 12.3,
    });
  });
});

describe("figures", () => {
  test.each([
    [[], 0.5, 0],
    [[7], 0.99, 7],
    [[1, 2, 3, 4], 0.5, 2],
    [[1, 2, 3, 4], 1, 4],
    [[1, 2, 3, 4], 0, 1],
    [Array.from({ length: 100 }, (_, i) => i + 1), 0.99, 99],
  ] as [number[], number, number][])("quantile of %j at %d is %d", (sorted, share, expected) => {
    expect(quantile(sorted, share)).toBe(expected);
  });

  test("the median sorts by number", () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  test("numbers are written with groups and places", () => {
    expect([formatNumber(1234567), formatNumber(0.1, 3)]).toEqual(["1,234,567", "0.100"]);
  });
});

describe("progress", () => {
  test("is one line, drawn over itself and cleared", () => {
    const written: string[] = [];
    const bar = new ProgressBar((text) => written.push(text));
    bar.step("round 1 of 2");
    bar.show(0.5, "5 deliveries");
    bar.clear();
    bar.clear();
    expect(written).toEqual([
      "\r\x1b[Kround 1 of 2",
      `\r\x1b[Kround 1 of 2 ${"█".repeat(12)}${"░".repeat(12)}  50 %  5 deliveries`,
      "\r\x1b[K",
    ]);
  });

  test("more than all is all", () => {
    let last = "";
    const bar = new ProgressBar((text) => {
      last = text;
    });
    bar.show(1.3, "");
    expect(last).toEndWith(`${"█".repeat(24)} 100 %`);
  });
});
