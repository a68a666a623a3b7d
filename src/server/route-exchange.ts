/**
 * What the server knows and what it owes to whom: routes with their origins, subscriptions with what each
 * was last sent.
 *
 * A subscriber's view of a VNI is the routes that have an origin it may hear of: not itself and, if it is a
 * server, not another server. A subscription never queues messages. It is a cursor in the VNI's journal, the
 * list of routes in the order of their last change (route/journal.ts), and a bit per route for what was said
 * last. When its peer's socket has room, the cursor moves on, and each route it passes is compared: what the
 * view says now against the bit, giving an ADD, a REMOVE or nothing. So
 *
 * - existing routes for a new subscriber, live updates and the catching up of one that was slow are one walk;
 * - a slow subscriber hears only the last state of each route, once, and costs no memory;
 * - an announcer never hears itself, and a frame that says nothing new is never sent;
 * - a route without origins stays as a tombstone while somebody who was told of it has not passed it.
 *
 * The end mark is due when a subscription first has nothing left to be sent, unless marks are held back
 * because the server has only just started (see `releaseEndMarks`).
 */
import { Journal } from "../route/journal.ts";
import type { Route } from "../route/route.ts";
import { NEXT, NIL, ORIGIN, PREFIX, ROW_SHIFT, SIBLING, SLOT } from "../route/route-rows.ts";
import { type RouteSource, TableSource } from "../route/route-source.ts";
import { Change, RouteTable, type TableUsage, type VniTable } from "../route/route-table.ts";
import type { UpdateFields } from "../wire/message.ts";
import { Announcers } from "./announcers.ts";
import { CatchUp, NO_BYTES } from "./catch-up.ts";
import { type Audience, SubscribedPeer, Subscription } from "./subscription.ts";

/** A connected peer, as announcer and as subscriber. */
export interface ExchangePeer {
  /** A route that came from a server is not passed to another. */
  readonly isServer: boolean;
  /** The peer has something to be sent; said again only after its `nextRun` came back empty. */
  wake(): void;
}

export interface ExchangeOptions {
  readonly holdEndMarks: boolean;
  /** Runs the rest of a long job in the next turn of the event loop; left out: jobs are done in one go. */
  readonly soon?: (run: () => void) => void;
}

/** A VNI as operators see it. */
export interface VniInfo {
  readonly vni: number;
  /** How many there are. */
  readonly routes: number;
  /** How many peers subscribe to it. */
  readonly subscribers: number;
}

/** Stretches of the journal that are passed without a frame coming of it (some 0.1 ms each) before others get a turn. */
const MAX_FRUITLESS_WINDOWS = 32;
/** What removing a lost peer's announcements may take in one turn, some 5 ms: looks at a subscriber's bit, ... */
const LEAVE_SLICE_LOOKS = 1 << 20;
/** ... as many as all else takes that one announcement needs. */
const LOOKS_PER_ANNOUNCEMENT = 64;

export class RouteExchange {
  readonly #table = new RouteTable();
  readonly #journal = new Journal(this.#table.rows);
  readonly #announcers = new Announcers(this.#table.origins);
  readonly #catchUp: CatchUp;
  readonly #peers = new Map<ExchangePeer, SubscribedPeer>();
  /** By the VNI's index. */
  readonly #audiences: (Audience | undefined)[] = [];
  readonly #soon: ((run: () => void) => void) | undefined;
  /** The newest version of any VNI's journal: no two ever have the same. */
  #version = 0;

  constructor(options: ExchangeOptions) {
    this.#soon = options.soon;
    const free = (vni: VniTable, row: number) => this.#free(vni, row);
    this.#catchUp = new CatchUp(this.#table, this.#journal, this.#announcers, free, options.holdEndMarks);
  }

  get routeCount(): number {
    return this.#table.routeCount;
  }

  /** Rows beyond those of routes are tombstones, and places where cursors stand. */
  usage(): TableUsage {
    return this.#table.usage();
  }

