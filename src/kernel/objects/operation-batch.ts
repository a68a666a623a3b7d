/**
 * Collects the results of a plan's operations: what is to be reported, and which nexthops could not be made. A route fails when its
 * nexthop could not be made, and the reason to report is then that of the nexthop. What failed is tried again, at once or after a while (fib/retries.ts).
 */

import type { Fib } from "../fib/fib.ts";
import type { Operation } from "../kernel.ts";
import type { NexthopOperation } from "./plan.ts";

/** A step that failed in a way that is to be reported. */
export interface StepFailure {
  readonly operation: Operation;
  readonly code: string;
  readonly message: string;
  /** collision: a foreign route or nexthop is in its place. dependent: the nexthop that it names could not be made. */
  readonly kind: "collision" | "dependent" | "other";
  /** How often this has failed now, one time after the other. */
  readonly attempts: number;
  /** The row of a route that could not be added, since there is one that the model does not have; null: another failure. */
  readonly collidedRow: number | null;
}

/** Why a nexthop could not be made. */
export interface NotMade {
  /** Whether it is worth trying again at once. */
  readonly isRetried: boolean;
  readonly code: string;
  readonly message: string;
}

/** How the kernel refuses to delete or change what is not there. */
export function isGone(code: string): boolean {
  return code === "ENOENT" || code === "ESRCH";
}

export class OperationBatch {
  readonly #fib: Fib;
  readonly nowMs: number;
  readonly failures: StepFailure[] = [];
  /** The model may be wrong in more than what failed: the kernel is to be scanned. */
  needsScan = false;
  /** The nexthops of this plan that could not be made, by id. */
  readonly #notMade = new Map<number, NotMade>();

  constructor(fib: Fib, nowMs: number) {
    this.#fib = fib;
    this.nowMs = nowMs;
  }

  /** Adds a failure to be reported. */
  note(failure: Omit<StepFailure, "attempts" | "collidedRow"> & Partial<StepFailure>): void {
    this.failures.push({ attempts: 1, collidedRow: null, ...failure });
  }

  /** Records that a nexthop could not be made, and so cannot be named by the operations that follow. */
  nexthopNotMade(operation: NexthopOperation, notMade: NotMade): void {
    this.#notMade.set(operation.id, notMade);
  }

  /** Which of these nexthops could not be made in this batch. */
  notMade(ids: readonly number[]): NotMade[] {
    return ids.flatMap((id) => this.#notMade.get(id) ?? []);
  }

  /** An operation for the row's route failed for what the kernel says. */
  rowFailed(row: number, operation: Operation, code: string, message: string): void {
    const { attempts } = this.#fib.failed(row, { isCollision: false, code, message }, this.nowMs);
    // Perhaps an object that the model has is gone. After a scan for it, the kernel means the route itself.
    if (attempts === 1) this.needsScan = true;
    this.note({ operation, code, message, kind: "other", attempts });
  }

  /** An operation for the row's route failed for a nexthop that could not be made before it. */
  dependentFailed(row: number, operation: Operation, notMade: NotMade, code: string, message: string): void {
    const fib = this.#fib;
    if (notMade.isRetried) {
      fib.changes.mark(row);
      return;
    }
    const reason = `its nexthop could not be made: ${notMade.message}`;
    const fault = { isCollision: false, code: notMade.code, message: reason };
    const { attempts } = fib.failed(row, fault, this.nowMs);
    this.note({ operation, code, message, kind: "dependent", attempts });
  }
}
