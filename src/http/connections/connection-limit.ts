/**
 * Limits the number of HTTP connections: a client that opens thousands of them, or leaves them open, must neither take the
 * descriptors that route clients need nor keep other HTTP clients out. So a connection beyond the limit takes the place of
 *
 * 1. the connection that has been without a request longest,
 * 2. or the slowest reader of those that are slow (slow-reader.ts).
 *
 * Where there is no such connection, new ones wait in the kernel's queue until there is one, if the listener can be paused; else the
 * new connection is closed. A waiting connection is admitted after the others have had a chance to show that they read.
 */
import type { Clock } from "../../base/clock.ts";
import { isSlow, type Stall, takenBytesPerMs } from "./slow-reader.ts";

/** Bytes that arrived with the connection, or right after it, have been read after this time. */
const UNREAD_MS = 20;
/** The limits of a process can change, but reading them takes longer than accepting a connection. */
const ASK_EVERY_MS = 10_000;

export interface LimitedConnection {
  /** Since when it has had no complete request; null: one is being answered. */
  readonly idleSinceMs: number | null;
  /** Null: its reader has taken all that there is. */
  readonly stall: Stall | null;
  close(): void;
}

export class ConnectionLimit<C extends LimitedConnection> {
  readonly #connections = new Set<C>();
  readonly #limit: () => number;
  readonly #clock: Clock;
  #most = 0;
  #askAgainMs = Number.NEGATIVE_INFINITY;

  /** `limit` is asked now and then. */
  constructor(limit: () => number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Returns the connection that was closed for want of room, perhaps the new one; null if there is room. */
  admit(connection: C): C | null {
    const closed = this.isFull ? (this.#leastNeeded() ?? connection) : null;
    if (closed !== null) {
      this.#connections.delete(closed);
      closed.close();
    }
    if (closed !== connection) this.#connections.add(connection);
    return closed;
  }

  /** No further one may come. */
  get isFull(): boolean {
    return this.#connections.size >= this.#current();
  }

  /** Closes one for another that waits; null: there is none that is to make room now. A slow reader only where that is asked for. */
  makeRoom(alsoSlow: boolean): C | null {
    const closed = this.#leastNeeded(this.#clock.nowMs() - UNREAD_MS);
    if (closed === null || (closed.idleSinceMs === null && !alsoSlow)) return null;
    this.#connections.delete(closed);
    closed.close();
    return closed;
  }

  closed(connection: C): void {
    this.#connections.delete(connection);
  }

  all(): Iterable<C> {
    return this.#connections;
  }

  #current(): number {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#askAgainMs) {
      this.#most = this.#limit();
      this.#askAgainMs = nowMs + ASK_EVERY_MS;
    }
    return this.#most;
  }

  /** Those without a request since then are left their time. */
  #leastNeeded(idleBeforeMs = Number.POSITIVE_INFINITY): C | null {
    let idle: C | null = null;
    let idleSinceMs = idleBeforeMs;
    let slow: C | null = null;
    let slowBytesPerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    for (const connection of this.#connections) {
      const { idleSinceMs: sinceMs, stall } = connection;
      if (sinceMs !== null && sinceMs < idleSinceMs) {
        idle = connection;
        idleSinceMs = sinceMs;
      }
      if (stall === null || !isSlow(stall, nowMs)) continue;
      const bytesPerMs = takenBytesPerMs(stall);
      if (bytesPerMs >= slowBytesPerMs) continue;
      slow = connection;
      slowBytesPerMs = bytesPerMs;
    }
    return idle ?? slow;
  }
}
