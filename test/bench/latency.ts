/**
 * How long an update takes to each of 50 subscribers, while nothing else goes on: at a lively pace, and at a pace so
 * slow that processors fall asleep in between. `bun test/bench/latency.ts` (flags: support.ts)
 *
 * The load generator's reading of 50 sockets, one after the other, is a good part of it, with either server.
 * rustbond leaves Nagle's algorithm on: updates that soon follow one another wait for delayed ACKs, up to 40 ms.
 */
import { bench, figureOf, inTurnWarm, printRows, type Row, rowOf, type Setup } from "./support.ts";

const PACES = [
  { rate: 500, updates: 2000 },
  { rate: 20, updates: 100 },
];

export async function measureLatency(setup: Setup): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { rate, updates } of PACES) {
    const load = ["latency", "--subscribers", "50", "--updates", `${updates}`, "--rate", `${rate}`];
    const runs = await inTurnWarm(setup, (server) => bench(server, ...load));
    const row = (what: string, name: string) =>
      rowOf(
        { figure: `update latency at ${rate}/s, ${what}`, unit: "µs", goal: { ratioAtMost: 1 } },
        figureOf(runs, name),
      );
    rows.push(row("median", "p50Us"), row("99 %", "p99Us"));
  }
  return rows;
}

if (import.meta.main) await printRows(measureLatency);
