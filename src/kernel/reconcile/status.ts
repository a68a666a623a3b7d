/** Gathers the installer's figures and faults, for `status` and for metrics. */
import { Histogram, type HistogramValue } from "../../base/histogram.ts";
import type { Prefix } from "../../net/ip.ts";
import type { DriftKind, Fib } from "../fib/fib.ts";
import type { Fault } from "../fib/retries.ts";
import { AMBIGUOUS, familyOf, OBSERVED } from "../fib/rows.ts";
import type { FibCounts } from "../fib/tables.ts";
import { showRouteCommand } from "../format-route.ts";
import type { Operation, OperationFailure } from "../kernel.ts";
import type { Step } from "../objects/plan.ts";

/** A kind of change to the kernel. */
export type OperationType = Operation["type"];

/** How often a change was made, or refused. */
export interface OperationResults {
  done: number;
  failed: number;
}

/** The state of one routing table. */
export interface TableStatus {
  readonly table: number;
  /** Empty if the table is not mapped, but has routes of ours. */
  readonly vnis: readonly number[];
  /** Whether routes that were found at the start and are not desired may be deleted. */
  readonly isSettled: boolean;
  readonly ipv4: FibCounts;
  readonly ipv6: FibCounts;
}

/** The state of the tunnel device, when the kernel was scanned, and how it balances. */
export interface DeviceStatus {
  readonly device: string;
  /** Null if there is no such device. */
  readonly linkIndex: number | null;
  readonly isUp: boolean;
  /** Why packets or routes do not leave by it, each with what helps. */
  readonly problems: readonly string[];
  /** How long ago the kernel was last scanned, in milliseconds; null if not yet. */
  readonly lastScanForMs: number | null;
  readonly isScanning: boolean;
  /** Why destinations with several next hops are not balanced well, with the command that helps; null if they are. */
  readonly ecmpProblem: string | null;
}

/** The state of the kernel's routes. */
export interface InstallerStatus extends DeviceStatus {
  /** One entry for each table, in the order of their numbers. */
  readonly tables: readonly TableStatus[];
  /** Nexthop objects and groups of ours in the kernel; resilient ones are among the groups. */
  readonly objects: number;
  readonly groups: number;
  readonly resilientGroups: number;
  /** Since the start. */
  readonly operations: Readonly<Record<OperationType, OperationResults>>;
  /** How long an operation took, in seconds: the time of a batch divided by its operations. */
  readonly operationSeconds: HistogramValue;
  /** How often the kernel was scanned, including the scan at the start. */
  readonly scans: number;
  /** What other programs had changed, since the start. */
  readonly drift: Readonly<Record<DriftKind, number>>;
  /** The memory of the FIB model. */
  readonly bytes: number;
}

/** A destination whose route cannot be installed, changed or deleted. */
export interface KernelFault {
  readonly table: number;
  readonly destination: Prefix;
  /** As "EEXIST". */
  readonly code: string;
  /** The kernel's text, or what is wrong with the device if that is the cause; what is in the way, and the command that shows it. */
  readonly message: string;
  /** How often it was tried; 0 if it is installed, with a foreign route of the same metric beside it. */
  readonly attempts: number;
}

/** In seconds: an operation of a batch takes some 6 µs, one by itself some 50 µs. */
const OPERATION_BOUNDS = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.01, 0.1, 1] as const;

export class OperationCounts {
  readonly byType: Record<OperationType, OperationResults> = {
    "add-nexthop": none(),
    "add-group": none(),
    "add-resilient-group": none(),
    "replace-resilient-group": none(),
    "delete-nexthop": none(),
    "add-route": none(),
    "replace-route": none(),
    "delete-route": none(),
  };

  /** How long an operation took. */
  readonly seconds = new Histogram(OPERATION_BOUNDS);

