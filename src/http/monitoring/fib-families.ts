/** The metrics of a client's routes in the kernel. */
import type { FibCounts } from "../../kernel/fib/tables.ts";
import type { InstallerStatus } from "../../kernel/reconcile/status.ts";
import type { Daemon } from "../control/daemon.ts";
import { byLabel, type FamiliesOf, plain, type Sample } from "./families.ts";

export interface FibSource {
  installerStatus(): InstallerStatus;
}

export type FibMetric =
  | "bunbond_fib_routes"
  | "bunbond_fib_skipped_routes"
  | "bunbond_fib_nexthops"
  | "bunbond_fib_operations_total"
  | "bunbond_fib_operation_seconds"
  | "bunbond_fib_drift_total"
  | "bunbond_fib_scans_total"
  | "bunbond_fib_last_reconcile_timestamp_seconds";

/** @param source null if the client puts no routes into the kernel: then there are no samples */
export function fibFamilies(source: FibSource | null, daemon: Daemon): FamiliesOf<FibMetric> {
  const status = source?.installerStatus();
  if (status === undefined) {
    return {
      bunbond_fib_routes: () => [],
      bunbond_fib_skipped_routes: () => [],
      bunbond_fib_nexthops: () => [],
      bunbond_fib_operations_total: () => [],
      bunbond_fib_operation_seconds: () => [],
      bunbond_fib_drift_total: () => [],
      bunbond_fib_scans_total: () => [],
      bunbond_fib_last_reconcile_timestamp_seconds: () => [],
    };
  }
  const { objects, groups, resilientGroups, drift, scans, lastScanForMs } = status;
  return {
    bunbond_fib_routes: () => routeSamples(status),
    bunbond_fib_skipped_routes: () => skippedSamples(status),
    bunbond_fib_nexthops: () =>
      byLabel("type", [
        ["nexthop", objects],
        ["group", groups - resilientGroups],
        ["resilient-group", resilientGroups],
      ]),
    bunbond_fib_operations_total: () => operationSamples(status),
    bunbond_fib_operation_seconds: () => plain(status.operationSeconds),
    bunbond_fib_drift_total: () => byLabel("kind", Object.entries(drift)),
    bunbond_fib_scans_total: () => plain(scans),
    bunbond_fib_last_reconcile_timestamp_seconds: () =>
      lastScanForMs === null ? [] : plain(daemon.wallSeconds(daemon.clock.nowMs() - lastScanForMs)),
  };
}

/** The counts of each table, by family. */
function* countsOf({
  tables,
}: InstallerStatus): Generator<readonly ["ipv4" | "ipv6", string, FibCounts], void> {
  for (const { table, ipv4, ipv6 } of tables) {
    yield ["ipv4", String(table), ipv4];
    yield ["ipv6", String(table), ipv6];
  }
}

function* routeSamples(status: InstallerStatus): Generator<Sample<"bunbond_fib_routes">, void> {
  for (const [family, table, { skipped: _, ...counts }] of countsOf(status)) {
    for (const [state, value] of Object.entries(counts)) yield { labels: { table, family, state }, value };
  }
}

function* skippedSamples(status: InstallerStatus): Generator<Sample<"bunbond_fib_skipped_routes">, void> {
  for (const [family, table, { skipped }] of countsOf(status)) {
    for (const [reason, value] of Object.entries(skipped)) {
      if (value > 0) yield { labels: { table, family, reason }, value };
    }
  }
}

function* operationSamples({
  operations,
}: InstallerStatus): Generator<Sample<"bunbond_fib_operations_total">, void> {
  for (const [op, { done, failed }] of Object.entries(operations)) {
    yield { labels: { op, result: "done" }, value: done };
    yield { labels: { op, result: "failed" }, value: failed };
  }
}
