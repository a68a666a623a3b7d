/**
 * A table of a million routes of one VNI: what it takes to load it and to hold it, and how long a first new
 * subscriber waits for all of it. Every round has a fresh server. `bun test/bench/table.ts` (flags: support.ts)
 */
import { bench, figureOf, inTurnFresh, printRows, type Row, rowOf, type Setup } from "./support.ts";

const LOAD = ["sync", "--routes", "1000000", "--subscribers", "1", "--rounds", "1", "--timeout", "60"];

/** Twice what the run announces: the default limit is exactly that, and a limit is not what is measured here. */
const MORE_ROUTES = ["--max-routes", "2000000"];

export async function measureTable(setup: Setup): Promise<Row[]> {
  const runs = await inTurnFresh(setup, (server) => bench(server, ...LOAD), { flags: MORE_ROUTES });
  return [
    rowOf(
      { figure: "first sync of 1,000,000 routes", unit: "M/s", goal: { ratioAtLeast: 10 } },
      figureOf(runs, "routesPerSecond", 1e-6),
    ),
    rowOf(
      { figure: "CPU to load 1,000,000 announcements", unit: "s", goal: { ratioAtMost: 1 / 3 } },
      figureOf(runs, "loadServerCpuSeconds"),
    ),
    rowOf(
      { figure: "memory per route at 1,000,000", unit: "B", goal: { ratioAtMost: 1 / 3 } },
      figureOf(runs, "serverBytesPerRoute"),
    ),
  ];
}

if (import.meta.main) await printRows(measureTable);
