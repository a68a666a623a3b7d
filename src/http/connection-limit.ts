/**
 * How many HTTP connections there may be: whoever opens thousands of them, or leaves them open, must neither take the
 * descriptors that route clients need nor keep other HTTP clients out. So one that is too many takes the place of
 *
 * 1. the one that has gone longest without a request,
 * 2. or the one whose reader has stood still longest, if it stands still for {@link STALLED_MS},
 *
 * and where there is neither, it is closed itself.
 */

/** A reader who takes as fast as it can is never so long with a full socket. */
const STALLED_MS = 250;

export interface LimitedConnection {
  /** For how long no request has been under way; null: one is. */
  readonly idleForMs: number | null;
  /** For how long its reader has taken nothing although something waits; 0: it has taken all. */
  readonly stalledForMs: number;
  close(): void;
}

export class ConnectionLimit<C extends LimitedConnection> {
  readonly #connections = new Set<C>();
  readonly #limit: () => number;

  /** `limit` is asked for at each connection, since a process's limits can change. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Returns the connection that was closed for want of room, perhaps the new one; null if there is room. */
  admit(connection: C): C | null {
    const isFull = this.#connections.size >= this.#limit();
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

  #leastNeeded(): C | null {
    let idle: C | null = null;
    let stalled: C | null = null;
    for (const connection of this.#connections) {
      const { idleForMs, stalledForMs } = connection;
      if (idleForMs !== null && idleForMs > (idle?.idleForMs ?? -1)) idle = connection;
      if (stalledForMs >= (stalled?.stalledForMs ?? STALLED_MS)) stalled = connection;
    }
    return idle ?? stalled;
  }
}
