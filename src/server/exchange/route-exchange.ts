/**
 * The exchange has the routes of the server with their origins, and the subscriptions with what each was last sent.
 *
 * A subscriber's view of a VNI consists of the routes that have an origin other than the subscriber itself and, if it
 * is a server, other than another server. A subscription never queues messages. It is a cursor in the VNI's journal,
 * the list of routes in the order of their last change (route/table/journal.ts), and one bit per route for what was
 * sent last. When its peer's socket has room, the cursor moves forward, and for each route that it passes the view is
 * compared with the bit: an ADD, a REMOVE or nothing is due. Therefore:
 *
 * - A new subscriber gets the existing routes, a current one the updates, and a slow one what it has missed, all by the
 *   same walk.
 * - A slow subscriber gets only the last state of each route, once, and takes no memory.
 * - An announcer never gets its own routes, and no frame is sent that changes nothing.
 * - A route without origins stays as a tombstone while it is a pending withdrawal of a subscription, that is, of one
 *   that was sent its ADD and has not passed it since.
 *
 * End-of-RIB is due when a subscription first has nothing left to be sent, unless End-of-RIBs are deferred, as after
 * the server's start (see `releaseEndOfRib`).
 *
 * The work that a peer can cause is bounded, whatever the table looks like. Here n is the number of subscriptions of a
 * VNI, and a step takes some 5 ns (base/turn-budget.ts):
 *
 *     UPDATE          the trie's work for a destination, some hundred steps, whatever the number of next hops and of peers
 *                     that announce the same; where a route comes or goes also n steps, to count pending withdrawals and to
 *                     wake subscriptions. The first one of a route since a peer was lost and retained: as many as it has
 *                     origins.
 *     SUBSCRIBE       some hundred steps. UNSUBSCRIBE the same; pending withdrawals are given up in the queue.
 *     a peer lost     some hundred steps. Its subscriptions and announcements are removed in the queue, but count no more at
 *                     once; each announcement costs 64 steps + n.
 *     a run           what a run's bytes hold, and one pass of at most STEPS_PER_PASS that brings nothing, beyond that as
 *                     much as all peers' shared budget for this has left. A pass takes at most maxHops steps more where it
 *                     has to find the next hop that a subscriber gets first, and an End-of-RIB a look for each peer that
 *                     has left a moment ago.
 *
 * Per turn of the event loop the queue (`#work`) and fruitless passes (`#passing`) take EXCHANGE_STEPS_PER_TURN each, for all peers
 * together. In memory a route has 32 bytes of row, 24 for each origin and its prefix; a subscription some 900 bytes and a
 * bit per route of its VNI. A peer has at most as many of either as the limits allow (limits.ts).
 */

