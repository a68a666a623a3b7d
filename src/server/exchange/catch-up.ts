/**
 * CatchUp moves a subscription's cursor forward through the VNI's journal, and compares each entry that the cursor
 * passes with what was sent last. The resulting frames are returned as one piece of bytes, if possible directly from a
 * window that several subscriptions share.
 */
import type { Journal } from "../../route/table/journal.ts";
import { LONG_LIST, type Origins } from "../../route/table/origins.ts";
import { NEXT, ORIGIN, PREFIX, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import type { RouteTable, VniTable } from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import {
  encodeEndOfRib,
  encodeUpdate,
  MAX_CONTROL_FRAME_BYTES,
  MAX_UPDATE_FRAME_BYTES,
} from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import { type FrameWindow, FrameWindows, HAS_NEWER, SEVERAL, WITHDRAWN } from "./frame-window.ts";
import type { Subscription } from "./subscription.ts";

export const NO_BYTES = new Uint8Array(0);
/** A REMOVE has a field for the action, which an ADD leaves out. */
const REMOVE_EXTRA_BYTES = 2;
/** The cost of an entry for which nothing is sent: it is perhaps encoded, and compared. */
const STEPS_PER_ENTRY = 12;
/** The cost of checking a sibling: its position in a long list, its row, its origins, its bit. */
const STEPS_PER_SIBLING = 8;
/**
 * A pass ends once it has taken this many steps, some 0.3 ms. The check of one entry's siblings and origins is never
 * interrupted.
 */
const STEPS_PER_PASS = 1 << 16;
/** The cost of an origin, one of many, that is found to be leaving: it is looked up, and moves to another list. */
const STEPS_PER_SET_ASIDE = 64;
const SET_ASIDE_PER_PASS = STEPS_PER_PASS / STEPS_PER_SET_ASIDE;

export class CatchUp {
  readonly #table: RouteTable;
  readonly #journal: Journal;
  /** Frees a tombstone without pending withdrawals. */
  readonly #free: (vni: VniTable, row: number) => void;
  /**
   * Returns true while announcements of peers that have left are being removed in the VNI: some withdrawals are in no
   * journal yet.
   */
  readonly #isBeingCleared: (vni: VniTable) => boolean;
  /** While this is true no End-of-RIB is sent, since the table is not complete, as after the server's start. */
  endOfRibDeferred: boolean;
  readonly #windows = new FrameWindows();
  readonly #run = new Uint8Array(RUN_BYTES);
  readonly #runView = new DataView(this.#run.buffer);
  readonly #fields = new UpdateFields();
  /** Tombstones whose last pending withdrawal is in the current run. */
  readonly #freed = new Int32Array(RUN_BYTES / 16);
  readonly #origins: Origins;
  /** The memory of the bits of all subscriptions. */
  sentBytes = 0;
  /** The steps of the last {@link advance} for which it returned no bytes. */
  steps = 0;
  /** How many UPDATEs and End-of-RIBs were returned since the start. */
  updates = 0;
  endOfRibs = 0;

  constructor(
    table: RouteTable,
    journal: Journal,
    free: (vni: VniTable, row: number) => void,
    isBeingCleared: (vni: VniTable) => boolean,
    deferEndOfRib: boolean,
  ) {
    this.#table = table;
    this.#journal = journal;
    this.#free = free;
    this.#isBeingCleared = isBeingCleared;
    this.endOfRibDeferred = deferEndOfRib;
    this.#origins = table.origins;
  }

  /** Moves the cursor forward by at most one window, and returns the frames that are due for the entries it has passed. */
  advance(subscription: Subscription, limitBytes: number): Uint8Array {
    const { table } = subscription;
    this.steps = 1;
    const start = this.#entryAfter(subscription.cursor);
    if (start === NIL) {
      if (this.#isEndOfRibDue(subscription, 0, limitBytes))
        return this.#run.subarray(0, this.#writeEndOfRib(subscription, 0));
      // Subscriptions that have caught up share one cursor row at the tail, and are idle.
      if (subscription.cursor !== table.tail) {
        subscription.cursor = this.#journal.moveCursor(table, subscription.cursor, table.tail);
      }
      subscription.sleep();
      return NO_BYTES;
    }
    const window = this.#windows.at(this.#table, start, limitBytes, table.version);
    if (window.count === 0) throw new RangeError(`no frame fits in ${limitBytes} bytes`);
    const run = this.#pass(subscription, window, limitBytes);
    if (!this.#isEndOfRibDue(subscription, run.length, limitBytes)) {
      subscription.peer.requeue(subscription);
      return run;
    }
    if (run.buffer !== this.#run.buffer) this.#run.set(run);
    return this.#run.subarray(0, this.#writeEndOfRib(subscription, run.length));
  }

  /** Returns true if the subscription for the first time has nothing left to be sent, and an End-of-RIB still fits. */
  #isEndOfRibDue(subscription: Subscription, runBytes: number, limitBytes: number): boolean {
    if (subscription.endOfRibSent || this.endOfRibDeferred) return false;
    if (runBytes + MAX_CONTROL_FRAME_BYTES > Math.min(limitBytes, RUN_BYTES)) return false;
    return this.#entryAfter(subscription.cursor) === NIL && !this.#isBeingCleared(subscription.table);
  }

  /** Writes the End-of-RIB into the run at `offset`, and returns where it ends. */
  #writeEndOfRib(subscription: Subscription, offset: number): number {
    subscription.endOfRibSent = true;
    this.endOfRibs++;
    subscription.peer.requeue(subscription);
    return encodeEndOfRib(this.#runView, offset, subscription.table.vni);
  }

  /** Returns the first entry after the cursor: other cursors' rows are not entries. NIL if there is none. */
  #entryAfter(cursor: number): number {
    const words = this.#table.rows.words;
    let row = words[(cursor << ROW_SHIFT) + NEXT] as number;
    while (row !== NIL && words[(row << ROW_SHIFT) + PREFIX] === NIL) {
      row = words[(row << ROW_SHIFT) + NEXT] as number;
      this.steps++;
    }
    return row;
  }

  /**
   * Decides about each entry of the window that fits. If the frames that are due are one continuous piece of the
   * window, that piece itself is returned; otherwise the pieces are copied together.
   */
  #pass(subscription: Subscription, window: FrameWindow, limitBytes: number): Uint8Array {
    const words = this.#table.rows.words;
    const origins = this.#origins;
    const { rows, lengths, slots, announcers, count } = window;
    const { peer, table } = subscription;
    const { number, isServer } = peer;
    this.sentBytes += subscription.reserve(table.slotCount);
    const sent = subscription.sent;
    const limit = Math.min(limitBytes, RUN_BYTES);
    let runEnd = 0;
    // The piece of the window that is due and was not copied yet.
    let pieceStart = 0;
    let pieceEnd = 0;
    let withdrawn = 0;
    let freed = 0;
    let fruitless = 0;
    /** ADDs of other routes, sent before a REMOVE. */
    let replacements = 0;
    const { setAside } = origins;
    let i = 0;
    let hasRoom = true;
    let end = 0;
    for (; hasRoom && i < count; i++) {
      const start = end;
      const announcer = announcers[i] as number;
      const lengthBytes = lengths[i] as number;
      // There must be room for either frame of the entry: its REMOVE may be due instead of its ADD.
      const needBytes = lengthBytes + (announcer === WITHDRAWN ? 0 : REMOVE_EXTRA_BYTES);
      if (runEnd + pieceEnd - pieceStart + needBytes > limit) break;
      end = start + lengthBytes;
      const slot = slots[i] as number;
      const bit = 1 << (slot & 31);
      const bits = sent[slot >>> 5] as number;
      const wasSent = (bits & bit) !== 0;
      let isInView = announcer >= 0 && announcer !== number;
      if (announcer === SEVERAL) {
        const origin = words[((rows[i] as number) << ROW_SHIFT) + ORIGIN] as number;
        isInView = origins.isInView(origin, number, isServer);
        // The pass ends after this entry: thousands of peers that all announced the same route may have left.
        if (origin >= LONG_LIST && origins.setAside - setAside > SET_ASIDE_PER_PASS) hasRoom = false;
      }
      if (isInView === wasSent) {
        fruitless++;
        continue;
      }
      const entry = rows[i] as number;
      const row = entry & ~HAS_NEWER;
      if (!isInView && (announcer !== WITHDRAWN || entry !== row)) {
        // This is a withdrawal, perhaps of the last hop that the subscriber has.
        runEnd = this.#gather(window, runEnd, pieceStart, pieceEnd);
        pieceStart = pieceEnd = start;
        const other = this.#replacementFor(subscription, row);
        // The pass ends after this entry, whose frames are still sent.
        hasRoom &&= this.steps <= STEPS_PER_PASS;
        if (other !== NIL) {
          if (runEnd > 0 && runEnd + MAX_UPDATE_FRAME_BYTES + needBytes > limit) break;
          runEnd = this.#gatherChange(subscription, other, runEnd, Action.ADD);
          replacements++;
          if (runEnd + needBytes > limit) break;
        }
        if (announcer !== WITHDRAWN) {
          // The route exists, but is not in this subscriber's view: it needs a REMOVE, not the window's frame.
          runEnd = this.#gatherChange(subscription, row, runEnd, Action.REMOVE);
          pieceStart = pieceEnd = end;
          continue;
        }
      }
      // A sibling's bit in the same word may have changed, so the word is read again.
      sent[slot >>> 5] = (sent[slot >>> 5] as number) ^ bit;
      if (announcer === WITHDRAWN) {
        withdrawn++;
        const at = (row << ROW_SHIFT) + ORIGIN;
        const origin = (words[at] as number) + 1;
        words[at] = origin;
        if (origin === NIL) this.#freed[freed++] = row;
      }
      if (start !== pieceEnd) {
        runEnd = this.#gather(window, runEnd, pieceStart, pieceEnd);
        pieceStart = start;
      }
      pieceEnd = end;
    }
    subscription.pendingWithdrawals -= withdrawn;
    subscription.count(end);
    this.updates += i - fruitless + replacements;
    this.steps += fruitless * STEPS_PER_ENTRY + (origins.setAside - setAside) * STEPS_PER_SET_ASIDE;
    const run =
      runEnd === 0
        ? window.bytes.subarray(pieceStart, pieceEnd)
        : this.#run.subarray(0, this.#gather(window, runEnd, pieceStart, pieceEnd));
    if (i > 0)
      subscription.cursor = this.#journal.moveCursor(
        table,
        subscription.cursor,
        (rows[i - 1] as number) & ~HAS_NEWER,
      );
    for (let f = 0; f < freed; f++) this.#free(table, this.#freed[f] as number);
    return run;
  }

  /**
   * Returns the route that replaces this one, since a subscriber gets the ADD of another route to the same destination
   * before the REMOVE of this one (make before break). A route that it has not been sent yet comes after this one in
   * the journal, so it is among the newer siblings (route/table/destination-routes.ts). Returns NIL if there is none,
   * or if a newer sibling that comes first was already sent: the subscriber keeps that one, and gets the others before
   * that one is withdrawn.
   *
   * The work is one check of each newer sibling that was not sent and is not in the subscriber's view, up to the first
   * other one. The cursor passes each of these before another withdrawal for the destination checks it again: in all,
   * this is one check per change of a route and subscription.
   */
  #replacementFor(subscription: Subscription, row: number): number {
    const { number, isServer } = subscription.peer;
    const words = this.#table.rows.words;
    let other = this.#table.newerThan(row);
    for (; other !== NIL; other = this.#table.newerThan(other)) {
      this.steps += STEPS_PER_SIBLING;
      const at = other << ROW_SHIFT;
      if (subscription.wasSent(words[at + SLOT] as number)) return NIL;
      if (this.#origins.isInView(words[at + ORIGIN] as number, number, isServer)) return other;
    }
    return NIL;
  }

  /** Writes a frame that is not in the window to the run, and returns the new end of the run. */
  #gatherChange(subscription: Subscription, row: number, runEnd: number, action: Action): number {
    subscription.flip(this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number);
    this.#table.fill(row, this.#fields);
    return encodeUpdate(this.#runView, runEnd, this.#fields, action);
  }

  /** Copies a piece of the window to the run, and returns the new end of the run. */
  #gather(window: FrameWindow, runEnd: number, pieceStart: number, pieceEnd: number): number {
    if (pieceStart === pieceEnd) return runEnd;
    this.#run.set(window.bytes.subarray(pieceStart, pieceEnd), runEnd);
    return runEnd + pieceEnd - pieceStart;
  }
}
