/**
 * Brings the kernel from the observed to the desired state, a step at a time:
 *
 *     retries that are due ─▶ rows ─▶ walks that find rows, or else
 *                                     a plan ─▶ kernel.apply ─▶ results        (objects/object-kinds.ts)
 *
 * A turn of the event loop has as many steps as there is time for (installer.ts), and the clock is read after each. So a
 * single operation that takes long, which nobody can foresee, ends the turn, and the next one begins with other work.
 */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import type { ObjectKinds } from "../objects/object-kinds.ts";
import type { Step } from "../objects/plan.ts";
import type { InstallerLog } from "./installer-log.ts";
import type { RoutesInTheWay } from "./routes-in-the-way.ts";
import { OperationCounts } from "./status.ts";
import { StepSize } from "./step-size.ts";

/** How many failed rows are marked for another attempt in one step. */
const RETRIES_PER_STEP = 4_096;

export interface ApplierParts {
  readonly fib: Fib;
  readonly kinds: ObjectKinds;
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly log: InstallerLog;
  readonly inTheWay: RoutesInTheWay;
  /** Called when the model may be wrong. */
  readonly requestScan: (reason: string) => void;
}

export class Applier {
  readonly #parts: ApplierParts;
  readonly operations = new OperationCounts();
  readonly #size = new StepSize();

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  /** When there is something to do again if nothing changes; Infinity: never. */
  get dueMs(): number {
    const { fib, kinds } = this.#parts;
    return Math.min(fib.retries.nextDueMs, kinds.dueMs);
  }

  /**
   * Does one step. Returns how many rows or operations it has handled; 0 if there is nothing to do now.
   * @throws KernelError when the socket itself fails
   */
  step(linkIndex: number): number {
    const { fib, kinds, clock, log } = this.#parts;
    const { changes, retries } = fib;
    const startMs = clock.nowMs();
    const { size } = this.#size;
    for (const row of retries.takeDue(startMs, RETRIES_PER_STEP)) changes.mark(row);
    let handled = size;
    if (changes.hasWalks) changes.walk(size);
    else {
      const plan = kinds.plan(size, startMs, log);
      if (plan === null) return 0;
      this.#apply(plan.steps, linkIndex);
      handled = Math.max(1, plan.taken);
    }
    this.#size.took(clock.nowMs() - startMs, handled);
    return handled;
  }

  #apply(steps: readonly Step[], linkIndex: number): void {
    if (steps.length === 0) return;
    const { kinds, kernel, clock, log, inTheWay, requestScan } = this.#parts;
    const startMs = clock.nowMs();
    const operations = steps.map(({ operation }) => operation);
    const failures = kernel.apply(operations, linkIndex);
    this.operations.count(steps, failures, clock.nowMs() - startMs);
    const batch = kinds.results(steps, failures, startMs);
    for (const failure of batch.failures) {
      if (failure.collidedRow === null) log.failure(failure);
      else inTheWay.search(failure.collidedRow, failure);
    }
    if (batch.needsScan) requestScan("operations failed");
  }
}
