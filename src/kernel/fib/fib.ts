/**
 * The book of the kernel's routes: what is wanted, what the kernel holds of ours, and which destinations have
 * changed since the two were last made equal. It knows no kernel and no time.
 *
 *     view, announcements ──▶ wanted-routes ──▶ DESIRED ─┐                      ┌─▶ operations
 *                                                       ├─ row ── changed? ──▶ plan.ts
 *     readings, results of operations ─────▶ OBSERVED ─┘
 *
 * A change only marks its rows. What is wanted of a row is worked out when its turn comes, so what changed ten times
 * meanwhile is done once.
 *
 * Routes that were there before us (ADOPTED) are left alone until their table is settled, for the view is still
 * filling up: those to destinations that it does not have yet, and those that go to all hops that it has so far.
 * When it has withdrawn a hop (SHRUNK), what it has left is installed; an own announcement counts at once. But no VNI
 * of a table has a say before those that win over it are complete.
 */

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
import { FibChanges } from "./changes.ts";
import { FibFights } from "./fights.ts";
import { FibLosses } from "./losses.ts";
import { MisplacedRoutes } from "./misplaced.ts";
import { FibNexthops } from "./nexthops.ts";
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
  SHRUNK,
  SKIPPED,
  UNSCANNED,
} from "./rows.ts";
import { SkippedRows } from "./skipped.ts";
import { type FibCounts, type FibTable, FibTables } from "./tables.ts";
import {
  isInSlot,
  type NexthopVerdict,
  type RouteContext,
  type RouteVerdict,
  verdictOfNexthop,
  verdictOfRoute,
} from "./verdict.ts";

/** How the kernel differed from the book, found by a reading or told by it. */
export type DriftKind =
  | "routeMissing"
  | "routeChanged"
  | "routeExtra"
  | "nexthopMissing"
  | "nexthopChanged"
  | "nexthopExtra";

/** What is told of a row that another program disturbs again and again. */
const FOUGHT_OVER = {
  isCollision: false,
  code: "REMOVED_BY_OTHERS",
  message:
    "another program removes or changes it again and again, so it is put right less often: ip monitor route nexthop shows when",
};

