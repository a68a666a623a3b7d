/*
 * The table stores all routes with their origins as numbers:
 *
 *     VNI ──▶ a trie per family ──▶ destination ──▶ routes to it, one per next hop ──▶ origins
 *             (prefix-trie.ts)      (its handle)    (destination-routes.ts,            (origins.ts)
 *                                                    next-hops.ts)
 *
 * A route is a row. It exists while it has an origin, and after that as a tombstone until the table's owner, which
 * knows what subscribers were sent, frees it by `free`. A route takes only words in arrays that all VNIs share; each
 * VNI has one object.
 *
 * An announcement or a withdrawal takes the trie's work for its destination, and otherwise few steps: at most as many
 * as a short list has members (LONG_LIST_FROM), however many next hops a destination has and however many origins a
 * route has. If the table has no room, or the destination has the maximum of next hops, an announcement changes
 * nothing: room for everything that it may need is made before anything is written.
 *
 * With 1,000,000 IPv4 routes, each takes a row of 32 bytes, an origin of 24, 4 bytes for the destination's list, and
 * the prefix.
 */

import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import type { Prefix } from "../../net/ip.ts";
import type { NextHop, UpdateFields } from "../../wire/message.ts";
import { finish, mixHigh, mixLow, RouteDigest } from "../digest.ts";
import type { Route } from "../route.ts";
import { PrefixCursor } from "../trie/prefix-cursor.ts";
import { PrefixPool } from "../trie/prefix-trie.ts";
import { DestinationRoutes } from "./destination-routes.ts";
import type { JournalEnds } from "./journal.ts";
import { LONG_LIST_FROM } from "./long-list-index.ts";
import { NextHops } from "./next-hops.ts";
import { Origins } from "./origins.ts";
import { HOP, ORIGIN, PREFIX, ROUTE_ROW_WORDS, ROW_SHIFT, SIBLING, SLOT, VNI } from "./route-rows.ts";
import { NIL, RowPool } from "./row-pool.ts";
import { SeededMap } from "./seeded-map.ts";
import type { OrderedPrefixes } from "./text-order.ts";

/** One VNI of the table. */
export interface VniTable extends JournalEnds {
  readonly vni: number;
  /** The roots of its two tries, or NIL. */
  root4: number;
  root6: number;
  /** The table's owner changes this with every change of the journal's entries. */
  version: number;
  /** How many routes have an origin. */
  routeCount: number;
  /** How many rows it has: routes with an origin, and tombstones. */
  rowCount: number;
  /** The digest, and by family the number, of the routes that the owner has counted by {@link RouteTable.countIn}. */
  readonly digest: RouteDigest;
  counted4: number;
  counted6: number;
  /**
   * How many slots are allocated. A slot is the number of a route within the VNI; slots are dense, so that bitmaps of
   * them are small.
   */
  slotCount: number;
  readonly freeSlots: number[];
}