  /** Announcements kept for peers that are gone. */
  get retainedAnnouncements(): number {
    return this.#announcers.retainedAnnouncements;
  }

  /** The VNIs with a route or a subscriber, in order. */
  vnis(): VniInfo[] {
    const infos = Array.from(this.#table.vnis(), ({ vni, index, routeCount }) => ({
      vni,
      routes: routeCount,
      subscribers: this.#audiences[index]?.subscriptions.length ?? 0,
    }));
    return infos.sort((a, b) => a.vni - b.vni);
  }

  join(peer: ExchangePeer): void {
    const number = this.#announcers.join(peer.isServer);
    this.#peers.set(peer, new SubscribedPeer(number, peer.isServer, () => peer.wake()));
  }

  /** Ends all subscriptions and announcements of the peer. */
  leave(peer: ExchangePeer): void {
    this.#removeAnnouncements(this.#endSubscriptions(peer));
  }

  /**
   * Ends the peer's subscriptions, but keeps its announcements, `count` of them: stale, until somebody announces the
   * same route and so takes it over, or withdraws one that was announced before, or until the returned function is called,
   * which returns how many were left.
   */
  retain(peer: ExchangePeer, count: number): () => number {
    const number = this.#endSubscriptions(peer);
    this.#announcers.retain(number, count);
    return () => {
      const left = this.#announcers.retainNoLonger(number);
      this.#removeAnnouncements(number);
      return left;
    };
  }

  /** The peer announces a route. False: it had already. */
  add(peer: ExchangePeer, fields: UpdateFields): boolean {
    const table = this.#table;
    const change = table.add(this.#record(peer).number, fields);
    if (change === Change.NOTHING) return false;
    if (this.#announcers.changesNoView(change)) return true;
    if (this.#announcers.anyRetained) this.#takeOver(table.row, change);
    const vni = table.vniOf(table.row);
    if (table.isNewRow) this.#journal.append(vni, table.row);
    else {
      if (change === Change.EXISTENCE) this.#forgiveOwed(vni, table.row);
      this.#journal.moveToEnd(vni, table.row);
    }
    this.#postponeWithdrawals(vni, table.row);
    this.#entryChanged(vni);
    return true;
  }

  /** The peer withdraws a route. False: it is not an origin of it, and nothing changed. */
  remove(peer: ExchangePeer, fields: UpdateFields): boolean {
    const table = this.#table;
    const change = table.remove(this.#record(peer).number, fields);
    if (change === Change.NOTHING) return false;
    const last = this.#announcers.anyRetained ? this.#takeOver(table.row, change) : change;
    this.#originRemoved(table.row, last);
    return true;
  }

  /** False: it was subscribed already. */
  subscribe(peer: ExchangePeer, vni: number): boolean {
    const record = this.#record(peer);
    if (record.subscriptions.has(vni)) return false;
    const table = this.#table.findOrMake(vni);
    const audience = this.#audienceOf(table);
    const subscription = new Subscription(record, table, audience, this.#journal.placeAtHead(table));
    record.subscriptions.set(vni, subscription);
    audience.subscriptions.push(subscription);
    record.enqueue(subscription);
    return true;
  }

  /** Nothing more of the VNI comes out of `nextRun`. False: it was not subscribed. */
  unsubscribe(peer: ExchangePeer, vni: number): boolean {
    const record = this.#record(peer);
    const subscription = record.subscriptions.get(vni);
    if (subscription === undefined) return false;
    record.subscriptions.delete(vni);
    this.#end(subscription);
    return true;
  }

  /** The VNIs that the peer subscribes to, in order. */
  subscriptionsOf(peer: ExchangePeer): number[] {
    return [...(this.#peers.get(peer)?.subscriptions.keys() ?? [])].sort((a, b) => a - b);
  }

  /** The table is not whole: no end marks before {@link releaseEndMarks}. */
  holdEndMarks(): void {
    this.#catchUp.endMarksHeld = true;
  }

  get endMarksHeld(): boolean {
    return this.#catchUp.endMarksHeld;
  }

  /** The table is whole as far as can be known: subscriptions that have caught up get their end marks. */
  releaseEndMarks(): void {
    this.#catchUp.endMarksHeld = false;
    for (const { subscriptions } of this.#peers.values()) {
      for (const subscription of subscriptions.values()) subscription.peer.enqueue(subscription);
    }
  }

  /**
   * The next frames due to the peer, at most `limitBytes`, of one subscription: they take turns. Empty: it
   * has caught up, or will be woken again. The bytes are valid until the next call, and count as sent.
   */
  nextRun(peer: ExchangePeer, limitBytes: number): Uint8Array {
    const record = this.#record(peer);
    for (let fruitless = 0; fruitless < MAX_FRUITLESS_WINDOWS; fruitless++) {
      const subscription = record.dequeue();
      if (subscription === null) return NO_BYTES;
      // One that was ended while it waited.
      if (record.subscriptions.get(subscription.table.vni) !== subscription) continue;
      const run = this.#catchUp.advance(subscription, limitBytes);
      if (run.length > 0) return run;
    }
    // Still awake: it is asked again in the next turn.
    peer.wake();
    return NO_BYTES;
  }

  /** All routes, VNI by VNI and by address. The walk may pause while the table changes. */
  routes(): Iterable<Route> {
    return this.#table.routes();
  }

  /** The same, to be read in any order. */
  source(): RouteSource {
    const { rows } = this.#table;
    return new TableSource(this.#table, (row) => (rows.words[(row << ROW_SHIFT) + ORIGIN] as number) >= 0);
  }

  // --- changes -----------------------------------------------------------------------------------

  /**
   * Somebody alive announces the route, or did until now: what peers that are gone said of it counts no more. Returns
   * the last change that comes of it, or `change` if none does.
   */
  #takeOver(row: number, change: Change): Change {
    const { origins, rows } = this.#table;
    let origin = rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
    while (origin !== NIL) {
      const next = origins.nextOfRoute(origin);
      const announcer = origins.peerOf(origin);
      if (this.#announcers.takeRetained(announcer)) change = this.#table.removeOrigin(row, announcer);
      origin = next;
    }
    return change;
  }

  #endSubscriptions(peer: ExchangePeer): number {
    const record = this.#record(peer);
    for (const subscription of record.subscriptions.values()) this.#end(subscription);
    this.#peers.delete(peer);
    return record.number;
  }

  /** An entry is new at the journal's end: whoever has not passed it has something to do. */
  #entryChanged(vni: VniTable): void {
    vni.version = ++this.#version;
    const audience = this.#audiences[vni.index];
    if (audience === undefined || audience.allQueued) return;
    audience.allQueued = true;
    for (const subscription of audience.subscriptions) subscription.peer.enqueue(subscription);
  }

  #originRemoved(row: number, change: Change): void {
    if (change === Change.NOTHING || this.#announcers.changesNoView(change)) return;
    const vni = this.#table.vniOf(row);
    if (change === Change.EXISTENCE) {
      const owed = this.#countOwed(vni, row);
      if (owed === 0) {
        this.#free(vni, row);
        this.#disposeIfUnused(vni);
        return;
      }
      this.#table.rows.words[(row << ROW_SHIFT) + ORIGIN] = NIL - owed;
    }
    this.#journal.moveToEnd(vni, row);
    if (change !== Change.EXISTENCE) this.#postponeWithdrawals(vni, row);
    this.#entryChanged(vni);
  }

  /**
   * Make before break: a route has come to the journal's end, and the withdrawals of others to the same destination
   * go behind it. Whoever moves a destination from hop A to B to C announces each before it withdraws the one before; but
   * B leaves no entry with those who were told neither of it, and A's withdrawal would stand before C's announcement.
   */
  #postponeWithdrawals(vni: VniTable, row: number): void {
    // No tombstones: the usual case.
    if (vni.rowCount === vni.routeCount) return;
    const { words } = this.#table.rows;
    for (
      let other = this.#table.firstSiblingOf(row);
      other !== NIL;
      other = words[(other << ROW_SHIFT) + SIBLING] as number
    ) {
      if ((words[(other << ROW_SHIFT) + ORIGIN] as number) < NIL) this.#journal.moveToEnd(vni, other);
    }
  }

  /** The route is a tombstone now: who was told of it is owed a withdrawal. */
  #countOwed(vni: VniTable, row: number): number {
    const slot = this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number;
    let owed = 0;
    for (const subscription of this.#audiences[vni.index]?.subscriptions ?? []) {
      if (!subscription.wasSent(slot)) continue;
      subscription.owedWithdrawals++;
      owed++;
    }
    return owed;
  }

  /** The tombstone is a route again. */
  #forgiveOwed(vni: VniTable, row: number): void {
    const slot = this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number;
    for (const subscription of this.#audiences[vni.index]?.subscriptions ?? []) {
      if (subscription.wasSent(slot)) subscription.owedWithdrawals--;
    }
  }

  #free(vni: VniTable, row: number): void {
    vni.version = ++this.#version;
    this.#journal.remove(vni, row);
    this.#table.free(row);
  }

  #removeAnnouncements(number: number): void {
    const { origins } = this.#table;
    this.#announcers.leave(number);
    for (let looks = 0; this.#soon === undefined || looks < LEAVE_SLICE_LOOKS; ) {
      const origin = origins.firstOfPeer(number);
      if (origin === NIL) {
        this.#announcers.release(number);
        return;
      }
      const row = origins.routeOf(origin);
      const audience = this.#audiences[this.#table.vniOf(row).index];
      looks += LOOKS_PER_ANNOUNCEMENT + (audience?.subscriptions.length ?? 0);
      this.#originRemoved(row, this.#table.removeOrigin(row, number));
    }
    this.#soon?.(() => this.#removeAnnouncements(number));
  }

  /** Takes the subscription's cursor out, and what only it was still owed. */
  #end(subscription: Subscription): void {
    const { table, audience } = subscription;
    audience.subscriptions.splice(audience.subscriptions.indexOf(subscription), 1);
    this.#renounce(subscription);
    this.#journal.leavePlace(table, subscription.place);
    this.#disposeIfUnused(table);
  }

  #renounce(subscription: Subscription): void {
    const words = this.#table.rows.words;
    let row = subscription.place;
    while (subscription.owedWithdrawals > 0) {
      const at = row << ROW_SHIFT;
      const next = words[at + NEXT] as number;
      const origin = words[at + ORIGIN] as number;
      if (words[at + PREFIX] !== NIL && origin < NIL && subscription.wasSent(words[at + SLOT] as number)) {
        subscription.owedWithdrawals--;
        words[at + ORIGIN] = origin + 1;
        if (origin + 1 === NIL) this.#free(subscription.table, row);
      }
      row = next;
    }
  }

  #disposeIfUnused(vni: VniTable): void {
    if (vni.rowCount > 0) return;
    const audience = this.#audiences[vni.index];
    if (audience !== undefined && audience.subscriptions.length > 0) return;
    this.#audiences[vni.index] = undefined;
    this.#table.dispose(vni);
  }

  #audienceOf(vni: VniTable): Audience {
    let audience = this.#audiences[vni.index];
    if (audience === undefined) {
      audience = { subscriptions: [], allQueued: false };
      this.#audiences[vni.index] = audience;
    }
    return audience;
  }

  #record(peer: ExchangePeer): SubscribedPeer {
    const record = this.#peers.get(peer);
    if (record === undefined) throw new Error("the peer has not joined the exchange");
    return record;
  }
}
