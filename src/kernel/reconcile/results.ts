/**
 * Records in the FIB model what has become of a plan's operations, in their order: what succeeded is observed from now on,
 * what failed is tried again, at once or after a while (fib/retries.ts).
 */

import type { Fib } from "../fib/fib.ts";
import { familyOf, UNPROVEN, UNSURE } from "../fib/rows.ts";
import type { Operation, OperationFailure } from "../kernel.ts";
import type { NexthopOperation, ReplaceGroup, RouteOperation, Step } from "./plan.ts";

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

export interface Outcome {
  readonly failures: readonly StepFailure[];
  /** The model may be wrong in more than what failed: the kernel is to be scanned. */
  readonly needsScan: boolean;
}

/** Records the results of a plan's steps, in their order. */
export function applyResults(
  fib: Fib,
  steps: readonly Step[],
  failures: readonly OperationFailure[],
  nowMs: number,
): Outcome {
  const writer = new ResultWriter(fib, nowMs);
  const failed = new Map(failures.map((failure) => [failure.index, failure]));
  steps.forEach((step, index) => {
    const failure = failed.get(index);
    if (failure === undefined) writer.done(step);
    else writer.failed(step, failure);
  });
  return writer;
}

/** Why a nexthop could not be made. */
interface NotMade {
  /** Whether it is worth trying again at once. */
  readonly isRetried: boolean;
  readonly code: string;
  readonly message: string;
}

class ResultWriter implements Outcome {
  readonly #fib: Fib;
  readonly #nowMs: number;
  readonly failures: StepFailure[] = [];
  needsScan = false;
  /** The nexthops of this plan that could not be made, by id. */
  readonly #notMade = new Map<number, NotMade>();

  constructor(fib: Fib, nowMs: number) {
    this.#fib = fib;
    this.#nowMs = nowMs;
  }

  done(step: Step): void {
    const fib = this.#fib;
    if (step.about === "set") {
      const { operation, set } = step;
      const members = operation.type === "add-nexthop" ? null : operation.members;
      const isResilient = operation.type === "add-resilient-group";
      const nexthop = fib.nexthops.add(operation.id, members, isResilient);
      fib.nexthops.setMeaning(nexthop, set);
      // In case that no route comes to name it.
      fib.nexthops.addGcCandidate(nexthop);
    } else if (step.about === "group") {
      const { group, set, row, operation } = step;
      fib.nexthops.setMembers(group, operation.members);
      fib.nexthops.setMeaning(group, set);
      if (fib.isRight(row)) fib.succeeded(row);
    } else if (step.about === "nexthop") fib.nexthops.delete(step.nexthop);
    else if (step.about === "row") {
      const { row, operation } = step;
      if (fib.rows.has(row, UNPROVEN) && operation.type === "add-route") fib.drift.routeMissing++;
      fib.applied(row, operation.type === "delete-route" ? 0 : operation.nexthopId);
    }
  }

  failed(step: Step, { code, message }: OperationFailure): void {
    const { operation } = step;
    const isGone = code === "ENOENT" || code === "ESRCH";
    if (operation.type === "delete-nexthop" || operation.type === "delete-route") {
      // Something that has gone already counts as deleted.
      if (isGone) this.done(step);
      else if (step.about === "row") this.#rowFailed(step.row, operation, code, message);
      else this.#note(operation, code, message, "other", 1);
    } else if (step.about === "set") this.#notMadeSet(step.operation, code, message);
    else if (step.about === "group") this.#groupFailed(step.row, step.operation, code, message);
    else if (step.about === "row") this.#routeFailed(step.row, step.operation, code, message, isGone);
  }

  #notMadeSet(operation: NexthopOperation, code: string, message: string): void {
    const isTaken = code === "EEXIST";
    const members = operation.type === "add-nexthop" ? [] : operation.members;
    const missing = members.flatMap(({ id }) => this.#notMade.get(id) ?? []);
    const isDependent = missing.length > 0;
    // What keeps a group from being made is what keeps its member from it.
    const reason = missing.find(({ isRetried }) => !isRetried) ?? { code, message };
    const isRetried = isTaken || (isDependent && missing.every((member) => member.isRetried));
    this.#notMade.set(operation.id, { code: reason.code, message: reason.message, isRetried });
    if (isTaken) this.#fib.nexthops.setForeign(operation.id, true);
    if (!isDependent) this.#note(operation, code, message, isTaken ? "collision" : "other", 1);
  }

  #routeFailed(row: number, operation: RouteOperation, code: string, message: string, isGone: boolean): void {
    const fib = this.#fib;
    const notMade = this.#notMade.get(operation.nexthopId);
    if (notMade !== undefined) this.#dependentFailed(row, operation, notMade, code, message);
    else if (operation.type === "replace-route" && isGone) {
      fib.drift.routeMissing++;
      fib.rows.proven(row);
      fib.observed(row, 0);
      fib.changes.mark(row);
    } else if (operation.type === "add-route" && code === "EEXIST" && fib.rows.has(row, UNPROVEN)) {
      // It is there, as the model says.
      fib.rows.proven(row);
      if (fib.isRight(row)) fib.succeeded(row);
    } else if (operation.type === "add-route" && code === "EEXIST") {
      // The first scan had nothing to compare with: it may have missed an IPv6 route of ours (scan.ts).
      const isPerhapsOurs = familyOf(row) === 6 && fib.scans === 1;
      if (fib.rows.has(row, UNSURE) || isPerhapsOurs) this.needsScan = true;
      fib.rows.collided(row);
      // Where the last scan was incomplete, it may be one of ours.
      const isCollision = fib.isScanWhole;
      const { attempts } = fib.failed(row, { isCollision, code, message }, this.#nowMs);
      this.#note(operation, code, message, isCollision ? "collision" : "other", attempts, row);
    } else this.#rowFailed(row, operation, code, message);
  }

  /** The row's group stays as it was. */
  #groupFailed(row: number, operation: ReplaceGroup, code: string, message: string): void {
    const missing = operation.members.flatMap(({ id }) => this.#notMade.get(id) ?? []);
    const reason = missing.find(({ isRetried }) => !isRetried) ?? missing[0];
    if (reason !== undefined) this.#dependentFailed(row, operation, reason, code, message);
    else this.#rowFailed(row, operation, code, message);
  }

  #dependentFailed(row: number, operation: Operation, notMade: NotMade, code: string, message: string): void {
    const fib = this.#fib;
    if (notMade.isRetried) {
      fib.changes.mark(row);
      return;
    }
    const reason = `its nexthop could not be made: ${notMade.message}`;
    const fault = { isCollision: false, code: notMade.code, message: reason };
    const { attempts } = fib.failed(row, fault, this.#nowMs);
    this.#note(operation, code, message, "dependent", attempts);
  }

  #rowFailed(row: number, operation: Operation, code: string, message: string): void {
    const { attempts } = this.#fib.failed(row, { isCollision: false, code, message }, this.#nowMs);
    // Perhaps an object that the model has is gone. After a scan for it, the kernel means the route itself.
    if (attempts === 1) this.needsScan = true;
    this.#note(operation, code, message, "other", attempts);
  }

  #note(
    operation: Operation,
    code: string,
    message: string,
    kind: StepFailure["kind"],
    attempts: number,
    collidedRow: number | null = null,
  ): void {
    this.failures.push({ operation, code, message, kind, attempts, collidedRow });
  }
}
