/** Keeps which rows have routes that are skipped or shadowed, and counts those routes in the tables' counts. */

import type { Prefix } from "../../net/ip.ts";
import type { Desired } from "../desired/desired-routes.ts";
import type { SkipReason } from "../desired/skip-reason.ts";
import { type FibRows, familyOf } from "./rows.ts";
import type { FibCounts, FibTable } from "./tables.ts";

export class SkippedRows {
  readonly #rows: FibRows;
  readonly #note: (table: FibTable, destination: Prefix, desired: Desired) => void;
  /** The rows with the flag SKIPPED, with what was skipped. */
  readonly #byRow = new Map<number, Desired>();

  constructor(rows: FibRows, note: (table: FibTable, destination: Prefix, desired: Desired) => void) {
    this.#rows = rows;
    this.#note = note;
  }

  /** Records what is desired of the row now. */
  set(row: number, desired: Desired): void {
    const rows = this.#rows;
    const before = this.#byRow.get(row);
    const isSkipped = desired.shadowed > 0 || desired.skipped !== null;
    if (before === undefined && !isSkipped) return;
    const table = rows.tableOf(row);
    const counts = table.counts[familyOf(row)];
    if (before !== undefined) count(counts, before, -1);
    if (isSkipped) {
      count(counts, desired, 1);
      this.#byRow.set(row, desired);
      rows.skipped(row, true);
      this.#note(table, rows.prefixOf(row), desired);
    } else {
      this.#byRow.delete(row);
      rows.skipped(row, false);
    }
  }

  get(row: number): Desired | null {
    return this.#byRow.get(row) ?? null;
  }

  /** Walks the rows of which something is skipped for that reason. */
  *rowsWith(reason: SkipReason): Iterable<number> {
    for (const [row, { skipped }] of this.#byRow) if (skipped?.has(reason)) yield row;
  }
}

function count(counts: FibCounts, { shadowed, skipped }: Desired, by: 1 | -1): void {
  counts.shadowed += by * shadowed;
  for (const [reason, routes] of skipped ?? []) counts.skipped[reason] += by * routes;
}
