/*
 * All routes with their origins, as numbers:
 *
 *     VNI ──▶ a trie per family ──▶ destination ──▶ routes to it, one per next hop ──▶ origins
 *             (prefix-trie.ts)      (its handle)    (route-rows.ts, next-hops.ts)      (origins.ts)
 *
 * A route is a row. It exists while it has an origin, and after that as a tombstone until its owner, who knows
 * what subscribers were told, gives it back by `free`. Nothing is allocated per route but words in arrays that
 * all VNIs share; per VNI there is one object.
 *
 * At 1,000,000 IPv4 routes: 32 bytes of row, 20 of origin, 4 for the destination's list, and the prefix.
 */
import type { Prefix } from "../net/ip.ts";
import type { NextHop, UpdateFields } from "../wire/message.ts";
import { GrowingWords } from "./growing-words.ts";
import type { JournalEnds } from "./journal.ts";
import { NextHops } from "./next-hops.ts";
import { Origins } from "./origins.ts";
import { PrefixCursor } from "./prefix-cursor.ts";
import { PrefixPool } from "./prefix-trie.ts";
import type { Route } from "./route.ts";
import { HOP, NIL, ORIGIN, PREFIX, ROW_SHIFT, RouteRows, SIBLING, SLOT, VNI } from "./route-rows.ts";
import type { OrderedPrefixes } from "./text-order.ts";

/** One VNI of the table. */
export interface VniTable extends JournalEnds {
  readonly vni: number;
  /** Roots of its tries, or NIL. */
  root4: number;
  root6: number;
  /** Changes with every change of its journal's entries; its owner's to set. */
  version: number;
  /** Routes with an origin. */
  routeCount: number;
  /** Those and the tombstones. */
  rowCount: number;
  /** Slots are numbers of routes within the VNI, dense, so that a bitmap of them is small. */
  slotCount: number;
  readonly freeSlots: number[];
}

/** What an announcement or a withdrawal did to its route. */
export const Change = {
  /** It changed nothing: the peer had announced it already, or had not announced it at all. */
  NOTHING: 0,
  /** The first origin came, or the last one went. */
  EXISTENCE: 1,
  /** The second came or went: what the remaining one sees of the route has changed. */
  SECOND_ORIGIN: 2,
  /** There are others, before and after. */
  FURTHER_ORIGIN: 3,
} as const;
export type Change = (typeof Change)[keyof typeof Change];

/** What is in use of the arrays behind a table: all 0 but `bytes` once the last route has gone. */
export interface TableUsage {
  /** Routes, tombstones, and places of cursors in journals. */
  readonly rows: number;
  readonly origins: number;
  readonly nextHops: number;
  readonly prefixes: number;
  readonly vnis: number;
  /** Of all arrays, with what waits in them to be used again: they never shrink. */
  readonly bytes: number;
}

/** A peer as the table knows it: a small number, used again when nothing names it any more. */
export type PeerNumber = number;

/** Arrays of a table that become large when it has many routes of both families (see growing-words.ts). */
export const LARGE_ARRAYS_OF_TABLE = 8;

/** A place among the destinations of one family of a VNI, by address and length; it may rest while the table changes. */
export interface DestinationCursor extends OrderedPrefixes {
  /** Goes to the VNI's first destination. */
  enter(vni: number): void;
}

export class RouteTable {
  readonly rows = new RouteRows();
  readonly origins = new Origins();
  readonly #hops = new NextHops();
  readonly #prefixes4 = new PrefixPool(4);
  readonly #prefixes6 = new PrefixPool(6);
  /** Per prefix the first of its routes. */
  readonly #first4 = new GrowingWords();
  readonly #first6 = new GrowingWords();
  readonly #vnis = new Map<number, VniTable>();
  readonly #byIndex: (VniTable | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  #lastVni: VniTable | undefined;
  #routeCount = 0;
  /** The route of the last {@link add} or {@link remove}. */
  row = NIL;
  /** Whether the last {@link add} made the row: it is in no journal yet. */
  isNewRow = false;

