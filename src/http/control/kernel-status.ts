/** The state of a client's routes in the kernel, for its status. */

import type { EcmpMode } from "../../kernel/desired/settings.ts";
import type { FibCounts } from "../../kernel/fib/tables.ts";
import type { Installer } from "../../kernel/reconcile/installer.ts";
import type { TableStatus } from "../../kernel/reconcile/status.ts";
import { formatPrefix } from "../../net/prefix.ts";
import type { FibSource } from "../monitoring/fib-families.ts";
import { type Counters, type KernelStatus, type KernelTable, MAX_KERNEL_FAULTS } from "./api.ts";
import { timeBefore } from "./daemon.ts";

export interface KernelFacts {
  readonly routeProtocol: number;
  readonly dryRun: boolean;
  readonly ecmp: EcmpMode;
}

/** Reports on a client's routes in the kernel. */
export interface KernelReporter extends FibSource {
  report(): KernelStatus;
}

/** Describes an installer that has started. */
export function kernelReport(
  installer: Pick<Installer, "status" | "faults">,
  facts: KernelFacts,
): KernelStatus {
  const status = installer.status();
  const { device, linkIndex, isUp, problems, ecmpProblem, objects, groups, resilientGroups } = status;
  const { drift, lastScanForMs, tables } = status;
  const faults = installer.faults(MAX_KERNEL_FAULTS).map(({ destination, ...fault }) => {
    return { ...fault, destination: formatPrefix(destination) };
  });
  return {
    device,
    deviceState: linkIndex === null ? "missing" : isUp ? "up" : "down",
    deviceProblems: problems,
    ...facts,
    ecmpProblem,
    nexthops: objects,
    groups,
    resilientGroups,
    drift: Object.values(drift).reduce((sum, count) => sum + count, 0),
    lastReconcile: lastScanForMs === null ? null : timeBefore(lastScanForMs),
    tables: tables.flatMap((table) => [
      tableEntry(table, "ipv4", table.ipv4),
      tableEntry(table, "ipv6", table.ipv6),
    ]),
    faults,
  };
}

function tableEntry(
  { table, vnis, isSettled }: TableStatus,
  family: KernelTable["family"],
  { skipped, ...counts }: FibCounts,
): KernelTable {
  return { table, family, vnis, settled: isSettled, ...counts, skipped: nonZero(Object.entries(skipped)) };
}

function nonZero(counts: readonly (readonly [name: string, count: number])[]): Counters {
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
