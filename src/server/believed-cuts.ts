/**
 * Limits how often the loss of most announcers is believed to be the server's own trouble. After such a cut no End-of-RIB is sent
 * for a while, and peers that really leave are withdrawn late; and an attacker with more source networks than all honest peers have
 * can stage such a loss at will. So each cut takes a token from a bucket that fills up slowly: a link that fails some times an hour
 * loses no route, and an attacker does harm for some minutes, and then for less than a minute in every ten.
 */
import type { Clock } from "../base/clock.ts";

/** This many cuts in a row are believed, ... */
const MOST_CUTS = 6;
/** ... and one more after each of these times. */
const REFILL_MS = 600_000;
/** Losses within this many deferral times after the first one belong to the same cut. */
const DEFERRAL_TIMES_OF_A_CUT = 3;

export class BelievedCuts {
  readonly #clock: Clock;
  readonly #deferralMs: number;
  #left = MOST_CUTS;
  #filledMs: number;
  /** Losses before this time belong to the last cut that was believed. */
  #cutUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, deferralMs: number) {
    this.#clock = clock;
    this.#deferralMs = deferralMs;
    this.#filledMs = clock.nowMs();
  }

  /** Called when most announcers are lost. Returns false if that has happened too often to be believed. */
  believe(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#cutUntilMs) return true;
    this.#left = Math.min(MOST_CUTS, this.#left + (nowMs - this.#filledMs) / REFILL_MS);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    this.#cutUntilMs = nowMs + DEFERRAL_TIMES_OF_A_CUT * this.#deferralMs;
    return true;
  }
}
