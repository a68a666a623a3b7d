/**
 * The Loc-RIB: all servers' routes as one table (route-table.ts). The origins of a route are the Adj-RIBs-In that have it
 * (adj-ribs-in.ts), and this client itself where it announces the route.
 *
 * A route is in view while at least one server has it. There is one event when the first server brings it, and one when the
 * last server drops it. Each server has at most one copy of a route:
 *
 *     live        the server announced it on the present connection
 *     stale       the server had it when its connection was lost, and has neither announced nor withdrawn it since
 *     unverified  perhaps only our own announcement that came back: does not count until that is known
 *
 * The copies of a lost server go from live to stale, and back when the server announces them again. What is still stale
 * after the server's End-of-RIB was withdrawn in the meantime ("mark and sweep"). So the restart of a server withdraws nothing
 * and adds nothing.
 *
 * A route that we announce ourselves is not part of the view, but copies of it are kept, since another hypervisor may announce
 * the same. A copy that may be an echo of our own announcement (own-echoes.ts) is unverified. A copy that was there before our own
 * announcement is no echo: it comes into view as soon as we withdraw ours.
 *
 * A Go server does not inform an announcer when another one withdraws the same route. So after our own withdrawal neither kind
 * of copy is certain, and the server's table is read once more (link/copy-verification.ts): what it still has is confirmed, the
 * rest removed.
 *
 * A server that died without closing the connection counts as live for up to 2.5 keepalive intervals, and withdrawals by other
 * servers in this time leave its copies in place. When the loss is noticed, the contradicted copies are dropped, as if it had been
 * noticed at once; but a frame from the server in the meantime shows that it was alive, and has the route still.
 *
 * Large numbers of copies are dropped in slices, and a copy counts until its turn: the view is at any time what the events
 * add up to. A copy that is announced again in the meantime stays.
 *
 * A destination has at most `maxHops` routes here: another one is skipped, unless it can replace a route that is only stale. So
 * nothing that is done per destination grows without limit.
 */

import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import type { Prefix } from "../../net/ip.ts";
import { CLIENT_OPTIONS } from "../../options/client-options.ts";
import type { HistoryReason, HistorySource } from "../../route/history.ts";
import type { Route } from "../../route/route.ts";
import {
  type HolderState,
  type RouteHolder,
  type RouteInspector,
  TableInspector,
} from "../../route/table/route-inspector.ts";
import { ORIGIN, PREFIX, ROW_SHIFT, SIBLING } from "../../route/table/route-rows.ts";
import {
  Change,
  type CountsByVni,
  LARGE_ARRAYS_OF_TABLE,
  type PeerNumber,
  RouteTable,
} from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../../wire/codec.ts";
import { type NextHop, UpdateFields } from "../../wire/message.ts";
import { type AdjRibIn, AdjRibsIn, type ServerNumber } from "./adj-ribs-in.ts";
import type { ClientView, DestinationView } from "./client-view.ts";
import { Echo } from "./own-echoes.ts";
import { RibComparison } from "./rib-comparison.ts";

export type { ServerNumber } from "./adj-ribs-in.ts";

/** What changed the view, for the history. */
export interface ViewCause {
  readonly reason: HistoryReason;
  /** The server that caused it; null: this client itself. */
  readonly server: ServerNumber | null;
}

export interface ViewListener {
  added(route: Route, cause: ViewCause): void;
  removed(route: Route, cause: ViewCause): void;
  /** A server announces a route that is skipped: its destination has `maxHops` already, or there is no memory for it. */
  leftOut(server: ServerNumber, code: LeftOutCode): void;
}

/** The result of a received ADD. */
export const Received = {
  OTHER: 0,
  /** A stale copy became live again. */
  CONFIRMED: 1,
  /** It may be an echo, and does not count yet. */
  UNVERIFIED: 2,
} as const;
export type Received = (typeof Received)[keyof typeof Received];

/** Why a route is skipped. */
export type LeftOutCode = "TOO_MANY_HOPS" | "TABLE_FULL";

/** Number of arrays that become large when a view has many routes: a table's, and the counts of hops (see growable-int32-array.ts). */
export const LARGE_ARRAYS_OF_VIEW = LARGE_ARRAYS_OF_TABLE + 1;

/** The origin that stands for this client's own announcements. */
const OWN: PeerNumber = 0;
/** Number of copies that are dropped in one turn; with the listener's work for each, this takes some milliseconds. */
const COPIES_PER_SLICE = 500;

