/** The state of a client's routes in the kernel, for its status. */

import { labelled, type PlainMetric } from "../../base/metrics.ts";
import type { EcmpMode } from "../../kernel/desired/settings.ts";
import type { FibCounts } from "../../kernel/fib/tables.ts";
import type { Installer } from "../../kernel/reconcile/installer.ts";
import type { InstallerStatus, TableStatus } from "../../kernel/reconcile/status.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { type Counters, type KernelStatus, type KernelTable, MAX_KERNEL_FAULTS } from "./api.ts";
import { timeBefore } from "./daemon.ts";

export interface KernelFacts {
  readonly routeProtocol: number;
  readonly dryRun: boolean;
  readonly ecmp: EcmpMode;
}

export interface KernelReport {
  readonly status: KernelStatus;
  readonly counters: Counters;
}

/** Reports on a client's routes in the kernel. */
export interface KernelReporter {
  report(): KernelReport;
}

/** Describes an installer that has started. */
export function kernelReport(
  installer: Pick<Installer, "status" | "faults">,
  facts: KernelFacts,
): KernelReport {
  const status = installer.status();
  const { device, linkIndex, isUp, problems, ecmpProblem, objects, groups, resilientGroups } = status;
  const { drift, lastScanForMs, tables } = status;
  const faults = installer.faults(MAX_KERNEL_FAULTS).map(({ destination, ...fault }) => {
    return { ...fault, destination: formatPrefix(destination) };
  });
  return {
    status: {
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
    },
    counters: countersOf(status),
  };
}

function tableEntry(
  { table, vnis, isSettled }: TableStatus,
  family: KernelTable["family"],
  { skipped, ...counts }: FibCounts,
): KernelTable {
  return { table, family, vnis, settled: isSettled, ...counts, skipped: nonZero(Object.entries(skipped)) };
}

function countersOf({ operations, drift, scans }: InstallerStatus): Counters {
  const results = Object.entries(operations);
  const plain = { kernelReadings: scans };
  return {
    ...(plain satisfies Partial<Record<PlainMetric, number>>),
    ...nonZero([
      ...Object.entries(
        labelled(
          "kernelDone",
          results.map(([type, { done }]) => [type, done]),
        ),
      ),
      ...Object.entries(
        labelled(
          "kernelFailed",
          results.map(([type, { failed }]) => [type, failed]),
        ),
      ),
      ...Object.entries(labelled("kernelDrift", Object.entries(drift))),
    ]),
  };
}

function nonZero(counts: readonly (readonly [name: string, count: number])[]): Counters {
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
