/**
 * A source provides routes for a document by VNI and destination. The document reads a few at a time, while they
 * change.
 */
import type { Prefix } from "../../net/ip.ts";
import type { NextHop } from "../../wire/message.ts";
import { ROW_SHIFT, SIBLING } from "./route-rows.ts";
import type { DestinationCursor, RouteTable } from "./route-table.ts";
import { NIL } from "./row-pool.ts";

export interface RouteSource {
  /** Iterates over the VNIs that may have routes, in no particular order. The iteration may pause. */
  vnis(): Iterable<number>;
  /** Returns a cursor over the destinations of one family. Some may have no route that is to be shown. */
  destinations(family: 4 | 6): DestinationCursor;
  nextHops(vni: number, destination: Prefix): NextHop[];
}

/** Provides the routes of a table for which `isShown` returns true. */
export class TableSource implements RouteSource {
  readonly #table: RouteTable;
  readonly #isShown: (row: number) => boolean;

  constructor(table: RouteTable, isShown: (row: number) => boolean) {
    this.#table = table;
    this.#isShown = isShown;
  }

  vnis(): Iterable<number> {
    return this.#table.vniNumbers();
  }

  destinations(family: 4 | 6): DestinationCursor {
    return this.#table.destinations(family);
  }

  nextHops(vni: number, destination: Prefix): NextHop[] {
    const table = this.#table.find(vni);
    if (table === undefined) return [];
    const found: NextHop[] = [];
    for (
      let row = this.#table.firstRowTo(table, destination);
      row !== NIL;
      row = this.#table.rows.words[(row << ROW_SHIFT) + SIBLING] as number
    ) {
      if (this.#isShown(row)) found.push(this.#table.nextHopOf(row));
    }
    return found;
  }
}
