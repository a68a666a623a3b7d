import type { Prefix } from "../net/ip.ts";
import type { NextHop, UpdateFields } from "../wire/message.ts";

/** A route: one next hop for one destination in one tenant network. Several next hops for a destination are ECMP. */
export interface Route {
  readonly vni: number;
  readonly destination: Prefix;
  readonly nextHop: NextHop;
}

/**
 * Returns a route's identity within its VNI as text: destination and all five fields of the next hop. Equal routes have equal
 * keys, and different routes different ones; nothing else is promised of its form.
 */
export function routeKey(f: UpdateFields): string {
  return `${f.family} ${f.p0} ${f.p1} ${f.p2} ${f.p3} ${f.lengthBits} ${hopKey(f)}`;
}

function hopKey(f: UpdateFields): string {
  return `${f.hopFamily} ${f.h0} ${f.h1} ${f.h2} ${f.h3} ${f.targetVni} ${f.hopType} ${f.natPortFrom} ${f.natPortTo}`;
}