/** How many routes of a VNI, or of several, have a destination of each family. */
export interface FamilyCounts {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Only VNIs with routes. A digest is here a number (RouteDigest.toNumber). */
export interface CountsByVni {
  readonly vnis: readonly (FamilyCounts & { readonly vni: number; readonly digest: number })[];
  readonly others: FamilyCounts;
}

/** What an announcement or a withdrawal did to its route. */
export const Change = {
  /** Nothing has changed: the peer had announced the route already, or had not announced it. */
  NOTHING: 0,
  /** The first origin was added, or the last one removed. */
  EXISTENCE: 1,
  /** The second origin was added or removed, so the first one's view of the route has changed. */
  SECOND_ORIGIN: 2,
  /** A further origin was added or removed: at least two others remain. */
  FURTHER_ORIGIN: 3,
  /** Nothing has changed: the destination has the maximum of next hops. */
  NO_HOP_PLACE: 4,
  /** Nothing has changed: there is no room for the route. */
  TABLE_FULL: 5,
} as const;
export type Change = (typeof Change)[keyof typeof Change];

/** How much of a table's arrays is in use. After the last route has been removed, everything except `bytes` is 0. */
export interface TableUsage {
  /** Rows of routes, tombstones, and cursors in journals. */
  readonly rows: number;
  readonly origins: number;
  readonly nextHops: number;
  readonly prefixes: number;
  readonly vnis: number;
  /** The size of all arrays, free parts included: they never shrink. */
  readonly bytes: number;
}

/** The number of a peer in the table. Numbers are small, and are used again when nothing refers to them any more. */
export type PeerNumber = number;

/**
 * How many arrays of a table can become large (see base/growable-int32-array.ts): four of the tries, two of first rows,
 * the rows, two of next hops, three of siblings, four of origins. Half of them become large only if a peer sends very
 * many next hops, or very many peers send the same routes. But each that is not reserved would then stop the event loop
 * for a full garbage collection.
 */
export const LARGE_ARRAYS_OF_TABLE = 16;

/**
 * Room is made for this many announcements at a time. Checking eight arrays for each one would be a fifth of its work; with 64, the
 * checks still are often enough for the engine to compile them all for a million routes, which takes longer than they do.
 */
const ROOM = 256;

/** A handle has 24 bits, and is not 0. */
const MAX_PREFIXES = 0xff_ffff;

/** Limits of a table's size. Without them each array can become as large as memory allows. */
export interface TableCapacity {
  /** The most prefixes of each family. */
  readonly prefixes?: number;
  /** The most words of each array. */
  readonly rowWords?: number;
  readonly originWords?: number;
  readonly nextHopWords?: number;
  readonly siblingWords?: number;
  readonly firstRowWords?: number;
}

export interface TableOptions {
  readonly capacity?: TableCapacity;
  /** Lists of more next hops or origins are long (long-list-index.ts). */
  readonly longListFrom?: number;
  /** True if there are few peers. Lists of origins are then always walked, and never become long lists. */
  readonly hasFewPeers?: boolean;
  /** The seed of the hashes. By default it is random, so that no peer can know it. */
  readonly seed?: number;
}

/**
 * A cursor walks over the destinations of one family of a VNI, by address and length. It may pause while the table
 * changes.
 */
export interface DestinationCursor extends OrderedPrefixes {
  /** Goes to the VNI's first destination. */
  enter(vni: number): void;
}

export class RouteTable {
  readonly rows: RowPool;
  readonly origins: Origins;
  /** How many next hops a destination may have. */
  maxHops = Number.POSITIVE_INFINITY;
  readonly #maxPrefixes: number;
  readonly #hops: NextHops;
  readonly #siblings: DestinationRoutes;
  readonly #prefixes4 = new PrefixPool(4);
  readonly #prefixes6 = new PrefixPool(6);
  /** The first route of each prefix, by handle (destination-routes.ts). */
  readonly #first4: GrowableInt32Array;
  readonly #first6: GrowableInt32Array;
  readonly #vnis: SeededMap<VniTable>;
  readonly #byIndex: (VniTable | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  #lastVni: VniTable | undefined;
  #routeCount = 0;
  /** For how many announcements there is room in all arrays except those with one word per prefix. */
  #room = 0;
  /** How many rows routes leave free: enough for a row for each cursor. */
  #rowsForCursors = 0;
  /** True if the last `#insert` made the prefix. */
  #isNewPrefix = false;
  /** The route of the last {@link add} or {@link remove}. */
  row = NIL;
  /** True if the last {@link add} made the row, which is in no journal yet. */
  isNewRow = false;
  /** The hash of the route of the last {@link hash}: signed 32-bit words. */
  hashHigh = 0;
  hashLow = 0;
  /** The number of routes that the owner has counted in all VNIs, by family. */
  counted4 = 0;
  counted6 = 0;

