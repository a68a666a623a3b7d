/*
 * A stretch of a journal as frames: encoded once, for everybody who stands before it.
 *
 *     journal   place ─▶ row 9 ─▶ row 4 ─▶ row 7 ─▶ …
 *     rows      9, 4, 7
 *     bytes     ADD…│REMOVE…│ADD…            a tombstone is a REMOVE, any other route an ADD
 *     lengths   36   38      36
 *
 * The fifty subscribers that have caught up stand at the same place, and share what the first of them had
 * encoded: most take the bytes as they are, in one piece. They share also what decides whether they take an entry, its slot
 * and announcer, so that nobody but the first one looks at the rows. The window holds as long as no route changes, and
 * nobody's word begins or ceases to count.
 */
import { NEXT, NIL, ORIGIN, PREFIX, ROW_SHIFT, SLOT } from "../../route/table/route-rows.ts";
import type { RouteTable } from "../../route/table/route-table.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";

/** 3 MB of windows: what a socket on loopback holds. */
const MAX_WINDOWS = 32;
/** Header, VNI 0, an IPv4 default route and its next hop: 4 + 2 + 6 + 2 + 6, the least an UPDATE can take. */
const MIN_UPDATE_FRAME_BYTES = 20;
/** The most entries of a window. */
const MAX_ENTRIES = RUN_BYTES / MIN_UPDATE_FRAME_BYTES;
/** In `announcers`: nobody, the entry is a withdrawal; ... */
export const WITHDRAWN = -2;
/** ... it has to be looked up who may hear of the route: {@link Origins.isInView}. */
export const SEVERAL = NIL;
/** In `rows`, with a withdrawal: another route to its destination has changed since. Numbers of rows have 27 bits. */
export const HAS_NEWER = 1 << 30;

export class FrameWindow {
  readonly bytes = new Uint8Array(RUN_BYTES);
  /** The entries' rows, perhaps with HAS_NEWER. */
  readonly rows = new Int32Array(MAX_ENTRIES);
  /** Of each one's frame, in bytes. */
  readonly lengths = new Uint8Array(MAX_ENTRIES);
  readonly slots = new Int32Array(MAX_ENTRIES);
  /** Who announces it: the only one, so that all others are told of it; or WITHDRAWN, or SEVERAL. */
  readonly announcers = new Int32Array(MAX_ENTRIES);
  count = 0;
  /** No entry follows. */
  reachesEnd = false;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #fields = new UpdateFields();
  #start = NIL;
  #version = -1;
  #standingsVersion = -1;
  #limitBytes = 0;

  /** Whether it covers the entries from `start` on, at least as many as fit in `limitBytes`. */
  covers(start: number, limitBytes: number, version: number, standingsVersion: number): boolean {
    if (this.#start !== start || this.#version !== version) return false;
    if (this.#standingsVersion !== standingsVersion) return false;
    return this.reachesEnd || this.#limitBytes >= limitBytes;
  }

  /** Covers the entries from `start` on, as many as fit in `limitBytes`. */
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
 * The windows used last. A subscriber takes all that its socket holds, some megabytes, before the next one gets its
 * turn and begins where the first had begun.
 */
export class FrameWindows {
  readonly #windows: FrameWindow[] = [];
  #oldest = 0;

  /**
   * A window over the entries from `start` on, as many as fit in `limitBytes`. `version` is the journal's,
   * and no other journal's ever. Valid until some further calls.
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
