/** The digest of a list of routes, computed anew: what a table that keeps it up with each change must have. */

import { formatRoute } from "../../../src/route/announcement-text.ts";
import { RouteDigest } from "../../../src/route/digest.ts";
import type { Route } from "../../../src/route/route.ts";
import { RouteTable } from "../../../src/route/table/route-table.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";

const hashes = new Map<string, readonly [high: number, low: number]>();

export function digestOf(routes: Iterable<Route>): string {
  const digest = new RouteDigest();
  for (const route of routes) {
    const [high, low] = hashes.getOrInsertComputed(formatRoute(route), () => hashOf(route));
    digest.add(high, low);
  }
  return `${digest}`;
}

function hashOf({ vni, destination, nextHop }: Route): readonly [high: number, low: number] {
  const table = new RouteTable({ seed: 7 });
  const fields = new UpdateFields();
  fillUpdateFields(fields, vni, destination, nextHop);
  table.add(0, fields);
  table.hash(table.row);
  return [table.hashHigh, table.hashLow];
}