  constructor(options: TableOptions = {}) {
    const { capacity = {}, longListFrom = LONG_LIST_FROM, hasFewPeers = false } = options;
    const seed = options.seed ?? crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
    this.rows = new RowPool(ROUTE_ROW_WORDS, capacity.rowWords);
    this.origins = new Origins({
      seed,
      longListFrom: hasFewPeers ? Number.POSITIVE_INFINITY : longListFrom,
      maxWords: capacity.originWords,
    });
    this.#maxPrefixes = capacity.prefixes ?? MAX_PREFIXES;
    this.#vnis = new SeededMap(seed);
    this.#hops = new NextHops(seed, capacity.nextHopWords);
    this.#siblings = new DestinationRoutes(this.rows, {
      seed,
      longListFrom,
      maxWords: capacity.siblingWords,
    });
    this.#first4 = new GrowableInt32Array(capacity.firstRowWords);
    this.#first6 = new GrowableInt32Array(capacity.firstRowWords);
  }

  get routeCount(): number {
    return this.#routeCount;
  }

  /** Counts by family the routes of the first `limit` VNIs, in the order in which those were made, and of all others together. */
  countsByVni(limit: number): CountsByVni {
    const vnis: CountsByVni["vnis"][number][] = [];
    let [ipv4, ipv6] = [this.counted4, this.counted6];
    for (const { vni, counted4, counted6, digest } of this.vnis()) {
      if (counted4 + counted6 === 0) continue;
      if (vnis.length >= limit) break;
      vnis.push({ vni, ipv4: counted4, ipv6: counted6, digest: digest.toNumber() });
      ipv4 -= counted4;
      ipv6 -= counted6;
    }
    return { vnis, others: { ipv4, ipv6 } };
  }

  /** How many next hops the routes have, by {@link NextHopType}. */
  get nextHopsByType(): readonly number[] {
    return this.#hops.sizeByType;
  }

  /** The used part of the numbers for prefixes, from 0 to 1, in the family that uses more. */
  get prefixNumbersTaken(): number {
    return Math.max(this.#prefixes4.size, this.#prefixes6.size) / this.#maxPrefixes;
  }

  usage(): TableUsage {
    const [hops, prefixes4, prefixes6] = [this.#hops, this.#prefixes4, this.#prefixes6];
    return {
      rows: this.rows.used,
      origins: this.origins.used,
      nextHops: hops.size,
      prefixes: prefixes4.size + prefixes6.size,
      vnis: this.#vnis.size,
      bytes:
        this.rows.bytes +
        this.origins.bytes +
        this.#siblings.bytes +
        hops.bytes +
        prefixes4.bytesUsed() +
        prefixes6.bytesUsed() +
        this.#first4.bytes +
        this.#first6.bytes,
    };
  }

  find(vni: number): VniTable | undefined {
    if (this.#lastVni?.vni === vni) return this.#lastVni;
    const found = this.#vnis.get(vni);
    if (found !== undefined) this.#lastVni = found;
    return found;
  }

  findOrMake(vni: number): VniTable {
    return this.find(vni) ?? this.#make(vni);
  }

  vniOf(row: number): VniTable {
    const table = this.#byIndex[this.rows.words[(row << ROW_SHIFT) + VNI] as number];
    if (table === undefined) throw new Error(`row ${row} belongs to no VNI`);
    return table;
  }

  get vniCount(): number {
    return this.#vnis.size;
  }

  /** Iterates over the VNIs by index, that is, mostly in the order in which they were made. */
  *vnis(): Iterable<VniTable> {
    for (const table of this.#byIndex) if (table !== undefined) yield table;
  }

  /** Iterates over the numbers of the VNIs. The iteration may pause while the table changes. */
  *vniNumbers(): Iterable<number> {
    for (const { vni } of this.vnis()) yield vni;
  }

  /** Removes a VNI that has no rows. */
  dispose(table: VniTable): void {
    this.#disposeRoot(table, this.#prefixes4);
    this.#disposeRoot(table, this.#prefixes6);
    this.#vnis.delete(table.vni);
    this.#byIndex[table.index] = undefined;
    this.#freeIndexes.push(table.index);
    if (this.#lastVni === table) this.#lastVni = undefined;
  }

  /** Adds a peer's announcement of the route in `f`. If it is refused, nothing has changed. */
  add(peer: PeerNumber, f: UpdateFields): Change {
    const known = this.find(f.vni);
    const table = known ?? this.#make(f.vni);
    const pool = f.family === 6 ? this.#prefixes6 : this.#prefixes4;
    const hadRoot = rootOf(table, pool) !== NIL;
    let change: Change;
    try {
      change = this.#add(table, pool, peer, f);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      // No room could be made. But an announcement that exists already needs none.
      change = this.announces(peer, f) ? Change.NOTHING : Change.TABLE_FULL;
    }
    if (change === Change.TABLE_FULL) {
      // The VNI and the root were made for this announcement alone.
      if (!hadRoot) this.#disposeRoot(table, pool);
      if (known === undefined) this.dispose(table);
    }
    return change;
  }

  /** @throws CapacityError, and then at most a root is new */
  #add(table: VniTable, pool: PrefixPool, peer: PeerNumber, f: UpdateFields): Change {
    const isIpv6 = pool === this.#prefixes6;
    const first = isIpv6 ? this.#first6 : this.#first4;
    const handle = this.#insert(table, pool, f);
    if (handle === NIL) return Change.TABLE_FULL;
    const isNewPrefix = this.#isNewPrefix;
    const prefix = (handle << 1) | (isIpv6 ? 1 : 0);
    const siblings = isNewPrefix ? NIL : (first.words[handle] as number);
    const hop = siblings === NIL ? NIL : this.#hops.find(f);
    const found = hop === NIL ? NIL : this.#siblings.find(siblings, prefix, hop);
    const isRoute = found !== NIL && (this.rows.words[(found << ROW_SHIFT) + ORIGIN] as number) >= 0;
    // The limit is at least 1, so a destination without routes needs no check.
    if (!isRoute && siblings !== NIL && this.#siblings.liveOf(siblings) >= this.maxHops) {
      return Change.NO_HOP_PLACE;
    }
    if (found === NIL) {
      try {
        if (this.#room === 0) this.#makeRoom();
        this.#room--;
        first.reserve(handle + 1);
      } catch (error) {
        if (isNewPrefix) pool.remove(rootOf(table, pool), handle);
        throw error;
      }
      if (isNewPrefix) first.words[handle] = NIL;
      this.row = this.#makeRow(table, prefix, first.words, this.#hops.intern(f));
    } else {
      this.row = found;
      // At most one origin is added.
      if (this.#room > 0) this.#room--;
      else this.origins.reserve(1);
    }
    this.isNewRow = found === NIL;
    return this.#addOrigin(table, this.row, peer);
  }

  /** Returns the destination's handle, and sets `#isNewPrefix`. NIL if there is no room for another prefix. */
  #insert(table: VniTable, pool: PrefixPool, f: UpdateFields): number {
    const root = this.#makeRoot(table, pool);
    this.#isNewPrefix = false;
    if (pool.size >= this.#maxPrefixes) {
      // Without room the prefix must exist already.
      return Math.max(NIL, pool.find(root, f.p0, f.p1, f.p2, f.p3, f.lengthBits));
    }
    const handle = pool.insert(root, f.p0, f.p1, f.p2, f.p3, f.lengthBits);
    this.#isNewPrefix = handle >= 0 && pool.created;
    return handle;
  }

  /**
   * Makes room for one more row and everything that belongs to it, usually for several rows at a time.
   * @throws CapacityError
   */
  #makeRoom(): void {
    try {
      this.#reserve(ROOM);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      this.#reserve(1);
    }
  }

  #reserve(rows: number): void {
    this.rows.reserve(rows + this.#rowsForCursors);
    this.origins.reserve(rows);
    this.#siblings.reserve(rows);
    this.#hops.reserve(rows);
    this.#room = rows;
  }

  /**
   * Keeps a row free for one more cursor.
   * @throws CapacityError
   */
  keepRowForCursor(): void {
    // The row may be one that was reserved for routes.
    this.#room = 0;
    this.rows.reserve(this.#rowsForCursors + 1);
    this.#rowsForCursors++;
  }

  /** Undoes one call of {@link keepRowForCursor}. */
  giveUpRowForCursor(): void {
    this.#rowsForCursors--;
  }

  /** Returns true if the peer announces the route in `f`. */
  announces(peer: PeerNumber, f: UpdateFields): boolean {
    const row = this.findRow(f);
    if (row === NIL) return false;
    return this.origins.has(this.rows.words[(row << ROW_SHIFT) + ORIGIN] as number, row, peer);
  }

  /** Makes a route that has changed the newest one to its destination. */
  moveToFront(row: number): void {
    const prefix = this.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
    const firsts = this.#firstsOf(prefix);
    firsts[prefix >> 1] = this.#siblings.moveToFront(firsts[prefix >> 1] as number, prefix, row);
  }

  /** Returns the route to the same destination that has changed next after this one, or NIL. */
  newerThan(row: number): number {
    const prefix = this.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
    return this.#siblings.newerThan(this.#firstsOf(prefix)[prefix >> 1] as number, prefix, row);
  }

  /** Returns true if no route to the same destination has changed since this one. */
  isNewest(row: number): boolean {
    const prefix = this.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
    const first = this.#firstsOf(prefix)[prefix >> 1] as number;
    return first === row || this.#siblings.newest(first) === row;
  }

  /** Removes a peer's announcement of the route in `f`. With its last origin the route becomes a tombstone without pending withdrawals. */
  remove(peer: PeerNumber, f: UpdateFields): Change {
    this.row = this.findRow(f);
    return this.row === NIL ? Change.NOTHING : this.removeOrigin(this.row, peer);
  }

  /** Removes a peer from the origins of a route. */
  removeOrigin(row: number, peer: PeerNumber): Change {
    const words = this.rows.words;
    const at = (row << ROW_SHIFT) + ORIGIN;
    const before = words[at] as number;
    if (before < 0) return Change.NOTHING;
    const used = this.origins.used;
    const first = this.origins.remove(before, row, peer);
    if (this.origins.used === used) return Change.NOTHING;
    words[at] = first;
    if (first === NIL) {
      this.vniOf(row).routeCount--;
      this.#routeCount--;
      this.#addLive(row, -1);
      return Change.EXISTENCE;
    }
    return this.origins.areSeveral(first) ? Change.FURTHER_ORIGIN : Change.SECOND_ORIGIN;
  }

  /** Frees a tombstone. It must not be in a journal, and its bit must be clear in all bitmaps. */
  free(row: number): void {
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    const table = this.vniOf(row);
    const prefix = words[at + PREFIX] as number;
    const handle = prefix >> 1;
    const firsts = this.#firstsOf(prefix);
    firsts[handle] = this.#siblings.remove(firsts[handle] as number, prefix, row);
    if (firsts[handle] === NIL) {
      if ((prefix & 1) !== 0) this.#prefixes6.remove(table.root6, handle);
      else this.#prefixes4.remove(table.root4, handle);
    }
    this.#hops.release(words[at + HOP] as number);
    table.rowCount--;
    if (table.rowCount > 0) table.freeSlots.push(words[at + SLOT] as number);
    else {
      table.freeSlots.length = 0;
      table.slotCount = 0;
    }
    this.rows.release(row);
  }

  /** Fills `out` with a route; `out.action` stays. */
  fill(row: number, out: UpdateFields): void {
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    const prefix = words[at + PREFIX] as number;
    const handle = prefix >> 1;
    const isIpv6 = (prefix & 1) !== 0;
    const pool = isIpv6 ? this.#prefixes6 : this.#prefixes4;
    out.vni = this.vniOf(row).vni;
    out.family = isIpv6 ? 6 : 4;
    out.p0 = pool.wordOf(handle, 0);
    out.p1 = pool.wordOf(handle, 1);
    out.p2 = pool.wordOf(handle, 2);
    out.p3 = pool.wordOf(handle, 3);
    out.lengthBits = pool.lengthBitsOf(handle);
    this.#hops.fill(words[at + HOP] as number, out);
  }

  /** Sets `hashHigh` and `hashLow` to the hash of a route (../digest.ts). */
  hash(row: number): void {
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    const prefix = words[at + PREFIX] as number;
    const hop = words[at + HOP] as number;
    const handle = prefix >> 1;
    const isIpv6 = (prefix & 1) !== 0;
    const pool = isIpv6 ? this.#prefixes6 : this.#prefixes4;
    // The kind of destination in one word: lengths need 8 bits.
    const kind = (pool.lengthBitsOf(handle) << 1) | (prefix & 1);
    let high = mixHigh(this.#hops.digestHighOf(hop), kind);
    let low = mixLow(this.#hops.digestLowOf(hop), kind);
    for (let i = 0; i < (isIpv6 ? 4 : 1); i++) {
      const word = pool.wordOf(handle, i);
      high = mixHigh(high, word);
      low = mixLow(low, word);
    }
    this.hashHigh = finish(high);
    this.hashLow = finish(low);
  }

  /** Counts a route in its VNI, and adds it to the VNI's digest. */
  countIn(table: VniTable, row: number): void {
    this.hash(row);
    table.digest.add(this.hashHigh, this.hashLow);
    this.#count(table, row, 1);
  }

  /** Takes a route out of the count and the digest of its VNI. */
  countOut(table: VniTable, row: number): void {
    this.hash(row);
    table.digest.remove(this.hashHigh, this.hashLow);
    this.#count(table, row, -1);
  }

  #count(table: VniTable, row: number, change: 1 | -1): void {
    const isIpv6 = ((this.rows.words[(row << ROW_SHIFT) + PREFIX] as number) & 1) !== 0;
    if (isIpv6) {
      table.counted6 += change;
      this.counted6 += change;
    } else {
      table.counted4 += change;
      this.counted4 += change;
    }
  }

  /** Returns the first of the routes to exactly this destination, or NIL; SIBLING leads to the others. */
  firstRowTo(table: VniTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): number {
    const isIpv6 = family === 6;
    const root = isIpv6 ? table.root6 : table.root4;
    if (root === NIL) return NIL;
    const handle = (isIpv6 ? this.#prefixes6 : this.#prefixes4).find(root, w0, w1, w2, w3, lengthBits);
    if (handle < 0) return NIL;
    return this.#siblings.newest((isIpv6 ? this.#first6 : this.#first4).words[handle] as number);
  }

  /** Returns the destinations of the VNI that contain the whole prefix, the longest first: at most one per length. */
  covering(table: VniTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): Prefix[] {
    const isIpv6 = family === 6;
    const root = isIpv6 ? table.root6 : table.root4;
    if (root === NIL) return [];
    const pool = isIpv6 ? this.#prefixes6 : this.#prefixes4;
    const found: Prefix[] = [];
    for (let limit = lengthBits; limit >= 0; ) {
      const handle = pool.lookupWithin(root, w0, w1, w2, w3, limit);
      if (handle < 0) break;
      const prefix = pool.prefixOf(handle);
      found.push(prefix);
      limit = prefix.lengthBits - 1;
    }
    return found;
  }

  nextHopOf(row: number): NextHop {
    return this.#hops.nextHopOf(this.rows.words[(row << ROW_SHIFT) + HOP] as number);
  }

  /**
   * Iterates over all routes, VNI by VNI, in the order of addresses. The iteration may pause for any time: a route that
   * exists all the time comes once.
   */
  *routes(): Iterable<Route> {
    for (const table of [...this.vnis()]) yield* this.routesOf(table);
  }

  *routesOf(table: VniTable): Iterable<Route> {
    for (const rows of this.rowsByDestination(table)) {
      const [first = NIL] = rows;
      const prefix = this.rows.words[(first << ROW_SHIFT) + PREFIX] as number;
      const destination = ((prefix & 1) !== 0 ? this.#prefixes6 : this.#prefixes4).prefixOf(prefix >> 1);
      yield* rows.map((row): Route => {
        return { vni: table.vni, destination, nextHop: this.nextHopOf(row) };
      });
    }
  }

  /** Iterates over the routes of a VNI, one destination at a time: after a pause their rows may belong to other routes. */
  *rowsByDestination(table: VniTable): Iterable<readonly number[]> {
    if (table.root4 !== NIL) yield* this.#walk(table, this.#prefixes4, table.root4, this.#first4);
    if (table.root6 !== NIL) yield* this.#walk(table, this.#prefixes6, table.root6, this.#first6);
  }

  /** Returns a cursor over the destinations of one family, one VNI after the other; it includes those that have only tombstones. */
  destinations(family: 4 | 6): DestinationCursor {
    const pool = family === 6 ? this.#prefixes6 : this.#prefixes4;
    const cursor = new PrefixCursor(pool, NIL);
    let table: VniTable | undefined;
    return {
      enter: (vni) => {
        table = this.find(vni);
        const root = (family === 6 ? table?.root6 : table?.root4) ?? NIL;
        if (root === NIL) table = undefined;
        else cursor.enter(root);
      },
      seek: (w0, w1, w2, w3) => cursor.seek(w0, w1, w2, w3, 0),
      next: () => {
        // A table that was disposed of during a pause has given its root to another.
        if (table === undefined || this.#byIndex[table.index] !== table) return null;
        const handle = cursor.next();
        return handle === NIL ? null : pool.prefixOf(handle);
      },
    };
  }

  *#walk(table: VniTable, pool: PrefixPool, root: number, first: GrowableInt32Array): Iterable<number[]> {
    const cursor = new PrefixCursor(pool, root);
    // A table that was disposed of during a pause has given its root to another.
    while (this.#byIndex[table.index] === table) {
      const handle = cursor.next();
      if (handle === NIL) return;
      const found: number[] = [];
      const words = this.rows.words;
      for (
        let row = this.#siblings.newest(first.words[handle] as number);
        row !== NIL;
        row = words[(row << ROW_SHIFT) + SIBLING] as number
      ) {
        if ((words[(row << ROW_SHIFT) + ORIGIN] as number) >= 0) found.push(row);
      }
      if (found.length > 0) yield found;
    }
  }

  #make(vni: number): VniTable {
    const index = this.#freeIndexes.pop() ?? this.#byIndex.length;
    const ends = { index, head: NIL, tail: NIL, root4: NIL, root6: NIL };
    const table = {
      vni,
      ...ends,
      version: 0,
      routeCount: 0,
      rowCount: 0,
      slotCount: 0,
      freeSlots: [],
      digest: new RouteDigest(),
      counted4: 0,
      counted6: 0,
    };
    this.#byIndex[index] = table;
    this.#vnis.set(vni, table);
    this.#lastVni = table;
    return table;
  }

  #makeRoot(table: VniTable, pool: PrefixPool): number {
    const root = rootOf(table, pool);
    if (root !== NIL) return root;
    const made = pool.createRoot();
    setRoot(table, pool, made);
    return made;
  }

  /** Frees the root of an empty trie, if there is one. */
  #disposeRoot(table: VniTable, pool: PrefixPool): void {
    const root = rootOf(table, pool);
    if (root === NIL) return;
    pool.disposeRoot(root);
    setRoot(table, pool, NIL);
  }

  #firstsOf(prefix: number): Int32Array {
    return (prefix & 1) !== 0 ? this.#first6.words : this.#first4.words;
  }

  #makeRow(table: VniTable, prefix: number, firsts: Int32Array, hop: number): number {
    const row = this.rows.allocate();
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    words[at + PREFIX] = prefix;
    words[at + HOP] = hop;
    words[at + SLOT] = table.freeSlots.pop() ?? table.slotCount++;
    words[at + ORIGIN] = NIL;
    words[at + VNI] = table.index;
    firsts[prefix >> 1] = this.#siblings.add(firsts[prefix >> 1] as number, prefix, row);
    this.#hops.retain(hop);
    table.rowCount++;
    return row;
  }

  /** Returns the row of the route in `f`, or NIL. */
  findRow(f: UpdateFields): number {
    const table = this.find(f.vni);
    if (table === undefined) return NIL;
    const isIpv6 = f.family === 6;
    const root = isIpv6 ? table.root6 : table.root4;
    if (root === NIL) return NIL;
    const pool = isIpv6 ? this.#prefixes6 : this.#prefixes4;
    const handle = pool.find(root, f.p0, f.p1, f.p2, f.p3, f.lengthBits);
    const hop = handle < 0 ? NIL : this.#hops.find(f);
    if (hop === NIL) return NIL;
    return this.#siblings.find(
      (isIpv6 ? this.#first6 : this.#first4).words[handle] as number,
      (handle << 1) | (isIpv6 ? 1 : 0),
      hop,
    );
  }

  #addOrigin(table: VniTable, row: number, peer: PeerNumber): Change {
    const words = this.rows.words;
    const at = (row << ROW_SHIFT) + ORIGIN;
    const first = words[at] as number;
    if (first < 0) {
      words[at] = this.origins.add(NIL, row, peer);
      table.routeCount++;
      this.#routeCount++;
      this.#addLive(row, 1);
      return Change.EXISTENCE;
    }
    const wereSeveral = this.origins.areSeveral(first);
    const added = this.origins.add(first, row, peer);
    if (added === NIL) return Change.NOTHING;
    words[at] = added;
    return wereSeveral ? Change.FURTHER_ORIGIN : Change.SECOND_ORIGIN;
  }

  #addLive(row: number, change: 1 | -1): void {
    // Usually there is no long list, and nothing has to be looked up.
    if (!this.#siblings.anyLongList) return;
    const prefix = this.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
    this.#siblings.addLive(this.#firstsOf(prefix)[prefix >> 1] as number, change);
  }
}

function rootOf(table: VniTable, pool: PrefixPool): number {
  return pool.family === 6 ? table.root6 : table.root4;
}

function setRoot(table: VniTable, pool: PrefixPool, root: number): void {
  if (pool.family === 6) table.root6 = root;
  else table.root4 = root;
}
