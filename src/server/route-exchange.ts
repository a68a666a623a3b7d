/**
 * What the server knows and what it owes to whom: routes with their origins, subscriptions with what each
 * was last sent.
 *
 * A subscriber's view of a VNI is the routes that have an origin it may hear of: not itself and, if it is a
 * server, not another server. A subscription never queues messages. It has a set of routes that may
 * differ from what it was last sent, and when its peer's socket has room, each is compared: what the view
 * says now against the last word sent, giving an ADD, a REMOVE or nothing. So a subscriber that was slow
 * hears only the last state of each route, an announcer never hears itself, and a frame that says nothing new
 * is never sent. Existing routes for a new subscription are the same walk: all routes may differ.
 *
 * The end mark is due when a subscription first has nothing left to be sent, unless marks are held back
 * because the server has only just started (see `releaseEndMarks`).
 *
 * This table is the simple one: maps and one object per route.
 */
import type { Route } from "../route/route.ts";
import { routeKey } from "../route/route-key.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../wire/codec.ts";
import { encodeEndMark, encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../wire/encode.ts";
import { UpdateFields } from "../wire/message.ts";
import { Action } from "../wire/protocol.ts";

/** A connected peer, as announcer and as subscriber. */
export interface ExchangePeer {
  /** A route that came from a server is not passed to another. */
  readonly isServer: boolean;
  /** The peer has something to be sent; said again only after its `nextRun` came back empty. */
  wake(): void;
}

interface RouteEntry extends Route {
  readonly origins: Set<ExchangePeer>;
}

interface VniTable {
  readonly routes: Map<string, RouteEntry>;
  readonly subscriptions: Map<ExchangePeer, Subscription>;
}

interface Subscription {
  readonly vni: number;
  /** Routes whose state in the view may differ from what was last sent, in the order of their change. */
  readonly pending: Map<string, RouteEntry>;
  /** Routes whose last frame was an ADD. */
  readonly sent: Set<string>;
  endMarkSent: boolean;
}

interface PeerRecord {
  readonly announced: Map<number, Map<string, RouteEntry>>;
  /** In turn: the one that was served last goes to the end. */
  readonly subscriptions: Map<number, Subscription>;
  awake: boolean;
}

const RUN_BUFFER_BYTES = 65_536;

export class RouteExchange {
  readonly #vnis = new Map<number, VniTable>();
  readonly #peers = new Map<ExchangePeer, PeerRecord>();
  readonly #run = new Uint8Array(RUN_BUFFER_BYTES);
  readonly #runView = new DataView(this.#run.buffer);
  readonly #fields = new UpdateFields();
  #endMarksHeld: boolean;
  #routeCount = 0;

  constructor(options: { readonly holdEndMarks: boolean }) {
    this.#endMarksHeld = options.holdEndMarks;
  }

  get routeCount(): number {
    return this.#routeCount;
  }

  join(peer: ExchangePeer): void {
    this.#peers.set(peer, { announced: new Map(), subscriptions: new Map(), awake: false });
  }

  /** Ends all subscriptions and announcements of the peer. */
  leave(peer: ExchangePeer): void {
    const record = this.#record(peer);
    for (const vni of record.subscriptions.keys()) this.unsubscribe(peer, vni);
    this.#peers.delete(peer);
    for (const [vni, routes] of record.announced) {
      for (const [key, entry] of routes) this.#removeOrigin(peer, vni, key, entry);
    }
  }

  /** The peer announces a route. False: it had already. */
  add(peer: ExchangePeer, fields: UpdateFields): boolean {
    const { vni } = fields;
    const table = this.#table(vni);
    const key = routeKey(fields);
    let entry = table.routes.get(key);
    if (entry === undefined) {
      entry = { vni, destination: destinationOf(fields), nextHop: nextHopOf(fields), origins: new Set() };
      table.routes.set(key, entry);
      this.#routeCount++;
    } else if (entry.origins.has(peer)) return false;
    entry.origins.add(peer);
    const { announced } = this.#record(peer);
    announced.getOrInsertComputed(vni, () => new Map<string, RouteEntry>()).set(key, entry);
    this.#changed(table, key, entry);
    return true;
  }

  /** The peer withdraws a route. False: it is not an origin of it, and nothing changed. */
  remove(peer: ExchangePeer, fields: UpdateFields): boolean {
    const key = routeKey(fields);
    const routes = this.#record(peer).announced.get(fields.vni);
    const entry = routes?.get(key);
    if (routes === undefined || entry === undefined) return false;
    routes.delete(key);
    this.#removeOrigin(peer, fields.vni, key, entry);
    return true;
  }

  /** False: it was subscribed already. */
  subscribe(peer: ExchangePeer, vni: number): boolean {
    const { subscriptions } = this.#record(peer);
    if (subscriptions.has(vni)) return false;
    const table = this.#table(vni);
    const subscription = { vni, pending: new Map(table.routes), sent: new Set<string>(), endMarkSent: false };
    table.subscriptions.set(peer, subscription);
    subscriptions.set(vni, subscription);
    this.#wake(peer);
    return true;
  }

  /** Nothing more of the VNI comes out of `nextRun`. False: it was not subscribed. */
  unsubscribe(peer: ExchangePeer, vni: number): boolean {
    const table = this.#vnis.get(vni);
    if (table === undefined || !this.#record(peer).subscriptions.delete(vni)) return false;
    table.subscriptions.delete(peer);
    this.#dropIfEmpty(vni, table);
    return true;
  }

  /** The table is whole as far as can be known: subscriptions that have caught up get their end marks. */
  releaseEndMarks(): void {
    this.#endMarksHeld = false;
    for (const peer of this.#peers.keys()) this.#wake(peer);
  }

  /**
   * The next frames due to the peer, at most `limitBytes`, of one subscription: they take turns. Empty: it
   * has caught up. The bytes are valid until the next call, and count as sent.
   */
  nextRun(peer: ExchangePeer, limitBytes: number): Uint8Array {
    const record = this.#record(peer);
    const limit = Math.min(limitBytes, this.#run.length);
    for (const subscription of [...record.subscriptions.values()]) {
      const end = this.#catchUp(peer, subscription, limit);
      if (end === 0) continue;
      record.subscriptions.delete(subscription.vni);
      record.subscriptions.set(subscription.vni, subscription);
      return this.#run.subarray(0, end);
    }
    record.awake = false;
    return this.#run.subarray(0, 0);
  }

  *routes(): Iterable<Route> {
    for (const table of this.#vnis.values()) yield* table.routes.values();
  }

  #catchUp(peer: ExchangePeer, subscription: Subscription, limit: number): number {
    let end = 0;
    for (const [key, entry] of subscription.pending) {
      if (end + MAX_UPDATE_FRAME_BYTES > limit) return end;
      subscription.pending.delete(key);
      const isInView = inView(peer, entry);
      if (isInView === subscription.sent.has(key)) continue;
      if (isInView) subscription.sent.add(key);
      else subscription.sent.delete(key);
      fillUpdateFields(this.#fields, entry.vni, entry.destination, entry.nextHop);
      end = encodeUpdate(this.#runView, end, this.#fields, isInView ? Action.ADD : Action.REMOVE);
    }
    if (subscription.endMarkSent || this.#endMarksHeld || end + MAX_UPDATE_FRAME_BYTES > limit) return end;
    subscription.endMarkSent = true;
    return encodeEndMark(this.#runView, end, subscription.vni);
  }

  #removeOrigin(peer: ExchangePeer, vni: number, key: string, entry: RouteEntry): void {
    const table = this.#table(vni);
    entry.origins.delete(peer);
    if (entry.origins.size === 0) {
      table.routes.delete(key);
      this.#routeCount--;
    }
    this.#changed(table, key, entry);
    this.#dropIfEmpty(vni, table);
  }

  /** Only who would have to be told something is woken. */
  #changed(table: VniTable, key: string, entry: RouteEntry): void {
    for (const [peer, subscription] of table.subscriptions) {
      if (inView(peer, entry) === subscription.sent.has(key)) subscription.pending.delete(key);
      else {
        subscription.pending.set(key, entry);
        this.#wake(peer);
      }
    }
  }

  #wake(peer: ExchangePeer): void {
    const record = this.#record(peer);
    if (record.awake) return;
    record.awake = true;
    peer.wake();
  }

  #table(vni: number): VniTable {
    return this.#vnis.getOrInsertComputed(vni, () => ({ routes: new Map(), subscriptions: new Map() }));
  }

  #dropIfEmpty(vni: number, table: VniTable): void {
    if (table.routes.size === 0 && table.subscriptions.size === 0) this.#vnis.delete(vni);
  }

  #record(peer: ExchangePeer): PeerRecord {
    const record = this.#peers.get(peer);
    if (record === undefined) throw new Error("the peer has not joined the exchange");
    return record;
  }
}

function inView(peer: ExchangePeer, entry: RouteEntry): boolean {
  for (const origin of entry.origins) {
    if (origin !== peer && !(origin.isServer && peer.isServer)) return true;
  }
  return false;
}
