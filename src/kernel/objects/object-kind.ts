/**
 * Defines what the reconciler needs of a kind of kernel object. Nexthops and routes are such kinds; all that is particular to one
 * stands in one file, under the same four verbs:
 *
 *     scan     reads the kernel's objects, and compares them with the FIB model  ─┐
 *     notify   another program has changed an object                              ├─▶ FIB model
 *     result   an operation has succeeded, or failed                             ─┘     │
 *     plan     what is to be done next                                        ◀─────────┘
 *
 * A further kind, such as rules, is a file that implements them, an entry in object-kinds.ts, and its types of events and
 * operations in kernel.ts.
 */
import type { Clock } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import type { Prefix } from "../../net/ip.ts";
import type { FibTable } from "../fib/tables.ts";
import type { FoundRoute, Kernel, KernelEvent, KnownOfOurs, Link, OperationFailure } from "../kernel.ts";
import type { OperationBatch } from "./operation-batch.ts";
import type { Step } from "./plan.ts";

/** A name is also the type of the kind's notifications. */
export type KindName = "nexthop" | "route";

export interface ObjectKind {
  /**
   * Reads all objects of this kind from the kernel into the model, in slices. Meanwhile nothing may be changed in the kernel
   * by us. Resolves to false if some may not have been read.
   */
  scan(scan: ScanContext): Promise<boolean>;

  /**
   * Handles a notification of another program's change: the model says what is to be put right, without a scan. Only one that
   * leaves the present state open leads to a scan.
   */
  notify(event: KernelEvent, context: NotificationContext): void;

  /** Returns true if {@link notify} has nothing to do for the event. There may be as many as a table has routes. */
  isKnown(event: KernelEvent): boolean;

  /** Takes what is due from the model and plans it: at most about `limit` steps. Returns null if nothing is due now. */
  plan(limit: number, nowMs: number, report: PlanReport): Plan | null;

  /** When {@link plan} has something to do again if nothing changes, by the clock; Infinity: never. */
  readonly dueMs: number;

  /** Records in the model what has become of a step; `failure`: null if it succeeded. A batch's steps come in their order. */
  result(step: Step, failure: OperationFailure | null, batch: OperationBatch): void;
}

export interface ScanContext {
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** The tunnel device; NO_LINK if there is none. */
  readonly linkIndex: number;
  /** What the model had when the scan began. */
  readonly ours: KnownOfOurs;
  readonly findings: ScanFindings;
}

/** What a scan has found that is to be logged. */
export interface ScanFindings {
  /** Foreign routes beside ours, except for those beside rows for which the last scan has reported one. */
  readonly ambiguous: FoundRoute[];
  /** Ids of our block that routes of ours name, and whose object or group is not ours. */
  readonly replacedIds: number[];
}

export interface NotificationContext {
  /** The tunnel device; null if there is none. While it is not up, the kernel itself deletes objects. */
  readonly link: Link | null;
  readonly nowMs: number;
  readonly log: EventLog;
  readonly requestScan: (reason: string) => void;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** How many rows or objects were taken, those included for which there is no step. */
  readonly taken: number;
}

/** Gets what a plan cannot put right. */
export interface PlanReport {
  /** Nothing can be done for the destination now. */
  stuck(
    table: FibTable,
    destination: Prefix,
    reason: { readonly code: string; readonly message: string },
    attempts: number,
  ): void;
  /** A nexthop that we no longer need stays, since something foreign names it. */
  pinned(nexthopId: number): void;
}
