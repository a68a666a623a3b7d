/**
 * The FIB model: which routes are desired, which of ours are observed in the kernel, and which destinations have changed
 * since the two were last made equal. It calls no kernel and reads no clock.
 *
 *     view, announcements ─▶ desired-routes.ts ─▶ DESIRED ─┐                     ┌─▶ operations
 *                                                          ├─ row ── changed? ──▶ plan.ts
 *     scans, notifications, results ────────────▶ OBSERVED ─┘
 *
 * A change only marks its rows. What is desired of a row is worked out when its turn comes, so a row that changed ten times
 * meanwhile is handled once.
 *
 * Routes that were there before us (ADOPTED) stay as they are until their table may be pruned, for the view is still
 * filling up: those to destinations that the view does not have yet, and those that go to all hops that it has so far.
 * When the view has withdrawn a hop (SHRUNK), the remaining hops are installed; an own announcement counts at once. But no
 * VNI of a table is considered before those that win over it are complete.
 */

import type { ClientView } from "../../client/view/client-view.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { Route } from "../../route/route.ts";
import { type Desired, DesiredRoutes, refusedFor } from "../desired/desired-routes.ts";
import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import { HopSets } from "../desired/hop-sets.ts";
import { reasonToRefuse } from "../desired/refused-destinations.ts";
import { type DesiredSettings, type TableMapping, weightOf } from "../desired/settings.ts";
import { Underlay } from "../desired/underlay.ts";
import type { FoundNexthop, FoundRoute } from "../kernel.ts";
import { RT_TABLE_MAIN } from "../netlink/netlink-constants.ts";
import { ChangedRows } from "./changed-rows.ts";
import { DisturbedRows } from "./disturbed-rows.ts";
import { LostNexthops } from "./lost-nexthops.ts";
import { MisplacedRoutes } from "./misplaced-routes.ts";
import { FibNexthops } from "./nexthops.ts";
import {
  isInSlot,
  type NexthopVerdict,
  type RouteContext,
  type RouteVerdict,
  verdictOfNexthop,
  verdictOfRoute,
} from "./ownership.ts";
import { type Fault, FibRetries } from "./retries.ts";
import {
  ADOPTED,
  CHANGED,
  COVERS,
  DESIRED,
  FibRows,
  familyOf,
  OBSERVED,
  PLAIN,
  type RowState,
  SHRUNK,
  SKIPPED,
  UNSCANNED,
} from "./rows.ts";
import { SkippedRows } from "./skipped-rows.ts";
import { type FibCounts, type FibTable, FibTables } from "./tables.ts";

/** How the kernel differed from the model, as a scan or a notification has shown. */
export type DriftKind =
  | "routeMissing"
  | "routeChanged"
  | "routeExtra"
  | "nexthopMissing"
  | "nexthopChanged"
  | "nexthopExtra";

/** The fault of a row that another program disturbs again and again. */
const FOUGHT_OVER = {
  isCollision: false,
  code: "REMOVED_BY_OTHERS",
  message:
    "another program removes or changes it again and again, so it is put right less often: ip monitor route nexthop shows when",
};

export class Fib {
  readonly protocol: number;
  readonly settings: DesiredSettings;
  /** Called when another program begins to disturb the destination again and again. */
  readonly #noteFight: (table: FibTable, destination: Prefix) => void;
  /** Called when there is no memory for the destination. */
  readonly #noteRefusal: (destination: Prefix) => void;
  readonly hops: HopSets;
  readonly nexthops: FibNexthops;
  readonly rows = new FibRows();
  readonly tables = new FibTables();
  readonly retries = new FibRetries();
  readonly changes = new ChangedRows(this.rows);
  readonly misplaced: MisplacedRoutes;
  readonly drift: Record<DriftKind, number> = {
    routeMissing: 0,
    routeChanged: 0,
    routeExtra: 0,
    nexthopMissing: 0,
    nexthopChanged: 0,
    nexthopExtra: 0,
  };
  /** Rows where the last scan met a foreign route beside one by our objects; ours may have gone since. */
  ambiguous: readonly number[] = [];
  /** How many routes of a predecessor, which name no nexthop object, are observed. */
  plainRoutes = 0;
  /** How often the kernel was scanned. */
  scans = 0;
  /** How many changes of the view, or routes found in the kernel, there was no memory for: the model stays incomplete. */
  refusedMemory = 0;
  /** Whether the last scan was complete: see objects/route-kind.ts. */
  isScanWhole = true;
  readonly #desired: DesiredRoutes;
  readonly #underlay = new Underlay();
  readonly #fights = new DisturbedRows();
  readonly #losses: LostNexthops;
  /** One object for all verdicts. */
  readonly #routeContext: { -readonly [K in keyof RouteContext]: RouteContext[K] };
  readonly #skipped: SkippedRows;

