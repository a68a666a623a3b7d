/**
 * How many deliveries a second, and what CPU time for a million of them: 20,000 routes to 50 subscribers, announced
 * by 1 client and by 50. `bun test/bench/fanout.ts` (flags: support.ts)
 */
import { bench, figureOf, inTurnWarm, printRows, type Row, rowOf, type Setup } from "./support.ts";

const LOAD = ["fanout", "--subscribers", "50", "--routes", "20000", "--rounds", "10"];

export async function measureFanout(setup: Setup): Promise<Row[]> {
  const rows: Row[] = [];
  for (const announcers of [1, 50]) {
    const runs = await inTurnWarm(setup, (server) => bench(server, ...LOAD, "--announcers", `${announcers}`));
    const by = announcers === 1 ? "1 announcer" : `${announcers} announcers`;
    rows.push(
      rowOf(
        { figure: `deliveries per second, ${by}`, unit: "M/s", goal: { ratioAtLeast: 2.5 } },
        figureOf(runs, "bestDeliveriesPerSecond", 1e-6),
      ),
      rowOf(
        { figure: `CPU per million deliveries, ${by}`, unit: "s", goal: { ratioAtMost: 1 / 4 } },
        figureOf(runs, "serverCpuSecondsPerMillion"),
      ),
    );
  }
  return rows;
}

if (import.meta.main) await printRows(measureFanout);
