/**
 * All servers' routes as one table (route-table.ts), in which who told of a route (tellings.ts) and we ourselves are the
 * origins.
 *
 * A route is in view while at least one server has it; one event when the first brings it, one when the last
 * drops it. Each server has at most one copy of a route:
 *
 *     live       the server announced it on the connection we have now
 *     stale      the server had it when its connection was lost, and has not yet said whether it still does
 *     doubtful   perhaps nothing but our own announcement, coming back: does not count until that is known
 *
 * A lost server's copies go from live to stale, and back when it announces them again. What is still stale
 * when it has marked the end of its table was withdrawn in the meantime ("mark and sweep"), so a
 * server's restart withdraws nothing and puts nothing back.
 *
 * A route that we announce ourselves is no part of the view, but copies of it are kept, since another hypervisor may announce
 * the same. One that is received while we do may be no more than an echo: some servers send our own routes back on SUBSCRIBE
 * and never withdraw them. From such a server it is doubtful. One that was there before our own announcement is no echo:
 * it is in view as soon as we withdraw ours. Servers whose views are exact (BunBond) send no echoes.
 *
 * Go's server does not tell an announcer that another one has withdrawn the same route. So after our own withdrawal
 * neither kind is certain, and the server is asked (second-look.ts): what it still has is confirmed, the rest refuted.
 *
 * A server that died without a word is live for 2.5 keepalive intervals more, and what others withdraw meanwhile it
 * cannot confirm. Once it is lost, these copies of its go, as if the loss had been noticed at once; but a frame of it
 * shows that it was alive, and has the route still.
 *
 * What is dropped by the thousand goes in slices, and a copy counts until its turn: the view is at any time what the
 * events say. One that is told again meanwhile stays.
 *
 * A destination has at most `maxHops` routes here: one more is left out, unless it can take the place of one that is only
 * stale. So nothing that is done per destination grows with what anybody announces.
 */
import { DEFAULT_MAX_HOPS } from "../../base/defaults.ts";
import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import type { Route } from "../../route/route.ts";
import { NIL, ORIGIN, PREFIX, ROW_SHIFT, SIBLING } from "../../route/table/route-rows.ts";
import { type RouteSource, TableSource } from "../../route/table/route-source.ts";
import { Change, LARGE_ARRAYS_OF_TABLE, type PeerNumber, RouteTable } from "../../route/table/route-table.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";
import { type ServerNumber, type Telling, Tellings } from "./adj-ribs-in.ts";

export type { ServerNumber } from "./adj-ribs-in.ts";

export interface ViewListener {
  added(route: Route): void;
  removed(route: Route): void;
  /** A server announces a route that is left out: its destination has `maxHops` already, or there is no memory for it. */
  leftOut(server: ServerNumber, code: LeftOutCode): void;
}

/** How far a received ADD may be our own announcement that comes back. */
export const Echo = {
  /** The server's views are exact. */
  NEVER: 0,
  /** If we announce the route now. */
  OF_OWN: 1,
  /** We have only just withdrawn it. */
  PERHAPS: 2,
} as const;
export type Echo = (typeof Echo)[keyof typeof Echo];

/** What came of a received ADD. */
export const Received = {
  OTHER: 0,
  /** A stale copy is live again. */
  CONFIRMED: 1,
  /** It may be an echo, and does not count. */
  DOUBTFUL: 2,
} as const;
export type Received = (typeof Received)[keyof typeof Received];

/** Why a route is left out. */
export type LeftOutCode = "TOO_MANY_HOPS" | "TABLE_FULL";

/** The largest limit: what is done per destination stays below some milliseconds. */
export const MOST_HOPS = 65_536;

/** Arrays of it that become large when it has many routes: a table's, and the hops' counts (see growable-int32-array.ts). */
export const LARGE_ARRAYS_OF_VIEW = LARGE_ARRAYS_OF_TABLE + 1;

/** We ourselves, as an origin of what we announce. */
const OWN: PeerNumber = 0;
/** Copies that are dropped in one go; with what a listener does for each, some milliseconds. */
const COPIES_PER_SLICE = 500;

/** Tellings whose copies are being dropped, and what to do then. */
interface Leaving {
  readonly tellings: Telling[];
  readonly done: () => void;
}

export class MergedView {
  readonly #listener: ViewListener;
  readonly #soon: (run: () => void) => void;
  readonly #maxHops: number;
  readonly #copiesPerSlice: number;
  readonly #table = new RouteTable({ hasFewPeers: true });
  readonly #tellings = new Tellings(OWN + 1);
  readonly #leaving: Leaving[] = [];
  /** Rows of live copies: those that another server has withdrawn since this one was heard. */
  readonly #contradicted = new Map<ServerNumber, Set<number>>();
  /** Rows of each destination, by the PREFIX word that they have in common. */
  readonly #hopCounts = new GrowableInt32Array();
  #isDropping = false;
  readonly #fields = new UpdateFields();
  #routeCount = 0;

