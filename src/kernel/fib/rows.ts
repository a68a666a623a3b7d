/*
 * Destinations in routing tables: one row for each that is wanted there, or stands there as ours.
 *
 *     routing table ──▶ a trie per family ──▶ row = handle × 2, + 1 for IPv6 ──▶ five words
 *
 *     TABLE      index of its table + 1; 0: the row is free
 *     DESIRED     number of the hop set that its routes name, which is wanted there unless the row COVERS; 0: none
 *     OBSERVED  id of the nexthop that our route names; 0: we have no route there; PLAIN: one that names none
 *     FLAGS      see below
 *     READ       number of the reading that met our route last
 */

import { CapacityError, GrowableInt32Array } from "../../base/growable-int32-array.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { PrefixCursor } from "../../route/trie/prefix-cursor.ts";
import { PrefixPool } from "../../route/trie/prefix-trie.ts";
import { type FibTable, NO_ROOT } from "./tables.ts";

export const TABLE = 0;
export const DESIRED = 1;
export const OBSERVED = 2;
export const FLAGS = 3;
export const READ = 4;
const ROW_WORDS = 5;

/** A route of our protocol with its hops written out, as our predecessors made them. */
export const PLAIN = -1;

/** It waits for its turn. */
export const CHANGED = 1;
/** A route was there before we were, and the view is not complete yet. */
export const ADOPTED = 2;
/** Somebody is said to have deleted our route; whether that was before or after our last change is open. */
export const UNSURE = 4;
/** Routes to it are left out or shadowed. */
export const SKIPPED = 8;
/** A foreign route stands beside ours, with the same destination and priority: a replace might hit that one. */
export const AMBIGUOUS = 16;
/** The view has withdrawn a route to it while it was ADOPTED. */
export const SHRUNK = 32;
/** Somebody else has put a route there, in place of ours or beside it: nothing is done before that was read. */
export const UNSCANNED = 64;
/** The destination holds an address of the underlay, and the table is the host's own: no route is to be there (underlay.ts). */
export const COVERS = 128;

/** A reading that was not whole has not met our route: whether it is there is found out by adding it. */
export const UNPROVEN = 256;

/** Arrays of it that become large when it has many rows of both families (see growable-int32-array.ts). */
export const LARGE_ARRAYS_OF_FIB_ROWS = 6;

export class FibRows {
  readonly #pool4 = new PrefixPool(4);
  readonly #pool6 = new PrefixPool(6);
  readonly #words4 = new GrowableInt32Array();
  readonly #words6 = new GrowableInt32Array();
  readonly #tables: (FibTable | undefined)[] = [];
  #end = 0;

  /** Every row is below. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#pool4.bytesUsed() + this.#pool6.bytesUsed() + this.#words4.bytes + this.#words6.bytes;
  }

  get(row: number, word: number): number {
    return this.#words(row)[(row >> 1) * ROW_WORDS + word] as number;
  }

  set(row: number, word: number, value: number): void {
    this.#words(row)[(row >> 1) * ROW_WORDS + word] = value;
  }

  has(row: number, flag: number): boolean {
    return (this.get(row, FLAGS) & flag) !== 0;
  }

  raise(row: number, flag: number): void {
    this.set(row, FLAGS, this.get(row, FLAGS) | flag);
  }

  lower(row: number, flag: number): void {
    this.set(row, FLAGS, this.get(row, FLAGS) & ~flag);
  }

  /** -1: there is none. */
  find(table: FibTable, { family, w0, w1, w2, w3, lengthBits }: Prefix): number {
    const root = family === 6 ? table.root6 : table.root4;
    if (root === NO_ROOT) return -1;
    const handle = this.#pool(family).find(root, w0, w1, w2, w3, lengthBits);
    return handle < 0 ? -1 : rowOf(handle, family);
  }

  /** -1: there is none, and no memory for it. */
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

  /** The row may be used for another destination. */
  free(row: number): void {
    const family = familyOf(row);
    const { root4, root6 } = this.tableOf(row);
    this.#pool(family).remove(family === 6 ? root6 : root4, row >> 1);
    this.set(row, TABLE, 0);
  }

  /** The rows of a table. The walk may pause; one that is there all the time comes once. */
  *rowsOf(table: FibTable): Iterable<number> {
    for (const family of [4, 6] as const) {
      const root = family === 6 ? table.root6 : table.root4;
      if (root === NO_ROOT) continue;
      const cursor = new PrefixCursor(this.#pool(family), root);
      for (let handle = cursor.next(); handle >= 0; handle = cursor.next()) yield rowOf(handle, family);
    }
  }

  /** Those of a table whose destinations hold the address. */
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
