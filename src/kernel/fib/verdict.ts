/**
 * Whose is this nexthop, whose is this route: the one place that says so, for readings, notifications and cleanup alike.
 *
 * A nexthop is ours by its protocol, its id in our block (fib-ids.ts) and its shape. A route is ours by its protocol, its
 * metric and an id of our block that it names, whatever has become of the object with that id: where somebody has
 * replaced the object, the route would lead packets out without encapsulation for ever if it were taken for foreign.
 * It moves to an object of ours, and the foreign object stays. A route of our protocol that names no object is a
 * predecessor's, which is ours in the tables that are mapped.
 */

import type { FoundNexthop, FoundRoute } from "../kernel.ts";
import { RTN_BLACKHOLE, RTN_UNICAST } from "../netlink/netlink-constants.ts";
import type { IdBlock } from "./nexthop-ids.ts";

/** RTA_PRIORITY of a route for which none is asked: IP6_RT_PRIO_USER, and 0 for IPv4. */
export function defaultPriority(family: 4 | 6): number {
  return family === 6 ? 1024 : 0;
}

/** What is ours in general. */
export interface Ownership {
  readonly protocol: number;
  readonly block: Pick<IdBlock, "has">;
}

/** object, group: ours. foreign: it is left alone. */
export type NexthopVerdict = "object" | "group" | "foreign";

export function verdictOfNexthop({ protocol, block }: Ownership, found: FoundNexthop): NexthopVerdict {
  const { id, members, encapAddress, isOdd } = found;
  if (found.protocol !== protocol || !block.has(id) || isOdd) return "foreign";
  if (members === null) return encapAddress?.family === 6 ? "object" : "foreign";
  // A member that somebody has replaced makes it useless, not foreign.
  return members.every((member) => block.has(member.id)) ? "group" : "foreign";
}

/** ours: it stands where we put routes. misplaced: ours with another metric. foreign: it is left alone. */
export type RouteVerdict = "ours" | "misplaced" | "foreign";

export interface RouteContext extends Ownership {
  /** The route's table has a VNI. */
  readonly isMapped: boolean;
  /** The object that the route names is ours. */
  readonly isNexthopOurs: boolean;
}

export function verdictOfRoute(context: RouteContext, route: FoundRoute): RouteVerdict {
  const { nexthopId, priority, destination, type } = route;
  if (route.protocol !== context.protocol || route.tos !== 0) return "foreign";
  const isInPlace = priority === defaultPriority(destination.family);
  if (nexthopId === 0) return isInPlace && context.isMapped && type === RTN_UNICAST ? "ours" : "foreign";
  if (!context.block.has(nexthopId)) return "foreign";
  // The kernel says so of a route whose object is a blackhole now (fib_dump_info).
  if (type !== RTN_UNICAST && type !== RTN_BLACKHOLE) return "foreign";
  if (isInPlace) return "ours";
  return context.isNexthopOurs ? "misplaced" : "foreign";
}
