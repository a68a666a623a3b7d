/** Keeps the routes of ours that are not in a slot where we put routes: with another priority, or a second one in a slot. */
import type { Prefix } from "../../net/ip.ts";
import type { FibNexthops } from "./nexthops.ts";
import type { FibTables } from "./tables.ts";

export interface MisplacedRoute {
  readonly table: number;
  readonly destination: Prefix;
  readonly priority: number;
  readonly nexthopId: number;
}

export class MisplacedRoutes {
  readonly #tables: FibTables;
  readonly #nexthops: FibNexthops;
  #misplaced: readonly MisplacedRoute[] = [];

  constructor(tables: FibTables, nexthops: FibNexthops) {
    this.#tables = tables;
    this.#nexthops = nexthops;
  }

  /** Replaces the routes of the last scan by those of this one. */
  set(misplaced: readonly MisplacedRoute[]): void {
    for (const { nexthopId } of misplaced) this.#nexthops.countRoute(nexthopId, 1);
    for (const { nexthopId } of this.#misplaced) this.#nexthops.countRoute(nexthopId, -1);
    this.#misplaced = misplaced;
  }

  /** Whether some may be deleted: those in tables that may be pruned. */
  get hasDue(): boolean {
    return this.#misplaced.some(({ table }) => this.#tables.get(table)?.mayPrune === true);
  }

  /** Takes up to `limit` that may be deleted. They count as deleted. */
  take(limit: number): MisplacedRoute[] {
    const taken: MisplacedRoute[] = [];
    this.#misplaced = this.#misplaced.filter((misplaced) => {
      if (taken.length === limit || !this.#tables.get(misplaced.table)?.mayPrune) return true;
      taken.push(misplaced);
      this.#nexthops.countRoute(misplaced.nexthopId, -1);
      return false;
    });
    return taken;
  }
}
