/** Routes of ours that stand where we would not put them: with another priority, or as the second at their place. */
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

  /** What a reading has found, instead of what the last one did. */
  set(misplaced: readonly MisplacedRoute[]): void {
    for (const { nexthopId } of misplaced) this.#nexthops.countRoute(nexthopId, 1);
    for (const { nexthopId } of this.#misplaced) this.#nexthops.countRoute(nexthopId, -1);
    this.#misplaced = misplaced;
  }

  /** Some may go: those in settled tables. */
  get hasDue(): boolean {
    return this.#misplaced.some(({ table }) => this.#tables.get(table)?.mayPrune === true);
  }

  /** Takes up to `limit` that may go. They count as gone. */
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