  constructor(
    protocol: number,
    settings: DesiredSettings,
    noteSkipped: (table: FibTable, destination: Prefix, desired: Desired) => void,
    noteFight: (table: FibTable, destination: Prefix) => void = () => {},
    noteRefusal: (destination: Prefix) => void = () => {},
  ) {
    this.protocol = protocol;
    this.settings = settings;
    this.#noteFight = noteFight;
    this.#noteRefusal = noteRefusal;
    this.hops = new HopSets(
      (address) => weightOf(settings.preferredNetworks, address),
      ({ address, isUsed }) => this.#setUnderlay(address, isUsed),
    );
    this.nexthops = new FibNexthops(protocol, this.hops, settings.ecmp);
    this.misplaced = new MisplacedRoutes(this.tables, this.nexthops);
    this.#desired = new DesiredRoutes(settings, this.hops);
    this.#skipped = new SkippedRows(this.rows, noteSkipped);
    this.#routeContext = { protocol, block: this.nexthops.block, isMapped: false, isNexthopOurs: false };
    this.#losses = new LostNexthops(this.rows, this.nexthops, (row, isGone, atMs) => {
      if (isGone) {
        this.drift.routeMissing++;
        this.observed(row, 0);
      }
      this.disturbed(row, atMs);
    });
  }

  // What is desired.

  /** Reads what is desired from this view from now on. */
  follow(view: ClientView): void {
    this.#desired.follow(view);
    for (const table of this.tables.all()) {
      for (const vni of table.vnis) this.changes.addWalk(this.#marksOfVni(vni));
    }
  }

  /** The route came into view. */
  added(route: Route): void {
    this.#desired.routeChanged(route);
    this.#mark(route);
  }

  /** The route left the view. */
  removed(route: Route): void {
    this.#desired.routeChanged(route);
    this.#mark(route, true);
  }

  /** The client announces the route, or no longer. */
  announcementChanged(route: Route): void {
    this.#desired.announcementChanged(route);
    this.#mark(route);
  }

  complete(vni: number): void {
    this.tables.complete(vni);
    const table = this.tables.ofVni(vni);
    this.#notePrunable();
    if (table !== undefined && !table.mayPrune) this.changes.addWalk(this.#adopted(table));
  }

  setMappings(mappings: readonly TableMapping[]): void {
    const { vnis, tables } = this.tables.setMappings(mappings);
    for (const table of tables) this.changes.addWalk(this.#marksOfTable(table));
    for (const vni of vnis) this.changes.addWalk(this.#marksOfVni(vni));
    this.#notePrunable();
  }

  /** Replaces the machine's addresses. */
  setLocalAddresses(addresses: readonly IpAddress[]): void {
    if (this.hops.setLocalAddresses(addresses)) {
      for (const table of this.tables.all()) this.changes.addWalk(this.#marksOfTable(table));
    }
    // A hop that was local all the time is in no set, so HopSets does not know it.
    for (const row of this.#skipped.rowsWith("localHop")) this.changes.mark(row);
  }

  /** Keeps a server's address reachable: from now on no route in the host's own table covers it. */
  keepReachable(address: IpAddress): void {
    this.#setUnderlay(address, true);
  }

  /** Works out what is desired of the row now, and returns it; null if no route is. */
  refresh(row: number): HopSet | null {
    const { rows, hops } = this;
    const table = rows.tableOf(row);
    const desired = this.#desired.desiredOf(table.vnis, rows.prefixOf(row), table.id === RT_TABLE_MAIN);
    const { set } = desired;
    const named = hops.get(rows.get(row, DESIRED));
    const before = this.desiredSet(row);
    if (set !== named) {
      rows.desired(row, set?.number ?? 0);
      if (set !== null) hops.name(set);
    }
    // Not before: the row's own hops are now in use by it.
    const covered = this.#coveredBy(row);
    rows.covering(row, covered !== null);
    this.#skipped.set(row, covered === null ? desired : refusedFor(covered, desired));
    const result = this.desiredSet(row);
    if (result !== before) {
      if (result !== null) hops.want(result);
      if (before !== null) this.#undesire(before);
      this.#countsOf(row).wanted += Number(result !== null) - Number(before !== null);
    }
    if (set !== named && named !== null) hops.unname(named);
    hops.disposeUnusedNew();
    return result;
  }

  /** The hop set to which the row's route is to go, as of the last refresh; null if no route is desired. */
  desiredSet(row: number): HopSet | null {
    return this.rows.has(row, COVERS) ? null : this.hops.get(this.rows.get(row, DESIRED));
  }

  /** Whether what is observed of the row is what is desired. */
  isRight(row: number): boolean {
    const set = this.desiredSet(row);
    const installed = this.rows.get(row, OBSERVED);
    return set === null ? installed === 0 : this.nexthops.isRight(set, installed);
  }

  /** The row's state, as of the last refresh. */
  stateOf(row: number): RowState {
    const isObserved = this.rows.get(row, OBSERVED) !== 0;
    if (this.desiredSet(row) === null) return isObserved ? "extra" : "none";
    if (!isObserved) return "missing";
    return this.isRight(row) ? "in-place" : "outdated";
  }

  /** What was desired of the row at the last refresh, if routes to it are skipped or shadowed; null if none are. */
  skippedOf(row: number): Desired | null {
    return this.#skipped.get(row);
  }

  /** Whether the row stays as it is until its table may be pruned (see above), or until the kernel has been scanned. */
  isAwaited(row: number): boolean {
    if (this.rows.has(row, UNSCANNED)) return true;
    const table = this.rows.tableOf(row);
    if (!this.rows.has(row, ADOPTED) || table.mayPrune || this.#coveredBy(row) !== null) return false;
    const destination = this.rows.prefixOf(row);
    const isMain = table.id === RT_TABLE_MAIN;
    if (reasonToRefuse(destination, isMain) !== null) return false;
    const { vni, set } = this.#desired.desiredOf(table.vnis, destination, isMain);
    if (vni === null || !this.tables.isComplete(table.vnis.slice(0, table.vnis.indexOf(vni)))) return true;
    if (set === null) return false;
    if (this.rows.has(row, SHRUNK)) return false;
    const there = this.nexthops.get(this.rows.get(row, OBSERVED))?.set?.hops ?? [];
    return set.hops.every((hop) => there.includes(hop));
  }

  /** Frees a row for which nothing is desired, observed or pending. */
  release(row: number): void {
    if (this.rows.has(row, CHANGED | SKIPPED)) return;
    if (this.rows.get(row, DESIRED) !== 0 || this.rows.get(row, OBSERVED) !== 0) return;
    this.succeeded(row);
    this.#fights.forget(row);
    this.rows.free(row);
  }

  // What is observed.

  /** Says whose the nexthop is. */
  verdictOfNexthop(nexthop: FoundNexthop): NexthopVerdict {
    return verdictOfNexthop(this.#routeContext, nexthop);
  }

  /** The row in whose slot the route is, whosever it is; -1 if there is none. */
  rowOf(route: FoundRoute): number {
    const table = this.tables.get(route.table);
    return table === undefined || !isInSlot(route) ? -1 : this.rows.find(table, route.destination);
  }

  /** Counts a difference that a scan has found; the first one compares with nothing. */
  countScanDrift(kind: DriftKind): void {
    if (this.scans > 1) this.drift[kind]++;
  }

  /** Keeps the nexthop, if it is ours: a foreign route or group names it. */
  pin(nexthopId: number): void {
    const nexthop = this.nexthops.get(nexthopId);
    if (nexthop !== undefined) nexthop.isPinned = true;
  }

  /** Says whose the route is. */
  verdictOf(route: FoundRoute): RouteVerdict {
    const context = this.#routeContext;
    context.isMapped = (this.tables.get(route.table)?.vnis.length ?? 0) > 0;
    context.isNexthopOurs = this.nexthops.get(route.nexthopId) !== undefined;
    return verdictOfRoute(context, route);
  }

  /** Another program has deleted or changed our route: it is restored at once, unless that happens too often. */
  disturbed(row: number, nowMs: number): void {
    const attempts = this.#fights.disturbed(row, nowMs);
    if (attempts === 0) {
      this.changes.mark(row);
      return;
    }
    this.failed(row, FOUGHT_OVER, nowMs, attempts);
    if (attempts === 1) this.#noteFight(this.rows.tableOf(row), this.rows.prefixOf(row));
  }

  /** Another program has deleted the nexthop with this id, and the kernel has deleted the routes that named it. */
  nexthopGone(id: number, nowMs: number): void {
    const nexthop = this.nexthops.get(id);
    if (nexthop !== undefined) this.nexthops.delete(nexthop);
    if (this.nexthops.routesOf(id) > 0 || this.retries.size > 0) this.#lose(id, true, nowMs);
  }

  /** Whether another program has deleted the nexthop with this id, and the walk that finds its rows has not ended. */
  isLost(id: number): boolean {
    return this.#losses.isGone(id);
  }

  /** Another program has changed our object or group: the routes that name it are to move to another. */
  nexthopChanged(nexthop: FibNexthop, isOurs: boolean, nowMs: number): void {
    const { id } = nexthop;
    this.nexthops.setMeaning(nexthop, null);
    if (isOurs) this.nexthops.addGcCandidate(nexthop);
    else {
      this.nexthops.delete(nexthop);
      this.nexthops.setForeign(id, true);
    }
    this.#lose(id, false, nowMs);
  }

  /** Records that our route names that nexthop now; 0: it is not there, PLAIN: it names none. */
  observed(row: number, nexthopId: number): void {
    const before = this.rows.get(row, OBSERVED);
    if (before === nexthopId) return;
    this.rows.observed(row, nexthopId);
    if (nexthopId > 0) this.nexthops.countRoute(nexthopId, 1);
    if (before > 0) this.nexthops.countRoute(before, -1);
    this.plainRoutes += Number(nexthopId === PLAIN) - Number(before === PLAIN);
    this.#countsOf(row).installed += Number(nexthopId !== 0) - Number(before !== 0);
  }

  /** Records a fault: the row is tried again after a while. `attempts`: if not one more than before. */
  failed(row: number, fault: Omit<Fault, "attempts">, nowMs: number, attempts?: number): Fault {
    this.#countFault(row, -1);
    const counted = this.retries.add(row, fault, nowMs, attempts);
    this.#countFault(row, 1);
    return counted;
  }

  /** Others have deleted our route, or replaced it by one that names `nexthopId` (0: by a foreign one). */
  lost(row: number, nexthopId: number): void {
    this.observed(row, nexthopId);
    this.rows.lost(row);
  }

  /** Our operation has succeeded: the route there names that nexthop now; 0: it was deleted. */
  applied(row: number, nexthopId: number): void {
    this.rows.applied(row);
    this.observed(row, nexthopId);
    if (this.isRight(row)) this.succeeded(row);
    else this.changes.mark(row);
    this.release(row);
  }

  /** The row is no longer counted as failing, nor tried again. */
  succeeded(row: number): void {
    this.#countFault(row, -1);
    this.retries.delete(row);
  }

  get bytes(): number {
    return this.rows.bytes;
  }

  #lose(id: number, isGone: boolean, atMs: number): void {
    if (this.#losses.add(id, { isGone, atMs })) this.changes.addWalk(this.#lostRows());
  }

  *#lostRows(): Generator<void> {
    yield* this.#losses.walk();
    // A nexthop may have gone just before a route by it was added, which has then failed.
    for (const [row, { code }] of this.retries.all()) {
      if (code !== FOUGHT_OVER.code && this.desiredSet(row)?.nexthop === null) this.changes.mark(row);
      yield;
    }
  }

  /** See {@link DesiredRoutes.looksAtHops}. */
  get looksAtHops(): number {
    return this.#desired.looksAtHops;
  }

  #mark({ vni, destination }: Route, isShrunk = false): void {
    const table = this.tables.ofVni(vni);
    if (table === undefined) return;
    const row = this.rowFor(table, destination);
    if (row < 0) return;
    if (isShrunk) this.rows.shrunk(row);
    this.changes.mark(row);
  }

  /** The row of a destination; -1 if there is no memory for it, which is counted. */
  rowFor(table: FibTable, destination: Prefix): number {
    const row = this.rows.findOrMake(table, destination);
    if (row < 0) this.#refuse(destination);
    return row;
  }

  #refuse(destination: Prefix): void {
    this.refusedMemory++;
    this.#noteRefusal(destination);
  }

  *#marksOfTable(table: FibTable): Generator<void> {
    for (const row of this.rows.rowsOf(table)) yield this.changes.mark(row);
  }

  *#marksOfVni(vni: number): Generator<void> {
    for (const destination of this.#desired.destinationsOf(vni)) {
      const table = this.tables.ofVni(vni);
      if (table === undefined) return;
      const row = this.rowFor(table, destination);
      if (row >= 0) this.changes.mark(row);
      yield;
    }
  }

  /** Marks the rows that were adopted; in a table that may be pruned they are rows like any other from then on. */
  *#adopted(table: FibTable): Generator<void> {
    for (const row of this.rows.rowsOf(table)) {
      if (this.rows.has(row, ADOPTED)) {
        if (table.mayPrune) this.rows.settled(row);
        this.changes.mark(row);
      }
      yield;
    }
  }

  #notePrunable(): void {
    this.nexthops.setMayDeleteAdopted(this.tables.areAllComplete);
    for (const table of this.tables.takePrunable()) this.changes.addWalk(this.#adopted(table));
  }

  #setUnderlay(address: IpAddress, isUsed: boolean): void {
    const isChanged = isUsed ? this.#underlay.add(address) : this.#underlay.delete(address);
    const main = this.tables.get(RT_TABLE_MAIN);
    if (!isChanged || main === undefined) return;
    for (const row of this.rows.rowsCovering(main, address)) this.changes.mark(row);
  }

  /** The address of the underlay that the row's destination would hide from the host; null if there is none. */
  #coveredBy(row: number): IpAddress | null {
    if (this.rows.tableOf(row).id !== RT_TABLE_MAIN) return null;
    return this.#underlay.firstIn(this.rows.prefixOf(row));
  }

  #undesire(set: HopSet): void {
    this.hops.undesire(set);
    for (const { singleton } of set.hops)
      if (singleton.nexthop !== null) this.nexthops.addGcCandidate(singleton.nexthop);
    if (set.nexthop !== null) this.nexthops.addGcCandidate(set.nexthop);
  }

  #countFault(row: number, by: 1 | -1): void {
    const fault = this.retries.get(row);
    if (fault !== undefined) this.#countsOf(row)[fault.isCollision ? "collided" : "failed"] += by;
  }

  #countsOf(row: number): FibCounts {
    return this.rows.tableOf(row).counts[familyOf(row)];
  }
}
