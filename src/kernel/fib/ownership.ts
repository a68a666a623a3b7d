/**
 * Decides whether a nexthop or a route is ours, in one place for scans, notifications, operations and cleanup.
 *
 * A nexthop is ours by its protocol, its id in our block (nexthop-ids.ts) and its shape. A route is ours by its protocol, its
 * metric and an id of our block that it names, whatever has become of the object with that id: where another program has
 * replaced the object, the route would lead packets out without encapsulation for ever if it were taken for foreign.
 * It moves to an object of ours, and the foreign object stays. A route of our protocol that names no object is a
 * predecessor's, which is ours in the tables that are mapped.
 */

import { sameAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import type { FoundNexthop, FoundRoute } from "../kernel.ts";
import { RTN_BLACKHOLE, RTN_UNICAST } from "../netlink/netlink-constants.ts";
import type { IdBlock } from "./nexthop-ids.ts";
import { PLAIN } from "./rows.ts";

/** RTA_PRIORITY of a route for which none is asked: IP6_RT_PRIO_USER, and 0 for IPv4. */
export function defaultPriority(family: 4 | 6): number {
  return family === 6 ? 1024 : 0;
}

/** Whether the route has the metric and the TOS of ours: its table and destination have room for one such route. */
export function isInSlot({
  destination,
  priority,
  tos,
}: Pick<FoundRoute, "destination" | "priority" | "tos">): boolean {
  return priority === defaultPriority(destination.family) && tos === 0;
}

/** What makes a nexthop or a route ours. */
export interface Ownership {
  readonly protocol: number;
  readonly block: Pick<IdBlock, "has">;
}

/** object, group: it is ours. foreign: it is left alone. */
export type NexthopVerdict = "object" | "group" | "foreign";

export function verdictOfNexthop({ protocol, block }: Ownership, found: FoundNexthop): NexthopVerdict {
  const { id, members, encapAddress, isOdd } = found;
  if (found.protocol !== protocol || !block.has(id) || isOdd) return "foreign";
  if (members === null) return encapAddress?.family === 6 ? "object" : "foreign";
  // A member that another program has replaced makes the group useless, not foreign.
  return members.every((member) => block.has(member.id)) ? "group" : "foreign";
}

/** Whether the found nexthop is the known one: neither an object nor a group of either type can become another kind. */
export function isSameNexthop(
  known: Pick<FoundNexthop, "members" | "isResilient">,
  found: Pick<FoundNexthop, "members" | "isResilient">,
): boolean {
  return (found.members === null) === (known.members === null) && found.isResilient === known.isResilient;
}

/** Whether an object of ours leads to that address by that device. */
export function leadsTo(
  { encapAddress, linkIndex }: Pick<FoundNexthop, "encapAddress" | "linkIndex">,
  address: IpAddress,
  deviceIndex: number,
): boolean {
  return linkIndex === deviceIndex && encapAddress !== null && sameAddress(address, encapAddress);
}

/**
 * ours: it is in a slot where we put routes. predecessor: the same, but with its hops written out. misplaced: ours, with
 * another metric. foreign: it is left alone.
 */
export type RouteVerdict = "ours" | "predecessor" | "misplaced" | "foreign";

export interface RouteContext extends Ownership {
  /** Whether the route's table has a VNI. */
  readonly isMapped: boolean;
  /** Whether the object that the route names is ours. */
  readonly isNexthopOurs: boolean;
}

export function verdictOfRoute(context: RouteContext, route: FoundRoute): RouteVerdict {
  const { nexthopId, tos, type } = route;
  if (route.protocol !== context.protocol || tos !== 0) return "foreign";
  if (nexthopId === 0) {
    return isInSlot(route) && context.isMapped && type === RTN_UNICAST ? "predecessor" : "foreign";
  }
  if (!context.block.has(nexthopId)) return "foreign";
  // The kernel gives this type to a route whose object is a blackhole now (fib_dump_info).
  if (type !== RTN_UNICAST && type !== RTN_BLACKHOLE) return "foreign";
  if (isInSlot(route)) return "ours";
  return context.isNexthopOurs ? "misplaced" : "foreign";
}

/** What a row has OBSERVED of a route with that verdict; 0: the route is not in a slot of ours, or not ours. */
export function observedOf(verdict: RouteVerdict, { nexthopId }: Pick<FoundRoute, "nexthopId">): number {
  if (verdict === "ours") return nexthopId;
  return verdict === "predecessor" ? PLAIN : 0;
}
