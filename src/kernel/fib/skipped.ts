/** Which destinations have routes that are left out or shadowed, and how many: in the tables' counts. */
import type { Prefix } from "../../net/ip.ts";
import type { Wanted } from "../desired/desired-routes.ts";
import type { SkipReason } from "../desired/settings.ts";
import { type FibRows, familyOf, PASSED_OVER } from "./rows.ts";
import type { FibCounts, FibTable } from "./tables.ts";

export class FibPassedOver {
  readonly #rows: FibRows;
  readonly #note: (table: FibTable, destination: Prefix, wanted: Wanted) => void;
  /** Rows with the flag PASSED_OVER, and what was passed over. */
  readonly #byRow = new Map<number, Wanted>();

  constructor(rows: FibRows, note: (table: FibTable, destination: Prefix, wanted: Wanted) => void) {
    this.#rows = rows;
    this.#note = note;
  }

  /** This is wanted of the row now. */
  set(row: number, wanted: Wanted): void {
    const rows = this.#rows;
    const before = this.#byRow.get(row);
    const isPassedOver = wanted.shadowed > 0 || wanted.skipped !== null;
    if (before === undefined && !isPassedOver) return;
    const table = rows.tableOf(row);
    const counts = table.counts[familyOf(row)];
    if (before !== undefined) count(counts, before, -1);
    if (isPassedOver) {
      count(counts, wanted, 1);
      this.#byRow.set(row, wanted);
      rows.raise(row, PASSED_OVER);
      this.#note(table, rows.prefixOf(row), wanted);
    } else {
      this.#byRow.delete(row);
      rows.lower(row, PASSED_OVER);
    }
  }

  /** The rows of which something is left out for that reason. */
  *rowsWith(reason: SkipReason): Iterable<number> {
    for (const [row, { skipped }] of this.#byRow) if (skipped?.has(reason)) yield row;
  }
}

function count(counts: FibCounts, { shadowed, skipped }: Wanted, by: 1 | -1): void {
  counts.shadowed += by * shadowed;
  for (const [reason, routes] of skipped ?? []) counts.skipped[reason] += by * routes;
}
