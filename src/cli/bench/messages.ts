/**
 * What the command and its worker threads say to each other. The command gives one order at a time, the same
 * kind to all workers, and each answers it with one `done`; meanwhile they tell how far they are.
 */
import type { Endpoint } from "../../net/endpoint.ts";
import type { Action } from "../../wire/protocol.ts";
import type { DeliveryCounts, Turn } from "./delivery-check.ts";
import type { RouteSetOptions } from "./route-set.ts";

export interface WorkerSettings {
  readonly server: Endpoint;
  readonly keepaliveSeconds: number;
  /** Announce in small steps, for Go's servers. */
  readonly paced: boolean;
  /** Frames to encode before the run. */
  readonly encode: readonly Action[];
  readonly routes: RouteSetOptions;
}

/** One connection of a run. */
export interface MemberSpec {
  readonly id: number;
  /** Its number as an announcer, or {@link NO_ANNOUNCER}. */
  readonly announcer: number;
  readonly subscribes: boolean;
}

export const NO_ANNOUNCER = -1;

/** What every subscriber has to have in the end, and what may come until then. */
export interface Expectation {
  readonly turn: Turn;
  /** Of others: own ones do not count. */
  readonly routes: number;
  readonly markers: number;
}

export type Order =
  /** Connect these, to ESTABLISHED. */
  | { readonly type: "open"; readonly members: readonly MemberSpec[] }
  /** From now on all subscribers are due this: told to all workers before any of them sends. */
  | { readonly type: "expect"; readonly expected: Expectation }
  /** Those that have not yet done so subscribe; done when the server has read it and they have what is expected. */
  | { readonly type: "subscribe"; readonly expected: Expectation }
  /** Every announcer sends its routes or its marker; done when the server has read it and all is delivered. */
  | { readonly type: "send"; readonly what: "routes" | "markers"; readonly action: Action }
  /** Announcers announce and withdraw batches for so long; `paced`: each waits until its last one was heard of. */
  | { readonly type: "churn"; readonly batch: number; readonly seconds: number; readonly paced: boolean }
  /** Announcer 0 sends that many updates, one at a time, so many a second; first ADDs, then REMOVEs. */
  | { readonly type: "latency"; readonly updates: number; readonly updatesPerSecond: number }
  | { readonly type: "close"; readonly ids: readonly number[] }
  /** The order under way will not be completed: say what is missing. */
  | { readonly type: "give-up" };

/** The first message to a worker. */
export interface StartOrder {
  readonly type: "start";
  readonly settings: WorkerSettings;
}

/** Totals since the start, over all connections that the worker ever had. */
export interface Totals {
  readonly deliveries: DeliveryCounts;
  readonly sentUpdates: number;
  readonly establishedConnections: number;
}

/** What some orders find out. */
export interface OrderResults {
  /** `subscribe`: seconds from SUBSCRIBE to a subscriber's last route. */
  syncSeconds: number[];
  /** `latency`: nanoseconds from write to receipt, of every update at every subscriber. */
  latenciesNs: Float64Array;
}

export interface Done extends Readonly<OrderResults> {
  readonly type: "done";
  readonly totals: Totals;
  /** Deliveries that were due in this order and have not come. */
  readonly missing: number;
}

export type Report =
  | Done
  | { readonly type: "progress"; readonly totals: Totals }
  /** A connection could not be had or was lost. */
  | { readonly type: "failed"; readonly message: string };
