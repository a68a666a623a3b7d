/*
 * A stretch of a journal as frames: encoded once, for everybody who stands before it.
 *
 *     journal   place ─▶ row 9 ─▶ row 4 ─▶ row 7 ─▶ …
 *     rows      9, 4, 7
 *     bytes     ADD…│REMOVE…│ADD…            a tombstone is a REMOVE, any other route an ADD
 *     ends      36   74      110
 *
 * The fifty subscribers that have caught up stand at the same place, and share what the first of them had
 * encoded: most take the bytes as they are, in one piece. The window holds as long as no route changes.
 */
import { NEXT, NIL, ORIGIN, PREFIX, ROW_SHIFT } from "../route/route-rows.ts";
import type { RouteTable } from "../route/route-table.ts";
import { RUN_BYTES } from "../transport/outbox.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../wire/encode.ts";
import { UpdateFields } from "../wire/message.ts";
import { Action } from "../wire/protocol.ts";

/** 3 MB of windows: what a socket on loopback holds. */
const MAX_WINDOWS = 32;
/** Header, VNI 0, an IPv4 default route and its next hop: 4 + 2 + 6 + 2 + 6, the least an UPDATE can take. */
const MIN_UPDATE_FRAME_BYTES = 20;
/** In `rows`, with a withdrawal: another route to its destination has changed since. Numbers of rows have 27 bits. */
export const HAS_NEWER = 1 << 30;

export class FrameWindow {
  readonly bytes = new Uint8Array(RUN_BYTES);
  /** The entries' rows, perhaps with HAS_NEWER, and the offset behind each one's frame. */
  readonly rows = new Int32Array(RUN_BYTES / MIN_UPDATE_FRAME_BYTES);
  readonly ends = new Int32Array(RUN_BYTES / MIN_UPDATE_FRAME_BYTES);
  count = 0;
  /** No entry follows. */
  reachesEnd = false;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #fields = new UpdateFields();
  #start = NIL;
  #version = -1;
  #limitBytes = 0;

  /** Whether it covers the entries from `start` on, at least as many as fit in `limitBytes`. */
  covers(start: number, limitBytes: number, version: number): boolean {
    if (this.#start !== start || this.#version !== version) return false;
    return this.reachesEnd || this.#limitBytes >= limitBytes;
  }

  /** Covers the entries from `start` on, as many as fit in `limitBytes`. */
  load(table: RouteTable, start: number, limitBytes: number, version: number): void {
    this.#version = version;
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
        const isTombstone = (words[at + ORIGIN] as number) < 0;
        end = encodeUpdate(this.#view, end, fields, isTombstone ? Action.REMOVE : Action.ADD);
        this.rows[count] = isTombstone && !table.isNewest(row) ? row | HAS_NEWER : row;
        this.ends[count++] = end;
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
    for (const window of this.#windows) if (window.covers(start, limitBytes, version)) return window;
    const window = this.#windows[this.#oldest] ?? new FrameWindow();
    this.#windows[this.#oldest] = window;
    this.#oldest = (this.#oldest + 1) % MAX_WINDOWS;
    window.load(table, start, limitBytes, version);
    return window;
  }
}
