/**
 * Measuring BunBond's server beside rustbond's: same machine, same load, in turn, so that what disturbs one round
 * disturbs both. `bunbond bench` makes the load, checks every delivery, and reads the server's CPU time and memory.
 *
 * Flags of every script here that uses this:
 *
 *     --rounds N    how often each server has its turn (default 3)
 *     --source      BunBond from its sources; else the executable, which is built first
 *     --alone       without rustbond, which needs cargo and protoc
 *     --json        one line per figure, where a script prints a table
 *
 * The Rust program runs on one thread. With a thread per processor, as its examples do, it was tried on two
 * processors: no faster, and a quarter more CPU time.
 */
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../../src/cli/bench/figures.ts";
import { buildRustbondPeer, reasonToSkip, startRustbondServer } from "../interop/rustbond-peer.ts";
import { builtExecutable } from "../support/process/built-executable.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A server at work: disposing of it ends it. */
export interface RunningServer extends AsyncDisposable {
  readonly address: string;
  readonly pid: number;
}

export type ServerName = "bunbond" | "rustbond";

export interface StartOptions {
  /** Default: a free port on [::1]. */
  readonly listen?: string;
  /** Default 5. */
  readonly keepaliveSeconds?: number;
  /** Of BunBond's; default 0. */
  readonly settleSeconds?: number;
  /** Further flags of BunBond's server. */
  readonly flags?: readonly string[];
  /** Words before the command, as those that enter a network namespace. */
  readonly within?: readonly string[];
}

export interface Setup {
  readonly rounds: number;
  /** JSON lines instead of a table, where a script prints one. */
  readonly json: boolean;
  /** Those that are to be measured, BunBond first. */
  readonly servers: readonly ServerName[];
  /** What runs BunBond. */
  readonly command: readonly string[];
  start(name: ServerName, options?: StartOptions): Promise<RunningServer>;
}

/** Reads the flags, and builds what is needed. */
export async function prepare(): Promise<Setup> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      source: { type: "boolean", default: false },
      alone: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!(rounds >= 1)) throw new Error("--rounds needs a number");
  const command = values.source ? FROM_SOURCE : [await builtExecutable()];
  const obstacle = values.alone ? "not wanted" : reasonToSkip();
  if (obstacle === undefined) await buildRustbondPeer();
  else console.error(`without rustbond: ${obstacle}`);
  return {
    rounds,
    json: values.json,
    servers: obstacle === undefined ? ["bunbond", "rustbond"] : ["bunbond"],
    command,
    start: (name, { within = [], ...options } = {}) =>
      name === "bunbond"
        ? startBunbondServer({ command: [...within, ...command], ...options })
        : startRustbondServer(options.listen, { within, ...options }),
  };
}

export type BenchFigures = Readonly<Record<string, number>>;

