/** Steps that several of the four modes have in common. */
import { Action } from "../../wire/protocol.ts";
import { wrongDeliveries } from "./delivery-check.ts";
import type { Figure } from "./figures.ts";
import {
  type ConnectionSpec,
  type Expectation,
  NO_ANNOUNCER,
  type SentRoutes,
  type Totals,
} from "./messages.ts";
import type { ProgressBar } from "./progress-bar.ts";
import type { ProcessSample, ServerProcess } from "./server-process.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface RunContext {
  readonly pool: WorkerPool;
  readonly bar: ProgressBar;
  readonly vni: number;
  /** Null if the server is not measured. */
  readonly server: ServerProcess | null;
  /** A sample of the server, before the run. */
  readonly idle: ProcessSample | null;
}

/** A mode with its sizes: its connections, its steps and its figures. */
export interface Scenario {
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  /** The actions of which announcers will send all frames. */
  readonly encode: readonly Action[];
  /** How far the run is, 0 to 1; null if that is unknown. */
  shareDone(totals: Totals): number | null;
  /** @throws RunAborted */
  run(context: RunContext): Promise<void>;
  /** The figures, also those of a run that ended early. */
  figures(totals: Totals): Figure[];
}

export const NOTHING_EXPECTED: Expectation = { actions: "none", routes: 0, markers: 0 };

export function subscriberSpecs(firstId: number, count: number): ConnectionSpec[] {
  return Array.from({ length: count }, (_, i) => ({
    id: firstId + i,
    announcer: NO_ANNOUNCER,
    subscribes: true,
  }));
}

export function announcerSpecs(firstId: number, count: number): ConnectionSpec[] {
  return Array.from({ length: count }, (_, i) => ({ id: firstId + i, announcer: i, subscribes: false }));
}

/** Connects and subscribes, before anything is announced. */
export async function assemble(
  { pool, bar, vni }: RunContext,
  connections: readonly ConnectionSpec[],
): Promise<void> {
  bar.step(`connecting ${connections.length} clients`);
  await pool.open(connections);
  await pool.execute({ type: "subscribe", expected: NOTHING_EXPECTED });
  if (wrongDeliveries(pool.totals().deliveries) === 0) return;
  throw new Error(`the server has routes in VNI ${vni}: choose another one by --vni`);
}

/** Makes every announcer send. Returns the seconds until all subscribers have what is expected. */
export async function announce(
  { pool }: RunContext,
  what: SentRoutes,
  action: Action,
  expected: Expectation,
): Promise<number> {
  await pool.execute({ type: "expect", expected });
  const { seconds } = await pool.execute({ type: "send", what, action });
  return seconds;
}

/** Announces the markers: after them nothing can be under way any more, so a late duplicate has been received before. */
export async function announceMarkers(context: RunContext, expected: Expectation): Promise<void> {
  await announce(context, "markers", Action.ADD, expected);
}

/**
 * Withdraws the last route of each announcer. It serves as its marker where all routes are announced, since a server that is
 * full of them would refuse one more.
 */
export async function withdrawLast(context: RunContext, expected: Expectation): Promise<void> {
  await announce(context, "last-routes", Action.REMOVE, expected);
}

/** Measures the CPU time of the server from now until the returned function is called, which returns null if it is not measured. */
export function meterCpu(server: ServerProcess | null): () => number | null {
  const before = server?.sample().cpuSeconds ?? 0;
  return () => (server === null ? null : server.sample().cpuSeconds - before);
}
