/**
 * All servers' routes as one table (route-table.ts), in which who told of a route (tellings.ts) and we ourselves are the
 * origins.
 *
 * A route is in view while at least one server has it; one event when the first brings it, one when the last
 * drops it. Each server has at most one copy of a route:
 *
 *     live       the server announced it on the connection we have now
 *     stale      the server had it when its connection was lost, and has not yet said whether it still does
 *     doubtful   perhaps nothing but our own announcement, coming back: does not count until that is settled
 *
 * A lost server's copies go from live to stale, and back when it announces them again. What is still stale
 * when it has marked the end of its table was withdrawn in the meantime ("mark and sweep"), so a
 * server's restart withdraws nothing and puts nothing back.
 *
 * A received route equal to one that we announce ourselves is an echo: it is kept here, since another
 * hypervisor may announce the same, but is no part of the view until we withdraw ours. Even then it may be no
 * more than that: some servers send our own routes back on SUBSCRIBE and never withdraw them. Servers that send
 * end marks do not, but until the first mark nobody knows which kind a server is: until then, the copy is doubtful.
 *
 * A server that died without a word is live for 2.5 keepalive intervals more, and what others withdraw meanwhile it
 * cannot confirm. Once it is lost, these copies of its go, as if the loss had been noticed at once; but a frame of it
 * shows that it was alive, and has the route still.
 *
 * What is dropped by the thousand goes in slices, and a copy counts until its turn: the view is at any time what the
 * events say. One that is told again meanwhile stays.
 */
import type { Route } from "../route/route.ts";
import { NIL, ORIGIN, ROW_SHIFT } from "../route/route-rows.ts";
import { type RouteSource, TableSource } from "../route/route-source.ts";
import { Change, type PeerNumber, RouteTable } from "../route/route-table.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";
import { type ServerNumber, type Telling, Tellings } from "./tellings.ts";

export type { ServerNumber } from "./tellings.ts";

export interface ViewListener {
  added(route: Route): void;
  removed(route: Route): void;
}

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
  readonly #table = new RouteTable();
  readonly #tellings = new Tellings(OWN + 1);
  readonly #leaving: Leaving[] = [];
  /** Rows of live copies: those that another server has withdrawn since this one was heard. */
  readonly #contradicted = new Map<ServerNumber, Set<number>>();
  #isDropping = false;
  readonly #fields = new UpdateFields();
  #routeCount = 0;

  /** @param soon calls back when others have had their turn */
  constructor(
    private readonly listener: ViewListener,
    private readonly soon: (run: () => void) => void,
    private readonly copiesPerSlice = COPIES_PER_SLICE,
  ) {}

  /** Routes in view: echoes do not count. */
  get routeCount(): number {
    return this.#routeCount;
  }

  /**
   * A server announces a route; `mayBeEcho`: perhaps only the one that we have just withdrawn. True: it confirms a
   * stale copy.
   */
  received(server: ServerNumber, fields: UpdateFields, mayBeEcho = false): boolean {
    const isDoubtful = mayBeEcho && !this.#hasCertain(server, fields);
    const telling = isDoubtful
      ? this.#tellings.doubtful(server, fields.vni)
      : this.#tellings.live(server, fields.vni);
    if (this.#table.add(telling.number, fields) === Change.NOTHING) return false;
    telling.copies++;
    const { row, origins } = this.#table;
    let isOwn = false;
    let wasHeld = false;
    let hadCopy = false;
    for (let at = this.#firstOrigin(row); at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === telling.number) continue;
      if (peer === OWN) {
        isOwn = true;
        continue;
      }
      const other = this.#tellings.of(peer);
      if (!other.isDoubtful) wasHeld = true;
      if (other.server === server) hadCopy = true;
    }
    const isConfirmed = hadCopy && this.#replaceCopies(row, telling);
    this.#settle(row, wasHeld && !isOwn);
    return isConfirmed;
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

  /** We announce a route ourselves from now on. */
  announced({ vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const known = this.#table.findRow(this.#fields);
    const wasShown = known !== NIL && this.#isShown(known);
    this.#table.add(OWN, this.#fields);
    this.#settle(this.#table.row, wasShown);
  }

  /**
   * We announce a route no longer. A copy from a server whose views are exact is somebody else's
   * announcement, and comes into view; one from a server that may echo is doubtful, or dropped if it is stale.
   */
  ownWithdrawn({ vni, destination, nextHop }: Route, isExact: (server: ServerNumber) => boolean): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const row = this.#table.findRow(this.#fields);
    if (row === NIL || this.#table.removeOrigin(row, OWN) === Change.NOTHING) return;
    for (const telling of this.#tellingsOf(row)) {
      if (!telling.isLeaving && (telling.isDoubtful || isExact(telling.server))) continue;
      // The new copy first: a row without any would be gone.
      if (telling.lostMs === null && !telling.isLeaving) {
        this.#addCopy(this.#tellings.doubtful(telling.server, vni));
      }
      this.#removeCopy(row, telling);
    }
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
    let left = this.copiesPerSlice;
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
        this.soon(this.#dropSlice);
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
    if (this.#table.add(telling.number, this.#fields) !== Change.NOTHING) telling.copies++;
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
    if (isShown) this.listener.added(route);
    else this.listener.removed(route);
  }

  #freeUnused(row: number): void {
    if (this.#firstOrigin(row) !== NIL) return;
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
