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
 * The End-of-RIB is due when a subscription first has nothing left to be sent, unless marks are held back
 * because the server has only just started (see `releaseEndOfRib`).
 *
 * What a peer can make the server do, whatever the table looks like; n is the number of subscriptions of a VNI, and a
 * step is some 5 ns (work-queue.ts):
 *
 *     UPDATE          the trie's work for a destination, some hundred steps, whatever the number of next hops and of peers
 *                     that announce the same; where a route comes or goes also n steps, for whoever was told of it and will
 *                     be told now. The first one of a route since a peer was lost and retained: as many as it has origins.
 *     SUBSCRIBE       some hundred steps. UNSUBSCRIBE the same; what the subscription is owed is given up in the queue.
 *     a peer lost     some hundred steps. Its subscriptions and announcements go in the queue, but count no more at once;
 *                     each announcement costs 64 steps + n.
 *     a run           what a run's bytes hold, and one pass of at most STEPS_PER_PASS that brings nothing, beyond that as
 *                     much as all peers' shared budget for this has left. A pass takes at most maxHops steps more where it
 *                     has to find out which next hop a subscriber is to be told of first, and an End-of-RIB a look for each
 *                     peer that has left a moment ago.
 *
 * Per turn of the event loop the queue (`#work`) and fruitless passes (`#passing`) take STEPS_PER_TURN each, for all peers
 * together. In memory a route has 32 bytes of row, 20 for each origin and its prefix; a subscription some 900 bytes and a
 * bit per route of its VNI. A peer has at most as many of either as the limits allow (limits.ts).
 */

