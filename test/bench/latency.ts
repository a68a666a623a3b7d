/**
 * How long an update takes to each of 50 subscribers, while nothing else goes on.
 * `bun test/bench/latency.ts` (flags: support.ts)
 */
import { bench, figureOf, inTurnWarm, printRows, type Row, rowOf, type Setup } from "./support.ts";

const LOAD = ["latency", "--subscribers", "50", "--updates", "2000", "--rate", "500"];

export async function measureLatency(setup: Setup): Promise<Row[]> {
  const runs = await inTurnWarm(setup, (server) => bench(server, ...LOAD));
  const goal = { ratioAtMost: 1 };
  return [
    rowOf({ figure: "update latency, median", unit: "µs", goal }, figureOf(runs, "p50Us")),
    rowOf({ figure: "update latency, 99 %", unit: "µs", goal }, figureOf(runs, "p99Us")),
  ];
}

if (import.meta.main) await printRows(measureLatency);
