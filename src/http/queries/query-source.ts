/** What the queries of a daemon read: its table, its history and what surrounds them, in place and never copied. */
import type { Clock } from "../../base/clock.ts";
import type { Prefix } from "../../net/ip.ts";
import type { History } from "../../route/history.ts";
import type { Route } from "../../route/route.ts";
import type { RouteInspector } from "../../route/table/route-inspector.ts";
import type { RouteRecipients } from "../../server/exchange/route-exchange.ts";
import type { KernelRouteEntry } from "./api.ts";

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
  /** Returns the state of a destination in the kernel; null if the client puts no routes of the VNI there. */
  kernelRoute(vni: number, destination: Prefix): KernelRouteEntry | null;
}

export type QuerySource = ServerSource | ClientSource;

/** Resolves in a later turn of the event loop, in which sockets have been served. */
export function pause({ clock }: QuerySource): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