import { CapacityError } from "../../base/growable-int32-array.ts";
import type { Route } from "../../route/route.ts";
import { Journal } from "../../route/table/journal.ts";
import { NEXT, NIL, ORIGIN, PREFIX, PREVIOUS, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import { type RouteSource, TableSource } from "../../route/table/route-source.ts";
import {
  Change,
  RouteTable,
  type TableOptions,
  type TableUsage,
  type VniTable,
} from "../../route/table/route-table.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import { MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { Announcers } from "./announcers.ts";
import { CatchUp, NO_BYTES } from "./catch-up.ts";
import { DEFAULT_LIMITS, type LimitCode, type ServerLimits } from "./limits.ts";
import { Audience, SubscribedPeer, Subscription } from "./subscription.ts";
import { TableMemory } from "./table-memory.ts";
import { type JobBudget, NextTurn, type Soon, STEPS_PER_TURN, TurnBudget, WorkQueue } from "./work-queue.ts";

/** A connected peer, as announcer and as subscriber. */
export interface ExchangePeer {
  /** A route that came from a server is not passed to another. */
  readonly isServer: boolean;
  /** The peer has something to be sent; said again only after its `nextRun` came back empty. */
  wake(): void;
}

export interface ExchangeOptions {
  readonly deferEndOfRib: boolean;
  /** Left out: long jobs are done in one go. */
  readonly soon?: Soon;
  readonly stepsPerTurn?: number;
  readonly limits?: ServerLimits;
  readonly table?: TableOptions;
  /** What routes and subscriptions may take in all; left out: no limit. */
  readonly maxBytes?: number;
}

/** A VNI as operators see it. */
export interface VniInfo {
  readonly vni: number;
  /** How many there are. */
  readonly routes: number;
  /** How many peers subscribe to it. */
  readonly subscribers: number;
}

/** What removing an announcement takes, beside a look for each subscription of its VNI. */
const STEPS_PER_ANNOUNCEMENT = 64;
/** What counting a VNI takes in which a peer announced something that has left. */
const STEPS_PER_CLEARED_VNI = 20;
/** What looking at a journal entry takes, to see whether a subscription is owed a withdrawal there. */
const STEPS_PER_OWED_LOOK = 4;
/** What ending a subscription takes, or waking one. */
const STEPS_PER_SUBSCRIPTION = 32;
/** Runs that are longer go out as they are, shorter ones together with those of further subscriptions. */
const GATHERED_RUN_BYTES = RUN_BYTES / 4;

export class RouteExchange {
  readonly #table: RouteTable;
  readonly #journal: Journal;
  readonly #announcers: Announcers;
  readonly #catchUp: CatchUp;
  readonly #peers = new Map<ExchangePeer, SubscribedPeer>();
  /** Updates come from one peer by the hundred. */
  #lastPeer: ExchangePeer | undefined;
  #lastRecord: SubscribedPeer | undefined;
  /** By number: those that are gone, too, as long as something of them is left. */
  readonly #byNumber: (SubscribedPeer | undefined)[] = [];
  /** Their announcements are being removed, and they are not counted in `#clearing` yet. */
  readonly #leaving = new Set<SubscribedPeer>();
  /** By VNI: how many peers announced routes there that are being removed. */
  readonly #clearing = new Map<number, number>();
  /** By the VNI's index. */
  readonly #audiences: (Audience | undefined)[] = [];
  readonly #work: WorkQueue;
  /** For going through what brings no bytes, for all peers together. */
  readonly #passing: TurnBudget;
  readonly #run = new Uint8Array(RUN_BYTES);
  /** For {@link Origins.peersOf}. */
  readonly #originPeers: number[] = [];
  readonly #memory: TableMemory;
  #limits: ServerLimits;
  /** Those that have ended, too, until they are owed nothing. */
  #subscriptionCount = 0;
  /** The newest version of any VNI's journal: no two ever have the same. */
  #version = 0;

  constructor(options: ExchangeOptions) {
    const { soon, stepsPerTurn = STEPS_PER_TURN } = options;
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
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#table.maxHops = this.#limits.maxHops;
    const free = (vni: VniTable, row: number) => this.#free(vni, row);
    const isBeingCleared = ({ vni }: VniTable) => this.#isBeingCleared(vni);
    this.#catchUp = new CatchUp(this.#table, this.#journal, free, isBeingCleared, options.deferEndOfRib);
  }

  /** From now on. Nobody loses what it has. */
  setLimits(limits: ServerLimits): void {
    this.#limits = limits;
    this.#table.maxHops = limits.maxHops;
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

  /** How many VNIs have a route or a subscriber. */
  get vniCount(): number {
    return this.#table.vniCount;
  }

  /** The VNIs with a route or a subscriber, in order: all, or as many of them. */
  vnis(limit = Number.POSITIVE_INFINITY): VniInfo[] {
    const infos: VniInfo[] = [];
    for (const { vni, index, routeCount } of this.#table.vnis()) {
      if (infos.length >= limit) break;
      const audience = this.#audiences[index];
      const subscribers = audience === undefined ? 0 : audience.subscriptions.length - audience.ended;
      infos.push({ vni, routes: routeCount, subscribers });
    }
    return infos.sort((a, b) => a.vni - b.vni);
  }

  join(peer: ExchangePeer): void {
    const number = this.#announcers.join(peer.isServer);
    const record = new SubscribedPeer(number, peer.isServer, () => peer.wake());
    this.#peers.set(peer, record);
    this.#byNumber[number] = record;
  }

  /** Ends all subscriptions and announcements of the peer. */
  leave(peer: ExchangePeer): void {
    this.#removeAnnouncements(this.#endSubscriptions(peer));
  }

  /**
   * Ends the peer's subscriptions, but keeps its announcements: stale, until somebody announces the same route and so takes
   * it over, or withdraws one that was announced before, or until the returned function is called, which returns how many
   * were left.
   */
  retain(peer: ExchangePeer): () => number {
    const record = this.#endSubscriptions(peer);
    const { number, announced } = record;
    this.#announcers.retain(number, announced.routes);
    return () => {
      const left = this.#announcers.retainNoLonger(number);
      this.#removeAnnouncements(record);
      return left;
    };
  }

  /** How many routes the peer announces. */
  announcedRoutesOf(peer: ExchangePeer): number {
    return this.#peers.get(peer)?.announced.routes ?? 0;
  }

  /** The peer announces a route. False: it had already. A code: it may not, or cannot, and nothing has changed. */
  add(peer: ExchangePeer, fields: UpdateFields): boolean | LimitCode {
    const table = this.#table;
    const { number, announced, subscriptions } = this.#record(peer);
    const { maxRoutes, maxVnis } = this.#limits;
    if (announced.routes >= maxRoutes) return table.announces(number, fields) ? false : "TOO_MANY_ROUTES";
    if (announced.vnis >= maxVnis && !announced.has(fields.vni)) return "TOO_MANY_VNIS";
    if (!this.#memory.hasRoomFor(announced.routes + subscriptions.size)) {
      return table.announces(number, fields) ? false : "TABLE_FULL";
    }
    const change = table.add(number, fields);
    if (change === Change.NOTHING) return false;
    if (change === Change.NO_HOP_PLACE) return "TOO_MANY_HOPS";
    if (change === Change.TABLE_FULL) return "TABLE_FULL";
    announced.added(fields.vni);
    if (this.#announcers.changesNoView(change)) return true;
    if (this.#announcers.anyRetained) this.#takeOver(table.row, change);
    const vni = table.vniOf(table.row);
    if (table.isNewRow) this.#journal.append(vni, table.row);
    else {
      if (change === Change.EXISTENCE) this.#forgiveOwed(vni, table.row);
      this.#moveToEnd(vni, table.row);
    }
    this.#entryChanged(vni);
    return true;
  }

  /** The peer withdraws a route. False: it is not an origin of it, and nothing changed. */
  remove(peer: ExchangePeer, fields: UpdateFields): boolean {
    const table = this.#table;
    const { number, announced } = this.#record(peer);
    const change = table.remove(number, fields);
    if (change === Change.NOTHING) return false;
    announced.removed(fields.vni);
    const last = this.#announcers.anyRetained ? this.#takeOver(table.row, change) : change;
    this.#originRemoved(table.row, last);
    return true;
  }

  /** False: it was subscribed already. A code: it may not, or cannot, subscribe. */
  subscribe(peer: ExchangePeer, vni: number): boolean | LimitCode {
    const record = this.#record(peer);
    if (record.subscriptions.has(vni)) return false;
    if (record.subscriptions.size >= this.#limits.maxSubscriptions) return "TOO_MANY_SUBSCRIPTIONS";
    const has = record.announced.routes + record.subscriptions.size;
    if (!this.#memory.hasRoomFor(has) || !this.#reservePlace()) return "TABLE_FULL";
    const table = this.#table.findOrMake(vni);
    const audience = this.#audienceOf(table);
    const subscription = new Subscription(record, table, audience, this.#journal.placeAtHead(table));
    record.subscriptions.set(vni, subscription);
    this.#subscriptionCount++;
    audience.add(subscription);
    record.enqueue(subscription);
    return true;
  }

  /** Nothing more of the VNI comes out of `nextRun`. False: it was not subscribed. */
  unsubscribe(peer: ExchangePeer, vni: number): boolean {
    const record = this.#record(peer);
    const subscription = record.subscriptions.get(vni);
    if (subscription === undefined) return false;
    record.subscriptions.delete(vni);
    this.#silence(subscription);
    if (subscription.owedWithdrawals === 0) this.#end(subscription);
    else this.#work.add((budget) => this.#renounce(subscription, budget));
    return true;
  }

  /** How many VNIs the peer subscribes to. */
  subscriptionCountOf(peer: ExchangePeer): number {
    return this.#peers.get(peer)?.subscriptions.size ?? 0;
  }

  /** VNIs that the peer subscribes to, in order: all, or as many of them. */
  subscriptionsOf(peer: ExchangePeer, limit = Number.POSITIVE_INFINITY): number[] {
    const vnis: number[] = [];
    for (const vni of this.#peers.get(peer)?.subscriptions.keys() ?? []) {
      if (vnis.length >= limit) break;
      vnis.push(vni);
    }
    return vnis.sort((a, b) => a - b);
  }

  /** The table is not whole: no End-of-RIBs before {@link releaseEndOfRib}. */
  deferEndOfRib(): void {
    this.#catchUp.endOfRibDeferred = true;
  }

  get endOfRibDeferred(): boolean {
    return this.#catchUp.endOfRibDeferred;
  }

  /** The table is whole as far as can be known: subscriptions that have caught up get their End-of-RIBs. */
  releaseEndOfRib(): void {
    this.#catchUp.endOfRibDeferred = false;
    // Whoever comes or goes meanwhile may be met or not: one that comes is served anyway.
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
   * The next frames due to the peer, at most `limitBytes`: of one subscription, since they take turns, or of several that
   * have little to say. Empty: it has caught up, or will be woken again. The bytes are valid until the next call, and count
   * as sent.
   */
  nextRun(peer: ExchangePeer, limitBytes: number): Uint8Array {
    const record = this.#record(peer);
    const limit = Math.min(limitBytes, RUN_BYTES);
    if (record.hadExtraPass) {
      // Still awake: it is asked again in the next turn.
      record.hadExtraPass = false;
      peer.wake();
      return NO_BYTES;
    }
    let gathered = 0;
    while (limit - gathered >= MAX_UPDATE_FRAME_BYTES || gathered === 0) {
      // The peer sleeps from here on only if it is told so, by a run that is empty.
      if (gathered > 0 && !record.hasQueued) break;
      const subscription = record.dequeue();
      if (subscription === null) return NO_BYTES;
      const run = this.#catchUp.advance(subscription, limit - gathered);
      record.hadExtraPass = this.#passing.isSpent;
      this.#passing.spend(this.#catchUp.steps);
      if (run.length > 0) {
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
    const first = rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
    if (!origins.isNewTo(first, this.#announcers.retentions)) return change;
    const peers = this.#originPeers;
    origins.peersOf(first, peers);
    const { vni } = this.#table.vniOf(row);
    for (const announcer of peers) {
      if (!this.#announcers.takeRetained(announcer)) continue;
      change = this.#table.removeOrigin(row, announcer);
      this.#byNumber[announcer]?.announced.removed(vni);
    }
    return change;
  }

  /** The peer has left. Its subscriptions end one by one, and until then are like those of a peer that reads nothing. */
  #endSubscriptions(peer: ExchangePeer): SubscribedPeer {
    const record = this.#record(peer);
    record.leave();
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
          this.#silence(ending);
        }
        if (this.#renounce(ending, budget)) ending = null;
      }
      return false;
    });
    return record;
  }

  /** An entry is new at the journal's end: whoever has nothing to do is woken. Each is sent something, or passes it. */
  #entryChanged(vni: VniTable): void {
    vni.version = ++this.#version;
    const audience = this.#audiences[vni.index];
    if (audience !== undefined) wakeAll(audience);
  }

  /** A route has changed: it is the newest entry of its VNI, and the newest route to its destination. */
  #moveToEnd(vni: VniTable, row: number): void {
    this.#journal.moveToEnd(vni, row);
    this.#table.moveToFront(row);
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
    this.#moveToEnd(vni, row);
    this.#entryChanged(vni);
  }

  /** The route is a tombstone now: who was told of it is owed a withdrawal. A look for each subscription. */
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

  /** The tombstone is a route again. A look for each subscription. */
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

  #removeAnnouncements(record: SubscribedPeer): void {
    const { origins } = this.#table;
    const { number, announced } = record;
    this.#announcers.leave(number);
    this.#leaving.add(record);
    const vnis = announced.numbers();
    this.#work.add((budget) => {
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
          return true;
        }
        const row = origins.routeOf(origin);
        const vni = this.#table.vniOf(row);
        const audience = this.#audiences[vni.index];
        budget.spend(STEPS_PER_ANNOUNCEMENT + (audience?.subscriptions.length ?? 0));
        announced.removed(vni.vni);
        this.#originRemoved(row, this.#table.removeOrigin(row, number));
        if (!announced.has(vni.vni)) this.#cleared(vni.vni, audience);
      }
      return false;
    });
  }

  /** One peer less has announcements in the VNI that are being removed. */
  #cleared(vni: number, audience: Audience | undefined): void {
    const left = (this.#clearing.get(vni) ?? 0) - 1;
    if (left > 0) {
      this.#clearing.set(vni, left);
      return;
    }
    this.#clearing.delete(vni);
    // End-of-RIBs may have waited for it.
    if (audience !== undefined) wakeAll(audience);
  }

  /** A look, and one more for each peer that has only just left and is not counted. */
  #isBeingCleared(vni: number): boolean {
    if (this.#clearing.has(vni)) return true;
    this.#passing.spend(this.#leaving.size);
    for (const { announced } of this.#leaving) if (announced.has(vni)) return true;
    return false;
  }

  /** The subscription gets nothing any more. To the table it is one that reads nothing until it is at its end. */
  #silence(subscription: Subscription): void {
    subscription.list?.remove(subscription);
    subscription.audience.ended++;
  }

  /** Nothing is owed to it any more: takes its cursor out. */
  #end(subscription: Subscription): void {
    const { table, audience } = subscription;
    this.#subscriptionCount--;
    this.#catchUp.sentBytes -= subscription.sent.byteLength;
    audience.remove(subscription);
    audience.ended--;
    this.#journal.leavePlace(table, subscription.place);
    this.#table.rows.keptForPlaces--;
    this.#disposeIfUnused(table);
  }

  /**
   * Goes on giving up what an ended subscription is owed: its cursor passes the journal without a word. True: it has ended.
   *
   * Until then it counts as one that was told of routes, also of those that go meanwhile: what is counted has to be passed.
   */
  #renounce(subscription: Subscription, budget: JobBudget): boolean {
    const { table, place } = subscription;
    const words = this.#table.rows.words;
    // The last row passed that is still there.
    let passed = place;
    while (subscription.owedWithdrawals > 0) {
      if (budget.isSpent) {
        if (passed !== place) subscription.place = this.#journal.movePlace(table, place, passed);
        return false;
      }
      budget.spend(STEPS_PER_OWED_LOOK);
      const row = words[(passed << ROW_SHIFT) + NEXT] as number;
      const at = row << ROW_SHIFT;
      const origin = words[at + ORIGIN] as number;
      const slot = words[at + SLOT] as number;
      passed = row;
      if (words[at + PREFIX] === NIL || origin >= NIL || !subscription.wasSent(slot)) continue;
      subscription.flip(slot);
      subscription.owedWithdrawals--;
      words[at + ORIGIN] = origin + 1;
      if (origin + 1 < NIL) continue;
      passed = words[at + PREVIOUS] as number;
      this.#free(table, row);
    }
    this.#end(subscription);
    return true;
  }

  /** Room for one more cursor's place. False: there is none. */
  #reservePlace(): boolean {
    try {
      this.#table.keepPlace();
      return true;
    } catch (error) {
      if (error instanceof CapacityError) return false;
      throw error;
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
      audience = new Audience();
      this.#audiences[vni.index] = audience;
    }
    return audience;
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

/** Whoever has nothing to do looks again. */
function wakeAll({ idle }: Audience): void {
  for (let first = idle.first; first !== null; first = idle.first) first.peer.enqueue(first);
}
