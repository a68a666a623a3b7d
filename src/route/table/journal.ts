/*
 * The journal keeps the changes of a VNI in order without storing them: it is a list that links the rows of the routes.
 *
 *     head ─▶ route 7 ─▶ route 2 ─▶ [cursor of 1] ─▶ route 9 ─▶ route 4 ─▶ [cursor of 49] ◀─ tail
 *                                                          changed last ──┘
 *
 * A route that changes moves to the end. So there is at most one entry per route, its newest change. The list is never
 * longer than the table, and nothing has to be compacted.
 *
 * A subscription's cursor is a row of its own in the list: the subscription has passed the entries before it, and not
 * those after it. Subscriptions at the same position share one row, which counts them. So the many that have caught up
 * are one row at the tail, and new entries are appended after it. A new subscription, which needs the existing routes,
 * has its cursor at the head.
 *
 * Compared with an append-only log of encoded entries, this saves some 45 bytes per route, and there are no outdated
 * entries to be removed. An entry names its route; it is encoded when it is first needed, once for all subscriptions at
 * the same position (server/exchange/frame-window.ts).
 */
import { NEXT, PREFIX, PREVIOUS, ROW_SHIFT, SLOT, VNI } from "./route-rows.ts";
import { NIL, type RowPool } from "./row-pool.ts";

/** The ends of one VNI's list. */
export interface JournalEnds {
  /** The number in the VNI word of its rows. */
  readonly index: number;
  head: number;
  tail: number;
}

export class Journal {
  readonly #rows: RowPool;
  constructor(rows: RowPool) {
    this.#rows = rows;
  }

  append(ends: JournalEnds, row: number): void {
    this.#insertAfter(ends, ends.tail, row);
  }

  remove(ends: JournalEnds, row: number): void {
    const words = this.#rows.words;
    const at = row << ROW_SHIFT;
    const next = words[at + NEXT] as number;
    const previous = words[at + PREVIOUS] as number;
    if (previous === NIL) ends.head = next;
    else words[(previous << ROW_SHIFT) + NEXT] = next;
    if (next === NIL) ends.tail = previous;
    else words[(next << ROW_SHIFT) + PREVIOUS] = previous;
  }

  /** Makes the entry of a route that has changed the newest one. */
  moveToEnd(ends: JournalEnds, row: number): void {
    if (ends.tail === row) return;
    this.remove(ends, row);
    this.append(ends, row);
  }

  /** Returns the row of a cursor before all entries. */
  cursorAtHead(ends: JournalEnds): number {
    const { head } = ends;
    if (head === NIL || !this.#isCursor(head)) return this.#makeCursor(ends, NIL);
    const at = (head << ROW_SHIFT) + SLOT;
    this.#rows.words[at] = (this.#rows.words[at] as number) + 1;
    return head;
  }

  /**
   * Moves a cursor forward to directly after `row`, a row of the list that comes after it, and returns the cursor's
   * row there. If another cursor is at that position already, both share its row.
   */
  moveCursor(ends: JournalEnds, cursor: number, row: number): number {
    const words = this.#rows.words;
    const next = words[(row << ROW_SHIFT) + NEXT] as number;
    for (const neighbour of [row, next]) {
      if (neighbour === NIL || !this.#isCursor(neighbour)) continue;
      const at = (neighbour << ROW_SHIFT) + SLOT;
      words[at] = (words[at] as number) + 1;
      this.removeCursor(ends, cursor);
      return neighbour;
    }
    if (words[(cursor << ROW_SHIFT) + SLOT] === 1) {
      this.remove(ends, cursor);
      this.#insertAfter(ends, row, cursor);
      return cursor;
    }
    this.removeCursor(ends, cursor);
    return this.#makeCursor(ends, row);
  }

  /** Removes one cursor from its row, and the row with the last one. */
  removeCursor(ends: JournalEnds, cursor: number): void {
    const words = this.#rows.words;
    const at = (cursor << ROW_SHIFT) + SLOT;
    const cursors = (words[at] as number) - 1;
    words[at] = cursors;
    if (cursors > 0) return;
    this.remove(ends, cursor);
    this.#rows.release(cursor);
  }

  #isCursor(row: number): boolean {
    return this.#rows.words[(row << ROW_SHIFT) + PREFIX] === NIL;
  }

  #makeCursor(ends: JournalEnds, after: number): number {
    const cursor = this.#rows.allocate();
    const words = this.#rows.words;
    const at = cursor << ROW_SHIFT;
    words[at + PREFIX] = NIL;
    words[at + SLOT] = 1;
    words[at + VNI] = ends.index;
    this.#insertAfter(ends, after, cursor);
    return cursor;
  }

  #insertAfter(ends: JournalEnds, row: number, inserted: number): void {
    const words = this.#rows.words;
    const at = inserted << ROW_SHIFT;
    const next = row === NIL ? ends.head : (words[(row << ROW_SHIFT) + NEXT] as number);
    words[at + PREVIOUS] = row;
    words[at + NEXT] = next;
    if (row === NIL) ends.head = inserted;
    else words[(row << ROW_SHIFT) + NEXT] = inserted;
    if (next === NIL) ends.tail = inserted;
    else words[(next << ROW_SHIFT) + PREVIOUS] = inserted;
  }
}
