/**
 * Implements the verbs of object-kind.ts for routes. fib/rows.ts is their model.
 *
 *     scan     what is ours is observed, and what was not met is gone; what is foreign pins the nexthops of ours that it names
 *     notify   ours is deleted: it is missing. Another takes its place: it is missing, or ours with another nexthop.
 *              One is put beside ours, so that it is not known which one a replace would hit: a scan
 *     plan     the deletion of misplaced routes, then the changed rows, with the nexthops that they need
 *     result   what succeeded is observed from then on; what failed is tried again
 *
 * A dump of IPv6 routes misses some that are there when other programs delete and add routes in their table meanwhile: the
 * kernel starts anew at the root and skips as many as it has sent (fib6_dump_table in net/ipv6/ip6_fib.c; seen on 6.18,
 * without NLM_F_DUMP_INTR). So a route of ours counts as missing only if another dump, of ours alone, misses it, too.
 *
 * Where the kernel's dumps are incomplete (netlink-kernel.ts), a route that was not met may be there all the same: it is
 * UNPROVEN, and added once more, which fails if it is there; and no nexthop is deleted, for foreign routes may name it.
 */

import type { Clock } from "../../base/clock.ts";
import type { EventFields } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import type { Fib } from "../fib/fib.ts";
import type { MisplacedRoute } from "../fib/misplaced-routes.ts";
import { isInSlot, observedOf } from "../fib/ownership.ts";
import { AMBIGUOUS, familyOf, OBSERVED, PLAIN, SCANNED, UNPROVEN, UNSURE } from "../fib/rows.ts";
import { formatFoundRoute } from "../format-route.ts";
import type { FoundRoute, KernelEvent, OperationFailure } from "../kernel.ts";
import { leaveAsItIs, takeDueRows } from "./due-rows.ts";
import type { NotificationContext, ObjectKind, Plan, PlanReport, ScanContext } from "./object-kind.ts";
import { isGone, type OperationBatch } from "./operation-batch.ts";
import { planMisplaced, planRows, type RouteOperation, type Step } from "./plan.ts";

/** How many rows or routes are handled between two pauses. */
const ROWS_BETWEEN_PAUSES = 2_000;

export class RouteKind implements ObjectKind {
  readonly #fib: Fib;
  /** What else has to be done is marked in the model, or waits in its retries. */
  readonly dueMs = Number.POSITIVE_INFINITY;

  constructor(fib: Fib) {
    this.#fib = fib;
  }

  async scan({ kernel, clock, ours, findings }: ScanContext): Promise<boolean> {
    const fib = this.#fib;
    const scan = new RouteScan(fib);
    const isWhole = await kernel.eachRoute(ours, (route) => scan.visit(route));
    if (scan.hasMissed) await kernel.eachRouteOfOurs(ours, (route) => scan.revisit(route));
    const known = new Set(fib.ambiguous);
    for (const _ of scan.finish(isWhole)) await pause(clock);
    findings.replacedIds.push(...[...scan.strayIds].filter((id) => fib.nexthops.isForeign(id)));
    for (const { row, route } of scan.ambiguous) if (!known.has(row)) findings.ambiguous.push(route);
    return isWhole;
  }

  notify(event: KernelEvent, context: NotificationContext): void {
    if (event.type !== "route") return;
    const fib = this.#fib;
    const { route, isDeleted, isReplacing } = event;
    const verdict = fib.verdictOf(route);
    if (verdict === "foreign" && !isDeleted) fib.pin(route.nexthopId);
    const row = fib.rowOf(route);
    if (row < 0) return;
    const named = observedOf(verdict, route);
    if (isDeleted) this.#deleted(row, route, named, context);
    else this.#added(row, route, named, isReplacing, context);
  }

  /** Whether a route of ours has gone with its nexthop, about which the kernel has notified before: its row is being found. */
  isKnown(event: KernelEvent): boolean {
    if (event.type !== "route") return false;
    const { isDeleted, route } = event;
    return isDeleted && route.protocol === this.#fib.protocol && this.#fib.isLost(route.nexthopId);
  }

  plan(limit: number, nowMs: number, report: PlanReport): Plan | null {
    const fib = this.#fib;
    if (fib.misplaced.hasDue) {
      const steps = planMisplaced(fib.misplaced.take(limit));
      return { steps, taken: steps.length };
    }
    if (!fib.changes.hasRows) return null;
    const { rows, taken } = takeDueRows(fib, limit);
    const { steps, stuck, unchanged } = planRows(fib, rows);
    for (const row of unchanged) leaveAsItIs(fib, row);
    for (const { row, reason } of stuck) {
      const { attempts } = fib.failed(row, reason, nowMs);
      report.stuck(fib.rows.tableOf(row), fib.rows.prefixOf(row), reason, attempts);
    }
    return { steps, taken: Math.max(taken, steps.length) };
  }

