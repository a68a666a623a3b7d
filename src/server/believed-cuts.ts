/**
 * How often the loss of most announcers is believed to be the server's own trouble. While it is, nobody gets End-of-RIBs, and who
 * really leaves is withdrawn late; and whoever has more source networks than there are honest ones can stage such a loss as often
 * as it likes. So each cut is taken from a supply that fills up slowly, as a token bucket's: a link that fails some times an hour
 * loses no route, and an attacker does harm for some minutes, and then for less than a minute in each ten.
 */
import type { Clock } from "../base/clock.ts";

/** So many cuts in a row are believed, ... */
const MOST_CUTS = 6;
/** ... and one more after so long. */
const REFILL_MS = 600_000;
/** What is lost within some times to settle after the first loss belongs to the same cut. */
const SETTLE_TIMES_OF_A_CUT = 3;

export class BelievedCuts {
  readonly #clock: Clock;
  readonly #settleMs: number;
  #left = MOST_CUTS;
  #filledMs: number;
  /** Until when losses belong to the last cut that was believed. */
  #cutUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, settleMs: number) {
    this.#clock = clock;
    this.#settleMs = settleMs;
    this.#filledMs = clock.nowMs();
  }

  /** Most announcers are lost. Returns false if that has been so too often. */
  believe(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#cutUntilMs) return true;
    this.#left = Math.min(MOST_CUTS, this.#left + (nowMs - this.#filledMs) / REFILL_MS);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    this.#cutUntilMs = nowMs + SETTLE_TIMES_OF_A_CUT * this.#settleMs;
    return true;
  }
}
