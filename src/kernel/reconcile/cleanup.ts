/**
 * Removes all that is ours: routes first, then groups, then objects. A nexthop that something foreign names stays, for the
 * kernel would delete that with it.
 */
import type { Clock } from "../../base/clock.ts";
import type { DesiredSettings } from "../desired/settings.ts";
import { Fib } from "../fib/fib.ts";
import { defaultPriority } from "../fib/verdict.ts";
import type { Kernel, Operation, OperationFailure } from "../kernel.ts";
import { leaveAsItIs, takeDueRows } from "./due-rows.ts";
import { planGarbage, planMisplaced, planRows, type Step } from "./plan.ts";
import { applyResults } from "./results.ts";
import { NO_LINK, scanKernel } from "./scan.ts";
import { SliceSize } from "./slice-size.ts";

export interface CleanupOptions {
  readonly kernel: Kernel;
  readonly protocol: number;
  /** Tables in which also a predecessor's routes are removed: those of the protocol that name no nexthop object. */
  readonly tables?: readonly number[];
  readonly clock: Clock;
}

export interface CleanupResult {
  readonly routes: number;
  /** Objects and groups. */
  readonly nexthops: number;
  /** Objects and groups that stay, since something foreign names them, or may do so: the scan was incomplete. */
  readonly kept: number;
  readonly failures: readonly (Omit<OperationFailure, "index"> & { readonly operation: Operation })[];
}

const NOTHING_DESIRED: DesiredSettings = {
  excludedTypes: [],
  nat: "plain",
  ipv4Only: false,
  preferredNetworks: [],
  ecmp: "plain",
};

/** Removes what is ours of that protocol. No client may run meanwhile: see lock.ts. */
export async function cleanUp({
  kernel,
  protocol,
  tables = [],
  clock,
}: CleanupOptions): Promise<CleanupResult> {
  const fib = new Fib(protocol, NOTHING_DESIRED, () => {});
  // A table counts as mapped while it has a VNI; which one does not matter, for it has no routes.
  fib.setMappings(tables.map((table, vni) => ({ vni, table })));
  await scanKernel(fib, kernel, NO_LINK, clock);
  for (const vni of tables.keys()) fib.complete(vni);

  let [routes, nexthops, kept] = [0, 0, 0];
  const failures: CleanupResult["failures"][number][] = [];
  const slices = new SliceSize();
  const run = async (steps: readonly Step[]) => {
    if (steps.length === 0) return;
    const startMs = clock.nowMs();
    const failed = kernel.apply(
      steps.map(({ operation }) => operation),
      NO_LINK,
    );
    applyResults(fib, steps, failed, startMs);
    slices.took(clock.nowMs() - startMs, steps.length);
    const indexes = new Set(failed.map(({ index }) => index));
    for (const failure of failed) {
      const step = steps[failure.index];
      const isGone = failure.code === "ENOENT" || failure.code === "ESRCH";
      const { code, message } = failure;
      if (step !== undefined && !isGone) failures.push({ code, message, operation: step.operation });
    }
    steps.forEach(({ about }, index) => {
      if (indexes.has(index)) return;
      if (about === "nexthop") nexthops++;
      else routes++;
    });
    await pause(clock);
  };
  while (fib.changes.hasWalks) {
    fib.changes.walk(slices.size);
    await pause(clock);
  }
  while (fib.misplaced.hasDue) await run(planMisplaced(fib.misplaced.take(slices.size)));
  while (fib.changes.hasRows) {
    const { steps, stuck, unchanged } = planRows(fib, takeDueRows(fib, slices.size).rows);
    for (const row of unchanged) leaveAsItIs(fib, row);
    for (const { row, obstacle } of stuck) {
      const { code, message } = obstacle;
      const destination = fib.rows.prefixOf(row);
      const priority = defaultPriority(destination.family);
      const table = fib.rows.tableOf(row).id;
      const operation = { type: "delete-route", table, destination, priority, nexthopId: 0 } as const;
      failures.push({ code, message, operation });
    }
    await run(steps);
  }
  if (fib.isScanWhole) {
    while (fib.nexthops.hasGcCandidates) {
      const { steps, pinned } = planGarbage(fib, fib.nexthops.takeGcCandidates(slices.size));
      kept += pinned.length;
      await run(steps);
    }
  } else kept = fib.nexthops.objectCount + fib.nexthops.groupCount;
  return { routes, nexthops, kept, failures };
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
