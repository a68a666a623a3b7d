/*
 * The changes of a VNI in order, without a log: a list through the rows of its routes.
 *
 *     head ─▶ route 7 ─▶ route 2 ─▶ [place: 1 cursor] ─▶ route 9 ─▶ route 4 ─▶ [place: 49 cursors] ◀─ tail
 *                                                              changed last ──┘
 *
 * A route that changes moves to the end. So there is at most one entry per route, its newest change; the
 * list is as long as the table, whatever happens, and nothing has to be compacted.
 *
 * A cursor stands at a place, a row of its own in the list: what is before it has been passed, what is behind
 * it has not. Cursors at the same spot share a place, so the many that have caught up are one row at the
 * tail, and what is appended lies behind all of them. Existing routes for a new subscription are a cursor at
 * the head.
 *
 * This is an append-only journal of encoded entries with superseding and compaction, less the log: entries
 * name their route and are encoded when somebody needs them, once for all who stand at the same place
 * (server/frame-window.ts). It saves some 45 bytes a route and all squeezing of dead entries.
 */
import { NEXT, NIL, PREFIX, PREVIOUS, ROW_SHIFT, type RouteRows, SLOT, VNI } from "./route-rows.ts";

/** One VNI's list. */
export interface JournalEnds {
  /** Its number in the VNI word of its rows. */
  readonly index: number;
  head: number;
  tail: number;
}

export class Journal {
  readonly #rows: RouteRows;
  constructor(rows: RouteRows) {
    this.#rows = rows;
  }

  append(ends: JournalEnds, row: number): void {
    this.#insertBehind(ends, ends.tail, row);
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

  /** The route has changed: it is the newest entry now. */
  moveToEnd(ends: JournalEnds, row: number): void {
    if (ends.tail === row) return;
    this.remove(ends, row);
    this.append(ends, row);
  }

  /** A place for a cursor before all entries. */
  placeAtHead(ends: JournalEnds): number {
    const { head } = ends;
    if (head === NIL || !this.#isPlace(head)) return this.#makePlace(ends, NIL);
    const at = (head << ROW_SHIFT) + SLOT;
    this.#rows.words[at] = (this.#rows.words[at] as number) + 1;
    return head;
  }

  /**
   * Moves a cursor on from its place to right behind `row`, a row of the list that is behind it, and returns its
   * place there. Where another cursor stands at that spot, they share its place.
   */
  movePlace(ends: JournalEnds, place: number, row: number): number {
    const words = this.#rows.words;
    const next = words[(row << ROW_SHIFT) + NEXT] as number;
    for (const neighbour of [row, next]) {
      if (neighbour === NIL || !this.#isPlace(neighbour)) continue;
      const at = (neighbour << ROW_SHIFT) + SLOT;
      words[at] = (words[at] as number) + 1;
      this.leavePlace(ends, place);
      return neighbour;
    }
    if (words[(place << ROW_SHIFT) + SLOT] === 1) {
      this.remove(ends, place);
      this.#insertBehind(ends, row, place);
      return place;
    }
    this.leavePlace(ends, place);
    return this.#makePlace(ends, row);
  }

  /** A cursor stands here no longer. */
  leavePlace(ends: JournalEnds, place: number): void {
    const words = this.#rows.words;
    const at = (place << ROW_SHIFT) + SLOT;
    const cursors = (words[at] as number) - 1;
    words[at] = cursors;
    if (cursors > 0) return;
    this.remove(ends, place);
    this.#rows.release(place);
  }

  #isPlace(row: number): boolean {
    return this.#rows.words[(row << ROW_SHIFT) + PREFIX] === NIL;
  }

  #makePlace(ends: JournalEnds, behind: number): number {
    const place = this.#rows.allocate();
    const words = this.#rows.words;
    const at = place << ROW_SHIFT;
    words[at + PREFIX] = NIL;
    words[at + SLOT] = 1;
    words[at + VNI] = ends.index;
    this.#insertBehind(ends, behind, place);
    return place;
  }

  #insertBehind(ends: JournalEnds, row: number, inserted: number): void {
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