import { CapacityError } from "../../base/growable-int32-array.ts";
import { Histogram } from "../../base/histogram.ts";
import { EXCHANGE_STEPS_PER_TURN } from "../../base/turn-budget.ts";
import { History, HistoryKind, type HistorySource, reasonNumber } from "../../route/history.ts";
import type { Route } from "../../route/route.ts";
import { Journal } from "../../route/table/journal.ts";
import { Standing } from "../../route/table/origin-rows.ts";
import {
  type RouteHolder,
  type RouteInspector,
  type RouteRecipient,
  TableInspector,
} from "../../route/table/route-inspector.ts";
import { NEXT, ORIGIN, PREFIX, PREVIOUS, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import {
  Change,
  type CountsByVni,
  RouteTable,
  type TableOptions,
  type TableUsage,
  type VniTable,
} from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import { MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Announcers } from "./announcers.ts";
import { CatchUp, NO_BYTES } from "./catch-up.ts";
import { DEFAULT_LIMITS, type LimitCode, type ServerLimits } from "./limits.ts";
import { NOT_CHANGED, SubscribedPeer, Subscribers, Subscription } from "./subscription.ts";
import { TableMemory } from "./table-memory.ts";
import { type JobBudget, NextTurn, type Soon, TurnBudget, WorkQueue } from "./work-queue.ts";

/** The exchange's view of a connected peer, which announces and subscribes. */
export interface ExchangePeer {
  /** True if the peer is a server: routes from a server are not passed on to another server. */
  readonly isServer: boolean;
  /**
   * Called when something is to be sent to the peer. It is called again only after the peer's `nextRun` has returned
   * nothing, or if only bulk was due and something else is due now.
   */
  wake(): void;
}

/** The outcome of an announcement: it is new, or the peer had made it before, or it was refused at a limit. */
export type AddVerdict = "added" | "known" | LimitCode;

/** The outcome of a SUBSCRIBE: it is new, or the peer was subscribed before, or it was refused at a limit. */
export type SubscribeVerdict = "subscribed" | "known" | LimitCode;

/** The announcements of a peer that was lost, until {@link RouteExchange.withdrawRetained} is called with them. */
export interface RetainedAnnouncements {
  /** The peer's number in the route table. */
  readonly number: number;
}

export interface ExchangeOptions {
  readonly deferEndOfRib: boolean;
  /** Defers a call to the next turn. If it is left out, long jobs are done in one go. */
  readonly soon?: Soon;
  readonly stepsPerTurn?: number;
  readonly limits?: ServerLimits;
  readonly table?: TableOptions;
  /** How much memory all routes and subscriptions may take. If it is left out, there is no limit. */
  readonly maxBytes?: number;
  /** Returns the time in milliseconds. If it is left out, the time is always 0. */
  readonly nowMs?: () => number;
  /** Where changes are recorded; if left out, nowhere. */
  readonly history?: History;
}

/** Why a peer's announcements are removed. */
export type RemovalReason = "peer-lost" | "retention-ended";

/** The state of a VNI for operators. */
export interface VniInfo {
  readonly vni: number;
  /** How many routes it has. */
  readonly routes: number;
  /** How many peers subscribe to it. */
  readonly subscribers: number;
  /** The digest of its routes, 16 hex digits (route/digest.ts). */
  readonly digest: string;
}

/** The subscribers to which a route was sent. */
export interface RouteRecipients {
  /** How many subscribers the route's VNI has. */
  readonly subscribers: number;
  /** Those whose last frame about the route was an announcement. */
  readonly sent: number;
  readonly shown: readonly RouteRecipient[];
}

/** A peer that has not said what it is. */
const UNNAMED: HistorySource = { id: null, name: "" };
/** Times of announcements have this unit: 32 bits of it are six years. */
const SINCE_UNIT_MS = 100;
const ANNOUNCED = reasonNumber("announced");
const WITHDRAWN = reasonNumber("withdrawn");
const TAKEN_OVER = reasonNumber("taken-over");
/** Bounds of the buckets for propagation, in seconds: an update takes 1 ms, one to a paced peer 0.1 s, a flood many seconds. */
const PROPAGATION_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

/** The cost of removing an announcement, without the check of each subscription of its VNI. */
const STEPS_PER_ANNOUNCEMENT = 64;
/** The cost of counting a VNI in which a peer that has left announced something. */
const STEPS_PER_CLEARED_VNI = 20;
/** The cost of checking whether a journal entry is a pending withdrawal of a subscription. */
const STEPS_PER_PENDING_LOOK = 4;
/** The cost of ending a subscription, or of waking one. */
const STEPS_PER_SUBSCRIPTION = 32;
/** Longer runs are sent as they are, shorter ones together with those of further subscriptions. */
const GATHERED_RUN_BYTES = RUN_BYTES / 4;

export class RouteExchange {
  readonly #table: RouteTable;
  readonly #journal: Journal;
  readonly #announcers: Announcers;
  readonly #catchUp: CatchUp;
  readonly #peers = new Map<ExchangePeer, SubscribedPeer>();
  /** The peer that was used last: a peer's updates arrive by the hundred. */
  #lastPeer: ExchangePeer | undefined;
  #lastRecord: SubscribedPeer | undefined;
  /** The peers by number. A peer that has left stays here as long as it has announcements. */
  readonly #byNumber: (SubscribedPeer | undefined)[] = [];
  /** Peers whose announcements are being removed, and whose VNIs are not counted in `#clearing` yet. */
  readonly #leaving = new Set<SubscribedPeer>();
  /** How many peers have announcements that are being removed, by VNI. */
  readonly #clearing = new Map<number, number>();
  /** The subscribers by the VNI's index in the table. */
  readonly #subscribers: (Subscribers | undefined)[] = [];
  readonly #work: WorkQueue;
  /** The budget of passes that return no bytes, for all peers together. */
  readonly #passing: TurnBudget;
  readonly #run = new Uint8Array(RUN_BYTES);
  /** Working memory, filled by {@link Origins.peersOf}. */
  readonly #originPeers: number[] = [];
  readonly #memory: TableMemory;
  readonly #history: History;
  readonly #readMs: () => number;
  /** The time of the change that is being made. */
  #nowMs = 0;
  readonly #fields = new UpdateFields();
  /** From the reading of a change to the write that brings a subscription up to date, in seconds. */
  readonly propagation = new Histogram(PROPAGATION_BOUNDS);
  #limits: ServerLimits;
  /** The number of subscriptions. It includes those that have ended, until they have no pending withdrawals. */
  #subscriptionCount = 0;
  /** The newest version of any VNI's journal. Versions are unique among all journals. */
  #version = 0;

  constructor(options: ExchangeOptions) {
    const { soon, stepsPerTurn = EXCHANGE_STEPS_PER_TURN } = options;
    this.#table = new RouteTable(options.table);
    this.#journal = new Journal(this.#table.rows);
    this.#announcers = new Announcers(this.#table.origins);
    const turn = new NextTurn(soon);
    this.#work = new WorkQueue(turn, stepsPerTurn);
    this.#passing = new TurnBudget(turn, stepsPerTurn);
    this.#memory = new TableMemory(options.maxBytes ?? Number.POSITIVE_INFINITY, () => ({
      ...this.#table.usage(),
      prefixNumbersTaken: this.#table.prefixNumbersTaken,
      peers: this.#peers.size,
      subscriptions: this.#subscriptionCount,
      sentBytes: this.#catchUp.sentBytes,
    }));
    this.#history = options.history ?? new History(0);
    this.#readMs = options.nowMs ?? (() => 0);
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#table.maxHops = this.#limits.maxHops;
    const free = (vni: VniTable, row: number) => this.#free(vni, row);
    const isBeingCleared = ({ vni }: VniTable) => this.#isBeingCleared(vni);
    this.#catchUp = new CatchUp(this.#table, this.#journal, free, isBeingCleared, options.deferEndOfRib);
  }

  /** Sets the limits for further announcements and subscriptions. No peer loses what it has. */
  setLimits(limits: ServerLimits): void {
    this.#limits = limits;
    this.#table.maxHops = limits.maxHops;
  }

  get routeCount(): number {
    return this.#table.routeCount;
  }

  /** Returns the use of the table's arrays. Rows beyond those of routes are tombstones and cursors. */
  usage(): TableUsage {
    return this.#table.usage();
  }

  /** How many announcements of lost peers are retained. */
  get retainedAnnouncements(): number {
    return this.#announcers.retainedAnnouncements;
  }

  /** How many VNIs have a route or a subscriber. */
  get vniCount(): number {
    return this.#table.vniCount;
  }

  /** Lists the VNIs with a route or a subscriber, in order: all, or at most `limit` of them. */
  vnis(limit = Number.POSITIVE_INFINITY): VniInfo[] {
    const infos: VniInfo[] = [];
    for (const { vni, index, routeCount, digest } of this.#table.vnis()) {
      if (infos.length >= limit) break;
      const subscribers = this.#subscribers[index]?.activeCount ?? 0;
      infos.push({ vni, routes: routeCount, subscribers, digest: `${digest}` });
    }
    return infos.sort((a, b) => a.vni - b.vni);
  }

  /** Counts by family the routes of the first `limit` VNIs, and of all others together. */
  countsByVni(limit: number): CountsByVni {
    return this.#table.countsByVni(limit);
  }

  /** How many next hops the routes have, by {@link NextHopType}. */
  get nextHopsByType(): readonly number[] {
    return this.#table.nextHopsByType;
  }

  /** How many UPDATEs {@link nextRun} has returned since the start. */
  get updatesSent(): number {
    return this.#catchUp.updates;
  }

  /** How many End-of-RIBs it has returned. */
  get endOfRibsSent(): number {
    return this.#catchUp.endOfRibs;
  }

  join(peer: ExchangePeer, described: HistorySource = UNNAMED): void {
    const number = this.#announcers.join(peer.isServer);
    const source = this.#history.open(described);
    const record = new SubscribedPeer(number, peer.isServer, source, () => peer.wake());
    this.#history.recordSession(this.#readMs(), true, source);
    this.#peers.set(peer, record);
    this.#byNumber[number] = record;
  }

  /** Ends all subscriptions and announcements of the peer, which has left. */
  leave(peer: ExchangePeer): void {
    this.#removeAnnouncements(this.#endSubscriptions(peer), "peer-lost");
  }

  /**
   * Ends the peer's subscriptions, but retains its announcements as stale ones. Each stays until another peer announces the
   * same route and so takes it over, or withdraws it after having announced it, or until {@link withdrawRetained}.
   */
  retain(peer: ExchangePeer): RetainedAnnouncements {
    const record = this.#endSubscriptions(peer);
    const { number, announced } = record;
    this.#announcers.retain(number, announced.routes);
    return record;
  }

  /** Withdraws what is left of a lost peer's announcements, once, and returns how many that were. */
  withdrawRetained(retained: RetainedAnnouncements, reason: RemovalReason = "retention-ended"): number {
    const { number } = retained;
    const record = this.#byNumber[number];
    if (record === undefined || record !== retained)
      throw new Error("the announcements are no longer retained");
    const left = this.#announcers.endRetention(number);
    this.#removeAnnouncements(record, reason);
    return left;
  }

  /** Sets the time of the changes that follow, in milliseconds: when the peer's bytes were received that make them. */
  setTime(nowMs: number): void {
    if (nowMs === this.#nowMs) return;
    this.#nowMs = nowMs;
    this.#table.origins.now = Math.floor(nowMs / SINCE_UNIT_MS);
  }

  /** How many routes the peer announces. */
  announcedRoutesOf(peer: ExchangePeer): number {
    return this.#peers.get(peer)?.announced.routes ?? 0;
  }

  /** Adds the peer's announcement of a route. If the verdict is a limit's code, nothing has changed. */
  add(peer: ExchangePeer, fields: UpdateFields): AddVerdict {
    const table = this.#table;
    const { number, announced, subscriptions, source } = this.#record(peer);
    const { maxRoutes, maxVnis } = this.#limits;
    if (announced.routes >= maxRoutes) return table.announces(number, fields) ? "known" : "TOO_MANY_ROUTES";
    if (announced.vnis >= maxVnis && !announced.has(fields.vni)) return "TOO_MANY_VNIS";
    if (!this.#memory.hasRoomFor(announced.routes + subscriptions.size)) {
      return table.announces(number, fields) ? "known" : "TABLE_FULL";
    }
    const change = table.add(number, fields);
    if (change === Change.NOTHING) return "known";
    if (change === Change.NO_HOP_PLACE) return "TOO_MANY_HOPS";
    if (change === Change.TABLE_FULL) return "TABLE_FULL";
    announced.add(fields.vni);
    const isExistence = change === Change.EXISTENCE;
    this.#history.record(this.#nowMs, HistoryKind.ADD, isExistence, ANNOUNCED, source, fields);
    if (this.#announcers.changesNoView(change)) return "added";
    if (this.#announcers.anyRetained) this.#takeOver(table.row, change);
    const vni = table.vniOf(table.row);
    if (isExistence) table.countIn(vni, table.row);
    if (table.isNewRow) this.#journal.append(vni, table.row);
    else {
      if (isExistence) this.#cancelPendingWithdrawals(vni, table.row);
      this.#moveToEnd(vni, table.row);
    }
    this.#onEntryChanged(vni);
    return "added";
  }

  /** Removes the peer's announcement of a route. Returns false if there is none. */
  remove(peer: ExchangePeer, fields: UpdateFields): boolean {
    const table = this.#table;
    const { number, announced, source } = this.#record(peer);
    const change = table.remove(number, fields);
    if (change === Change.NOTHING) return false;
    announced.remove(fields.vni);
    const isExistence = change === Change.EXISTENCE;
    this.#history.record(this.#nowMs, HistoryKind.REMOVE, isExistence, WITHDRAWN, source, fields);
    const last = this.#announcers.anyRetained ? this.#takeOver(table.row, change) : change;
    this.#onOriginRemoved(table.row, last);
    return true;
  }

  /** Subscribes the peer to a VNI. If the verdict is a limit's code, nothing has changed. */
  subscribe(peer: ExchangePeer, vni: number): SubscribeVerdict {
    const record = this.#record(peer);
    if (record.subscriptions.has(vni)) return "known";
    if (record.subscriptions.size >= this.#limits.maxSubscriptions) return "TOO_MANY_SUBSCRIPTIONS";
    const has = record.announced.routes + record.subscriptions.size;
    if (!this.#memory.hasRoomFor(has) || !this.#reserveCursorRow()) return "TABLE_FULL";
    const table = this.#table.findOrMake(vni);
    const subscribers = this.#subscribersOf(table);
    const subscription = new Subscription(record, table, subscribers, this.#journal.cursorAtHead(table));
    record.subscriptions.set(vni, subscription);
    this.#subscriptionCount++;
    subscribers.add(subscription);
    record.enqueue(subscription);
    return "subscribed";
  }

  /** Ends a subscription: `nextRun` returns nothing more of the VNI. Returns false if the peer was not subscribed. */
  unsubscribe(peer: ExchangePeer, vni: number): boolean {
    const record = this.#record(peer);
    const subscription = record.subscriptions.get(vni);
    if (subscription === undefined) return false;
    record.subscriptions.delete(vni);
    this.#stopSending(subscription);
    if (subscription.pendingWithdrawals === 0) this.#end(subscription);
    else this.#work.add((budget) => this.#giveUpPending(subscription, budget));
    return true;
  }

  /** How many VNIs the peer subscribes to. */
  subscriptionCountOf(peer: ExchangePeer): number {
    return this.#peers.get(peer)?.subscriptions.size ?? 0;
  }

  /** Lists the VNIs that the peer subscribes to, in order: all, or at most `limit` of them. */
  subscriptionsOf(peer: ExchangePeer, limit = Number.POSITIVE_INFINITY): number[] {
    const vnis: number[] = [];
    for (const vni of this.#peers.get(peer)?.subscriptions.keys() ?? []) {
      if (vnis.length >= limit) break;
      vnis.push(vni);
    }
    return vnis.sort((a, b) => a - b);
  }

  /** Defers all End-of-RIBs until {@link releaseEndOfRib}: the table is not complete. */
  deferEndOfRib(): void {
    this.#catchUp.endOfRibDeferred = true;
  }

  get endOfRibDeferred(): boolean {
    return this.#catchUp.endOfRibDeferred;
  }

  /** Ends the deferral: subscriptions that have caught up get their End-of-RIBs. */
  releaseEndOfRib(): void {
    this.#catchUp.endOfRibDeferred = false;
    // The iteration may include peers that join in the meantime or not: those are served in any case.
    const peers = this.#peers.values();
    let subscriptions: Iterator<Subscription> | null = null;
    this.#work.add((budget) => {
      while (!budget.isSpent) {
        budget.spend(STEPS_PER_SUBSCRIPTION);
        const subscription = subscriptions?.next();
        if (subscription !== undefined && subscription.done !== true) {
          if (!subscription.value.endOfRibSent) subscription.value.peer.enqueue(subscription.value);
          continue;
        }
        const peer = peers.next();
        if (peer.done === true) return true;
        subscriptions = peer.value.hasLeft ? null : peer.value.subscriptions.values();
      }
      return false;
    });
  }

  /**
   * Returns the next frames for the peer, at most `limitBytes`, of one subscription, since they take turns, or of
   * several with little to send. The result is empty if the peer has caught up or will be woken again. The bytes are
   * valid until the next call, and count as sent.
   */
  nextRun(peer: ExchangePeer, limitBytes: number): Uint8Array {
    const record = this.#record(peer);
    const limit = Math.min(limitBytes, RUN_BYTES);
    if (record.hadExtraPass) {
      // The peer stays awake, and is served again in the next turn.
      record.hadExtraPass = false;
      peer.wake();
      return NO_BYTES;
    }
    let gathered = 0;
    while (limit - gathered >= MAX_UPDATE_FRAME_BYTES || gathered === 0) {
      // The peer must not become idle here: only an empty run means that to the caller.
      if (gathered > 0 && !record.hasQueued) break;
      const subscription = record.dequeue();
      if (subscription === null) return NO_BYTES;
      const run = this.#catchUp.advance(subscription, limit - gathered);
      record.hadExtraPass = this.#passing.isSpent;
      this.#passing.spend(this.#catchUp.steps);
      if (run.length === 0) this.#onPassed(subscription);
      else {
        subscription.hasSent = true;
        if (gathered === 0 && (run.length > GATHERED_RUN_BYTES || !record.hasQueued)) return run;
        this.#run.set(run, gathered);
        gathered += run.length;
      }
      if (!this.#passing.isSpent) continue;
      if (gathered > 0) break;
      record.hadExtraPass = false;
      peer.wake();
      return NO_BYTES;
    }
    return this.#run.subarray(0, gathered);
  }

  /** Returns true if all that is due to the peer is bulk: large tables, or many changes that it has missed. */
  onlyBulkIsDue(peer: ExchangePeer): boolean {
    return this.#peers.get(peer)?.hasOnlyBulkQueued ?? false;
  }

  /** Iterates over all routes, VNI by VNI and by address. The iteration may pause while the table changes. */
  routes(): Iterable<Route> {
    return this.#table.routes();
  }

  /** Returns the same routes as a source, which can be read in other orders, with those that announce them. */
  inspector(): RouteInspector {
    const { rows } = this.#table;
    return new TableInspector(this.#table, {
      isInView: (row) => (rows.words[(row << ROW_SHIFT) + ORIGIN] as number) >= 0,
      holdersOf: (row) => this.#holdersOf(row),
    });
  }

  /**
   * Returns how many routes are still to be sent to the peer, or withdrawn from it: of the journals' entries that its subscriptions
   * have not passed, at most `maxLooks` are looked at.
   */
  backlogOf(peer: ExchangePeer, maxLooks: number): number {
    const record = this.#peers.get(peer);
    if (record === undefined) return 0;
    const { origins, rows } = this.#table;
    const { words } = rows;
    let looks = maxLooks;
    let due = 0;
    for (const subscription of record.subscriptions.values()) {
      let row = words[(subscription.cursor << ROW_SHIFT) + NEXT] as number;
      for (; row !== NIL && looks > 0; row = words[(row << ROW_SHIFT) + NEXT] as number) {
        looks--;
        const at = row << ROW_SHIFT;
        if (words[at + PREFIX] === NIL) continue;
        const isInView = origins.isInView(words[at + ORIGIN] as number, record.number, record.isServer);
        if (isInView !== subscription.wasSent(words[at + SLOT] as number)) due++;
      }
    }
    return due;
  }

  /** Returns how many announcements are retained of the lost peer with this id. */
  retainedOf(id: number): number {
    const record = this.#byNumber.find(
      (one) => one !== undefined && this.#history.sourceOf(one.source).id === id,
    );
    return record === undefined ? 0 : this.#announcers.retainedOf(record.number);
  }

  /** Returns how many peers subscribe to the VNI. */
  subscriberCount(vni: number): number {
    const table = this.#table.find(vni);
    return table === undefined ? 0 : (this.#subscribers[table.index]?.activeCount ?? 0);
  }

  /** Returns the subscribers of the route's VNI, at most `limit`, and how many there are; null if there is no such route. */
  recipients(fields: UpdateFields, limit: number): RouteRecipients | null {
    const row = this.#table.findRow(fields);
    if (row === NIL) return null;
    const slot = this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number;
    const { subscriptions = [], activeCount = 0 } =
      this.#subscribers[this.#table.vniOf(row).index] ?? new Subscribers();
    const shown: RouteRecipient[] = [];
    let sent = 0;
    for (const subscription of subscriptions) {
      if (subscription.peer.hasLeft) continue;
      const wasSent = subscription.wasSent(slot);
      if (wasSent) sent++;
      if (shown.length < limit)
        shown.push({ source: this.#history.sourceOf(subscription.peer.source), wasSent });
    }
    return { subscribers: activeCount, sent, shown };
  }

  #holdersOf(row: number): RouteHolder[] {
    const { origins, rows } = this.#table;
    const found: number[] = [];
    origins.rowsOf(rows.words[(row << ROW_SHIFT) + ORIGIN] as number, found);
    return found.flatMap((origin): RouteHolder[] => {
      const record = this.#byNumber[origins.peerOf(origin)];
      if (record === undefined) return [];
      const isLeaving = origins.standingOf(record.number) === Standing.LEAVING;
      const state = isLeaving ? "leaving" : record.hasLeft ? "retained" : "live";
      const sinceMs = origins.sinceOf(origin) * SINCE_UNIT_MS;
      return [{ source: this.#history.sourceOf(record.source), state, sinceMs }];
    });
  }

  // --- changes -----------------------------------------------------------------------------------

  /**
   * Removes the retained announcements of a route that a connected peer announces, or has announced until now. Returns
   * the last change that this makes, or `change` if it makes none.
   */
  #takeOver(row: number, change: Change): Change {
    const { origins, rows } = this.#table;
    const first = rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
    if (!origins.isNewTo(first, this.#announcers.retentions)) return change;
    const peers = this.#originPeers;
    origins.peersOf(first, peers);
    const { vni } = this.#table.vniOf(row);
    for (const announcer of peers) {
      if (!this.#announcers.takeRetained(announcer)) continue;
      change = this.#table.removeOrigin(row, announcer);
      const record = this.#byNumber[announcer];
      record?.announced.remove(vni);
      if (record !== undefined) this.#recordRemoval(row, change, TAKEN_OVER, record.source);
    }
    return change;
  }

  /**
   * Ends the subscriptions of a peer that has left, one by one. Until then each is treated like that of a peer that
   * reads nothing.
   */
  #endSubscriptions(peer: ExchangePeer): SubscribedPeer {
    const record = this.#record(peer);
    record.leave();
    this.#history.recordSession(this.#readMs(), false, record.source);
    this.#peers.delete(peer);
    this.#lastPeer = this.#lastRecord = undefined;
    const subscriptions = record.subscriptions.values();
    let ending: Subscription | null = null;
    this.#work.add((budget) => {
      while (!budget.isSpent) {
        if (ending === null) {
          budget.spend(STEPS_PER_SUBSCRIPTION);
          const next = subscriptions.next();
          if (next.done === true) return true;
          ending = next.value;
          this.#stopSending(ending);
        }
        if (this.#giveUpPending(ending, budget)) ending = null;
      }
      return false;
    });
    return record;
  }

  /** Wakes the idle subscriptions of a VNI whose journal has a new entry at its end. */
  #onEntryChanged(vni: VniTable): void {
    vni.version = ++this.#version;
    const subscribers = this.#subscribers[vni.index];
    if (subscribers === undefined || subscribers.idle.first === null) return;
    const nowMs = this.#nowMs;
    const { idle } = subscribers;
    for (let first = idle.first; first !== null; first = idle.first) {
      first.changedMs = nowMs;
      first.hasSent = false;
      first.peer.enqueue(first);
    }
  }

  /** Observes the propagation of what has woken the subscription, if it is up to date and was sent something. */
  #onPassed(subscription: Subscription): void {
    const { changedMs, hasSent, list, subscribers } = subscription;
    if (changedMs === NOT_CHANGED || list !== subscribers.idle) return;
    subscription.changedMs = NOT_CHANGED;
    if (hasSent) this.propagation.observe((this.#readMs() - changedMs) / 1000);
  }

  /** Makes a route that has changed the newest entry of its VNI, and the newest route to its destination. */
  #moveToEnd(vni: VniTable, row: number): void {
    this.#journal.moveToEnd(vni, row);
    this.#table.moveToFront(row);
  }

  /** Records that an origin of the route was removed. */
  #recordRemoval(row: number, change: Change, reason: number, source: number): void {
    this.#table.fill(row, this.#fields);
    const isExistence = change === Change.EXISTENCE;
    this.#history.record(this.#nowMs, HistoryKind.REMOVE, isExistence, reason, source, this.#fields);
  }

  #onOriginRemoved(row: number, change: Change): void {
    if (change === Change.NOTHING || this.#announcers.changesNoView(change)) return;
    const vni = this.#table.vniOf(row);
    if (change === Change.EXISTENCE) {
      this.#table.countOut(vni, row);
      const pending = this.#countPendingWithdrawals(vni, row);
      if (pending === 0) {
        this.#free(vni, row);
        this.#disposeIfUnused(vni);
        return;
      }
      this.#table.rows.words[(row << ROW_SHIFT) + ORIGIN] = NIL - pending;
    }
    this.#moveToEnd(vni, row);
    this.#onEntryChanged(vni);
  }

  /**
   * Counts the subscriptions that were sent the ADD of a route that is now a tombstone: each has one more pending
   * withdrawal. This checks each subscription.
   */
  #countPendingWithdrawals(vni: VniTable, row: number): number {
    const slot = this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number;
    let pending = 0;
    for (const subscription of this.#subscribers[vni.index]?.subscriptions ?? []) {
      if (!subscription.wasSent(slot)) continue;
      subscription.pendingWithdrawals++;
      pending++;
    }
    return pending;
  }

  /** Cancels the pending withdrawals of a tombstone that has become a route again. This checks each subscription. */
  #cancelPendingWithdrawals(vni: VniTable, row: number): void {
    const slot = this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number;
    for (const subscription of this.#subscribers[vni.index]?.subscriptions ?? []) {
      if (subscription.wasSent(slot)) subscription.pendingWithdrawals--;
    }
  }

  #free(vni: VniTable, row: number): void {
    vni.version = ++this.#version;
    this.#journal.remove(vni, row);
    this.#table.free(row);
  }

  #removeAnnouncements(record: SubscribedPeer, why: RemovalReason): void {
    const { origins } = this.#table;
    const { number, announced, source } = record;
    const reason = reasonNumber(why);
    this.#announcers.leave(number);
    this.#leaving.add(record);
    const vnis = announced.numbers();
    this.#work.add((budget) => {
      this.setTime(this.#readMs());
      while (!budget.isSpent) {
        if (this.#leaving.has(record)) {
          budget.spend(STEPS_PER_CLEARED_VNI);
          const next = vnis.next();
          if (next.done === true) this.#leaving.delete(record);
          else this.#clearing.set(next.value, (this.#clearing.get(next.value) ?? 0) + 1);
          continue;
        }
        const origin = origins.firstOfPeer(number);
        if (origin === NIL) {
          this.#announcers.release(number);
          this.#byNumber[number] = undefined;
          this.#history.close(source);
          return true;
        }
        const row = origins.routeOf(origin);
        const vni = this.#table.vniOf(row);
        const subscribers = this.#subscribers[vni.index];
        budget.spend(STEPS_PER_ANNOUNCEMENT + (subscribers?.subscriptions.length ?? 0));
        announced.remove(vni.vni);
        const change = this.#table.removeOrigin(row, number);
        this.#recordRemoval(row, change, reason, source);
        this.#onOriginRemoved(row, change);
        if (!announced.has(vni.vni)) this.#onCleared(vni.vni, subscribers);
      }
      return false;
    });
  }

  /** Called when a peer's announcements in the VNI have been removed. */
  #onCleared(vni: number, subscribers: Subscribers | undefined): void {
    const left = (this.#clearing.get(vni) ?? 0) - 1;
    if (left > 0) {
      this.#clearing.set(vni, left);
      return;
    }
    this.#clearing.delete(vni);
    // This may have delayed End-of-RIBs.
    if (subscribers !== undefined) wakeAll(subscribers);
  }

  /**
   * Returns true while a peer's announcements in the VNI are being removed. This takes one check, and one more for each
   * peer that has only just left and is not counted yet.
   */
  #isBeingCleared(vni: number): boolean {
    if (this.#clearing.has(vni)) return true;
    this.#passing.spend(this.#leaving.size);
    for (const { announced } of this.#leaving) if (announced.has(vni)) return true;
    return false;
  }

  /**
   * Removes the subscription from all queues. Until {@link #end} the table treats it like one whose peer reads nothing.
   */
  #stopSending(subscription: Subscription): void {
    subscription.list?.remove(subscription);
    subscription.subscribers.ended++;
  }

  /** Removes a subscription without pending withdrawals, with its cursor. */
  #end(subscription: Subscription): void {
    const { table, subscribers } = subscription;
    this.#subscriptionCount--;
    this.#catchUp.sentBytes -= subscription.sent.byteLength;
    subscribers.remove(subscription);
    subscribers.ended--;
    this.#journal.removeCursor(table, subscription.cursor);
    this.#table.giveUpRowForCursor();
    this.#disposeIfUnused(table);
  }

  /**
   * Continues to discard the pending withdrawals of an ended subscription: its cursor passes the journal, and nothing
   * is sent. Returns true once none is left and the subscription is removed.
   *
   * Until then it counts as a subscription that was sent its routes, also for routes that are withdrawn in the
   * meantime: the cursor must pass each route that is counted.
   */
  #giveUpPending(subscription: Subscription, budget: JobBudget): boolean {
    const { table, cursor } = subscription;
    const words = this.#table.rows.words;
    // The last passed row that still exists.
    let passed = cursor;
    while (subscription.pendingWithdrawals > 0) {
      if (budget.isSpent) {
        if (passed !== cursor) subscription.cursor = this.#journal.moveCursor(table, cursor, passed);
        return false;
      }
      budget.spend(STEPS_PER_PENDING_LOOK);
      const row = words[(passed << ROW_SHIFT) + NEXT] as number;
      const at = row << ROW_SHIFT;
      const origin = words[at + ORIGIN] as number;
      const slot = words[at + SLOT] as number;
      passed = row;
      if (words[at + PREFIX] === NIL || origin >= NIL || !subscription.wasSent(slot)) continue;
      subscription.flip(slot);
      subscription.pendingWithdrawals--;
      words[at + ORIGIN] = origin + 1;
      if (origin + 1 < NIL) continue;
      passed = words[at + PREVIOUS] as number;
      this.#free(table, row);
    }
    this.#end(subscription);
    return true;
  }

  /** Keeps a row for one more cursor. Returns false if there is no room. */
  #reserveCursorRow(): boolean {
    try {
      this.#table.keepRowForCursor();
      return true;
    } catch (error) {
      if (error instanceof CapacityError) return false;
      throw error;
    }
  }

  #disposeIfUnused(vni: VniTable): void {
    if (vni.rowCount > 0) return;
    const subscribers = this.#subscribers[vni.index];
    if (subscribers !== undefined && subscribers.subscriptions.length > 0) return;
    this.#subscribers[vni.index] = undefined;
    this.#table.dispose(vni);
  }

  #subscribersOf(vni: VniTable): Subscribers {
    let subscribers = this.#subscribers[vni.index];
    if (subscribers === undefined) {
      subscribers = new Subscribers();
      this.#subscribers[vni.index] = subscribers;
    }
    return subscribers;
  }

  #record(peer: ExchangePeer): SubscribedPeer {
    const last = this.#lastRecord;
    if (peer === this.#lastPeer && last !== undefined) return last;
    const record = this.#peers.get(peer);
    if (record === undefined) throw new Error("the peer has not joined the exchange");
    this.#lastPeer = peer;
    this.#lastRecord = record;
    return record;
  }
}

/** Wakes all idle subscriptions of a VNI. */
function wakeAll({ idle }: Subscribers): void {
  for (let first = idle.first; first !== null; first = idle.first) first.peer.enqueue(first);
}
