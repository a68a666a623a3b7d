/*
 * Keeps destinations in routing tables: one row for each that is desired there, or observed there as ours.
 *
 *     routing table ──▶ a trie per family ──▶ row = handle × 2, + 1 for IPv6 ──▶ five words
 *
 *     TABLE      index of its table + 1; 0: the row is free
 *     DESIRED    number of the hop set that its routes name, which is desired there unless the row COVERS; 0: none
 *     OBSERVED   id of the nexthop that our route names; 0: we have no route there; PLAIN: one that names none
 *     FLAGS      see below
 *     SCANNED    number of the scan that met our route last
 *
 * DESIRED and OBSERVED are a row's state:
 *
 *                          OBSERVED = 0                     OBSERVED = id, or PLAIN
 *                     ┌──────────────────────────┬────────────────────────────────────────────────┐
 *     DESIRED = 0     │ released: the row is     │ extra: the route is to be deleted              │
 *                     │ freed, unless SKIPPED    │                                                │
 *                     ├──────────────────────────┼────────────────────────────────────────────────┤
 *     DESIRED = set   │ missing: a route is      │ in place, if the id stands for the set; else   │
 *                     │ to be added              │ outdated: the route is to be replaced          │
 *                     └──────────────────────────┴────────────────────────────────────────────────┘
 *
 *     desired    moves it up or down: the view, an own announcement or the underlay has changed
 *     observed   moves it to the right or to the left: a scan, a notification or an operation says what is there
 *
 * Words and flags change by these transitions only, which are the methods of their names:
 *
 *     transition   it says that                                                     sets         clears
 *     ──────────   ──────────────────────────────────────────────────────────────   ──────────   ─────────────────
 *     queued       something about the row has changed                              CHANGED
 *     dequeued     the row's turn has come                                                       CHANGED
 *     desired      its routes name that hop set now                                 DESIRED
 *     covering     its destination contains an underlay address, or does not        COVERS       COVERS
 *     skipped      routes to it are skipped or shadowed, or none are                SKIPPED      SKIPPED
 *     shrunk       the view has withdrawn a route to it                             SHRUNK
 *     observed     our route names that nexthop, or is not there                    OBSERVED
 *     adopted      a scan has found a route of ours that the model did not have     ADOPTED
 *     settled      the row's table may be pruned                                                 ADOPTED
 *     lost         others have deleted or replaced our route                        UNSURE
 *     obscured     others have put a route beside ours, or taken that away          UNSCANNED
 *     applied      an operation on our route has succeeded                                       SHRUNK UNSURE
 *                                                                                                UNPROVEN
 *     collided     a route could not be added, since there is one                                UNSURE
 *     proven       an operation has shown whether our route is there                             UNPROVEN
 *     met          the scan under way has met our route                             SCANNED
 *     scanned      a scan has ended: what it has not found is not so                             AMBIGUOUS UNSURE
 *                                                                                                UNSCANNED UNPROVEN
 *     unmet        an incomplete scan has not met our route                         UNPROVEN
 *     competed     a scan has met a foreign route in the place of ours              AMBIGUOUS
 */

import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { PrefixCursor } from "../../route/trie/prefix-cursor.ts";
import { PrefixPool } from "../../route/trie/prefix-trie.ts";
import { type FibTable, NO_ROOT } from "./tables.ts";

export const TABLE = 0;
export const DESIRED = 1;
export const OBSERVED = 2;
const FLAGS = 3;
export const SCANNED = 4;
const ROW_WORDS = 5;

/** OBSERVED of a route of our protocol with its hops written out, as our predecessors made them. */
export const PLAIN = -1;