  result(step: Step, failure: OperationFailure | null, batch: OperationBatch): void {
    if (step.about === "misplaced") {
      if (failure === null || isGone(failure.code)) return;
      batch.note({ operation: step.operation, code: failure.code, message: failure.message, kind: "other" });
    } else if (step.about === "row") {
      const { row, operation } = step;
      if (failure === null) this.#succeeded(row, operation);
      else this.#failed(row, operation, failure, batch);
    }
  }

  #deleted(
    row: number,
    route: FoundRoute,
    named: number,
    { link, nowMs, log, requestScan }: NotificationContext,
  ): void {
    const fib = this.#fib;
    if (named !== 0 && named === fib.rows.get(row, OBSERVED)) {
      fib.lost(row, 0);
      if (!link?.isUp) {
        fib.changes.mark(row);
        return;
      }
      fib.drift.routeMissing++;
      fib.disturbed(row, nowMs);
      log.log(LOG.routeDeleted, fieldsOf(route));
    } else if (named !== 0) return;
    else if (fib.rows.has(row, AMBIGUOUS)) {
      fib.rows.obscured(row);
      requestScan("a route beside one of ours was deleted");
    } else if (fib.retries.get(row) !== undefined) fib.changes.mark(row);
  }

  #added(
    row: number,
    route: FoundRoute,
    named: number,
    isReplacing: boolean,
    { nowMs, log, requestScan }: NotificationContext,
  ): void {
    const fib = this.#fib;
    const installed = fib.rows.get(row, OBSERVED);
    if (installed === 0 || named === installed) return;
    if (isReplacing && !fib.rows.has(row, AMBIGUOUS)) {
      fib.drift.routeChanged++;
      fib.lost(row, named);
      fib.disturbed(row, nowMs);
      log.log(LOG.routeReplaced, replacementOf(route));
    } else {
      fib.rows.obscured(row);
      requestScan("a route was put beside one of ours");
    }
  }

  #succeeded(row: number, operation: RouteOperation): void {
    const fib = this.#fib;
    if (fib.rows.has(row, UNPROVEN) && operation.type === "add-route") fib.drift.routeMissing++;
    fib.applied(row, operation.type === "delete-route" ? 0 : operation.nexthopId);
  }

  #failed(row: number, operation: RouteOperation, failure: OperationFailure, batch: OperationBatch): void {
    const fib = this.#fib;
    const { code, message } = failure;
    if (operation.type === "delete-route") {
      // Something that has gone already counts as deleted.
      if (isGone(code)) this.#succeeded(row, operation);
      else batch.rowFailed(row, operation, code, message);
      return;
    }
    const [notMade] = batch.notMade([operation.nexthopId]);
    if (notMade !== undefined) batch.dependentFailed(row, operation, notMade, code, message);
    else if (operation.type === "replace-route" && isGone(code)) {
      fib.drift.routeMissing++;
      fib.rows.proven(row);
      fib.observed(row, 0);
      fib.changes.mark(row);
    } else if (operation.type === "add-route" && code === "EEXIST") {
      this.#exists(row, operation, failure, batch);
    } else batch.rowFailed(row, operation, code, message);
  }

  /** The route was to be added, and the kernel has one to the destination. */
  #exists(
    row: number,
    operation: RouteOperation,
    { code, message }: OperationFailure,
    batch: OperationBatch,
  ): void {
    const fib = this.#fib;
    if (fib.rows.has(row, UNPROVEN)) {
      // It is there, as the model says.
      fib.rows.proven(row);
      if (fib.isRight(row)) fib.succeeded(row);
      return;
    }
    // The first scan had nothing to compare with: it may have missed an IPv6 route of ours (see above).
    const isPerhapsOurs = familyOf(row) === 6 && fib.scans === 1;
    if (fib.rows.has(row, UNSURE) || isPerhapsOurs) batch.needsScan = true;
    fib.rows.collided(row);
    // Where the last scan was incomplete, it may be one of ours.
    const isCollision = fib.isScanWhole;
    const { attempts } = fib.failed(row, { isCollision, code, message }, batch.nowMs);
    const kind = isCollision ? "collision" : "other";
    batch.note({ operation, code, message, kind, attempts, collidedRow: row });
  }
}

class RouteScan {
  readonly #fib: Fib;
  readonly #misplaced: MisplacedRoute[] = [];
  /** Foreign routes where ours would stand. */
  readonly #foreign: FoundRoute[] = [];
  /** The first foreign route beside each of ours. */
  readonly ambiguous: { readonly row: number; readonly route: FoundRoute }[] = [];
  /** Ids that routes of ours name, and that no object or group of ours has. */
  readonly strayIds = new Set<number>();
  readonly #number: number;
  /** How many routes of ours that the model has were not met yet. */
  #unmet = 0;