  /** @param tookMs how long they all took */
  count(steps: readonly Step[], failures: readonly OperationFailure[], tookMs: number): void {
    this.seconds.observe(tookMs / 1000 / steps.length, steps.length);
    for (const { operation } of steps) this.byType[operation.type].done++;
    for (const { index } of failures) {
      const step = steps[index];
      if (step === undefined) continue;
      const results = this.byType[step.operation.type];
      results.done--;
      results.failed++;
    }
  }
}

export function statusOf(fib: Fib, operations: OperationCounts, device: DeviceStatus): InstallerStatus {
  const tables = [...fib.tables.all()].map(({ id, vnis, mayPrune, counts }) => {
    return {
      table: id,
      vnis: [...vnis],
      isSettled: mayPrune,
      ipv4: structuredClone(counts[4]),
      ipv6: structuredClone(counts[6]),
    };
  });
  for (const row of ambiguousRows(fib)) {
    // Tables are in the order of their indexes here.
    const table = tables[fib.rows.tableOf(row).index];
    if (table !== undefined) (familyOf(row) === 6 ? table.ipv6 : table.ipv4).collided++;
  }
  return {
    ...device,
    tables: tables.sort((a, b) => a.table - b.table),
    objects: fib.nexthops.objectCount,
    groups: fib.nexthops.groupCount,
    resilientGroups: fib.nexthops.resilientCount,
    operations: structuredClone(operations.byType),
    operationSeconds: operations.seconds.value(),
    scans: fib.scans,
    drift: { ...fib.drift },
    bytes: fib.bytes,
  };
}

/** Returns up to `limit` faults. `deviceCauses`: what is wrong with the device if the kernel's text is about that. */
export function faultsOf(fib: Fib, limit: number, deviceCauses: readonly string[]): KernelFault[] {
  return Array.from(allFaults(fib).take(limit), ([row, fault]) => faultOf(fib, row, fault, deviceCauses));
}

/** Returns a row's fault as it is shown. */
export function faultOf(
  { rows }: Fib,
  row: number,
  fault: Fault,
  deviceCauses: readonly string[],
): KernelFault {
  const { code, attempts } = fault;
  const table = rows.tableOf(row).id;
  const destination = rows.prefixOf(row);
  const isOfDevice = DEVICE_CODES.has(code) && deviceCauses.length > 0;
  const message = isOfDevice ? deviceCauses.join("; ") : textOf(fault, table, destination);
  return { table, destination, code, message, attempts };
}

function textOf({ code, message, inTheWay }: Fault, table: number, destination: Prefix): string {
  if (code !== "EEXIST") return message;
  const what = inTheWay === undefined ? "" : `: ${inTheWay}`;
  return `${message}${what} (${showRouteCommand(table, destination)})`;
}

/** How the kernel refuses an object whose device is down, missing, or without IPv6 (fib6_nh_init in net/ipv6/route.c). */
export const DEVICE_CODES: ReadonlySet<string> = new Set(["ENODEV", "ENETDOWN", "EACCES", "EAFNOSUPPORT"]);

function* allFaults(fib: Fib): Generator<readonly [row: number, fault: Fault], void> {
  yield* fib.retries.all();
  for (const row of ambiguousRows(fib)) yield [row, BESIDE];
}

/** Rows with a competing foreign route where ours is installed, unless they are reported for another reason. */
function* ambiguousRows({ ambiguous, rows, retries }: Fib): Iterable<number> {
  for (const row of ambiguous) {
    if (!rows.isUsed(row) || !rows.has(row, AMBIGUOUS) || rows.get(row, OBSERVED) === 0) continue;
    if (retries.get(row) === undefined) yield row;
  }
}

/** A foreign route is beside ours. */
export const BESIDE: Fault = {
  isCollision: true,
  code: "EEXIST",
  message: "it is there, and beside it a foreign route with the same metric, which may be taken",
  attempts: 0,
};

function none(): OperationResults {
  return { done: 0, failed: 0 };
}
