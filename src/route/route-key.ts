/**
 * The key of a route is a text made of its VNI, its destination and all five fields of its next hop. Equal routes have
 * equal keys, and different routes different ones. The form of the key may change.
 */
import { fillUpdateFields } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";
import type { Route } from "./route.ts";

// Filled and read within one call.
const fields = new UpdateFields();

export function routeKey(route: Route): string {
  fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
  return receivedRouteKey(fields);
}

/** Returns the key of a received route. */
export function receivedRouteKey(f: UpdateFields): string {
  return `${f.vni} ${f.family} ${f.p0} ${f.p1} ${f.p2} ${f.p3} ${f.lengthBits} ${hopKey(f)}`;
}

function hopKey(f: UpdateFields): string {
  return `${f.hopFamily} ${f.h0} ${f.h1} ${f.h2} ${f.h3} ${f.targetVni} ${f.hopType} ${f.natPortFrom} ${f.natPortTo}`;
}
