/** Keeps the routing tables that concern us: the mapped ones, and those in which routes of ours were found. */

import type { TableMapping } from "../desired/settings.ts";
import type { SkipReason } from "../desired/skip-reason.ts";
import { SKIP_REASONS } from "../desired/skip-reason.ts";

export const NO_ROOT = -1;

/** How many destinations of one family in one table have reached which state. */
export interface FibCounts {
  /** A route is desired. */
  wanted: number;
  /** A route of ours is observed. */
  installed: number;
  /** Something has changed that is not planned yet. */
  pending: number;
  /** A foreign route keeps ours from being installed; in a status, also those with a foreign route beside ours. */
  collided: number;
  /** The route cannot be installed, changed or deleted for another reason. */
  failed: number;
  /** Pairs of a VNI and a destination that an earlier VNI of the table has, too. */
  shadowed: number;
  /** Received routes that are skipped, by reason. */
  readonly skipped: Record<SkipReason, number>;
}

export interface FibTable {
  /** RTA_TABLE. */
  readonly id: number;
  readonly index: number;
  /** VNIs that are mapped to it, in the order in which they win a destination; empty if the table is not mapped. */
  vnis: readonly number[];
  /** Whether routes that were found in it at the start and are not desired may be deleted. */
  mayPrune: boolean;
  root4: number;
  root6: number;
  readonly counts: { readonly 4: FibCounts; readonly 6: FibCounts };
}

export class FibTables {
  readonly #byId = new Map<number, FibTable>();
  readonly #ofVni = new Map<number, FibTable>();
  readonly #complete = new Set<number>();

  get(id: number): FibTable | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<FibTable> {
    return this.#byId.values();
  }

  ofVni(vni: number): FibTable | undefined {
    return this.#ofVni.get(vni);
  }

  findOrMake(id: number): FibTable {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const index = this.#byId.size;
    const counts = { 4: noCounts(), 6: noCounts() };
    const table = { id, index, vnis: [], mayPrune: false, root4: NO_ROOT, root6: NO_ROOT, counts };
    this.#byId.set(id, table);
    table.mayPrune = this.#mayPrune(table);
    return table;
  }

  /** Replaces the mappings. Returns what has changed: VNIs that are new in a table, tables that have lost or gained one. */
  setMappings(mappings: readonly TableMapping[]): { vnis: number[]; tables: FibTable[] } {
    const vnisOf = new Map<number, number[]>();
    for (const { vni, table } of mappings) vnisOf.getOrInsertComputed(table, () => []).push(vni);
    const vnis = mappings
      .filter(({ vni, table }) => this.#ofVni.get(vni)?.id !== table)
      .map(({ vni }) => vni);
    for (const id of vnisOf.keys()) this.findOrMake(id);
    const tables: FibTable[] = [];
    for (const table of this.#byId.values()) {
      const after = vnisOf.get(table.id) ?? [];
      if (after.join() !== table.vnis.join()) tables.push(table);
      table.vnis = after;
    }
    this.#ofVni.clear();
    for (const { vni, table } of mappings) this.#ofVni.set(vni, this.findOrMake(table));
    return { vnis, tables };
  }

  complete(vni: number): void {
    this.#complete.add(vni);
  }

  /** Whether the servers have sent all their routes of all mapped VNIs. */
  get areAllComplete(): boolean {
    return this.isComplete([...this.#ofVni.keys()]);
  }

  isComplete(vnis: readonly number[]): boolean {
    return vnis.every((vni) => this.#complete.has(vni));
  }

  /** The tables that may be pruned, and might not at the last call. */
  takePrunable(): FibTable[] {
    const prunable: FibTable[] = [];
    for (const table of this.#byId.values()) {
      const mayPrune = this.#mayPrune(table);
      if (mayPrune && !table.mayPrune) prunable.push(table);
      table.mayPrune = mayPrune;
    }
    return prunable;
  }

  /** An unmapped table may be pruned when all mapped VNIs are complete, a mapped one when its own are. */
  #mayPrune({ vnis }: FibTable): boolean {
    return vnis.length > 0 ? this.isComplete(vnis) : this.areAllComplete;
  }
}

function noCounts(): FibCounts {
  const skipped = Object.fromEntries(SKIP_REASONS.map((reason) => [reason, 0])) as Record<SkipReason, number>;
  return { wanted: 0, installed: 0, pending: 0, collided: 0, failed: 0, shadowed: 0, skipped };
}