/** The row waits for its turn (changed-rows.ts). */
export const CHANGED = 1;
/** Our route was there before we were, and the view is not complete yet. */
export const ADOPTED = 2;
/** Others are said to have deleted our route: it is not known whether that was before or after our last operation. */
export const UNSURE = 4;
/** Routes to the destination are skipped or shadowed (skipped-rows.ts). */
export const SKIPPED = 8;
/** A foreign route has the same destination and priority as ours: a replace might hit that one. */
export const AMBIGUOUS = 16;
/** The view has withdrawn a route to the destination since it was ADOPTED. */
export const SHRUNK = 32;
/** Others have put a route in place of ours or beside it: the row is left alone until the next scan. */
export const UNSCANNED = 64;
/** The destination contains an address of the underlay, and the table is the host's own: no route may be there (underlay.ts). */
export const COVERS = 128;
/** A scan that was incomplete has not met our route: an attempt to add it shows whether it is there. */
export const UNPROVEN = 256;

/** A row's state, as it is drawn above; none: nothing is desired or observed, but routes to the destination are skipped. */
export type RowState = "none" | "missing" | "in-place" | "outdated" | "extra";

/** How many arrays of FibRows become large when it has many rows of both families (see growable-int32-array.ts). */
export const LARGE_ARRAYS_OF_FIB_ROWS = 6;

export class FibRows {
  readonly #pool4 = new PrefixPool(4);
  readonly #pool6 = new PrefixPool(6);
  readonly #words4 = new GrowableInt32Array();
  readonly #words6 = new GrowableInt32Array();
  readonly #tables: (FibTable | undefined)[] = [];
  #end = 0;

  /** Every row's number is less. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#pool4.bytesUsed() + this.#pool6.bytesUsed() + this.#words4.bytes + this.#words6.bytes;
  }

  get(row: number, word: number): number {
    return this.#words(row)[(row >> 1) * ROW_WORDS + word] as number;
  }

  has(row: number, flag: number): boolean {
    return (this.get(row, FLAGS) & flag) !== 0;
  }

  // Transitions: see above.

  queued(row: number): void {
    this.#change(row, CHANGED, 0);
  }

  dequeued(row: number): void {
    this.#change(row, 0, CHANGED);
  }

  /** `setNumber` 0: no routes. */
  desired(row: number, setNumber: number): void {
    this.#set(row, DESIRED, setNumber);
  }

  covering(row: number, isCovering: boolean): void {
    if (isCovering !== this.has(row, COVERS)) this.#change(row, isCovering ? COVERS : 0, COVERS);
  }

  skipped(row: number, isSkipped: boolean): void {
    this.#change(row, isSkipped ? SKIPPED : 0, SKIPPED);
  }

  shrunk(row: number): void {
    this.#change(row, SHRUNK, 0);
  }

  /** `nexthopId` 0: our route is not there. Fib.observed counts, too. */
  observed(row: number, nexthopId: number): void {
    this.#set(row, OBSERVED, nexthopId);
  }

  adopted(row: number): void {
    this.#change(row, ADOPTED, 0);
  }

  settled(row: number): void {
    this.#change(row, 0, ADOPTED);
  }

  lost(row: number): void {
    this.#change(row, UNSURE, 0);
  }

  obscured(row: number): void {
    this.#change(row, UNSCANNED, 0);
  }

  applied(row: number): void {
    this.#change(row, 0, SHRUNK | UNSURE | UNPROVEN);
  }

  collided(row: number): void {
    this.#change(row, 0, UNSURE);
  }

  proven(row: number): void {
    this.#change(row, 0, UNPROVEN);
  }

  met(row: number, scan: number): void {
    this.#set(row, SCANNED, scan);
  }

  scanned(row: number): void {
    this.#change(row, 0, AMBIGUOUS | UNSCANNED | UNSURE | UNPROVEN);
  }

  unmet(row: number): void {
    this.#change(row, UNPROVEN, 0);
  }

  competed(row: number): void {
    this.#change(row, AMBIGUOUS, 0);
  }

  /** The destination's row; -1: it has none. */
  find(table: FibTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): number {
    const root = family === 6 ? table.root6 : table.root4;
    if (root === NO_ROOT) return -1;
    const handle = this.#pool(family).find(root, w0, w1, w2, w3, lengthBits);
    return handle < 0 ? -1 : rowOf(handle, family);
  }

