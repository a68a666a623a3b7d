/**
 * Brings the kernel from the observed to the desired state, a slice at a time:
 *
 *     retries that are due ─▶ rows ─▶ the first of: walks that find rows │ misplaced routes │ changed rows │ unneeded nexthops
 *                                                                           │
 *     due-rows.ts ─▶ plan.ts ─▶ kernel.apply ─▶ results.ts ◀────────────────┘
 */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import { leaveAsItIs, takeDueRows } from "./due-rows.ts";
import type { InstallerReports } from "./log.ts";
import type { Obstacles } from "./obstacles.ts";
import { type Obstacle, planGarbage, planMisplaced, planRows, type Step } from "./plan.ts";
import { applyResults } from "./results.ts";
import { SliceSize } from "./slice-size.ts";
import { OperationCounts } from "./status.ts";

/** How long unneeded nexthops stay: one that has lost its last use may be desired again the next moment. */
const GARBAGE_AFTER_MS = 1_000;
/** How many failed rows are marked for another attempt in one slice. */
const RETRIES_PER_SLICE = 4_096;

export class Applier {
  readonly #fib: Fib;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #reports: InstallerReports;
  readonly #obstacles: Obstacles;
  /** Called when the model may be wrong. */
  readonly #requestScan: (reason: string) => void;
  readonly operations = new OperationCounts();
  readonly #slices = new SliceSize();
  #garbageDueMs = Number.POSITIVE_INFINITY;
  /** How many rows or operations the slice under way has handled. */
  #looked = 0;

  constructor(
    fib: Fib,
    kernel: Kernel,
    clock: Clock,
    reports: InstallerReports,
    obstacles: Obstacles,
    requestScan: (reason: string) => void,
  ) {
    this.#fib = fib;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#reports = reports;
    this.#obstacles = obstacles;
    this.#requestScan = requestScan;
  }

  /** When there is something to do again if nothing changes; Infinity: never. */
  get dueMs(): number {
    return Math.min(this.#fib.retries.nextDueMs, this.#garbageDueMs);
  }

  /**
   * Does one slice. Returns false if there is nothing to do now.
   * @throws KernelError when the socket itself fails
   */
  slice(linkIndex: number, nowMs: number): boolean {
    this.#looked = 0;
    if (!this.#doSlice(this.#slices.size, linkIndex, nowMs)) return false;
    this.#slices.took(this.#clock.nowMs() - nowMs, this.#looked);
    return true;
  }

  #doSlice(size: number, linkIndex: number, nowMs: number): boolean {
    const fib = this.#fib;
    const { changes, misplaced, nexthops, retries } = fib;
    for (const row of retries.takeDue(nowMs, RETRIES_PER_SLICE)) changes.mark(row);
    if (changes.hasWalks) {
      changes.walk(size);
      this.#looked = size;
    } else if (misplaced.hasDue) this.#run(planMisplaced(misplaced.take(size)), linkIndex);
    else if (changes.hasRows) {
      this.#applyRows(size, linkIndex, nowMs);
    } else if (!nexthops.hasGcCandidates || !fib.isScanWhole) {
      this.#garbageDueMs = Number.POSITIVE_INFINITY;
      return false;
    } else if (this.#garbageDueMs === Number.POSITIVE_INFINITY) {
      this.#garbageDueMs = nowMs + GARBAGE_AFTER_MS;
      return false;
    } else if (nowMs < this.#garbageDueMs) return false;
    else this.#collectGarbage(size, linkIndex);
    return true;
  }

  #applyRows(limit: number, linkIndex: number, nowMs: number): void {
    const fib = this.#fib;
    const { rows, taken } = takeDueRows(fib, limit);
    this.#looked = taken;
    const { steps, stuck, unchanged } = planRows(fib, rows);
    for (const row of unchanged) leaveAsItIs(fib, row);
    for (const { row, obstacle } of stuck) this.#noteStuck(row, obstacle, nowMs);
    this.#run(steps, linkIndex);
  }

  #collectGarbage(limit: number, linkIndex: number): void {
    const fib = this.#fib;
    const { steps, pinned } = planGarbage(fib, fib.nexthops.takeGcCandidates(limit));
    for (const { id } of pinned) this.#reports.pinned(id);
    this.#run(steps, linkIndex);
  }

  #run(steps: readonly Step[], linkIndex: number): void {
    if (steps.length === 0) return;
    const startMs = this.#clock.nowMs();
    this.#looked = Math.max(this.#looked, steps.length);
    const failures = this.#kernel.apply(
      steps.map(({ operation }) => operation),
      linkIndex,
    );
    this.operations.count(steps, failures);
    const outcome = applyResults(this.#fib, steps, failures, startMs);
    for (const failure of outcome.failures) {
      if (failure.collidedRow === null) this.#reports.failure(failure);
      else this.#obstacles.add(failure.collidedRow, failure);
    }
    if (outcome.needsScan) this.#requestScan("operations failed");
  }

  #noteStuck(row: number, obstacle: Obstacle, nowMs: number): void {
    const { rows } = this.#fib;
    const { attempts } = this.#fib.failed(row, obstacle, nowMs);
    this.#reports.stuck(rows.tableOf(row), rows.prefixOf(row), obstacle.message, attempts);
  }
}