  /** @param soon calls back when others have had their turn */
  constructor(
    listener: ViewListener,
    soon: (run: () => void) => void,
    maxHops = DEFAULT_MAX_HOPS,
    copiesPerSlice = COPIES_PER_SLICE,
  ) {
    this.#listener = listener;
    this.#soon = soon;
    this.#maxHops = maxHops;
    this.#copiesPerSlice = copiesPerSlice;
  }

  /** Routes in view: echoes do not count. */
  get routeCount(): number {
    return this.#routeCount;
  }

  /** A server announces a route. */
  received(server: ServerNumber, fields: UpdateFields, echo: Echo): Received {
    const isDoubtful = echo === Echo.PERHAPS && !this.#hasCertain(server, fields);
    const telling = isDoubtful
      ? this.#tellings.doubtful(server, fields.vni)
      : this.#tellings.live(server, fields.vni);
    const change = this.#table.add(telling.number, fields);
    if (change === Change.TABLE_FULL) {
      this.#listener.leftOut(server, "TABLE_FULL");
      return Received.OTHER;
    }
    if (change === Change.NOTHING) return isDoubtful ? Received.DOUBTFUL : Received.OTHER;
    telling.copies++;
    const { row, origins, isNewRow } = this.#table;
    const routesToDestination = isNewRow ? this.#countRow(row) : 0;
    if (routesToDestination === null) {
      this.#removeCopy(row, telling);
      this.#freeRow(row);
      this.#listener.leftOut(server, "TABLE_FULL");
      return Received.OTHER;
    }
    if (routesToDestination > this.#maxHops) {
      const stale = this.#staleSiblingOf(row);
      this.#removeCopy(row, telling);
      this.#freeUnused(row);
      if (stale === NIL) {
        this.#listener.leftOut(server, "TOO_MANY_HOPS");
        return Received.OTHER;
      }
      const wasShown = this.#isShown(stale);
      for (const other of this.#tellingsOf(stale)) this.#removeCopy(stale, other);
      this.#settle(stale, wasShown);
      // Whoever is told may have changed anything.
      return this.received(server, fields, echo);
    }
    let isOwn = false;
    let wasHeld = false;
    let hadCopy = false;
    let hadCertain = false;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === telling.number) continue;
      if (peer === OWN) {
        isOwn = true;
        continue;
      }
      const other = this.#tellings.of(peer);
      if (!other.isDoubtful) wasHeld = true;
      if (other.server !== server) continue;
      hadCopy = true;
      if (!other.isDoubtful && !other.isLeaving) hadCertain = true;
    }
    if (isOwn && echo === Echo.OF_OWN && !hadCertain) {
      // Our own hides it, whatever it is: nobody is to be told.
      this.#addCopyOf(fields, this.#tellings.doubtful(server, fields.vni));
      this.#removeCopy(row, telling);
      return Received.DOUBTFUL;
    }
    const isConfirmed = hadCopy && this.#replaceCopies(row, telling);
    this.#settle(row, wasHeld && !isOwn);
    if (isDoubtful) return Received.DOUBTFUL;
    return isConfirmed ? Received.CONFIRMED : Received.OTHER;
  }

  /** Removes the server's other copies. True: one was stale. */
  #replaceCopies(row: number, telling: Telling): boolean {
    let wasStale = false;
    for (const other of this.#tellingsOf(row)) {
      if (other.server !== telling.server || other === telling) continue;
      if (other.lostMs !== null && !other.isLeaving) wasStale = true;
      this.#removeCopy(row, other);
    }
    return wasStale;
  }

  /**
   * A server withdraws a route. Its word is newer than what lost servers said, so all stale copies go with
   * it, and those of servers that turn out to be lost already.
   */
  withdrawn(server: ServerNumber, fields: UpdateFields): void {
    const row = this.#table.findRow(fields);
    if (row === NIL) return;
    const wasShown = this.#isShown(row);
    for (const telling of this.#tellingsOf(row)) {
      if (telling.server === server || telling.lostMs !== null || telling.isLeaving) {
        this.#removeCopy(row, telling);
      } else {
        this.#contradicted.getOrInsertComputed(telling.server, () => new Set()).add(row);
      }
    }
    this.#settle(row, wasShown);
  }

  /** The server was asked, and has the route no longer. */
  refuted(server: ServerNumber, { vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL) return;
    const wasShown = this.#isShown(row);
    for (const telling of this.#tellingsOf(row)) {
      if (telling.server === server && telling.lostMs === null) this.#removeCopy(row, telling);
    }
    this.#settle(row, wasShown);
  }

  /** The server has told of the route on the connection we have now, be it as an echo. */
  hasCopy(server: ServerNumber, { vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    return (
      row !== NIL &&
      this.#tellingsOf(row).some((telling) => {
        return telling.server === server && telling.lostMs === null && !telling.isLeaving;
      })
    );
  }

  /** The server is alive: what it has not withdrawn it still has. */
  heardFrom(server: ServerNumber): void {
    const rows = this.#contradicted.get(server);
    if (rows !== undefined && rows.size > 0) rows.clear();
  }

  /**
   * The connection to a server is lost: what it had becomes stale. How many copies that were. `wasSilent`: it may have
   * been lost ever since it was heard last.
   */
  serverLost(server: ServerNumber, nowMs: number, wasSilent = false): number {
    const outdated = wasSilent ? this.#setApartContradicted(server) : [];
    this.#contradicted.delete(server);
    const { copies, doubtful } = this.#tellings.lose(server, nowMs);
    this.#drop([...doubtful, ...outdated]);
    return copies;
  }

  /** Moves the live copies that others have withdrawn to tellings that can be dropped. Nothing leaves the view yet. */
  #setApartContradicted(server: ServerNumber): Telling[] {
    const apart = new Map<number, Telling>();
    // Since the server was heard it got no new copy: a row that is another route's by now has none of it.
    for (const row of this.#contradicted.get(server) ?? []) {
      const live = this.#tellingsOf(row).find(
        (telling) => telling.server === server && telling.lostMs === null,
      );
      if (live === undefined || live.isDoubtful || live.isLeaving) continue;
      this.#table.fill(row, this.#fields);
      this.#addCopy(apart.getOrInsertComputed(live.vni, () => this.#tellings.apart(server, live.vni)));
      this.#removeCopy(row, live);
    }
    return [...apart.values()];
  }

  staleCopies(server: ServerNumber): number {
    return this.#tellings.staleCopies(server);
  }

  /** Those of removed servers among them. */
  get allStaleCopies(): number {
    return this.#tellings.allStaleCopies;
  }

  /** Drops a server's stale copies in one VNI, and calls back when the last of them has gone. */
  sweepVni(server: ServerNumber, vni: number, done?: () => void): void {
    this.#drop(this.#tellings.takeStaleOfVni(server, vni), done);
  }

  /** Drops a server's stale copies in all VNIs: those lost at that time or before. How many that are. */
  sweep(server: ServerNumber, lostUntilMs = Number.POSITIVE_INFINITY): number {
    const stale = this.#tellings.takeStale(server, lostUntilMs);
    const copies = stale.reduce((sum, telling) => sum + telling.copies, 0);
    this.#drop(stale);
    return copies;
  }

  /** The server's views have turned out to be exact: its doubtful copies are no echoes. */
  provenExact(server: ServerNumber): void {
    const { origins } = this.#table;
    for (const telling of this.#tellings.doubtfulOf(server)) {
      // Whoever is told of a route may have dropped the rest.
      while (telling.copies > 0 && !telling.isLeaving) {
        const row = origins.routeOf(origins.firstOfPeer(telling.number));
        const wasShown = this.#isShown(row);
        this.#table.fill(row, this.#fields);
        this.#addCopy(this.#tellings.live(server, telling.vni));
        this.#removeCopy(row, telling);
        this.#settle(row, wasShown);
      }
    }
  }

  /** The server is none of ours any more: only what others have stays. */
  dropServer(server: ServerNumber): void {
    this.#drop(this.#tellings.takeServer(server));
  }

  /** The VNI is not subscribed to any more. */
  dropVni(vni: number): void {
    this.#drop(this.#tellings.takeVni(vni));
  }

  /** We announce a route ourselves from now on. False: there is no memory for it, and nothing has changed. */
  announced({ vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const known = this.#table.findRow(this.#fields);
    const wasShown = known !== NIL && this.#isShown(known);
    if (this.#table.add(OWN, this.#fields) === Change.TABLE_FULL) return false;
    const { row, isNewRow } = this.#table;
    if (isNewRow && this.#countRow(row) === null) {
      this.#table.removeOrigin(row, OWN);
      this.#freeRow(row);
      return false;
    }
    this.#settle(row, wasShown);
    return true;
  }

  /** We announce a route no longer: somebody else's comes into view. */
  ownWithdrawn({ vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL || this.#table.removeOrigin(row, OWN) === Change.NOTHING) return;
    // It is not to come for the moment until its turn.
    for (const telling of this.#tellingsOf(row)) if (telling.isLeaving) this.#removeCopy(row, telling);
    this.#settle(row, false);
  }

  /** The routes in view, in no particular order. The walk may pause: one that is there all the time comes once. */
  *routes(): Iterable<Route> {
    for (const routes of this.routesByDestination()) yield* routes;
  }

  /** The same, of these VNIs or of all, those of one destination at a time. The walk may pause while the view changes. */
  *routesByDestination(vnis: ReadonlySet<number> | null = null): Iterable<readonly Route[]> {
    for (const table of [...this.#table.vnis()]) {
      if (vnis !== null && !vnis.has(table.vni)) continue;
      for (const rows of this.#table.rowsByDestination(table)) {
        yield rows.filter((row) => this.#isShown(row)).map((row) => this.#routeOf(row));
      }
    }
  }

  /** The same, to be read in any order. */
  source(): RouteSource {
    return new TableSource(this.#table, (row) => this.#isShown(row));
  }

  /** The servers that have the route, those that are lost among them. */
  serversOf({ vni, destination, nextHop }: Route): ServerNumber[] {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL) return [];
    const holders = this.#tellingsOf(row).filter(({ isDoubtful }) => !isDoubtful);
    return holders.map(({ server }) => server).sort((a, b) => a - b);
  }

  /** Drops what was told there, a slice now, the rest in later turns. */
  #drop(tellings: Telling[], done: () => void = () => {}): void {
    for (const telling of tellings) telling.isLeaving = true;
    this.#leaving.push({ tellings, done });
    if (!this.#isDropping) this.#dropSlice();
  }

  readonly #dropSlice = (): void => {
    this.#isDropping = true;
    const { origins } = this.#table;
    let left = this.#copiesPerSlice;
    for (let first = this.#leaving[0]; first !== undefined; first = this.#leaving[0]) {
      const telling = first.tellings.at(-1);
      const origin = telling === undefined ? NIL : origins.firstOfPeer(telling.number);
      if (telling === undefined) {
        this.#leaving.shift();
        first.done();
      } else if (origin === NIL) {
        first.tellings.pop();
        this.#tellings.release(telling);
      } else if (left === 0) {
        this.#soon(this.#dropSlice);
        return;
      } else {
        left--;
        const row = origins.routeOf(origin);
        const wasShown = this.#isShown(row);
        this.#removeCopy(row, telling);
        this.#settle(row, wasShown);
      }
    }
    this.#isDropping = false;
  };

  /** The server has a copy of the route that is live or stale. */
  #hasCertain(server: ServerNumber, fields: UpdateFields): boolean {
    const row = this.#table.findRow(fields);
    return (
      row !== NIL &&
      this.#tellingsOf(row).some((telling) => {
        return telling.server === server && !telling.isDoubtful && !telling.isLeaving;
      })
    );
  }

  /** Of the route in `#fields`. */
  #addCopy(telling: Telling): void {
    this.#addCopyOf(this.#fields, telling);
  }

  #addCopyOf(fields: UpdateFields, telling: Telling): void {
    const change = this.#table.add(telling.number, fields);
    if (change !== Change.NOTHING && change !== Change.TABLE_FULL) telling.copies++;
  }

  #removeCopy(row: number, telling: Telling): void {
    if (this.#table.removeOrigin(row, telling.number) !== Change.NOTHING) this.#tellings.lessened(telling);
  }

  /** Whose copies there are. */
  #tellingsOf(row: number): Telling[] {
    const { origins } = this.#table;
    const found: Telling[] = [];
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer !== OWN) found.push(this.#tellings.of(peer));
    }
    return found;
  }

  #isShown(row: number): boolean {
    const { origins } = this.#table;
    let isHeld = false;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === OWN) return false;
      if (!this.#tellings.of(peer).isDoubtful) isHeld = true;
    }
    return isHeld;
  }

  #firstOrigin(row: number): number {
    return this.#table.rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
  }

  /** The row's origins have changed: forgets it if it has none, and tells the listener what came of it. */
  #settle(row: number, wasShown: boolean): void {
    const isShown = this.#isShown(row);
    if (isShown !== wasShown) this.#tell(row, isShown);
    else this.#freeUnused(row);
  }

  /** The listener comes last: it may change anything here. */
  #tell(row: number, isShown: boolean): void {
    const route = this.#routeOf(row);
    this.#freeUnused(row);
    this.#routeCount += isShown ? 1 : -1;
    if (isShown) this.#listener.added(route);
    else this.#listener.removed(route);
  }

  /** A row was made. How many its destination has now; null: there is no memory to count it. */
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

  /** Another route to the same destination that lost servers had, and nobody else; NIL: there is none. */
  #staleSiblingOf(newRow: number): number {
    if (this.#tellings.allStaleCopies === 0) return NIL;
    const { words } = this.#table.rows;
    // The newest one stands before all others.
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
      if (peer === OWN || this.#tellings.of(peer).lostMs === null) return false;
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
