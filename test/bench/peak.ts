/**
 * What memory a server needs on top of a table of a million routes while 20 new subscribers get all of it at
 * once. `bun test/bench/peak.ts` (flags: support.ts)
 *
 * rustbond copies the table for every subscriber before it sends a byte or answers a KEEPALIVE, so that with many
 * at once they take it for dead. It is asked once, and for fewer when it cannot do 20.
 */
import {
  BenchError,
  type BenchFigures,
  bench,
  figureOf,
  inTurnFresh,
  printRows,
  type Row,
  rowOf,
  type Setup,
} from "./support.ts";

const SUBSCRIBERS = 20;
const FEWER_SUBSCRIBERS = [20, 10, 5, 2, 1];
const MIB = 2 ** 20;

export async function measurePeak(setup: Setup): Promise<Row[]> {
  const ours = await inTurnFresh({ ...setup, servers: ["bunbond"] }, (server) =>
    bench(server, ...loadOf(SUBSCRIBERS)),
  );
  const theirs = setup.servers.includes("rustbond") ? await measureRustbond(setup) : null;
  const about = {
    figure: `peak memory over the table, 1,000,000 routes to ${SUBSCRIBERS} at once`,
    unit: "MiB",
    goal: { atMost: 64 },
    ...(theirs === null ? {} : { note: `rustbond: to ${theirs.subscribers} at once` }),
  };
  const runs = { bunbond: ours.bunbond, rustbond: theirs === null ? [] : [theirs.figures] };
  return [rowOf(about, figureOf(runs, "serverPeakBytes", 1 / MIB))];
}

async function measureRustbond(setup: Setup): Promise<{ subscribers: number; figures: BenchFigures } | null> {
  for (const subscribers of FEWER_SUBSCRIBERS) {
    try {
      const { rustbond } = await inTurnFresh({ ...setup, rounds: 1, servers: ["rustbond"] }, (server) =>
        bench(server, ...loadOf(subscribers)),
      );
      const [figures] = rustbond;
      if (figures !== undefined) return { subscribers, figures };
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
    }
  }
  return null;
}

function loadOf(subscribers: number): string[] {
  return [
    "sync",
    "--routes",
    "1000000",
    "--rounds",
    "1",
    "--timeout",
    "60",
    "--subscribers",
    `${subscribers}`,
  ];
}

if (import.meta.main) await printRows(measurePeak);
