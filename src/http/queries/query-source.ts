/** What the queries of a daemon read: its table, its history and what surrounds them, in place and never copied. */
import type { Clock } from "../../base/clock.ts";
import type { Disagreement } from "../../client/view/agreement.ts";
import type { Prefix } from "../../net/ip.ts";
import type { History } from "../../route/history.ts";
import type { Route } from "../../route/route.ts";
import type { RouteInspector } from "../../route/table/route-inspector.ts";
import type { RouteRecipients } from "../../server/exchange/route-exchange.ts";
import type { FibDrift, FibEntry, KernelRouteEntry } from "./api.ts";

interface CommonSource {
  readonly routes: RouteInspector;
  readonly history: History;
  /** The clock of the holders' and the history's times; its `soon` is where long walks pause. */
  readonly clock: Clock;
}

export interface ServerSource extends CommonSource {
  readonly program: "server";
  /** Returns how many peers subscribe to the VNI. */
  subscriberCount(vni: number): number;
  /** Iterates over all VNIs with a route or a subscriber. */
  vnis(): Iterable<number>;
  /** Returns to whom a route was sent; null if there is no such route. */
  recipients(route: Route, limit: number): RouteRecipients | null;
}

export interface ClientSource extends CommonSource {
  readonly program: "client";
  isSubscribed(vni: number): boolean;
  subscriptions(): Iterable<number>;
  /** Returns true if the view of the VNI has been complete since it was subscribed. */
  isComplete(vni: number): boolean;
  /** How many servers are established, and how many there are. */
  servers(): { readonly established: number; readonly all: number };
  /** What the servers disagree about. */
  disagreements(): readonly Disagreement[];
  /** The routes that the client puts into the kernel; null if it puts none there. */
  readonly fib: FibSource | null;
}

/** What is asked of `/v1/fib`; null where everything is asked for. */
export interface FibFilter {
  readonly table: number | null;
  /** The destinations of the table to which the VNI is mapped. */
  readonly vni: number | null;
  readonly after: FibPosition | null;
}

export interface FibPosition {
  readonly table: number;
  readonly destination: Prefix;
}

/** The routes that a client puts into the kernel. */
export interface FibSource {
  /** Returns the state of a destination; null if no routes of the VNI are put there. */
  kernelRoute(vni: number, destination: Prefix): KernelRouteEntry | null;
  /** Iterates over entries, one table after the other. The walk may pause. */
  entries(filter: FibFilter): Iterable<FibEntry>;
  /** Compares what is desired with a fresh dump of the kernel. */
  drift(filter: Omit<FibFilter, "after">): Promise<FibDrift>;
}

export type QuerySource = ServerSource | ClientSource;

/** Resolves in a later turn of the event loop, in which sockets have been served. */
export function pause({ clock }: QuerySource): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
