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
import { NEXT, NIL, ORIGIN, PREFIX, ROW_SHIFT, SLOT } from "../route/route-rows.ts";
import { Change, RouteTable, type TableUsage, type VniTable } from "../route/route-table.ts";
import { encodeEndMark, encodeUpdate, MAX_CONTROL_FRAME_BYTES } from "../wire/encode.ts";
import { UpdateFields } from "../wire/message.ts";
import { Action } from "../wire/protocol.ts";
import { type FrameWindow, FrameWindows } from "./frame-window.ts";
import { SubscribedPeer, Subscription } from "./subscription.ts";

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
  readonly routes: number;
  readonly subscribers: number;
}

/** The subscriptions of one VNI. */
interface Audience {
  readonly subscriptions: Subscription[];
  /** All of them wait to be served: a further change has nobody to wake. */
  allQueued: boolean;
}

const NO_BYTES = new Uint8Array(0);
const RUN_BYTES = 65_536;
/** The action, which an ADD leaves out. */
const REMOVE_EXTRA_BYTES = 2;
/** Stretches of the journal that are passed without a frame coming of it (some 0.1 ms each) before others get a turn. */
const MAX_FRUITLESS_WINDOWS = 32;
/** What removing a lost peer's announcements may take in one turn, some 5 ms: looks at a subscriber's bit, ... */
const LEAVE_SLICE_LOOKS = 1 << 20;
/** ... as many as all else takes that one announcement needs. */
const LOOKS_PER_ANNOUNCEMENT = 64;

export class RouteExchange {
  readonly #table = new RouteTable();
  readonly #journal = new Journal(this.#table.rows);
  readonly #windows = new FrameWindows();
  readonly #peers = new Map<ExchangePeer, SubscribedPeer>();
  /** By the VNI's index. */
  readonly #audiences: (Audience | undefined)[] = [];
  /** By peer number. */
  readonly #isServer: boolean[] = [];
  /** Its announcements are being removed, slice by slice: they count no more. */
  readonly #isLeaving: boolean[] = [];
  #leavingPeers = 0;
  /** Peers that are servers, with those whose announcements are still being removed. */
  #servers = 0;
  /** Of peers that are gone: how many announcements are kept for them. */
  readonly #retained: number[] = [];
  #retainedPeers = 0;
  readonly #freeNumbers: number[] = [];
  readonly #run = new Uint8Array(RUN_BYTES);
  readonly #runView = new DataView(this.#run.buffer);
  readonly #fields = new UpdateFields();
  readonly #soon: ((run: () => void) => void) | undefined;
  #endMarksHeld: boolean;
  /** The newest version of any VNI's journal: no two ever have the same. */
  #version = 0;

  constructor(options: ExchangeOptions) {
    this.#endMarksHeld = options.holdEndMarks;
    this.#soon = options.soon;
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
    return this.#retained.reduce((sum, count) => sum + count, 0);
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
    const number = this.#freeNumbers.pop() ?? this.#isServer.length;
    this.#isServer[number] = peer.isServer;
    if (peer.isServer) this.#servers++;
    this.#peers.set(peer, new SubscribedPeer(number, peer.isServer, () => peer.wake()));
  }

  /** Ends all subscriptions and announcements of the peer. */
  leave(peer: ExchangePeer): void {
    this.#removeAnnouncements(this.#endSubscriptions(peer));
  }

  /**
   * Ends the peer's subscriptions, but keeps its announcements, `count` of them: stale, until somebody announces the
   * same route and so takes it over, or until the returned function is called.
   */
  retain(peer: ExchangePeer, count: number): () => void {
    const number = this.#endSubscriptions(peer);
    this.#retained[number] = count;
    this.#retainedPeers++;
    return () => {
      this.#retainedPeers--;
      this.#retained[number] = 0;
      this.#removeAnnouncements(number);
    };
  }

