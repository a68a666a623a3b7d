/**
 * A Retention keeps lost peers, and so their announcements, until their time is over. It is pure: times are passed in,
 * and its owner sets a timer for {@link Retention.nextMs}.
 *
 *     retain ──▶ waiting ──due, policy says 0──▶ withdrawn by the caller
 *                  │  ▲
 *                  └──┘ due, and the policy gives more time; or renew
 */

/** If a peer's time is found to be over this late, the process was suspended, and not just busy. */
const LATE_MS = 1_000;

/**
 * Returns for how much longer a peer is kept whose time is over; 0 ends its retention. `isLate` is true if the process
 * was suspended in the meantime; `extendedMs` is how much was added before.
 */
export type ExtensionPolicy = (isLate: boolean, extendedMs: number) => number;

interface Waiting {
  readonly dueMs: number;
  readonly extendedMs: number;
}

export class Retention<Peer extends object> {
  readonly #waiting = new Map<Peer, Waiting>();
  #nextMs = Number.POSITIVE_INFINITY;

  /**
   * When {@link due} must be called. It may be earlier than the first peer's time, and is Infinity if no peer is kept.
   */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** Keeps a peer until `dueMs`. */
  retain(peer: Peer, dueMs: number): void {
    this.#wait(peer, { dueMs, extendedMs: 0 });
  }

  /** Removes the peers whose time is over and not extended, and returns them in the order of their times. */
  due(nowMs: number, extendMs: ExtensionPolicy): Peer[] {
    const over = this.#waiting.entries().filter(([, { dueMs }]) => dueMs <= nowMs);
    const inOrder = Array.from(over).sort(([, a], [, b]) => a.dueMs - b.dueMs);
    const ended: Peer[] = [];
    for (const [peer, { dueMs, extendedMs }] of inOrder) {
      this.#waiting.delete(peer);
      const moreMs = extendMs(nowMs - dueMs >= LATE_MS, extendedMs);
      if (moreMs > 0) this.#wait(peer, { dueMs: nowMs + moreMs, extendedMs: extendedMs + moreMs });
      else ended.push(peer);
    }
    this.#nextMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#waiting.values()) this.#nextMs = Math.min(this.#nextMs, dueMs);
    return ended;
  }

  /** Keeps all present peers at least until `dueMs`, as if their times had not been extended before. */
  renew(dueMs: number): void {
    for (const [peer, waiting] of this.#waiting) {
      if (waiting.dueMs < dueMs) this.#waiting.set(peer, { dueMs, extendedMs: 0 });
    }
  }

  #wait(peer: Peer, waiting: Waiting): void {
    this.#waiting.set(peer, waiting);
    this.#nextMs = Math.min(this.#nextMs, waiting.dueMs);
  }
}