/** AdjRibIns whose copies are being dropped, and what follows then. */
interface Removal {
  readonly ribs: AdjRibIn[];
  readonly reason: HistoryReason;
  readonly done: () => void;
}

const OWN_ANNOUNCEMENT: ViewCause = { reason: "own-announcement", server: null };
/** The unit of the times at which servers announced routes. */
const SINCE_UNIT_MS = 100;

function stateOf(rib: AdjRibIn): HolderState {
  if (rib.isRemoved) return "leaving";
  if (rib.lostMs !== null) return "stale";
  return rib.isUnverified ? "unverified" : "live";
}

export class MergedView implements ClientView {
  readonly #listener: ViewListener;
  readonly #soon: (run: () => void) => void;
  readonly #maxHops: number;
  readonly #copiesPerSlice: number;
  readonly #table = new RouteTable({ hasFewPeers: true });
  readonly #ribs = new AdjRibsIn(OWN + 1);
  /** Compares what servers have announced. */
  readonly comparison = new RibComparison(this.#table, this.#ribs, OWN);
  readonly #removals: Removal[] = [];
  /** Rows of live copies that another server has withdrawn since the last frame of this server, by server. */
  readonly #contradicted = new Map<ServerNumber, Set<number>>();
  /** Number of rows per destination, by the PREFIX word that these have in common. */
  readonly #hopCounts = new GrowableInt32Array();
  #isRemoving = false;
  readonly #fields = new UpdateFields();
  #routeCount = 0;

  /** @param soon calls back in a later turn of the event loop */
  constructor(
    listener: ViewListener,
    soon: (run: () => void) => void,
    maxHops: number = CLIENT_OPTIONS.maxHops.default,
    copiesPerSlice = COPIES_PER_SLICE,
  ) {
    this.#listener = listener;
    this.#soon = soon;
    this.#maxHops = maxHops;
    this.#copiesPerSlice = copiesPerSlice;
  }

  /** Number of routes in view, without possible echoes. */
  get routeCount(): number {
    return this.#routeCount;
  }

  /** Sets the time of what is received next, in milliseconds. */
  setTime(nowMs: number): void {
    this.#table.origins.now = Math.floor(nowMs / SINCE_UNIT_MS);
  }

  /** Counts by family the routes in view of the first `limit` VNIs, and of all others together. */
  countsByVni(limit: number): CountsByVni {
    return this.#table.countsByVni(limit);
  }

  /** How many next hops the routes have, by {@link NextHopType}, also those of routes that are not in view. */
  get nextHopsByType(): readonly number[] {
    return this.#table.nextHopsByType;
  }

  /** Records that a server announces a route. */
  received(server: ServerNumber, fields: UpdateFields, echo: Echo): Received {
    const isUnverified = echo === Echo.PERHAPS && !this.#hasCertain(server, fields);
    const rib = isUnverified
      ? this.#ribs.unverified(server, fields.vni)
      : this.#ribs.live(server, fields.vni);
    const change = this.#table.add(rib.number, fields);
    if (change === Change.TABLE_FULL) {
      this.#leaveOut(server, fields.vni, "TABLE_FULL");
      return Received.OTHER;
    }
    if (change === Change.NOTHING) return isUnverified ? Received.UNVERIFIED : Received.OTHER;
    const { row, origins, isNewRow } = this.#table;
    this.#copyAdded(row, rib);
    const routesToDestination = isNewRow ? this.#countRow(row) : 0;
    if (routesToDestination === null) {
      this.#removeCopy(row, rib);
      this.#freeRow(row);
      this.#leaveOut(server, fields.vni, "TABLE_FULL");
      return Received.OTHER;
    }
    if (routesToDestination > this.#maxHops) {
      const stale = this.#staleSiblingOf(row);
      this.#removeCopy(row, rib);
      this.#freeUnused(row);
      if (stale === NIL) {
        this.#leaveOut(server, fields.vni, "TOO_MANY_HOPS");
        return Received.OTHER;
      }
      const wasShown = this.#isShown(stale);
      for (const other of this.#ribsOf(stale)) this.#removeCopy(stale, other);
      this.#publishIfChanged(stale, wasShown, { reason: "hop-limit", server });
      // The listener may have changed anything.
      return this.received(server, fields, echo);
    }
    let isOwn = false;
    let wasHeld = false;
    let hadCopy = false;
    let hadCertain = false;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === rib.number) continue;
      if (peer === OWN) {
        isOwn = true;
        continue;
      }
      const other = this.#ribs.get(peer);
      if (!other.isUnverified) wasHeld = true;
      if (other.server !== server) continue;
      hadCopy = true;
      if (!other.isUnverified && !other.isRemoved) hadCertain = true;
    }
    if (isOwn && echo === Echo.OF_OWN && !hadCertain) {
      // Our own announcement hides it, whatever it is: there is no event.
      this.#addCopyOf(fields, this.#ribs.unverified(server, fields.vni));
      this.#removeCopy(row, rib);
      return Received.UNVERIFIED;
    }
    const isConfirmed = hadCopy && this.#replaceCopies(row, rib);
    this.#publishIfChanged(row, wasHeld && !isOwn, { reason: "announced", server });
    if (isUnverified) return Received.UNVERIFIED;
    return isConfirmed ? Received.CONFIRMED : Received.OTHER;
  }

