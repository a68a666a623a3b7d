/**
 * A subscription catching up: its cursor moves on through the VNI's journal, and what it passes is compared with what
 * was sent last. The frames that come of it are handed out as one piece of bytes, at best straight from a window that
 * others share.
 */
import type { Journal } from "../../route/table/journal.ts";
import { CROWD, type Origins } from "../../route/table/origins.ts";
import { NEXT, NIL, ORIGIN, PREFIX, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import type { RouteTable, VniTable } from "../../route/table/route-table.ts";
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
/** The action, which an ADD leaves out. */
const REMOVE_EXTRA_BYTES = 2;
/** What one entry that nothing is due of takes: to be encoded, perhaps, and to be compared. */
const STEPS_PER_ENTRY = 12;
/** One look at a sibling: where it stands in a long list, its row, its origins, its bit. */
const STEPS_PER_SIBLING = 8;
/** A pass that has taken so many ends: some 0.3 ms. Looks at an entry's siblings, and at its origins, are never broken off. */
const STEPS_PER_PASS = 1 << 16;
/** One of a route's many origins that is found to be leaving: it is looked up, and moves to another list. */
const STEPS_PER_SET_ASIDE = 64;
const SET_ASIDE_PER_PASS = STEPS_PER_PASS / STEPS_PER_SET_ASIDE;

export class CatchUp {
  readonly #table: RouteTable;
  readonly #journal: Journal;
  /** Takes back a tombstone that nobody is owed any more. */
  readonly #free: (vni: VniTable, row: number) => void;
  /** Announcements in the VNI that count no more are still being removed: withdrawals are due that are in no journal yet. */
  readonly #isBeingCleared: (vni: VniTable) => boolean;
  /** The server has only just started: nobody is told that a table is complete. */
  endOfRibDeferred: boolean;
  readonly #windows = new FrameWindows();
  readonly #run = new Uint8Array(RUN_BYTES);
  readonly #runView = new DataView(this.#run.buffer);
  readonly #fields = new UpdateFields();
  /** Tombstones whose last withdrawal is in the run at hand. */
  readonly #freed = new Int32Array(RUN_BYTES / 16);
  readonly #origins: Origins;
  /** Of all subscriptions: the bits of what was sent. */
  sentBytes = 0;
  /** Work of the last {@link advance} that brought no bytes. */
  steps = 0;

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

  /** Moves the cursor on by one window, or to its end, and gives what that makes due. */
  advance(subscription: Subscription, limitBytes: number): Uint8Array {
    const { table } = subscription;
    this.steps = 1;
    const start = this.#entryBehind(subscription.place);
    if (start === NIL) {
      if (this.#isMarkDue(subscription, 0, limitBytes))
        return this.#run.subarray(0, this.#mark(subscription, 0));
      // Those that have caught up stand together, behind everything, and sleep.
      if (subscription.place !== table.tail) {
        subscription.place = this.#journal.movePlace(table, subscription.place, table.tail);
      }
      subscription.audience.idle.append(subscription);
      return NO_BYTES;
    }
    const window = this.#windows.at(this.#table, start, limitBytes, table.version);
    if (window.count === 0) throw new RangeError(`no frame fits in ${limitBytes} bytes`);
    const run = this.#pass(subscription, window, limitBytes);
    if (!this.#isMarkDue(subscription, run.length, limitBytes)) {
      subscription.peer.enqueue(subscription);
      return run;
    }
    if (run.buffer !== this.#run.buffer) this.#run.set(run);
    return this.#run.subarray(0, this.#mark(subscription, run.length));
  }

  /** The subscription has nothing left to be sent for the first time, and there is room for saying so. */
  #isMarkDue(subscription: Subscription, runBytes: number, limitBytes: number): boolean {
    if (subscription.endOfRibSent || this.endOfRibDeferred) return false;
    if (runBytes + MAX_CONTROL_FRAME_BYTES > Math.min(limitBytes, RUN_BYTES)) return false;
    return this.#entryBehind(subscription.place) === NIL && !this.#isBeingCleared(subscription.table);
  }

  /** Writes the End-of-RIB into the run at `offset`. */
  #mark(subscription: Subscription, offset: number): number {
    subscription.endOfRibSent = true;
    subscription.peer.enqueue(subscription);
    return encodeEndOfRib(this.#runView, offset, subscription.table.vni);
  }

  /** The first entry that a cursor at this place has not passed: other cursors' places are none. */
  #entryBehind(place: number): number {
    const words = this.#table.rows.words;
    let row = words[(place << ROW_SHIFT) + NEXT] as number;
    while (row !== NIL && words[(row << ROW_SHIFT) + PREFIX] === NIL) {
      row = words[(row << ROW_SHIFT) + NEXT] as number;
      this.steps++;
    }
    return row;
  }

  /**
   * Decides about each entry of the window that fits. As long as what is due is what the window holds, in one
   * piece, its bytes are the answer; otherwise the pieces are gathered.
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
    // The piece of the window that is due and not gathered yet.
    let pieceStart = 0;
    let pieceEnd = 0;
    let withdrawn = 0;
    let freed = 0;
    let fruitless = 0;
    const { setAside } = origins;
    let i = 0;
    let hasRoom = true;
    let end = 0;
    for (; hasRoom && i < count; i++) {
      const start = end;
      const announcer = announcers[i] as number;
      const lengthBytes = lengths[i] as number;
      // Whatever comes of the entry has to fit, if need be its REMOVE instead of its ADD.
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
        // The last entry of this pass: thousands that all announced the same may have left.
        if (origin >= CROWD && origins.setAside - setAside > SET_ASIDE_PER_PASS) hasRoom = false;
      }
      if (isInView === wasSent) {
        fruitless++;
        continue;
      }
      const entry = rows[i] as number;
      const row = entry & ~HAS_NEWER;
      if (!isInView && (announcer !== WITHDRAWN || entry !== row)) {
        // A withdrawal, perhaps of the last hop that the subscriber knows.
        runEnd = this.#gather(window, runEnd, pieceStart, pieceEnd);
        pieceStart = pieceEnd = start;
        const other = this.#nextToTell(subscription, row);
        // The last entry of this pass: what comes of it is taken along.
        hasRoom &&= this.steps <= STEPS_PER_PASS;
        if (other !== NIL) {
          if (runEnd > 0 && runEnd + MAX_UPDATE_FRAME_BYTES + needBytes > limit) break;
          runEnd = this.#gatherChange(subscription, other, runEnd, Action.ADD);
          if (runEnd + needBytes > limit) break;
        }
        if (announcer !== WITHDRAWN) {
          // Alive, but nobody announces it whom the subscriber may hear of: its own REMOVE, and not what the window holds.
          runEnd = this.#gatherChange(subscription, row, runEnd, Action.REMOVE);
          pieceStart = pieceEnd = end;
          continue;
        }
      }
      // A sibling's bit in the same word may have changed by now.
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
    subscription.owedWithdrawals -= withdrawn;
    this.steps += fruitless * STEPS_PER_ENTRY + (origins.setAside - setAside) * STEPS_PER_SET_ASIDE;
    const run =
      runEnd === 0
        ? window.bytes.subarray(pieceStart, pieceEnd)
        : this.#run.subarray(0, this.#gather(window, runEnd, pieceStart, pieceEnd));
    if (i > 0)
      subscription.place = this.#journal.movePlace(
        table,
        subscription.place,
        (rows[i - 1] as number) & ~HAS_NEWER,
      );
    for (let f = 0; f < freed; f++) this.#free(table, this.#freed[f] as number);
    return run;
  }

  /**
   * Make before break: before the subscriber is told that this route has gone it hears of another one to the same
   * destination, if there is one that it is still to be told of. Such a route stands behind this one in the journal, so it
   * is among the newer siblings (route/siblings.ts). NIL: there is none; or a newer one comes first that the subscriber
   * knows, so that it is left with that, and hears of the others before that one goes.
   *
   * Work: a look at each newer sibling that the subscriber does not know and that is not in its view, up to the first
   * other one. Whichever is looked at is passed by the cursor before another of the destination's withdrawals looks at it
   * again: in all, a look per change of a route and subscription.
   */
  #nextToTell(subscription: Subscription, row: number): number {
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

  /** Writes what the window does not hold, a change of what was sent, to the run, and returns where the run ends then. */
  #gatherChange(subscription: Subscription, row: number, runEnd: number, action: Action): number {
    subscription.flip(this.#table.rows.words[(row << ROW_SHIFT) + SLOT] as number);
    this.#table.fill(row, this.#fields);
    return encodeUpdate(this.#runView, runEnd, this.#fields, action);
  }

  /** Copies a piece of the window to the run, and returns where the run ends then. */
  #gather(window: FrameWindow, runEnd: number, pieceStart: number, pieceEnd: number): number {
    if (pieceStart === pieceEnd) return runEnd;
    this.#run.set(window.bytes.subarray(pieceStart, pieceEnd), runEnd);
    return runEnd + pieceEnd - pieceStart;
  }
}
