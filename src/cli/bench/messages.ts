/**
 * Messages between the main thread and the worker threads. The main thread sends one command at a time, the same type to all
 * workers, and each worker answers with one `done` event; meanwhile it reports its progress.
 *
 *     main thread: Scenario → WorkerPool ── WorkerCommand ──→ worker: BenchWorker → BenchConnection, one or more
 *                                        ←── WorkerEvent ───
 */
import type { Endpoint } from "../../net/endpoint.ts";
import type { Action } from "../../wire/protocol.ts";
import type { DeliveryCounts, ExpectedActions } from "./delivery-check.ts";
import type { RouteSetOptions } from "./route-set.ts";

export interface WorkerSettings {
  readonly server: Endpoint;
  readonly keepaliveSeconds: number;
  /** Announce in small steps, for Go's servers. */
  readonly paced: boolean;
  /** Actions whose frames are encoded before the run. */
  readonly encode: readonly Action[];
  readonly routes: RouteSetOptions;
}

/** What one connection of a run does. */
export interface ConnectionSpec {
  readonly id: number;
  /** The number of the announcer, or {@link NO_ANNOUNCER}. */
  readonly announcer: number;
  readonly subscribes: boolean;
}

export const NO_ANNOUNCER = -1;

/** What every subscriber must have in the end, and which actions may be received until then. */
export interface Expectation {
  readonly actions: ExpectedActions;
  /** Number of routes of other announcers: its own do not count. */
  readonly routes: number;
  readonly markers: number;
}

/** All routes of an announcer, its marker, or the last one of its routes. */
export type SentRoutes = "routes" | "markers" | "last-routes";

export type WorkerCommand =
  /** Open these connections, up to ESTABLISHED. */
  | { readonly type: "open"; readonly connections: readonly ConnectionSpec[] }
  /** All subscribers expect this from now on; all workers get it before any of them sends. */
  | { readonly type: "expect"; readonly expected: Expectation }
  /** Subscribers that have not subscribed do so; done when the server has read it and they have what is expected. */
  | { readonly type: "subscribe"; readonly expected: Expectation }
  /** Every announcer sends its routes, its marker or its last route; done when the server has read it and all is delivered. */
  | { readonly type: "send"; readonly what: SentRoutes; readonly action: Action }
  /** Announcers announce and withdraw batches for `seconds`; `paced`: each waits until its last batch was received. */
  | { readonly type: "churn"; readonly batch: number; readonly seconds: number; readonly paced: boolean }
  /** Announcer 0 sends single updates at this rate; first ADDs, then REMOVEs. */
  | { readonly type: "latency"; readonly updates: number; readonly updatesPerSecond: number }
  | { readonly type: "close"; readonly ids: readonly number[] }
  /** The present command will not be completed: the worker answers with what is missing. */
  | { readonly type: "abort" };

/** The first message to a worker. */
export interface StartCommand {
  readonly type: "start";
  readonly settings: WorkerSettings;
}

/** Totals since the start, over all connections that the worker has had. */
export interface Totals {
  readonly deliveries: DeliveryCounts;
  readonly sentUpdates: number;
  readonly establishedConnections: number;
}

/** Measurements; most commands leave them empty. */
export interface CommandResults {
  /** `subscribe`: seconds from SUBSCRIBE to a subscriber's last route. */
  syncSeconds: number[];
  /** `latency`: nanoseconds from write to receipt, of every update at every subscriber. */
  latenciesNs: Float64Array;
}

export interface Done extends Readonly<CommandResults> {
  readonly type: "done";
  readonly totals: Totals;
  /** Number of deliveries that this command expected and that were not received. */
  readonly missing: number;
}

export type WorkerEvent =
  | Done
  | { readonly type: "progress"; readonly totals: Totals }
  /** A connection could not be made or was lost, or the server refused routes. */
  | { readonly type: "failed"; readonly message: string };
