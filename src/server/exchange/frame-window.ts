/*
 * A window has the frames of a part of a journal, encoded once for all subscriptions whose cursor is before it.
 *
 *     journal   cursor ─▶ row 9 ─▶ row 4 ─▶ row 7 ─▶ …
 *     rows      9, 4, 7
 *     bytes     ADD…│REMOVE…│ADD…            a tombstone is a REMOVE, any other route an ADD
 *     lengths   36   38      36
 *
 * Subscribers that have caught up have the same cursor, and share the window that was encoded for the first of them:
 * most are sent its bytes as they are, in one piece. They also share the slots and announcers, which decide whether an
 * entry is due, so that only the first one reads the rows. A window is valid as long as no route changes, and no peer's
 * announcements start or stop counting.
 */
import { NEXT, ORIGIN, PREFIX, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import type { RouteTable } from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";

/** This many windows have 3 MB, as much as a socket on loopback takes. */
const MAX_WINDOWS = 32;
/** The shortest UPDATE has a header, VNI 0, an IPv4 default route and its next hop: 4 + 2 + 6 + 2 + 6. */
const MIN_UPDATE_FRAME_BYTES = 20;
/** The most entries of a window. */
const MAX_ENTRIES = RUN_BYTES / MIN_UPDATE_FRAME_BYTES;
/** WITHDRAWN in `announcers` means a withdrawal, which has no announcer. */
export const WITHDRAWN = -2;
/** SEVERAL in `announcers` means that {@link Origins.isInView} has to be called. */
export const SEVERAL = NIL;
/**
 * This bit in `rows` marks a withdrawal after which another route to its destination has changed. Row numbers have 27
 * bits.
 */
export const HAS_NEWER = 1 << 30;

export class FrameWindow {
  readonly bytes = new Uint8Array(RUN_BYTES);
  /** The row of each entry, for some withdrawals with HAS_NEWER. */
  readonly rows = new Int32Array(MAX_ENTRIES);
  /** The length of each entry's frame, in bytes. */
  readonly lengths = new Uint8Array(MAX_ENTRIES);
  readonly slots = new Int32Array(MAX_ENTRIES);
  /** The only peer that announces each entry, so that it is in all others' view; or WITHDRAWN, or SEVERAL. */
  readonly announcers = new Int32Array(MAX_ENTRIES);
  count = 0;
  /** True if no entry of the journal follows. */
  reachesEnd = false;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #fields = new UpdateFields();
  #start = NIL;
  #version = -1;
  #standingsVersion = -1;
  #limitBytes = 0;

  /** Returns true if the window covers the entries from `start` on, at least as many as fit in `limitBytes`. */
  covers(start: number, limitBytes: number, version: number, standingsVersion: number): boolean {
    if (this.#start !== start || this.#version !== version) return false;
    if (this.#standingsVersion !== standingsVersion) return false;
    return this.reachesEnd || this.#limitBytes >= limitBytes;
  }

  /** Encodes the entries from `start` on, as many as fit in `limitBytes`. */
  load(table: RouteTable, start: number, limitBytes: number, version: number): void {
    this.#version = version;
    this.#standingsVersion = table.origins.standingsVersion;
    this.#start = start;
    this.#limitBytes = limitBytes;
    this.#encode(table, start, Math.min(limitBytes, RUN_BYTES));
  }

  #encode(table: RouteTable, start: number, limit: number): void {
    const words = table.rows.words;
    const fields = this.#fields;
    let count = 0;
    let end = 0;
    let row = start;
    while (row !== NIL) {
      const at = row << ROW_SHIFT;
      if (words[at + PREFIX] !== NIL) {
        if (end + MAX_UPDATE_FRAME_BYTES > limit) break;
        table.fill(row, fields);
        const origin = words[at + ORIGIN] as number;
        const isTombstone = origin < 0;
        const start = end;
        end = encodeUpdate(this.#view, start, fields, isTombstone ? Action.REMOVE : Action.ADD);
        this.lengths[count] = end - start;
        this.slots[count] = words[at + SLOT] as number;
        this.announcers[count] = isTombstone ? WITHDRAWN : table.origins.onlyClient(origin);
        this.rows[count++] = isTombstone && !table.isNewest(row) ? row | HAS_NEWER : row;
      }
      row = words[at + NEXT] as number;
    }
    this.count = count;
    this.reachesEnd = row === NIL;
  }
}

/**
 * Keeps the windows that were used last. A subscriber is sent as much as its socket takes, some megabytes, before the
 * next one gets its turn and begins where the first one began.
 */
export class FrameWindows {
  readonly #windows: FrameWindow[] = [];
  #oldest = 0;

  /**
   * Returns a window over the entries from `start` on, as many as fit in `limitBytes`. `version` is the journal's, and
   * is unique among all journals. The window is valid until MAX_WINDOWS further calls.
   */
  at(table: RouteTable, start: number, limitBytes: number, version: number): FrameWindow {
    const { standingsVersion } = table.origins;
    for (const window of this.#windows) {
      if (window.covers(start, limitBytes, version, standingsVersion)) return window;
    }
    const window = this.#windows[this.#oldest] ?? new FrameWindow();
    this.#windows[this.#oldest] = window;
    this.#oldest = (this.#oldest + 1) % MAX_WINDOWS;
    window.load(table, start, limitBytes, version);
    return window;
  }
}
