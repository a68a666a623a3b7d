/**
 * Detects a peer that takes no byte although some are due (RFC 9687, SendHoldTimer): it hangs, and would keep what is
 * to be sent forever, while its KEEPALIVEs may still come.
 *
 *     free ── wrote: the socket took only a part ──▶ blocked ── hold time without a byte taken ──▶ onExpired
 *       ▲                                            │    ▲
 *       └────────────── writable ────────────────────┘    └── wrote: the socket took a part, and the hold time begins anew
 *
 * A peer that is just slow blocks its socket all the time. So the timer is not set for each write: it runs on while the socket is
 * free, and when it fires, the time since the last byte taken is judged.
 */
import type { Clock, Timer } from "../base/clock.ts";

export class SendHold {
  readonly #clock: Clock;
  readonly #holdMs: number;
  readonly #onExpired: () => void;
  #isBlocked = false;
  /** While the timer runs: when the socket took a byte last, or when it was blocked, if none since. */
  #progressMs = 0;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(clock: Clock, holdMs: number, onExpired: () => void) {
    this.#clock = clock;
    this.#holdMs = holdMs;
    this.#onExpired = onExpired;
  }

  /** Returns true from a write that the socket took only in part until it is writable again: nothing can be written meanwhile. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** For how long the socket has taken no byte although some wait; 0 if none do. */
  get blockedForMs(): number {
    return this.#isBlocked ? this.#clock.nowMs() - this.#progressMs : 0;
  }

  /** Records a write of which the socket took that many bytes. */
  wrote(takenBytes: number, lengthBytes: number): void {
    this.#isBlocked = takenBytes < lengthBytes;
    if (this.#isStopped) return;
    if (this.#timer !== null) {
      if (takenBytes > 0) this.#progressMs = this.#clock.nowMs();
    } else if (this.#isBlocked) {
      this.#progressMs = this.#clock.nowMs();
      this.#timer = this.#clock.after(this.#holdMs, this.#judge);
    }
  }

  /** Records that the socket has room again. */
  writable(): void {
    this.#isBlocked = false;
  }

  /** Stops for good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  readonly #judge = (): void => {
    this.#timer = null;
    if (!this.#isBlocked) return;
    const leftMs = this.#progressMs + this.#holdMs - this.#clock.nowMs();
    if (leftMs <= 0) this.#onExpired();
    else this.#timer = this.#clock.after(leftMs, this.#judge);
  };
}
