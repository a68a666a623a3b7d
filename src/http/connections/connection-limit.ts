/**
 * This class limits the number of HTTP connections: a client that opens thousands of them, or leaves them open, must
 * neither use up the descriptors that route clients need nor keep other HTTP clients out. So a connection beyond the
 * limit replaces
 *
 * 1. the connection that has been without a request for the longest time,
 * 2. or the slowest reader of those that are slow (slow-reader.ts).
 *
 * If there is no such connection, new ones wait in the kernel's queue until there is one. If the listener cannot be
 * paused, the new connection is closed. A waiting connection is admitted after the others have had time to show that
 * they read.
 */
import type { Clock } from "../../base/clock.ts";
import { isSlow, type Stall, takenBytesPerMs } from "./slow-reader.ts";

/** Bytes that arrived with the connection, or directly after it, have been read after this time. */
const UNREAD_MS = 20;
/**
 * How many slow readers are closed at a time. The successor of each takes some 5 ms of work before it is known to be
 * slow. With one at a time, a patient reader waited for some 9 s beside 400 slow ones; with three it waits for 4 s.
 */
const MOST_SLOW_AT_A_TIME = 3;
/** How often the limit is read: it can change, but reading it takes longer than accepting a connection. */
const ASK_EVERY_MS = 10_000;

export interface LimitedConnection {
  /** Since when it has had no complete request; null while one is being answered. */
  readonly idleSinceMs: number | null;
  /** The state of its stalled reader; null if the reader has taken everything. */
  readonly stall: Stall | null;
  close(): void;
}

export class ConnectionLimit<C extends LimitedConnection> {
  readonly #connections = new Set<C>();
  readonly #limit: () => number;
  readonly #clock: Clock;
  #most = 0;
  #askAgainMs = Number.NEGATIVE_INFINITY;

  /** `limit` returns the present limit. It is called from time to time. */
  constructor(limit: () => number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Returns the connection that was closed because there is no room, perhaps the new one; null if there is room. */
  admit(connection: C): C | null {
    const closed = this.isFull ? (this.#leastNeeded() ?? connection) : null;
    if (closed !== null) {
      this.#connections.delete(closed);
      closed.close();
    }
    if (closed !== connection) this.#connections.add(connection);
    return closed;
  }

  /** True if no further connection may be admitted. */
  get isFull(): boolean {
    return this.#connections.size >= this.#current();
  }

  /** Closes up to `wanted` connections to make room for waiting ones, and returns how many it has closed. */
  makeRoom(wanted: number): number {
    const idleBeforeMs = this.#clock.nowMs() - UNREAD_MS;
    let slow = 0;
    for (let made = 0; made < wanted; made++) {
      const closed = this.#leastNeeded(idleBeforeMs);
      if (closed === null) return made;
      if (closed.idleSinceMs === null && slow++ >= MOST_SLOW_AT_A_TIME) return made;
      this.#connections.delete(closed);
      closed.close();
    }
    return wanted;
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

  /**
   * Returns the connection to be closed first. Connections that have become idle after `idleBeforeMs` keep their place.
   */
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