  get routeCount(): number {
    return this.#routeCount;
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

  vnis(): Iterable<VniTable> {
    return this.#vnis.values();
  }

  /** Their numbers. The walk may pause while the table changes. */
  vniNumbers(): Iterable<number> {
    return this.#vnis.keys();
  }

  /** A VNI that has no rows is forgotten. */
  dispose(table: VniTable): void {
    if (table.root4 !== NIL) this.#prefixes4.disposeRoot(table.root4);
    if (table.root6 !== NIL) this.#prefixes6.disposeRoot(table.root6);
    this.#vnis.delete(table.vni);
    this.#byIndex[table.index] = undefined;
    this.#freeIndexes.push(table.index);
    if (this.#lastVni === table) this.#lastVni = undefined;
  }

  /** A peer announces the route in `f`. */
  add(peer: PeerNumber, f: UpdateFields): Change {
    const table = this.findOrMake(f.vni);
    const isIpv6 = f.family === 6;
    const pool = isIpv6 ? this.#prefixes6 : this.#prefixes4;
    const handle = pool.insert(this.#rootOf(table, isIpv6), f.p0, f.p1, f.p2, f.p3, f.lengthBits);
    const first = isIpv6 ? this.#first6 : this.#first4;
    const firsts = first.reserve(handle + 1);
    if (pool.created) firsts[handle] = NIL;
    const hop = this.#hops.intern(f);
    const words = this.rows.words;
    let row = firsts[handle] as number;
    while (row !== NIL && words[(row << ROW_SHIFT) + HOP] !== hop) {
      row = words[(row << ROW_SHIFT) + SIBLING] as number;
    }
    this.isNewRow = row === NIL;
    if (row === NIL) row = this.#makeRow(table, (handle << 1) | (isIpv6 ? 1 : 0), firsts, handle, hop);
    this.row = row;
    return this.#addOrigin(table, row, peer);
  }

  /** A peer withdraws the route in `f`. With its last origin the route becomes a tombstone that nobody is owed. */
  remove(peer: PeerNumber, f: UpdateFields): Change {
    this.row = this.findRow(f);
    return this.row === NIL ? Change.NOTHING : this.removeOrigin(this.row, peer);
  }

  /** A peer is an origin of the route no longer. */
  removeOrigin(row: number, peer: PeerNumber): Change {
    const words = this.rows.words;
    const at = (row << ROW_SHIFT) + ORIGIN;
    const before = words[at] as number;
    if (before < 0) return Change.NOTHING;
    const used = this.origins.used;
    const first = this.origins.remove(before, peer);
    if (this.origins.used === used) return Change.NOTHING;
    words[at] = first;
    if (first === NIL) {
      this.vniOf(row).routeCount--;
      this.#routeCount--;
      return Change.EXISTENCE;
    }
    return this.origins.nextOfRoute(first) === NIL ? Change.SECOND_ORIGIN : Change.FURTHER_ORIGIN;
  }

  /** Forgets a tombstone. Its journal entry has gone, and no bitmap has its slot set. */
  free(row: number): void {
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    const table = this.vniOf(row);
    const prefix = words[at + PREFIX] as number;
    const handle = prefix >> 1;
    const isIpv6 = (prefix & 1) !== 0;
    const firsts = (isIpv6 ? this.#first6 : this.#first4).words;
    const sibling = words[at + SIBLING] as number;
    if (firsts[handle] === row) firsts[handle] = sibling;
    else {
      let before = firsts[handle] as number;
      while (words[(before << ROW_SHIFT) + SIBLING] !== row)
        before = words[(before << ROW_SHIFT) + SIBLING] as number;
      words[(before << ROW_SHIFT) + SIBLING] = sibling;
    }
    if (firsts[handle] === NIL) {
      if (isIpv6) this.#prefixes6.remove(table.root6, handle);
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

  /** Puts a route into `out`; `out.action` stays. */
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

  /** The first of the routes to exactly that destination, or NIL; SIBLING leads to the others. */
  firstRowTo(table: VniTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): number {
    const isIpv6 = family === 6;
    const root = isIpv6 ? table.root6 : table.root4;
    if (root === NIL) return NIL;
    const handle = (isIpv6 ? this.#prefixes6 : this.#prefixes4).find(root, w0, w1, w2, w3, lengthBits);
    return handle < 0 ? NIL : ((isIpv6 ? this.#first6 : this.#first4).words[handle] as number);
  }

  /** The first of the routes to the same destination as this one; SIBLING leads to the others. */
  firstSiblingOf(row: number): number {
    const prefix = this.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
    return ((prefix & 1) !== 0 ? this.#first6 : this.#first4).words[prefix >> 1] as number;
  }

  nextHopOf(row: number): NextHop {
    return this.#hops.nextHopOf(this.rows.words[(row << ROW_SHIFT) + HOP] as number);
  }

  /**
   * All routes, VNI by VNI, by address within one. The walk may pause for as long as it likes: a route that was
   * there all the time comes once.
   */
  *routes(): Iterable<Route> {
    for (const table of [...this.#vnis.values()]) yield* this.routesOf(table);
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

  /** The routes of a VNI, those of one destination at a time: after a pause their rows may be others'. */
  *rowsByDestination(table: VniTable): Iterable<readonly number[]> {
    if (table.root4 !== NIL) yield* this.#walk(table, this.#prefixes4, table.root4, this.#first4);
    if (table.root6 !== NIL) yield* this.#walk(table, this.#prefixes6, table.root6, this.#first6);
  }

  /** A walk over the destinations of one family, one VNI after the other; those that have only tombstones come, too. */
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

  *#walk(table: VniTable, pool: PrefixPool, root: number, first: GrowingWords): Iterable<number[]> {
    const cursor = new PrefixCursor(pool, root);
    // A table that was disposed of during a pause has given its root to another.
    while (this.#byIndex[table.index] === table) {
      const handle = cursor.next();
      if (handle === NIL) return;
      const found: number[] = [];
      const words = this.rows.words;
      for (
        let row = first.words[handle] as number;
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
    const table = { vni, ...ends, version: 0, routeCount: 0, rowCount: 0, slotCount: 0, freeSlots: [] };
    this.#byIndex[index] = table;
    this.#vnis.set(vni, table);
    this.#lastVni = table;
    return table;
  }

  #rootOf(table: VniTable, isIpv6: boolean): number {
    if (isIpv6) {
      if (table.root6 === NIL) table.root6 = this.#prefixes6.createRoot();
      return table.root6;
    }
    if (table.root4 === NIL) table.root4 = this.#prefixes4.createRoot();
    return table.root4;
  }

  #makeRow(table: VniTable, prefix: number, firsts: Int32Array, handle: number, hop: number): number {
    const row = this.rows.allocate();
    const words = this.rows.words;
    const at = row << ROW_SHIFT;
    words[at + PREFIX] = prefix;
    words[at + SIBLING] = firsts[handle] as number;
    words[at + HOP] = hop;
    words[at + SLOT] = table.freeSlots.pop() ?? table.slotCount++;
    words[at + ORIGIN] = NIL;
    words[at + VNI] = table.index;
    firsts[handle] = row;
    this.#hops.retain(hop);
    table.rowCount++;
    return row;
  }

  /** The row of the route in `f`, or NIL. */
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
    const words = this.rows.words;
    let row = (isIpv6 ? this.#first6 : this.#first4).words[handle] as number;
    while (row !== NIL && words[(row << ROW_SHIFT) + HOP] !== hop) {
      row = words[(row << ROW_SHIFT) + SIBLING] as number;
    }
    return row;
  }

  #addOrigin(table: VniTable, row: number, peer: PeerNumber): Change {
    const words = this.rows.words;
    const at = (row << ROW_SHIFT) + ORIGIN;
    const first = words[at] as number;
    if (first < 0) {
      words[at] = this.origins.add(row, peer, NIL);
      table.routeCount++;
      this.#routeCount++;
      return Change.EXISTENCE;
    }
    let count = 0;
    for (let origin = first; origin !== NIL; origin = this.origins.nextOfRoute(origin)) {
      if (this.origins.peerOf(origin) === peer) return Change.NOTHING;
      count++;
    }
    words[at] = this.origins.add(row, peer, first);
    return count === 1 ? Change.SECOND_ORIGIN : Change.FURTHER_ORIGIN;
  }
}
