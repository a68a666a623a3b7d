/**
 * Removes all that is ours: routes first, then groups, then objects. A nexthop that something foreign names stays, for the
 * kernel would delete that with it.
 */
import type { Clock } from "../../base/clock.ts";
import type { DesiredSettings } from "../desired/settings.ts";
import { Fib } from "../fib/fib.ts";
import { defaultPriority } from "../fib/ownership.ts";
import type { Kernel, Operation, OperationFailure } from "../kernel.ts";
import type { PlanReport } from "../objects/object-kind.ts";
import { NO_LINK, ObjectKinds } from "../objects/object-kinds.ts";
import { isGone } from "../objects/operation-batch.ts";
import type { Step } from "../objects/plan.ts";
import { StepSize } from "./step-size.ts";

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
  const kinds = new ObjectKinds(fib, { unneededForMs: 0 });
  // A table counts as mapped while it has a VNI; which one does not matter, for it has no routes.
  fib.setMappings(tables.map((table, vni) => ({ vni, table })));
  await kinds.scan(kernel, NO_LINK, clock);
  for (const vni of tables.keys()) fib.complete(vni);

  const removed: Record<Step["kind"], number> = { route: 0, nexthop: 0 };
  let kept = 0;
  const failures: CleanupResult["failures"][number][] = [];
  const report: PlanReport = {
    stuck(table, destination, { code, message }) {
      const priority = defaultPriority(destination.family);
      const operation = {
        type: "delete-route",
        table: table.id,
        destination,
        priority,
        nexthopId: 0,
      } as const;
      failures.push({ code, message, operation });
    },
    pinned() {
      kept++;
    },
  };
  const sizes = new StepSize();
  for (;;) {
    const startMs = clock.nowMs();
    const { size } = sizes;
    if (fib.changes.hasWalks) fib.changes.walk(size);
    else {
      const plan = kinds.plan(size, startMs, report);
      if (plan === null) break;
      const { steps, taken } = plan;
      const failed = kernel.apply(
        steps.map(({ operation }) => operation),
        NO_LINK,
      );
      kinds.results(steps, failed, startMs);
      sizes.took(clock.nowMs() - startMs, taken);
      for (const { kind } of steps) removed[kind]++;
      for (const { index, code, message } of failed) {
        const step = steps[index];
        if (step === undefined) continue;
        removed[step.kind]--;
        if (!isGone(code)) failures.push({ code, message, operation: step.operation });
      }
    }
    await pause(clock);
  }
  if (!fib.isScanWhole) kept = fib.nexthops.objectCount + fib.nexthops.groupCount;
  return { routes: removed.route, nexthops: removed.nexthop, kept, failures };
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
