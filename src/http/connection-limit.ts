/**
 * How many HTTP connections there may be: whoever opens thousands of them, or leaves them open, must neither take the
 * descriptors that route clients need nor keep other HTTP clients out. So one that is too many takes the place of
 *
 * 1. the one that has gone longest without a request,
 * 2. or the one whose reader has stood still longest, if that is longer than {@link STALLED_MS} and a millisecond for each
 *    {@link BYTES_PER_MS} that it took: a patient reader on a busy machine is not to lose what it has nearly all of,
 *
 * and where there is neither, it is closed itself.
 */
import type { Clock } from "../session/clock.ts";

/** A reader who takes as fast as it can is seldom so long with a full socket. */
const STALLED_MS = 250;
/** Of 10 MB, which sockets take of readers that never read, it is another second. */
const BYTES_PER_MS = 10_000;
/** A process's limits can change, but to read them takes longer than to accept a connection. */
const ASK_EVERY_MS = 10_000;

/** A reader that takes nothing although something waits. */
export interface Stall {
  readonly sinceMs: number;
  /** Of this answer. */
  readonly takenBytes: number;
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
    const isFull = this.#connections.size >= this.#current();
    const closed = isFull ? (this.#leastNeeded() ?? connection) : null;
    if (closed !== null) {
      this.#connections.delete(closed);
      closed.close();
    }
    if (closed !== connection) this.#connections.add(connection);
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

  #leastNeeded(): C | null {
    let idle: C | null = null;
    let idleSinceMs = Number.POSITIVE_INFINITY;
    let stalled: C | null = null;
    let stalledSinceMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    for (const connection of this.#connections) {
      const { idleSinceMs: sinceMs, stall } = connection;
      if (sinceMs !== null && sinceMs < idleSinceMs) {
        idle = connection;
        idleSinceMs = sinceMs;
      }
      if (stall === null || nowMs - stall.sinceMs < STALLED_MS + stall.takenBytes / BYTES_PER_MS) continue;
      if (stall.sinceMs >= stalledSinceMs) continue;
      stalled = connection;
      stalledSinceMs = stall.sinceMs;
    }
    return idle ?? stalled;
  }
}
