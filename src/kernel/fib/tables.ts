/** Routing tables that we have to do with: the mapped ones, and those in which routes of ours were found. */
import { SKIP_REASONS, type SkipReason, type TableMapping } from "../desired/settings.ts";

export const NO_ROOT = -1;

/** Destinations of one family in one table, by what has become of them. */
export interface FibCounts {
  /** To be there. */
  wanted: number;
  /** There, as ours. */
  installed: number;
  /** Changed, and not yet looked at. */
  pending: number;
  /** Cannot be installed since a foreign route is in its place; in a status, also those with one beside ours. */
  collided: number;
  /** Cannot be installed, changed or deleted for another reason. */
  failed: number;
  /** Pairs of a VNI and a destination that an earlier VNI of the table has too. */
  shadowed: number;
  /** Received routes that are left out. */
  readonly skipped: Record<SkipReason, number>;
}

export interface FibTable {
  /** RTA_TABLE. */
  readonly id: number;
  readonly index: number;
  /** Mapped to it, in the order in which they win a destination; empty: the table is not mapped. */
  vnis: readonly number[];
  /** What was found in it at the start and is not wanted may go. */
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

  /** Returns what has another mapping now: VNIs that have come to a table, tables that have lost or gained one. */
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

  /** Of all mapped VNIs: the servers have told all that they have. */
  get areAllComplete(): boolean {
    return this.isComplete([...this.#ofVni.keys()]);
  }

  isComplete(vnis: readonly number[]): boolean {
    return vnis.every((vni) => this.#complete.has(vni));
  }

  /** The tables that have become settled since the last call. */
  takePrunable(): FibTable[] {
    const prunable: FibTable[] = [];
    for (const table of this.#byId.values()) {
      const mayPrune = this.#mayPrune(table);
      if (mayPrune && !table.mayPrune) prunable.push(table);
      table.mayPrune = mayPrune;
    }
    return prunable;
  }

  /** An unmapped table when all mapped VNIs are complete, a mapped one when its own are. */
  #mayPrune({ vnis }: FibTable): boolean {
    return vnis.length > 0 ? this.isComplete(vnis) : this.areAllComplete;
  }
}

function noCounts(): FibCounts {
  const skipped = Object.fromEntries(SKIP_REASONS.map((reason) => [reason, 0])) as Record<SkipReason, number>;
  return { wanted: 0, installed: 0, pending: 0, collided: 0, failed: 0, shadowed: 0, skipped };
}
