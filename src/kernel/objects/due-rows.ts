/** Takes rows whose turn has come from the FIB model, and works out what is desired of each: plan.ts only reads. */
import type { Fib } from "../fib/fib.ts";
import { OBSERVED } from "../fib/rows.ts";

/** How many hops of a row are looked at within a step without making the step smaller. */
const LOOKS_PER_ROW = 2;
/** To replace a resilient group may take the kernel some milliseconds (see fib/nexthops.ts): the clock is read after each. */
const REPLACED_GROUPS_PER_PLAN = 1;

export interface DueRows {
  /** Rows to plan for. */
  readonly rows: readonly number[];
  /** How many rows were taken, those included that have to wait. */
  readonly taken: number;
}

/**
 * Takes up to `limit` changed rows; fewer where they have many hops, for each of which an object may have to be made, or
 * where resilient groups are to be replaced.
 */
export function takeDueRows(fib: Fib, limit: number): DueRows {
  const looksUntil = fib.looksAtHops + LOOKS_PER_ROW * limit;
  // A row may change again while others are taken.
  const rows = new Set<number>();
  let taken = 0;
  let replacedGroups = 0;
  for (const row of fib.changes.take(limit)) {
    taken++;
    const set = fib.refresh(row);
    if (fib.isAwaited(row)) {
      rows.delete(row);
      leaveAsItIs(fib, row);
    } else {
      rows.add(row);
      if (set !== null && fib.nexthops.replacesGroup(set, fib.rows.get(row, OBSERVED))) replacedGroups++;
    }
    if (fib.looksAtHops >= looksUntil || replacedGroups === REPLACED_GROUPS_PER_PLAN) break;
  }
  return { rows: [...rows], taken };
}

/** No operation on the row's route is needed, or may be done now. */
export function leaveAsItIs(fib: Fib, row: number): void {
  if (fib.isRight(row)) fib.succeeded(row);
  fib.release(row);
}
