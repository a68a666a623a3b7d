/** Routes of ours that stand where we would not put them: with another priority, or as the second at their place. */
import type { Prefix } from "../../net/ip.ts";
import type { FibNexthops } from "./nexthops.ts";
import type { FibTables } from "./tables.ts";

export interface Leftover {
  readonly table: number;
  readonly destination: Prefix;
  readonly priority: number;
  readonly nexthopId: number;
}

export class FibLeftovers {
  readonly #tables: FibTables;
  readonly #nexthops: FibNexthops;
  #leftovers: readonly Leftover[] = [];

  constructor(tables: FibTables, nexthops: FibNexthops) {
    this.#tables = tables;
    this.#nexthops = nexthops;
  }

  /** What a reading has found, instead of what the last one did. */
  set(leftovers: readonly Leftover[]): void {
    for (const { nexthopId } of leftovers) this.#nexthops.countRoute(nexthopId, 1);
    for (const { nexthopId } of this.#leftovers) this.#nexthops.countRoute(nexthopId, -1);
    this.#leftovers = leftovers;
  }

  /** Some may go: those in settled tables. */
  get hasDue(): boolean {
    return this.#leftovers.some(({ table }) => this.#tables.get(table)?.isSettled === true);
  }

  /** Takes up to `limit` that may go. They count as gone. */
  take(limit: number): Leftover[] {
    const taken: Leftover[] = [];
    this.#leftovers = this.#leftovers.filter((leftover) => {
      if (taken.length === limit || !this.#tables.get(leftover.table)?.isSettled) return true;
      taken.push(leftover);
      this.#nexthops.countRoute(leftover.nexthopId, -1);
      return false;
    });
    return taken;
  }
}
