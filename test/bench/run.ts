/**
 * All figures as one table, with what is to be reached: `npm run bench` (flags: support.ts, and
 * `--json` for one JSON line per figure instead). It takes some seven minutes. What is not about servers has
 * scripts of its own: codec.ts, trie-compare.ts.
 */
import { formatNumber } from "../../src/cli/bench/figures.ts";
import { measureFailover } from "./failover.ts";
import { measureFanout } from "./fanout.ts";
import { measureIdle } from "./idle.ts";
import { measureLatency } from "./latency.ts";
import { measurePeak } from "./peak.ts";
import {
  type Goal,
  isMet,
  jsonLine,
  machineLine,
  prepare,
  type Row,
  ratioOf,
  type Setup,
  type Spread,
} from "./support.ts";
import { measureTable } from "./table.ts";

const SCRIPTS: readonly (readonly [what: string, measure: (setup: Setup) => Promise<Row[]>])[] = [
  ["fan-out", measureFanout],
  ["a table of 1,000,000 routes", measureTable],
  ["latency", measureLatency],
  ["idle connections", measureIdle],
  ["peak memory", measurePeak],
  ["servers and clients that die", measureFailover],
];

const setup = await prepare();
const rows: Row[] = [];
if (setup.json) console.log(machineLine());
for (const [what, measure] of SCRIPTS) {
  console.error(what);
  for (const row of await measure(setup)) {
    rows.push(row);
    if (setup.json) console.log(jsonLine(row));
  }
}
if (!setup.json) {
  console.log(machineLine());
  console.log(tableOf(rows));
}

function tableOf(all: readonly Row[]): string {
  const header = ["figure", "", "bunbond", "rustbond", "ratio", "to reach", ""];
  const lines = all.map((row) => [
    row.figure,
    row.unit,
    spreadText(row.bunbond),
    row.rustbond === null ? "-" : spreadText(row.rustbond),
    ratioText(row),
    goalText(row.goal),
    verdict(row),
  ]);
  const table = [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  const notes = all.flatMap(({ figure, note }) => (note === undefined ? [] : [`${figure}: ${note}`]));
  return ["Best round (median).", "", ...table, "", ...notes].join("\n");
}

function spreadText({ best, median }: Spread): string {
  const isCount = Number.isInteger(best) && Number.isInteger(median);
  const decimals = isCount ? 0 : best < 1 ? 4 : best < 100 ? 2 : 0;
  return `${formatNumber(best, decimals)} (${formatNumber(median, decimals)})`;
}

function ratioText(row: Row): string {
  const best = ratioOf(row);
  const median = ratioOf(row, "median");
  return best === null || median === null ? "-" : `${formatNumber(best, 2)} (${formatNumber(median, 2)})`;
}

function goalText(goal: Goal): string {
  if ("atMost" in goal) return `≤ ${goal.atMost}`;
  return "ratioAtLeast" in goal
    ? `≥ ${formatNumber(goal.ratioAtLeast, 2)} ×`
    : `≤ ${formatNumber(goal.ratioAtMost, 2)} ×`;
}

function verdict(row: Row): string {
  const met = isMet(row);
  return met === null ? "" : met ? "reached" : "NOT REACHED";
}
