/** What the four modes have in common. */
import { Action } from "../../wire/protocol.ts";
import type { Crew } from "./crew.ts";
import { wrongDeliveries } from "./delivery-check.ts";
import type { Figure } from "./figures.ts";
import { type Expectation, type MemberSpec, NO_ANNOUNCER, type Totals } from "./messages.ts";
import type { ProgressBar } from "./progress-bar.ts";
import type { ProcessSample, ServerProcess } from "./server-process.ts";

export interface RunContext {
  readonly crew: Crew;
  readonly bar: ProgressBar;
  readonly vni: number;
  /** Null: the server is not to be measured. */
  readonly server: ServerProcess | null;
  /** Of the server, before the run. */
  readonly idle: ProcessSample | null;
}

/** A mode with its sizes: what it needs, does and finds. */
export interface Scenario {
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  /** What announcers will send all of. */
  readonly encode: readonly Action[];
  /** How far the run is, 0 to 1; null: it cannot be said. */
  shareDone(totals: Totals): number | null;
  /** @throws RunStopped */
  run(context: RunContext): Promise<void>;
  /** As far as the run came. */
  figures(totals: Totals): Figure[];
}

export const NOTHING_EXPECTED: Expectation = { turn: "none", routes: 0, markers: 0 };

export function subscriberSpecs(firstId: number, count: number): MemberSpec[] {
  return Array.from({ length: count }, (_, i) => ({
    id: firstId + i,
    announcer: NO_ANNOUNCER,
    subscribes: true,
  }));
}

export function announcerSpecs(firstId: number, count: number): MemberSpec[] {
  return Array.from({ length: count }, (_, i) => ({ id: firstId + i, announcer: i, subscribes: false }));
}

/** Connects and subscribes before anything is announced. */
export async function assemble(
  { crew, bar, vni }: RunContext,
  members: readonly MemberSpec[],
): Promise<void> {
  bar.step(`connecting ${members.length} clients`);
  await crew.open(members);
  await crew.carryOut({ type: "subscribe", expected: NOTHING_EXPECTED });
  if (wrongDeliveries(crew.totals().deliveries) === 0) return;
  throw new Error(`the server has routes in VNI ${vni}: choose another one by --vni`);
}

/** Every announcer sends; returns the seconds until everybody has what is expected. */
export async function announce(
  { crew }: RunContext,
  what: "routes" | "markers",
  action: Action,
  expected: Expectation,
): Promise<number> {
  await crew.carryOut({ type: "expect", expected });
  const { seconds } = await crew.carryOut({ type: "send", what, action });
  return seconds;
}

/** Behind markers nothing can be under way any more: a late duplicate has been seen by then. */
export async function announceMarkers(context: RunContext, expected: Expectation): Promise<void> {
  await announce(context, "markers", Action.ADD, expected);
}

/** CPU time of the server from now until the returned function is called; null: not measured. */
export function meterCpu(server: ServerProcess | null): () => number | null {
  const before = server?.sample().cpuSeconds ?? 0;
  return () => (server === null ? null : server.sample().cpuSeconds - before);
}