  constructor(fib: Fib) {
    this.#fib = fib;
    this.#number = fib.scans;
    for (const { counts } of fib.tables.all()) this.#unmet += counts[4].installed + counts[6].installed;
  }

  visit(route: FoundRoute): void {
    const { table: tableId, destination, priority, nexthopId } = route;
    const { tables, nexthops } = this.#fib;
    const verdict = this.#fib.verdictOf(route);
    const observed = observedOf(verdict, route);
    if (observed !== 0 && this.#found(tableId, destination, observed)) return;
    // A second route of ours in the same slot is of no use.
    if (verdict === "misplaced" || (verdict === "ours" && nexthops.get(nexthopId) !== undefined)) {
      tables.findOrMake(tableId);
      this.#misplaced.push({ table: tableId, destination, priority, nexthopId });
      return;
    }
    this.#fib.pin(nexthopId);
    const isMapped = (tables.get(tableId)?.vnis.length ?? 0) > 0;
    if (isMapped && isInSlot(route)) this.#foreign.push(route);
  }

  /** Whether routes of ours were not among those that were visited: they are to be revisited, in another dump. */
  get hasMissed(): boolean {
    return this.#unmet > 0;
  }

  revisit(route: FoundRoute): void {
    const { rows, tables } = this.#fib;
    const table = tables.get(route.table);
    const row = table === undefined ? -1 : rows.find(table, route.destination);
    if (row < 0 || rows.get(row, OBSERVED) === 0 || rows.get(row, SCANNED) === this.#number) return;
    this.visit(route);
  }

  /** Records what was not met: it is gone, if all routes were visited. Yields where it may pause. */
  *finish(hasAllRoutes: boolean): Generator<void> {
    const fib = this.#fib;
    const { rows } = fib;
    for (let row = 0; row < rows.end; row++) {
      if (row % ROWS_BETWEEN_PAUSES === 0) yield;
      if (!rows.isUsed(row)) continue;
      rows.scanned(row);
      const installed = rows.get(row, OBSERVED);
      if (installed !== 0 && rows.get(row, SCANNED) !== this.#number) {
        if (hasAllRoutes || this.#isWithoutNexthop(installed)) {
          fib.countScanDrift("routeMissing");
          fib.observed(row, 0);
        } else {
          rows.unmet(row);
          fib.changes.mark(row);
        }
      }
      if (!fib.isRight(row) && !fib.isAwaited(row)) fib.changes.mark(row);
      fib.release(row);
    }
    for (const [index, route] of this.#foreign.entries()) {
      if (index % ROWS_BETWEEN_PAUSES === 0) yield;
      const row = fib.rowOf(route);
      // There may be several beside one of ours.
      if (row < 0 || rows.get(row, OBSERVED) === 0 || rows.has(row, AMBIGUOUS)) continue;
      rows.competed(row);
      // A predecessor's route gets a fault of its own.
      if (rows.get(row, OBSERVED) !== PLAIN) this.ambiguous.push({ row, route });
    }
    fib.ambiguous = this.ambiguous.map(({ row }) => row);
    fib.misplaced.set(this.#misplaced);
  }

  /** Records that our route is there. Returns false if another of ours was met there before. */
  #found(tableId: number, destination: Prefix, nexthopId: number): boolean {
    const fib = this.#fib;
    const { rows } = fib;
    const row = fib.rowFor(fib.tables.findOrMake(tableId), destination);
    // Without memory for it, it stays as it is, as if it were not ours.
    if (row < 0) return true;
    if (rows.get(row, SCANNED) === this.#number) return false;
    rows.met(row, this.#number);
    const before = rows.get(row, OBSERVED);
    if (before !== 0) this.#unmet--;
    if (nexthopId !== PLAIN && fib.nexthops.get(nexthopId) === undefined) this.strayIds.add(nexthopId);
    if (before === nexthopId) return true;
    fib.countScanDrift(before === 0 ? "routeExtra" : "routeChanged");
    if (before === 0) rows.adopted(row);
    fib.observed(row, nexthopId);
    return true;
  }

  /** Whether the kernel has nothing with that id, and so no route that names it. */
  #isWithoutNexthop(id: number): boolean {
    const { nexthops } = this.#fib;
    return id !== PLAIN && nexthops.get(id) === undefined && !nexthops.isForeign(id);
  }
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

/** Log fields that are formatted only if the line is written: thousands may not be. */
function fieldsOf(route: FoundRoute): EventFields<"table" | "destination"> {
  return {
    table: route.table,
    get destination() {
      return formatPrefix(route.destination);
    },
  };
}

/** Log fields of a route that has replaced one of ours. */
function replacementOf(route: FoundRoute): EventFields<"table" | "destination" | "by"> {
  return {
    table: route.table,
    get destination() {
      return formatPrefix(route.destination);
    },
    get by() {
      return formatFoundRoute(route);
    },
  };
}
