/**
 * Reports what is known about one destination in a routing table, for questions such as "why is it not installed?". Nothing here
 * changes the model. Rows are made one at a time, as they are asked for: a walk may pause, and no table is copied.
 *
 *     what is desired ─▶ state (fib/rows.ts draws it) ◀─ what is observed
 *                          │
 *                          └─ why it is not in place: skipped, shadowed, it fails, it waits
 */
import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { Desired } from "../desired/desired-routes.ts";
import type { HopSet } from "../desired/hop-set.ts";
import type { SkipReason } from "../desired/skip-reason.ts";
import type { Fib } from "../fib/fib.ts";
import { AMBIGUOUS, CHANGED, OBSERVED, PLAIN, type RowState } from "../fib/rows.ts";
import { BESIDE, faultOf, type KernelFault } from "./status.ts";

/** What is known about one destination in a routing table. */
export interface KernelRow {
  readonly table: number;
  /** The VNIs of the table, in the order in which they win a destination; empty if it is not mapped any more. */
  readonly vnis: readonly number[];
  readonly destination: Prefix;
  readonly state: RowState;
  /** The next hops of the desired route, by address; empty if none is desired. */
  readonly desired: readonly IpAddress[];
  /** Our route in the kernel; null if there is none. */
  readonly observed: ObservedRoute | null;
  /** Whether something has changed that is not worked out yet. */
  readonly isPending: boolean;
  /** Whether it stays as it is until the view is complete, or the kernel has been scanned. */
  readonly isAwaited: boolean;
  /** How many routes of the view are skipped, by reason. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
  /** Where another VNI of the table wins the destination: how many lose it, and which one wins. */
  readonly shadowed: { readonly vnis: number; readonly winner: number | null } | null;
  /** Why it cannot be installed, changed or deleted, with what is in the way; null if that does not fail. */
  readonly fault: KernelFault | null;
  /** Why the kernel takes no route by the tunnel device, each with what helps; empty if it takes them. */
  readonly deviceCauses: readonly string[];
}

/** Which rows are walked. */
export interface KernelRowSelection {
  /** One table; null: all. */
  readonly table: number | null;
  /** Null: from the first row on. */
  readonly after: { readonly table: number; readonly destination: Prefix } | null;
}

/** Our route to a destination, as it was observed in the kernel. */
export interface ObservedRoute {
  /** The object or group that it names; null: it is a predecessor's, which names none. */
  readonly nexthopId: number | null;
  /** Where it leads; null if that is not known, as when another program has changed the object. */
  readonly nextHops: readonly IpAddress[] | null;
}

/** Returns what is known about the destination of a VNI; null if it is in no table of ours, neither desired nor observed. */
export function kernelRowTo(
  fib: Fib,
  vni: number,
  destination: Prefix,
  deviceCauses: readonly string[],
): KernelRow | null {
  const table = fib.tables.ofVni(vni);
  const row = table === undefined ? -1 : fib.rows.find(table, destination);
  return row < 0 ? null : kernelRowOf(fib, row, deviceCauses);
}

/**
 * Iterates over rows, one table after the other in an order that stays. The walk may pause: a row that is there all the time comes
 * once.
 */
export function* kernelRows(
  fib: Fib,
  deviceCauses: () => readonly string[],
  { table: wanted, after }: KernelRowSelection = { table: null, after: null },
): Generator<KernelRow> {
  const first = after === null ? 0 : (fib.tables.get(after.table)?.index ?? 0);
  for (const table of fib.tables.all()) {
    if (table.index < first || (wanted !== null && table.id !== wanted)) continue;
    const start = after?.table === table.id ? after.destination : null;
    for (const row of fib.rows.rowsOf(table, start)) yield kernelRowOf(fib, row, deviceCauses());
  }
}

/** Returns what is known about a row that is in use. */
export function kernelRowOf(fib: Fib, row: number, deviceCauses: readonly string[]): KernelRow {
  const { rows } = fib;
  const { id, vnis } = rows.tableOf(row);
  const skipped = fib.skippedOf(row);
  const isAwaited = fib.isAwaited(row);
  // What that has worked out is in no row.
  fib.hops.disposeUnusedNew();
  return {
    table: id,
    vnis: [...vnis],
    destination: rows.prefixOf(row),
    state: fib.stateOf(row),
    desired: addressesOf(fib.desiredSet(row)) ?? [],
    observed: observedRoute(fib, row),
    isPending: rows.has(row, CHANGED),
    isAwaited,
    skipped: skipped?.skipped ?? new Map(),
    shadowed: shadowOf(skipped),
    fault: faultOfRow(fib, row, deviceCauses),
    deviceCauses,
  };
}

function observedRoute(fib: Fib, row: number): ObservedRoute | null {
  const id = fib.rows.get(row, OBSERVED);
  if (id === 0) return null;
  if (id === PLAIN) return { nexthopId: null, nextHops: null };
  return { nexthopId: id, nextHops: addressesOf(fib.nexthops.get(id)?.set ?? null) };
}

function shadowOf(skipped: Desired | null): KernelRow["shadowed"] {
  if (skipped === null || skipped.shadowed === 0) return null;
  return { vnis: skipped.shadowed, winner: skipped.vni };
}

function faultOfRow(fib: Fib, row: number, deviceCauses: readonly string[]): KernelFault | null {
  const { rows, retries } = fib;
  const isBeside = rows.has(row, AMBIGUOUS) && rows.get(row, OBSERVED) !== 0;
  const fault = retries.get(row) ?? (isBeside ? BESIDE : null);
  return fault === null ? null : faultOf(fib, row, fault, deviceCauses);
}

function addressesOf(set: HopSet | null): readonly IpAddress[] | null {
  return set === null ? null : set.hops.map(({ address }) => address);
}
