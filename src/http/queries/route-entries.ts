/** Routes of a table as entries of JSON. */
import { formatAddress } from "../../net/address.ts";
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { PROTOCOL_TYPE_NAMES } from "../../route/next-hop-type.ts";
import type { InspectedRoute } from "../../route/table/route-inspector.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";
import type { NextHopEntry, RouteEntry } from "./api.ts";
import { pause, type QuerySource } from "./query-source.ts";
import { timeOfDay } from "./times.ts";

/** A destination with the routes that a query has selected. */
export interface FoundDestination {
  readonly vni: number;
  readonly destination: Prefix;
  readonly routes: readonly InspectedRoute[];
}

/** Resolves to the entries, with the number of changes of each route: the history is read once for all. */
export async function routeEntries(
  source: QuerySource,
  found: readonly FoundDestination[],
): Promise<RouteEntry[]> {
  const fields = found.flatMap(({ vni, destination, routes }) =>
    routes.map(({ nextHop }) => {
      const one = new UpdateFields();
      fillUpdateFields(one, vni, destination, nextHop);
      return one;
    }),
  );
  const counting = source.history.countChanges(fields);
  let step = counting.next();
  while (step.done !== true) {
    await pause(source);
    step = counting.next();
  }
  const changes = step.value.values();
  const entries: RouteEntry[] = [];
  for (const { vni, destination, routes } of found) {
    if (entries.length % ENTRIES_PER_PAUSE === ENTRIES_PER_PAUSE - 1) await pause(source);
    entries.push({
      vni,
      destination: formatPrefix(destination),
      nextHops: routes.map((route) => nextHopEntry(source, route, changes.next().value ?? 0)),
      kernel: source.program === "client" ? (source.fib?.kernelRoute(vni, destination) ?? null) : null,
    });
  }
  return entries;
}

/** An entry takes some microseconds. */
const ENTRIES_PER_PAUSE = 200;

function nextHopEntry(
  { clock }: QuerySource,
  { nextHop, isInView, holders }: InspectedRoute,
  changes: number,
): NextHopEntry {
  const { address, type, targetVni, natPortFrom, natPortTo } = nextHop;
  return {
    address: formatAddress(address),
    type: PROTOCOL_TYPE_NAMES[type],
    targetVni,
    natPortFrom,
    natPortTo,
    used: isInView,
    holders: holders.map(({ source: { id, name }, state, sinceMs }) => {
      return { name, id, state, since: timeOfDay(clock, sinceMs) };
    }),
    changes,
  };
}