/** One run of `bunbond bench` with these words. Fails when a delivery was lost or wrong. */
export async function bench({ address, pid }: RunningServer, ...words: string[]): Promise<BenchFigures> {
  const child = Bun.spawn(
    [process.execPath, MAIN, "bench", ...words, "--server", address, "--server-pid", `${pid}`, "--json"],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const [text, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  if (exitCode === 0) return JSON.parse(text).figures;
  throw new BenchError(`bench ${words.join(" ")}: ${text === "" ? `exit code ${exitCode}` : text.trim()}`);
}

/** The server did not do what the load asked of it. */
export class BenchError extends Error {}

/** What each round gave, by server. */
export type ByServer<T> = Record<ServerName, T[]>;

/** Every round has a new process of each server. */
export function inTurnFresh<T>(
  setup: Setup,
  measure: (server: RunningServer) => Promise<T>,
  options: StartOptions = {},
): Promise<ByServer<T>> {
  return inTurn(setup, async (name) => {
    await using server = await setup.start(name, options);
    return await measure(server);
  });
}

/** One process of each server serves all rounds. */
export async function inTurnWarm<T>(
  setup: Setup,
  measure: (server: RunningServer) => Promise<T>,
): Promise<ByServer<T>> {
  await using running = new AsyncDisposableStack();
  const servers = new Map<ServerName, RunningServer>();
  for (const name of setup.servers) servers.set(name, running.use(await setup.start(name)));
  return await inTurn(setup, (name) => {
    const server = servers.get(name);
    if (server === undefined) throw new Error(`${name} was not started`);
    return measure(server);
  });
}

async function inTurn<T>(
  { rounds, servers }: Setup,
  measure: (name: ServerName) => Promise<T>,
): Promise<ByServer<T>> {
  const values: ByServer<T> = { bunbond: [], rustbond: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const name of servers) {
      console.error(`  round ${round} of ${rounds}: ${name}`);
      values[name].push(await measure(name));
    }
  }
  return values;
}

/** One of the figures, from each run, times `factor`. */
export function figureOf(runs: ByServer<BenchFigures>, name: string, factor = 1): ByServer<number> {
  const valuesOf = (server: ServerName) =>
    runs[server].map((figures) => {
      const value = figures[name];
      if (value === undefined) throw new Error(`bench printed no ${name}`);
      return value * factor;
    });
  return { bunbond: valuesOf("bunbond"), rustbond: valuesOf("rustbond") };
}

export interface Spread {
  readonly best: number;
  readonly median: number;
}

/** What is to be reached: a multiple of rustbond's value, or a value. Which way is better follows from it. */
export type Goal =
  | { readonly ratioAtLeast: number }
  | { readonly ratioAtMost: number }
  | { readonly atMost: number };

export interface Row {
  readonly figure: string;
  readonly unit: string;
  readonly goal: Goal;
  readonly bunbond: Spread;
  /** Null: it was not measured. */
  readonly rustbond: Spread | null;
  readonly note?: string;
}

function spread(values: readonly number[], higherIsBetter: boolean): Spread {
  return { best: higherIsBetter ? Math.max(...values) : Math.min(...values), median: median(values) };
}

/** A row of one value per round. */
export function rowOf(about: Pick<Row, "figure" | "unit" | "goal" | "note">, values: ByServer<number>): Row {
  const higherIsBetter = "ratioAtLeast" in about.goal;
  return {
    ...about,
    bunbond: spread(values.bunbond, higherIsBetter),
    rustbond: values.rustbond.length === 0 ? null : spread(values.rustbond, higherIsBetter),
  };
}

/** Of the best values: what disturbs a round makes it worse, never better. Null: to nothing, or to 0. */
export function ratioOf({ bunbond, rustbond }: Row, which: keyof Spread = "best"): number | null {
  return rustbond === null || rustbond[which] === 0 ? null : bunbond[which] / rustbond[which];
}

/** Null: it cannot be said without rustbond. */
export function isMet(row: Row): boolean | null {
  const { goal } = row;
  if ("atMost" in goal) return row.bunbond.best <= goal.atMost;
  const ratio = ratioOf(row);
  if (ratio === null) return null;
  return "ratioAtLeast" in goal ? ratio >= goal.ratioAtLeast : ratio <= goal.ratioAtMost;
}

/** A row as one line for programs. */
export function jsonLine(row: Row): string {
  return JSON.stringify({
    ...row,
    ratio: ratioOf(row),
    medianRatio: ratioOf(row, "median"),
    isMet: isMet(row),
  });
}

/** What the figures were taken on. */
export function machineLine(): string {
  const [cpu] = cpus();
  const load = loadavg()[0] ?? 0;
  return JSON.stringify({
    time: new Date().toISOString(),
    processor: cpu?.model,
    processors: cpus().length,
    bun: Bun.version,
    loadAverage: Math.round(load * 10) / 10,
  });
}

/** Runs a script by itself: its rows as JSON lines. */
export async function printRows(measure: (setup: Setup) => Promise<Row[]>): Promise<void> {
  const setup = await prepare();
  console.log(machineLine());
  for (const row of await measure(setup)) console.log(jsonLine(row));
}