  #leaveOut(server: ServerNumber, vni: number, code: LeftOutCode): void {
    this.#ribs.live(server, vni).hasLeftOut = true;
    this.#listener.leftOut(server, code);
  }

  /** Removes the server's other copies of the route: the new one has their age. Returns true if one of them was stale. */
  #replaceCopies(row: number, rib: AdjRibIn): boolean {
    const { origins } = this.#table;
    let wasStale = false;
    let since = origins.now;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === OWN || this.#ribs.get(peer).server !== rib.server) continue;
      since = Math.min(since, origins.sinceOf(at));
    }
    for (const other of this.#ribsOf(row)) {
      if (other.server !== rib.server || other === rib) continue;
      if (other.lostMs !== null && !other.isRemoved) wasStale = true;
      this.#removeCopy(row, other);
    }
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      if (origins.peerOf(at) === rib.number) origins.setSince(at, since);
    }
    return wasStale;
  }

  /**
   * Records that a server withdraws a route. This is newer than what lost servers announced, so all stale copies are removed
   * too, and later the copies of servers that turn out to have been lost already.
   */
  withdrawn(server: ServerNumber, fields: UpdateFields): void {
    const row = this.#table.findRow(fields);
    if (row === NIL) return;
    const wasShown = this.#isShown(row);
    for (const rib of this.#ribsOf(row)) {
      if (rib.server === server || rib.lostMs !== null || rib.isRemoved) {
        this.#removeCopy(row, rib);
      } else {
        this.#contradicted.getOrInsertComputed(rib.server, () => new Set()).add(row);
      }
    }
    this.#publishIfChanged(row, wasShown, { reason: "withdrawn", server });
  }

  /** Removes the copies of a server whose table was read once more, and did not contain the route. */
  refuted(server: ServerNumber, { vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL) return;
    const wasShown = this.#isShown(row);
    for (const rib of this.#ribsOf(row)) {
      if (rib.server === server && rib.lostMs === null) this.#removeCopy(row, rib);
    }
    this.#publishIfChanged(row, wasShown, { reason: "not-confirmed", server });
  }

  /** Returns true if the server has announced the route on the present connection, even as an echo. */
  hasCopy(server: ServerNumber, { vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    return (
      row !== NIL &&
      this.#ribsOf(row).some((rib) => {
        return rib.server === server && rib.lostMs === null && !rib.isRemoved;
      })
    );
  }

  /** Records a frame from the server: it is alive, and still has what it has not withdrawn. */
  confirmAlive(server: ServerNumber): void {
    const rows = this.#contradicted.get(server);
    if (rows !== undefined && rows.size > 0) rows.clear();
  }

  /**
   * Makes the routes of a server stale whose connection is lost. Returns the number of stale copies. With `wasSilent` the server
   * may have been lost ever since its last frame.
   */
  serverLost(server: ServerNumber, nowMs: number, wasSilent = false): number {
    const outdated = wasSilent ? this.#setApartContradicted(server) : [];
    this.#contradicted.delete(server);
    const { copies, unverified } = this.#ribs.markStale(server, nowMs);
    this.#drop([...unverified, ...outdated], "withdrawn");
    return copies;
  }

  /** Moves the live copies that others have withdrawn to AdjRibIns that can be dropped. Nothing leaves the view yet. */
  #setApartContradicted(server: ServerNumber): AdjRibIn[] {
    const apart = new Map<number, AdjRibIn>();
    // Since the server's last frame it got no new copy: a row that was reused for another route has no copy of it.
    for (const row of this.#contradicted.get(server) ?? []) {
      const live = this.#ribsOf(row).find((rib) => rib.server === server && rib.lostMs === null);
      if (live === undefined || live.isUnverified || live.isRemoved) continue;
      this.#table.fill(row, this.#fields);
      this.#addCopy(apart.getOrInsertComputed(live.vni, () => this.#ribs.detached(server, live.vni)));
      this.#removeCopy(row, live);
    }
    return [...apart.values()];
  }

  staleCopies(server: ServerNumber): number {
    return this.#ribs.staleCopies(server);
  }

  /** Number of stale copies of all servers, including removed ones. */
  get allStaleCopies(): number {
    return this.#ribs.allStaleCopies;
  }

  /** Drops a server's stale copies in one VNI, and calls `done` after the last of them. */
  sweepVni(server: ServerNumber, vni: number, done?: () => void): void {
    this.#drop(this.#ribs.takeStaleOfVni(server, vni), "not-confirmed", done);
  }

  /** Drops a server's stale copies in all VNIs that were lost at that time or before. Returns their number. */
  sweep(
    server: ServerNumber,
    lostUntilMs = Number.POSITIVE_INFINITY,
    reason: HistoryReason = "not-confirmed",
  ): number {
    const stale = this.#ribs.takeStale(server, lostUntilMs);
    const copies = stale.reduce((sum, rib) => sum + rib.copies, 0);
    this.#drop(stale, reason);
    return copies;
  }

  /** Makes the unverified copies of a server live that has turned out to send no echoes. */
  acceptUnverified(server: ServerNumber): void {
    const { origins } = this.#table;
    for (const rib of this.#ribs.unverifiedOf(server)) {
      // The listener may have dropped the rest.
      while (rib.copies > 0 && !rib.isRemoved) {
        const row = origins.routeOf(origins.firstOfPeer(rib.number));
        const wasShown = this.#isShown(row);
        this.#table.fill(row, this.#fields);
        this.#addCopy(this.#ribs.live(server, rib.vni));
        this.#removeCopy(row, rib);
        this.#publishIfChanged(row, wasShown, { reason: "announced", server });
      }
    }
  }

  /** Drops everything that the server announced, stale routes included. */
  dropServer(server: ServerNumber): void {
    this.#drop(this.#ribs.takeServer(server), "server-removed");
  }

  /** Drops all routes of a VNI that is no longer subscribed to. */
  dropVni(vni: number): void {
    this.#drop(this.#ribs.takeVni(vni), "unsubscribed");
  }

  /** Records that this client announces a route. Returns false if there is no memory for it; then nothing has changed. */
  announced({ vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const known = this.#table.findRow(this.#fields);
    const wasShown = known !== NIL && this.#isShown(known);
    const change = this.#table.add(OWN, this.#fields);
    if (change === Change.TABLE_FULL) return false;
    const { row, isNewRow } = this.#table;
    if (isNewRow && this.#countRow(row) === null) {
      this.#table.removeOrigin(row, OWN);
      this.#freeRow(row);
      return false;
    }
    if (change !== Change.NOTHING) {
      this.comparison.changed(row);
      this.#table.hash(row);
      for (const { digest } of this.#ribsOf(row)) digest.remove(this.#table.hashHigh, this.#table.hashLow);
    }
    this.#publishIfChanged(row, wasShown, OWN_ANNOUNCEMENT);
    return true;
  }

  /** Records that this client announces a route no longer: other announcers' copies of it come into view. */
  ownWithdrawn({ vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL || this.#table.removeOrigin(row, OWN) === Change.NOTHING) return;
    this.comparison.changed(row);
    this.#table.hash(row);
    for (const { digest } of this.#ribsOf(row)) digest.add(this.#table.hashHigh, this.#table.hashLow);
    // A copy that is about to be dropped must not come into view until its turn.
    for (const rib of this.#ribsOf(row)) if (rib.isRemoved) this.#removeCopy(row, rib);
    this.#publishIfChanged(row, false, OWN_ANNOUNCEMENT);
  }

  /** Iterates over the routes in view, in no particular order. The walk may pause: a route that is in view all the time comes once. */
  *routes(): Iterable<Route> {
    for (const routes of this.routesByDestination()) yield* routes;
  }

  /** Iterates over the routes of these VNIs, or of all for null, one destination at a time. The walk may pause while the view changes. */
  *routesByDestination(vnis: ReadonlySet<number> | null = null): Iterable<readonly Route[]> {
    for (const table of [...this.#table.vnis()]) {
      if (vnis !== null && !vnis.has(table.vni)) continue;
      for (const rows of this.#table.rowsByDestination(table)) {
        yield rows.filter((row) => this.#isShown(row)).map((row) => this.#routeOf(row));
      }
    }
  }

  /**
   * Returns the routes in view as a source that can be read in any order, with the servers that have them. `describe` names a server,
   * or this client for null.
   */
  inspector(describe: (server: ServerNumber | null) => HistorySource): RouteInspector {
    return new TableInspector(this.#table, {
      isInView: (row) => this.#isShown(row),
      holdersOf: (row) => this.#holdersOf(row, describe),
    });
  }

  #holdersOf(row: number, describe: (server: ServerNumber | null) => HistorySource): RouteHolder[] {
    const { origins } = this.#table;
    const holders: RouteHolder[] = [];
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const sinceMs = origins.sinceOf(at) * SINCE_UNIT_MS;
      const peer = origins.peerOf(at);
      if (peer === OWN) holders.push({ source: describe(null), state: "own", sinceMs });
      else {
        const rib = this.#ribs.get(peer);
        holders.push({ source: describe(rib.server), state: stateOf(rib), sinceMs });
      }
    }
    return holders;
  }

  lookAt(vni: number, destination: Prefix): DestinationView {
    const table = this.#table.find(vni);
    const nextHops: NextHop[] = [];
    let isAnnounced = false;
    let row = table === undefined ? NIL : this.#table.firstRowTo(table, destination);
    while (row !== NIL) {
      if (this.#isShown(row)) nextHops.push(this.#table.nextHopOf(row));
      else if (this.#isOwn(row)) isAnnounced = true;
      row = this.#table.rows.words[(row << ROW_SHIFT) + SIBLING] as number;
    }
    return { nextHops, isAnnounced };
  }

  has({ vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    return row !== NIL && this.#isShown(row);
  }

  *destinations(vni: number): Iterable<Prefix> {
    for (const family of [4, 6] as const) {
      const cursor = this.#table.destinations(family);
      cursor.enter(vni);
      for (let prefix = cursor.next(); prefix !== null; prefix = cursor.next()) yield prefix;
    }
  }

  /** Returns the servers that have the route, including lost ones that had it. */
  serversOf({ vni, destination, nextHop }: Route): ServerNumber[] {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL) return [];
    const holders = this.#ribsOf(row).filter(({ isUnverified }) => !isUnverified);
    return holders.map(({ server }) => server).sort((a, b) => a - b);
  }

  /** Drops all copies of these AdjRibIns: a slice now, the rest in later turns. */
  #drop(ribs: AdjRibIn[], reason: HistoryReason, done: () => void = () => {}): void {
    for (const rib of ribs) rib.isRemoved = true;
    this.#removals.push({ ribs, reason, done });
    if (!this.#isRemoving) this.#removeSlice();
  }

  readonly #removeSlice = (): void => {
    this.#isRemoving = true;
    const { origins } = this.#table;
    let left = this.#copiesPerSlice;
    for (let first = this.#removals[0]; first !== undefined; first = this.#removals[0]) {
      const rib = first.ribs.at(-1);
      const origin = rib === undefined ? NIL : origins.firstOfPeer(rib.number);
      if (rib === undefined) {
        this.#removals.shift();
        first.done();
      } else if (origin === NIL) {
        first.ribs.pop();
        this.#ribs.release(rib);
      } else if (left === 0) {
        this.#soon(this.#removeSlice);
        return;
      } else {
        left--;
        const row = origins.routeOf(origin);
        const wasShown = this.#isShown(row);
        this.#removeCopy(row, rib);
        this.#publishIfChanged(row, wasShown, { reason: first.reason, server: rib.server });
      }
    }
    this.#isRemoving = false;
  };

  /** Returns true if the server has a live or stale copy of the route. */
  #hasCertain(server: ServerNumber, fields: UpdateFields): boolean {
    const row = this.#table.findRow(fields);
    return (
      row !== NIL &&
      this.#ribsOf(row).some((rib) => {
        return rib.server === server && !rib.isUnverified && !rib.isRemoved;
      })
    );
  }

  /** Adds a copy of the route in `#fields`. */
  #addCopy(rib: AdjRibIn): void {
    this.#addCopyOf(this.#fields, rib);
  }

  #addCopyOf(fields: UpdateFields, rib: AdjRibIn): void {
    const change = this.#table.add(rib.number, fields);
    if (change !== Change.NOTHING && change !== Change.TABLE_FULL) this.#copyAdded(this.#table.row, rib);
  }

  /** Counts a copy that was added. */
  #copyAdded(row: number, rib: AdjRibIn): void {
    rib.copies++;
    this.comparison.changed(row);
    if (this.#isOwn(row)) return;
    this.#table.hash(row);
    rib.digest.add(this.#table.hashHigh, this.#table.hashLow);
  }

  #removeCopy(row: number, rib: AdjRibIn): void {
    if (this.#table.removeOrigin(row, rib.number) === Change.NOTHING) return;
    this.comparison.changed(row);
    if (!this.#isOwn(row)) {
      this.#table.hash(row);
      rib.digest.remove(this.#table.hashHigh, this.#table.hashLow);
    }
    this.#ribs.removeCopy(rib);
  }

  /** Returns true if this client announces the route itself. */
  #isOwn(row: number): boolean {
    return this.#table.origins.has(this.#firstOrigin(row), row, OWN);
  }

  /** Returns the AdjRibIns that have the route. */
  #ribsOf(row: number): AdjRibIn[] {
    const { origins } = this.#table;
    const found: AdjRibIn[] = [];
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer !== OWN) found.push(this.#ribs.get(peer));
    }
    return found;
  }

  #isShown(row: number): boolean {
    const { origins } = this.#table;
    let isHeld = false;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === OWN) return false;
      if (!this.#ribs.get(peer).isUnverified) isHeld = true;
    }
    return isHeld;
  }

  #firstOrigin(row: number): number {
    return this.#table.rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
  }

  /** Reports to the listener if the row came into view or left it, and frees the row if it has no origins left. */
  #publishIfChanged(row: number, wasShown: boolean, cause: ViewCause): void {
    const isShown = this.#isShown(row);
    if (isShown !== wasShown) this.#publish(row, isShown, cause);
    else this.#freeUnused(row);
  }

  /** Calls the listener last, since that may change anything here. */
  #publish(row: number, isShown: boolean, cause: ViewCause): void {
    const route = this.#routeOf(row);
    const vni = this.#table.vniOf(row);
    if (isShown) this.#table.countIn(vni, row);
    else this.#table.countOut(vni, row);
    this.#freeUnused(row);
    this.#routeCount += isShown ? 1 : -1;
    if (isShown) this.#listener.added(route, cause);
    else this.#listener.removed(route, cause);
  }

  /** Counts a new row. Returns how many rows its destination has now, or null if there is no memory to count it. */
  #countRow(row: number): number | null {
    const prefix = this.#prefixOf(row);
    let counts: Int32Array;
    try {
      counts = this.#hopCounts.reserve(prefix + 1);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      return null;
    }
    const count = (counts[prefix] as number) + 1;
    counts[prefix] = count;
    return count;
  }

  /** Returns another route to the same destination that only lost servers had, or NIL if there is none. */
  #staleSiblingOf(newRow: number): number {
    if (this.#ribs.allStaleCopies === 0) return NIL;
    const { words } = this.#table.rows;
    // The newest row comes first.
    let row = words[(newRow << ROW_SHIFT) + SIBLING] as number;
    while (row !== NIL && !this.#isOnlyStale(row)) {
      row = words[(row << ROW_SHIFT) + SIBLING] as number;
    }
    return row;
  }

  #isOnlyStale(row: number): boolean {
    const { origins } = this.#table;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === OWN || this.#ribs.get(peer).lostMs === null) return false;
    }
    return true;
  }

  #prefixOf(row: number): number {
    return this.#table.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
  }

  #freeUnused(row: number): void {
    if (this.#firstOrigin(row) !== NIL) return;
    const prefix = this.#prefixOf(row);
    const counts = this.#hopCounts.words;
    counts[prefix] = (counts[prefix] as number) - 1;
    this.#freeRow(row);
  }

  #freeRow(row: number): void {
    const vni = this.#table.vniOf(row);
    this.#table.free(row);
    if (vni.rowCount === 0) this.#table.dispose(vni);
  }

  #routeOf(row: number): Route {
    this.#table.fill(row, this.#fields);
    return {
      vni: this.#fields.vni,
      destination: destinationOf(this.#fields),
      nextHop: nextHopOf(this.#fields),
    };
  }
}
