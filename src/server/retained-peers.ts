/** Peers that are lost, whose announcements are kept until their time is over. */
import type { Clock, Timer } from "../base/clock.ts";

/** No busy turn of the event loop makes a timer so late. */
const LATE_MS = 1_000;

export interface RetainedPeer {
  /** Withdraws what nobody has announced again. */
  forget(): void;
}

export class RetainedPeers {
  readonly #clock: Clock;
  /**
   * For how much longer one whose time is over is kept; 0: it is forgotten. `isLate`: this process stood still;
   * `extendedMs`: what was added before.
   */
  readonly #extendMs: (isLate: boolean, extendedMs: number) => number;
  readonly #waiting = new Map<RetainedPeer, { readonly timer: Timer; readonly dueMs: number }>();
  #isStopped = false;

  constructor(clock: Clock, extendMs: (isLate: boolean, extendedMs: number) => number) {
    this.#clock = clock;
    this.#extendMs = extendMs;
  }

  retain(peer: RetainedPeer, forMs: number, extendedMs = 0): void {
    if (this.#isStopped) return;
    const dueMs = this.#clock.nowMs() + forMs;
    const timer = this.#clock.after(forMs, () => {
      this.#waiting.delete(peer);
      const moreMs = this.#extendMs(this.#clock.nowMs() - dueMs >= LATE_MS, extendedMs);
      if (moreMs > 0) this.retain(peer, moreMs, extendedMs + moreMs);
      else peer.forget();
    });
    this.#waiting.set(peer, { timer, dueMs });
  }

  /** All that are there now have so much time at least. */
  renew(forMs: number): void {
    const leastMs = this.#clock.nowMs() + forMs;
    for (const [peer, { timer, dueMs }] of [...this.#waiting]) {
      if (dueMs >= leastMs) continue;
      timer.cancel();
      this.retain(peer, forMs);
    }
  }

  /** For good: nothing is kept, nor withdrawn. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#waiting.values()) timer.cancel();
  }
}
