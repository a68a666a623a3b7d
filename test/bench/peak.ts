/**
 * What memory a server needs on top of a table of a million routes while 20 new subscribers get all of it at
 * once. `bun test/bench/peak.ts` (flags: support.ts)
 *
 * rustbond copies the table for each subscriber, so one round of it has to do.
 */
import { bench, figureOf, inTurnFresh, printRows, type Row, rowOf, type Setup } from "./support.ts";

const LOAD = ["sync", "--routes", "1000000", "--subscribers", "20", "--rounds", "1", "--timeout", "60"];
const MIB = 2 ** 20;

export async function measurePeak(setup: Setup): Promise<Row[]> {
  const ours = await inTurnFresh({ ...setup, servers: ["bunbond"] }, (server) => bench(server, ...LOAD));
  const theirs = await inTurnFresh(
    { ...setup, rounds: 1, servers: setup.servers.filter((name) => name !== "bunbond") },
    (server) => bench(server, ...LOAD),
  );
  const runs = { bunbond: ours.bunbond, rustbond: theirs.rustbond };
  return [
    rowOf(
      {
        figure: "peak memory, sync of 1,000,000 to 20 at once",
        unit: "MiB",
        goal: { atMost: 64 },
        note: "over the loaded table; rustbond: one round",
      },
      figureOf(runs, "serverPeakBytes", 1 / MIB),
    ),
  ];
}

if (import.meta.main) await printRows(measurePeak);
