/** Calls the verbs of object-kind.ts for all kinds of object, in the order in which they name each other. */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel, KernelEvent, KnownOfOurs, OperationFailure } from "../kernel.ts";
import { NexthopKind } from "./nexthop-kind.ts";
import type {
  KindName,
  NotificationContext,
  ObjectKind,
  Plan,
  PlanReport,
  ScanFindings,
} from "./object-kind.ts";
import { OperationBatch } from "./operation-batch.ts";
import type { Step } from "./plan.ts";
import { RouteKind } from "./route-kind.ts";

/** The index of the tunnel device where there is none: no device has it. */
export const NO_LINK = -1;

/** How long unneeded nexthops stay: one that has lost its last use may be desired again the next moment. */
const UNNEEDED_FOR_MS = 1_000;

export interface ObjectKindsOptions {
  /** How long nexthops stay that nothing needs any more. Default: a second. */
  readonly unneededForMs?: number;
}

export class ObjectKinds {
  readonly #fib: Fib;
  readonly #byName: Readonly<Record<KindName, ObjectKind>>;
  readonly #byEvent: Readonly<Partial<Record<KernelEvent["type"], ObjectKind>>>;
  /** Objects of a kind name those of the kinds before it. */
  readonly #inOrder: readonly ObjectKind[];

  constructor(fib: Fib, { unneededForMs = UNNEEDED_FOR_MS }: ObjectKindsOptions = {}) {
    this.#fib = fib;
    const nexthop = new NexthopKind(fib, unneededForMs);
    const route = new RouteKind(fib);
    this.#byName = { nexthop, route };
    this.#byEvent = this.#byName;
    this.#inOrder = [nexthop, route];
  }

  /**
   * Scans the kernel: reads all that it has and compares it with the FIB model, in slices. The first scan adopts what is there,
   * later ones find drift. Meanwhile we must not change anything in the kernel.
   */
  async scan(kernel: Kernel, linkIndex: number, clock: Clock): Promise<ScanFindings> {
    const fib = this.#fib;
    const ours = knownOfOurs(fib, linkIndex);
    const findings: ScanFindings = { ambiguous: [], replacedIds: [] };
    const context = { kernel, clock, linkIndex, ours, findings };
    fib.scans++;
    let isWhole = true;
    for (const kind of this.#inOrder) isWhole = (await kind.scan(context)) && isWhole;
    fib.isScanWhole = isWhole;
    return findings;
  }

  /** Handles a notification of another program's change to an object. */
  notify(event: KernelEvent, context: NotificationContext): void {
    this.#byEvent[event.type]?.notify(event, context);
  }

  /** Returns true if {@link notify} has nothing to do for the event. */
  isKnown(event: KernelEvent): boolean {
    return this.#byEvent[event.type]?.isKnown(event) ?? false;
  }

  /** Plans what is due next: what names others first, so that nothing is deleted while it is named. */
  plan(limit: number, nowMs: number, report: PlanReport): Plan | null {
    for (const kind of this.#inOrder.toReversed()) {
      const plan = kind.plan(limit, nowMs, report);
      if (plan !== null) return plan;
    }
    return null;
  }

  get dueMs(): number {
    return Math.min(...this.#inOrder.map(({ dueMs }) => dueMs));
  }

  /** Records what has become of the steps of a plan, in their order. */
  results(steps: readonly Step[], failures: readonly OperationFailure[], nowMs: number): OperationBatch {
    const batch = new OperationBatch(this.#fib, nowMs);
    const failed = new Map(failures.map((failure) => [failure.index, failure]));
    steps.forEach((step, index) => {
      this.#byName[step.kind].result(step, failed.get(index) ?? null, batch);
    });
    return batch;
  }
}

/** Returns what the model has. `linkIndex`: the tunnel device, or {@link NO_LINK}. */
export function knownOfOurs(fib: Fib, linkIndex: number): KnownOfOurs {
  return {
    linkIndex,
    nexthopIds: Array.from(fib.nexthops.all(), ({ id }) => id),
    tables: Array.from(fib.tables.all(), ({ id }) => id),
  };
}
