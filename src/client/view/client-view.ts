/** A client's view as a handler reads it: a look when something has changed, in the place of a copy that follows the events. */
import type { Prefix } from "../../net/ip.ts";
import type { Route } from "../../route/route.ts";
import type { NextHop } from "../../wire/message.ts";

/** What a client knows about a destination. */
export interface DestinationView {
  /** Those of the routes in view, in no particular order. */
  readonly nextHops: readonly NextHop[];
  /** Whether the client itself announces a route to it, which is not in view. */
  readonly isAnnounced: boolean;
}

export interface ClientView {
  /** Returns what is known about a destination now. */
  lookAt(vni: number, destination: Prefix): DestinationView;
  /** Returns true if the route is in view now. */
  has(route: Route): boolean;
  /** Iterates over the destinations of a VNI. The walk may pause: one that is there all the time comes once. */
  destinations(vni: number): Iterable<Prefix>;
}

/** The view of a client that knows nothing. */
export const EMPTY_VIEW: ClientView = {
  lookAt: () => ({ nextHops: [], isAnnounced: false }),
  has: () => false,
  destinations: () => [],
};

/** The name of the method that gives a handler the view; it is not part of the library's API. */
export const FOLLOW_VIEW: unique symbol = Symbol("follow view");

/** A handler that reads the view. */
export interface ViewFollower {
  /** Called before the first event. */
  [FOLLOW_VIEW](view: ClientView): void;
}

export function isViewFollower(handler: object): handler is ViewFollower {
  return FOLLOW_VIEW in handler;
}
