/**
 * Finds the destinations that a query asks for, in the order of VNI and address, by walking the table in place.
 *
 *     exact      the destination itself              shorter   those that contain it, the longest first
 *     longer     those inside it, itself included    longest   the longest one that contains it
 *
 * A walk may take any number of turns of the event loop: a destination that is there all the time is found once.
 */
import { sameAddress } from "../../net/address.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { comparePrefix, formatPrefix } from "../../net/prefix.ts";
import { formatNextHop } from "../../route/announcement-text.ts";
import type { InspectedRoute } from "../../route/table/route-inspector.ts";
import { destinationsInside } from "../../route/table/route-inspector.ts";
import type { NextHopType } from "../../wire/protocol.ts";
import { sortedNumbers } from "../sorted-numbers.ts";
import type { QuerySource } from "./query-source.ts";
import type { FoundDestination } from "./route-entries.ts";

export type RouteMatch = "exact" | "longer" | "shorter" | "longest";

/** What a query asks for; null where everything is asked for. */
export interface RouteFilter {
  readonly vni: number | null;
  readonly prefix: { readonly value: Prefix; readonly match: RouteMatch } | null;
  readonly type: NextHopType | null;
  readonly nextHop: IpAddress | null;
  /** A holder by its number, or by its name: the address and port, or the address alone. */
  readonly from: string | null;
  /** Only routes that a lost peer or server had: retained or stale ones. */
  readonly onlyStale: boolean;
  /** Only routes whose text contains it, whatever the case: "10.0.1.0/24 2001:db8::1 [2001:db8::9]:4711". */
  readonly text: string | null;
}

/** The last destination of the page before. */
export interface PagePosition {
  readonly vni: number;
  readonly destination: Prefix;
}

/** So many destinations are looked at between two pauses. */
const DESTINATIONS_PER_PAUSE = 128;
/** So many VNIs, which may have no destination. */
const VNIS_PER_PAUSE = 256;

/** Yields what is found after `after`, and null where the walk is to pause. */
export function* findRoutes(
  source: QuerySource,
  filter: RouteFilter,
  after: PagePosition | null = null,
): Generator<FoundDestination | null> {
  let looked = 0;
  for (const vni of vnisOf(source, filter, after?.vni ?? 0)) {
    if (vni === null) {
      yield null;
      continue;
    }
    const from = after !== null && after.vni === vni ? after.destination : null;
    for (const destination of destinationsOf(source, filter, vni, from)) {
      if (++looked % DESTINATIONS_PER_PAUSE === 0) yield null;
      const routes = source.routes
        .inspect(vni, destination)
        .filter((route) => isWanted(route, filter) && hasText(destination, route, filter.text));
      if (routes.length > 0) yield { vni, destination, routes };
    }
  }
}

/** Iterates over the VNIs from the first one on, in order; null is a place to pause. */
function* vnisOf(source: QuerySource, { vni }: RouteFilter, first: number): Generator<number | null> {
  if (vni !== null) {
    if (vni >= first) yield vni;
    return;
  }
  let count = 0;
  for (const number of sortedNumbers(
    () => source.routes.vnis(),
    (one) => one,
  )) {
    if (number === null || number >= first) yield number;
    if (++count % VNIS_PER_PAUSE === 0) yield null;
  }
}

/** Iterates over the destinations of a VNI after `after`, IPv4 first. */
function* destinationsOf(
  { routes }: QuerySource,
  { prefix }: RouteFilter,
  vni: number,
  after: Prefix | null,
): Generator<Prefix> {
  if (prefix !== null && prefix.match !== "longer") {
    // At most one per length: they fit one page.
    if (after !== null) return;
    if (prefix.match === "exact") yield prefix.value;
    else {
      const covering = routes.covering(vni, prefix.value);
      yield* prefix.match === "longest" ? covering.slice(0, 1) : covering;
    }
    return;
  }
  for (const family of [4, 6] as const) {
    if (prefix !== null && prefix.value.family !== family) continue;
    if (after !== null && after.family > family) continue;
    const cursor = routes.destinations(family);
    cursor.enter(vni);
    const start = after !== null && after.family === family ? after : null;
    let next = () => cursor.next();
    if (prefix !== null) next = destinationsInside(cursor, prefix.value);
    if (start !== null) cursor.seek(start.w0, start.w1, start.w2, start.w3);
    for (let found = next(); found !== null; found = next()) {
      if (start === null || comparePrefix(found, start) > 0) yield found;
    }
  }
}

function isWanted(route: InspectedRoute, { type, nextHop, from, onlyStale }: RouteFilter): boolean {
  if (type !== null && route.nextHop.type !== type) return false;
  if (nextHop !== null && !sameAddress(route.nextHop.address, nextHop)) return false;
  const holders = route.holders.filter(({ source, state }) => {
    if (onlyStale && state !== "retained" && state !== "stale") return false;
    return from === null || isNamed(source, from);
  });
  return holders.length > 0;
}

function hasText(destination: Prefix, { nextHop, holders }: InspectedRoute, text: string | null): boolean {
  if (text === null) return true;
  const names = holders.map(({ source }) => source.name);
  const parts = [formatPrefix(destination), formatNextHop(nextHop), ...names];
  return parts.join(" ").toLowerCase().includes(text.toLowerCase());
}

/** Returns true if a peer or server has this number, name or address. */
function isNamed(
  { id, name }: { readonly id: number | null; readonly name: string },
  wanted: string,
): boolean {
  if (id !== null && `${id}` === wanted) return true;
  if (name === wanted) return true;
  const address = name.replace(/:\d+$/, "");
  return address === wanted || address === `[${wanted}]`;
}
