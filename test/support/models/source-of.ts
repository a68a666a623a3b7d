import type { Route } from "../../../src/route/route.ts";
import { type RouteSource, TableSource } from "../../../src/route/table/route-source.ts";
import { RouteTable } from "../../../src/route/table/route-table.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";

/** A table with these routes, as a document reads it. */
export function sourceOf(routes: Iterable<Route>): RouteSource {
  const table = new RouteTable();
  const fields = new UpdateFields();
  for (const { vni, destination, nextHop } of routes) {
    fillUpdateFields(fields, vni, destination, nextHop);
    table.add(0, fields);
  }
  return new TableSource(table, () => true);
}