  /** The destination's row, which is made if it has none; -1: there is no memory for it. */
  findOrMake(table: FibTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): number {
    const pool = this.#pool(family);
    let root = family === 6 ? table.root6 : table.root4;
    if (root === NO_ROOT) {
      root = pool.createRoot();
      if (root < 0) return -1;
      if (family === 6) table.root6 = root;
      else table.root4 = root;
    }
    const handle = pool.insert(root, w0, w1, w2, w3, lengthBits);
    if (handle < 0) return -1;
    const row = rowOf(handle, family);
    if (!pool.created) return row;
    let words: Int32Array;
    try {
      words = (family === 6 ? this.#words6 : this.#words4).reserve((handle + 1) * ROW_WORDS);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      pool.remove(root, handle);
      return -1;
    }
    words.fill(0, handle * ROW_WORDS, (handle + 1) * ROW_WORDS);
    words[handle * ROW_WORDS + TABLE] = table.index + 1;
    this.#tables[table.index] = table;
    this.#end = Math.max(this.#end, row + 1);
    return row;
  }

  isUsed(row: number): boolean {
    const words = this.#words(row);
    const at = (row >> 1) * ROW_WORDS;
    return at < words.length && words[at + TABLE] !== 0;
  }

  tableOf(row: number): FibTable {
    const table = this.#tables[this.get(row, TABLE) - 1];
    if (table === undefined) throw new Error(`row ${row} belongs to no table`);
    return table;
  }

  prefixOf(row: number): Prefix {
    return this.#pool(familyOf(row)).prefixOf(row >> 1);
  }

  /** Frees the row, which may be used for another destination then. */
  free(row: number): void {
    const family = familyOf(row);
    const { root4, root6 } = this.tableOf(row);
    this.#pool(family).remove(family === 6 ? root6 : root4, row >> 1);
    this.#set(row, TABLE, 0);
  }

  /**
   * Walks the rows of a table, IPv4 first, by address; with `after` those after that destination. The walk may pause; a row that is
   * there all the time is visited once.
   */
  *rowsOf(table: FibTable, after: Prefix | null = null): Iterable<number> {
    for (const family of [4, 6] as const) {
      const root = family === 6 ? table.root6 : table.root4;
      if (root === NO_ROOT || (after !== null && after.family > family)) continue;
      const cursor = new PrefixCursor(this.#pool(family), root);
      if (after?.family === family) {
        cursor.seekBehind(after.w0, after.w1, after.w2, after.w3, after.lengthBits);
      }
      for (let handle = cursor.next(); handle >= 0; handle = cursor.next()) yield rowOf(handle, family);
    }
  }

  /** Walks the rows of a table whose destinations contain the address. */
  *rowsCovering(table: FibTable, { family, w0, w1, w2, w3 }: IpAddress): Iterable<number> {
    const root = family === 6 ? table.root6 : table.root4;
    if (root === NO_ROOT) return;
    const pool = this.#pool(family);
    let handle = pool.lookup(root, w0, w1, w2, w3);
    while (handle >= 0) {
      yield rowOf(handle, family);
      const lengthBits = pool.lengthBitsOf(handle);
      handle = lengthBits === 0 ? -1 : pool.lookupWithin(root, w0, w1, w2, w3, lengthBits - 1);
    }
  }

  #change(row: number, raised: number, lowered: number): void {
    this.#set(row, FLAGS, (this.get(row, FLAGS) & ~lowered) | raised);
  }

  #set(row: number, word: number, value: number): void {
    this.#words(row)[(row >> 1) * ROW_WORDS + word] = value;
  }

  #pool(family: 4 | 6): PrefixPool {
    return family === 6 ? this.#pool6 : this.#pool4;
  }

  #words(row: number): Int32Array {
    return ((row & 1) !== 0 ? this.#words6 : this.#words4).words;
  }
}

export function familyOf(row: number): 4 | 6 {
  return (row & 1) !== 0 ? 6 : 4;
}

function rowOf(handle: number, family: 4 | 6): number {
  return handle * 2 + (family === 6 ? 1 : 0);
}