  /** The peer announces a route. False: it had already. */
  add(peer: ExchangePeer, fields: UpdateFields): boolean {
    const table = this.#table;
    const change = table.add(this.#record(peer).number, fields);
    if (change === Change.NOTHING) return false;
    if (this.#changesNoView(change)) return true;
    if (this.#retainedPeers > 0) this.#takeOver(table.row);
    const vni = table.vniOf(table.row);
    if (table.isNewRow) this.#journal.append(vni, table.row);
    else {
      if (change === Change.EXISTENCE) this.#forgiveOwed(vni, table.row);
      this.#journal.moveToEnd(vni, table.row);
    }
    this.#entryChanged(vni);
    return true;
  }

  /** The peer withdraws a route. False: it is not an origin of it, and nothing changed. */
  remove(peer: ExchangePeer, fields: UpdateFields): boolean {
    const change = this.#table.remove(this.#record(peer).number, fields);
    this.#originRemoved(this.#table.row, change);
    return change !== Change.NOTHING;
  }

  /** False: it was subscribed already. */
  subscribe(peer: ExchangePeer, vni: number): boolean {
    const record = this.#record(peer);
    if (record.subscriptions.has(vni)) return false;
    const table = this.#table.findOrMake(vni);
    const subscription = new Subscription(record, table, this.#journal.placeAtHead(table));
    record.subscriptions.set(vni, subscription);
    this.#audienceOf(table).subscriptions.push(subscription);
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

  /** The table is whole as far as can be known: subscriptions that have caught up get their end marks. */
  releaseEndMarks(): void {
    this.#endMarksHeld = false;
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
      const run = this.#advance(subscription, limitBytes);
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

  // --- what subscribers are sent -----------------------------------------------------------------

  /** Moves the cursor on by one window, or to its end, and gives what that makes due. */
  #advance(subscription: Subscription, limitBytes: number): Uint8Array {
    const { table } = subscription;
    const start = this.#entryBehind(subscription.place);
    if (start === NIL) {
      if (this.#isMarkDue(subscription, 0, limitBytes))
        return this.#run.subarray(0, this.#mark(subscription, 0));
      // Those that have caught up stand together, behind everything, and sleep.
      if (subscription.place !== table.tail) {
        subscription.place = this.#journal.movePlace(table, subscription.place, table.tail);
      }
      this.#audienceOf(table).allQueued = false;
      return NO_BYTES;
    }
    const window = this.#windows.at(this.#table, start, limitBytes, table.version);
    if (window.count === 0) throw new RangeError(`no frame fits in ${limitBytes} bytes`);
    const run = this.#pass(subscription, window, limitBytes);
    if (!this.#isMarkDue(subscription, run.length, limitBytes)) {
      subscription.peer.enqueue(subscription);
      return run;
    }
    if (run.buffer !== this.#run.buffer) this.#run.set(run);
    return this.#run.subarray(0, this.#mark(subscription, run.length));
  }

  /** The subscription has nothing left to be sent for the first time, and there is room for saying so. */
  #isMarkDue(subscription: Subscription, runBytes: number, limitBytes: number): boolean {
    if (subscription.endMarkSent || this.#endMarksHeld) return false;
    if (runBytes + MAX_CONTROL_FRAME_BYTES > Math.min(limitBytes, RUN_BYTES)) return false;
    return this.#entryBehind(subscription.place) === NIL;
  }

  /** Writes the end mark into the run at `offset`. */
  #mark(subscription: Subscription, offset: number): number {
    subscription.endMarkSent = true;
    subscription.peer.enqueue(subscription);
    return encodeEndMark(this.#runView, offset, subscription.table.vni);
  }

  /** The first entry that a cursor at this place has not passed: other cursors' places are none. */
  #entryBehind(place: number): number {
    const words = this.#table.rows.words;
    let row = words[(place << ROW_SHIFT) + NEXT] as number;
    while (row !== NIL && words[(row << ROW_SHIFT) + PREFIX] === NIL) {
      row = words[(row << ROW_SHIFT) + NEXT] as number;
    }
    return row;
  }

  /**
   * Decides about each entry of the window that fits. As long as what is due is what the window holds, in one
   * piece, its bytes are the answer; otherwise the pieces are gathered.
   */
  #pass(subscription: Subscription, window: FrameWindow, limitBytes: number): Uint8Array {
    const words = this.#table.rows.words;
    const { rows, ends } = window;
    const { peer, table } = subscription;
    subscription.reserve(table.slotCount);
    const sent = subscription.sent;
    const limit = Math.min(limitBytes, RUN_BYTES);
    let runEnd = 0;
    // The piece of the window that is due and not gathered yet.
    let pieceStart = 0;
    let pieceEnd = 0;
    let freed = 0;
    let i = 0;
    for (; i < window.count; i++) {
      const start = i === 0 ? 0 : (ends[i - 1] as number);
      const end = ends[i] as number;
      const at = (rows[i] as number) << ROW_SHIFT;
      const origin = words[at + ORIGIN] as number;
      // Whatever comes of the entry has to fit, if need be its REMOVE instead of its ADD.
      const needBytes = end - start + (origin < 0 ? 0 : REMOVE_EXTRA_BYTES);
      if (runEnd + pieceEnd - pieceStart + needBytes > limit) break;
      const slot = words[at + SLOT] as number;
      const bit = 1 << (slot & 31);
      const bits = sent[slot >>> 5] as number;
      const wasSent = (bits & bit) !== 0;
      const isInView = this.#isInView(origin, peer);
      if (isInView === wasSent) continue;
      sent[slot >>> 5] = bits ^ bit;
      if (!isInView && origin >= 0) {
        // Alive, but its only origin is the subscriber itself: its own REMOVE.
        runEnd = this.#gather(window, runEnd, pieceStart, pieceEnd);
        this.#table.fill(rows[i] as number, this.#fields);
        runEnd = encodeUpdate(this.#runView, runEnd, this.#fields, Action.REMOVE);
        pieceStart = pieceEnd = end;
        continue;
      }
      if (origin < 0) {
        subscription.owedWithdrawals--;
        words[at + ORIGIN] = origin + 1;
        if (origin + 1 === NIL) this.#freed[freed++] = rows[i] as number;
      }
      if (start !== pieceEnd) {
        runEnd = this.#gather(window, runEnd, pieceStart, pieceEnd);
        pieceStart = start;
      }
      pieceEnd = end;
    }
    const run =
      runEnd === 0
        ? window.bytes.subarray(pieceStart, pieceEnd)
        : this.#run.subarray(0, this.#gather(window, runEnd, pieceStart, pieceEnd));
    if (i > 0) subscription.place = this.#journal.movePlace(table, subscription.place, rows[i - 1] as number);
    for (let f = 0; f < freed; f++) this.#free(table, this.#freed[f] as number);
    return run;
  }

  readonly #freed = new Int32Array(RUN_BYTES / 16);

  /** Copies a piece of the window to the run, and returns where the run ends then. */
  #gather(window: FrameWindow, runEnd: number, pieceStart: number, pieceEnd: number): number {
    if (pieceStart === pieceEnd) return runEnd;
    this.#run.set(window.bytes.subarray(pieceStart, pieceEnd), runEnd);
    return runEnd + pieceEnd - pieceStart;
  }

  #isInView(firstOrigin: number, peer: SubscribedPeer): boolean {
    const { origins } = this.#table;
    for (let origin = firstOrigin; origin >= 0; origin = origins.nextOfRoute(origin)) {
      const announcer = origins.peerOf(origin);
      if (this.#isLeaving[announcer]) continue;
      if (announcer !== peer.number && !(peer.isServer && this.#isServer[announcer])) return true;
    }
    return false;
  }

  // --- changes -----------------------------------------------------------------------------------

  /**
   * A third origin more or less is no news to anybody. Unless not all origins count: to servers those that are
   * servers do not, to everybody those that are just being removed, and stale ones are about to be taken over.
   */
  #changesNoView(change: Change): boolean {
    return (
      change === Change.FURTHER_ORIGIN &&
      this.#servers === 0 &&
      this.#leavingPeers === 0 &&
      this.#retainedPeers === 0
    );
  }

  /** Somebody alive announces the route: what peers that are gone said of it counts no more. */
  #takeOver(row: number): void {
    const { origins, rows } = this.#table;
    let origin = rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
    while (origin !== NIL) {
      const next = origins.nextOfRoute(origin);
      const announcer = origins.peerOf(origin);
      const retained = this.#retained[announcer] ?? 0;
      if (retained > 0) {
        this.#table.removeOrigin(row, announcer);
        this.#retained[announcer] = retained - 1;
      }
      origin = next;
    }
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
    if (change === Change.NOTHING || this.#changesNoView(change)) return;
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
    this.#entryChanged(vni);
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
    if (!this.#isLeaving[number]) this.#leavingPeers++;
    this.#isLeaving[number] = true;
    for (let looks = 0; this.#soon === undefined || looks < LEAVE_SLICE_LOOKS; ) {
      const origin = origins.firstOfPeer(number);
      if (origin === NIL) {
        this.#isLeaving[number] = false;
        this.#leavingPeers--;
        if (this.#isServer[number]) this.#servers--;
        this.#freeNumbers.push(number);
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
    const { table } = subscription;
    const audience = this.#audienceOf(table);
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
