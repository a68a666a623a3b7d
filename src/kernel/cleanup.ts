/**
 * Removing all of ours: routes first, then groups, then objects. What something foreign names stays, for the kernel
 * would take that along.
 */
import type { Clock } from "../session/clock.ts";
import { Fib } from "./fib.ts";
import { FibReading } from "./fib-reading.ts";
import type { Kernel, Operation, OperationFailure } from "./kernel.ts";
import { planGarbage, planLeftovers, planRows, type Step, settle } from "./plan.ts";
import { SliceSize } from "./slice-size.ts";
import type { WantedSettings } from "./wanted-settings.ts";

export interface CleanupOptions {
  readonly kernel: Kernel;
  readonly protocol: number;
  /** In these tables also routes of the protocol that name no nexthop object: a predecessor's. */
  readonly tables?: readonly number[];
  readonly clock: Clock;
}

export interface CleanupResult {
  readonly routes: number;
  /** Objects and groups. */
  readonly nexthops: number;
  /** Objects and groups that stay, since something foreign names them. */
  readonly kept: number;
  readonly failures: readonly (OperationFailure & { readonly operation: Operation })[];
}

const NOTHING_WANTED: WantedSettings = {
  excludedTypes: [],
  nat: "plain",
  ipv4Only: false,
  preferredNetworks: [],
};
/** No device has it. */
const NO_LINK = -1;

/** Removes what is ours of that protocol. No client may run: see lock.ts. */
export async function cleanUp({
  kernel,
  protocol,
  tables = [],
  clock,
}: CleanupOptions): Promise<CleanupResult> {
  const fib = new Fib(protocol, NOTHING_WANTED, () => {});
  // A table counts as mapped while it has a VNI; which one does not matter, for it has no routes.
  fib.setMappings(tables.map((table, vni) => ({ vni, table })));
  const reading = new FibReading(fib, NO_LINK, true);
  await kernel.eachNexthop((nexthop) => reading.visitNexthop(nexthop));
  reading.nexthopsRead();
  await kernel.eachRoute((route) => reading.visitRoute(route));
  for (const _ of reading.finish()) await pause(clock);
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
    settle(fib, steps, failed, startMs);
    slices.took(clock.nowMs() - startMs, steps.length);
    const indexes = new Set(failed.map(({ index }) => index));
    for (const failure of failed) {
      const step = steps[failure.index];
      const isGone = failure.code === "ENOENT" || failure.code === "ESRCH";
      if (step !== undefined && !isGone) failures.push({ ...failure, operation: step.operation });
    }
    steps.forEach(({ about }, index) => {
      if (indexes.has(index)) return;
      if (about === "nexthop") nexthops++;
      else routes++;
    });
    await pause(clock);
  };
  while (fib.hasWalks) {
    fib.walk(slices.size);
    await pause(clock);
  }
  while (fib.hasLeftovers) await run(planLeftovers(fib, slices.size));
  while (fib.hasChanged) await run(planRows(fib, fib.takeChanged(slices.size)));
  while (fib.nexthops.hasSuspects) await run(planGarbage(fib, slices.size, () => kept++));
  return { routes, nexthops, kept, failures };
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