export class Fib {
  readonly protocol: number;
  readonly settings: DesiredSettings;
  /** Another program disturbs the destination again and again, as of now. */
  readonly #noteFight: (table: FibTable, destination: Prefix) => void;
  /** There is no memory to know the destination, or a route to it. */
  readonly #noteRefusal: (destination: Prefix) => void;
  readonly hops: HopSets;
  readonly nexthops: FibNexthops;
  readonly rows = new FibRows();
  readonly tables = new FibTables();
  readonly retries = new FibRetries();
  readonly changes = new FibChanges(this.rows);
  readonly misplaced: MisplacedRoutes;
  readonly drift: Record<DriftKind, number> = {
    routeMissing: 0,
    routeChanged: 0,
    routeExtra: 0,
    nexthopMissing: 0,
    nexthopChanged: 0,
    nexthopExtra: 0,
  };
  /** As of the last reading, rows where a foreign route stands beside one by our objects; ours may have gone meanwhile. */
  ambiguous: readonly number[] = [];
  /** Routes of a predecessor that name no nexthop object. */
  plainRoutes = 0;
  /** How often the kernel was read. */
  scans = 0;
  /** Changes of the view, and routes found in the kernel, that there was no memory for: the book is incomplete for good. */
  refusedMemory = 0;
  /** The last reading was told all there is: see fib-reading.ts. */
  isScanWhole = true;
  readonly #desired: DesiredRoutes;
  readonly #underlay = new Underlay();
  readonly #fights = new FibFights();
  readonly #losses: FibLosses;
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
    this.#losses = new FibLosses(this.rows, this.nexthops, (row, isGone, atMs) => {
      if (isGone) {
        this.drift.routeMissing++;
        this.observed(row, 0);
      }
      this.disturbed(row, atMs);
    });
  }

  // What is wanted.

  added(route: Route): void {
    if (this.#desired.added(route)) this.#mark(route);
    else this.#refuse(route.destination);
  }

  removed(route: Route): void {
    this.#desired.removed(route);
    this.#mark(route, true);
  }

  announced(route: Route): void {
    if (this.#desired.announced(route)) this.#mark(route);
    else this.#refuse(route.destination);
  }

  withdrawn(route: Route): void {
    this.#desired.withdrawn(route);
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

  /** The machine's addresses are these now. */
  setLocalAddresses(addresses: readonly IpAddress[]): void {
    if (this.hops.setLocalAddresses(addresses)) {
      for (const table of this.tables.all()) this.changes.addWalk(this.#marksOfTable(table));
    }
    // A hop that was local all the time is in no set, and so not known.
    for (const row of this.#skipped.rowsWith("localHop")) this.changes.mark(row);
  }

  /** From now on nothing in the host's own table covers the address: it is a server's. */
  keepReachable(address: IpAddress): void {
    this.#setUnderlay(address, true);
  }

  /** Works out what is wanted of the row now, and returns it. */
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
    // Only now: its own hops are in use by it.
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

  desiredSet(row: number): HopSet | null {
    return this.rows.has(row, COVERS) ? null : this.hops.get(this.rows.get(row, DESIRED));
  }

  /** The kernel has for the row what is wanted, as far as we know. */
  isRight(row: number): boolean {
    const set = this.desiredSet(row);
    const installed = this.rows.get(row, OBSERVED);
    return set === null ? installed === 0 : this.nexthops.isRight(set, installed);
  }

  /** The row is left alone until its table is settled (see above), or until the kernel has been read. */
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

  /** Forgets a row of which there is nothing to know. */
  release(row: number): void {
    if (this.rows.has(row, CHANGED | SKIPPED)) return;
    if (this.rows.get(row, DESIRED) !== 0 || this.rows.get(row, OBSERVED) !== 0) return;
    this.succeeded(row);
    this.#fights.forget(row);
    this.rows.free(row);
  }

  // What the kernel holds.

  /** Whose the nexthop is. */
  verdictOfNexthop(nexthop: FoundNexthop): NexthopVerdict {
    return verdictOfNexthop(this.#routeContext, nexthop);
  }

  /** The row in whose slot the route is, anybody's; -1: there is none. */
  rowOf(route: FoundRoute): number {
    const table = this.tables.get(route.table);
    return table === undefined || !isInSlot(route) ? -1 : this.rows.find(table, route.destination);
  }

  /** A foreign route or group names that nexthop: if it is ours, it stays. */
  pin(nexthopId: number): void {
    const nexthop = this.nexthops.get(nexthopId);
    if (nexthop !== undefined) nexthop.isPinned = true;
  }

  /** Whose the route is. */
  verdictOf(route: FoundRoute): RouteVerdict {
    const context = this.#routeContext;
    context.isMapped = (this.tables.get(route.table)?.vnis.length ?? 0) > 0;
    context.isNexthopOurs = this.nexthops.get(route.nexthopId) !== undefined;
    return verdictOfRoute(context, route);
  }

  /** Another program has taken our route away or changed it: it is put right at once, unless that happens too often. */
  disturbed(row: number, nowMs: number): void {
    const attempts = this.#fights.disturbed(row, nowMs);
    if (attempts === 0) {
      this.changes.mark(row);
      return;
    }
    this.failed(row, FOUGHT_OVER, nowMs, attempts);
    if (attempts === 1) this.#noteFight(this.rows.tableOf(row), this.rows.prefixOf(row));
  }

  /** Somebody has deleted what has this id, and the kernel has taken along the routes that named it. */
  nexthopGone(id: number, nowMs: number): void {
    const nexthop = this.nexthops.get(id);
    if (nexthop !== undefined) this.nexthops.delete(nexthop);
    if (this.nexthops.routesOf(id) > 0 || this.retries.size > 0) this.#lose(id, true, nowMs);
  }

  /** Somebody has deleted what had this id, and the rows that named it are being found. */
  isLost(id: number): boolean {
    return this.#losses.isGone(id);
  }

  /** Somebody has changed our object or group: the routes that name it are to name another. */
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

  /** Our route there names that nexthop now; 0: it is not there, PLAIN: it names none. */
  observed(row: number, nexthopId: number): void {
    const before = this.rows.get(row, OBSERVED);
    if (before === nexthopId) return;
    this.rows.observed(row, nexthopId);
    if (nexthopId > 0) this.nexthops.countRoute(nexthopId, 1);
    if (before > 0) this.nexthops.countRoute(before, -1);
    this.plainRoutes += Number(nexthopId === PLAIN) - Number(before === PLAIN);
    this.#countsOf(row).installed += Number(nexthopId !== 0) - Number(before !== 0);
  }

  /** Once more, or for the time that `attempts` says. */
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
    return this.rows.bytes + this.#desired.bytes;
  }

  #lose(id: number, isGone: boolean, atMs: number): void {
    if (this.#losses.add(id, { isGone, atMs })) this.changes.addWalk(this.#lostRows());
  }

  *#lostRows(): Generator<void> {
    yield* this.#losses.walk();
    // It may have gone just before a route by it was to be added, which has failed then.
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

  /** The row of a destination; -1: there is no memory for it, which is counted. */
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

  /** Looks again at what was found at the start; in a table that is settled it is like any other now. */
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

  /** The address of the underlay that the row's destination would hide from the host; null: none. */
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
