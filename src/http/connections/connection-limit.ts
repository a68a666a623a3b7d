/**
 * Limits the number of HTTP connections: a client that opens thousands of them, or leaves them open, must neither take the
 * descriptors that route clients need nor keep other HTTP clients out. So a connection beyond the limit takes the place of
 *
 * 1. the connection that has been without a request longest,
 * 2. or the slowest stalled reader, by what it took in each millisecond in which there was something to
 *    take: of those that have stalled for {@link STALLED_MS} and a millisecond for each {@link BYTES_PER_MS} that they took, since
 *    a patient reader on a busy machine is not to lose what it has nearly all of, or for most of {@link SLOW_MS} and more.
 *
 * Where there is no such connection, new ones wait in the kernel's queue until there is one, if the listener can be paused; else the
 * new connection is closed. A waiting connection is admitted after the others have had a chance to show that they read.
 */
import type { Clock } from "../../base/clock.ts";

/** The socket of a reader that takes as fast as it can is seldom full for this long. */
const STALLED_MS = 250;
/** The 10 MB that sockets take for readers that never read thus add a second. */
const BYTES_PER_MS = 10_000;
/** A reader on a slow network has this long to show its rate. */
const SLOW_MS = 3_000;
/** Bytes that arrived with the connection, or right after it, have been read after this time. */
const UNREAD_MS = 20;
/** The limits of a process can change, but reading them takes longer than accepting a connection. */
const ASK_EVERY_MS = 10_000;

/** A reader that takes nothing although something waits. */
export interface Stall {
  readonly sinceMs: number;
  /** Of this answer. */
  readonly takenBytes: number;
  /** Since the answer was begun. */
  readonly forMs: number;
  /** For how long of that something waited. */
  readonly blockedMs: number;
  /** For most of it. */
  readonly isUsual: boolean;
}

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
      const bytesPerMs = stall.takenBytes / Math.max(1, stall.blockedMs);
      if (bytesPerMs >= slowBytesPerMs) continue;
      slow = connection;
      slowBytesPerMs = bytesPerMs;
    }
    return idle ?? slow;
  }
}

function isSlow({ sinceMs, takenBytes, forMs, isUsual }: Stall, nowMs: number): boolean {
  return (isUsual && forMs >= SLOW_MS) || nowMs - sinceMs >= STALLED_MS + takenBytes / BYTES_PER_MS;
}
