/**
 * This class limits how often the loss of most announcers is attributed to the server's own link (a cut). After a cut
 * no End-of-RIB is sent for a while, and the routes of peers that really leave are withdrawn late. An attacker with
 * more source networks than all other peers together can cause such a loss at will. So each cut takes a token from a
 * bucket that fills up slowly: a link that fails a few times an hour loses no route, and an attacker delays withdrawals
 * for some minutes, and then for less than a minute in every ten.
 */
import type { Clock } from "../base/clock.ts";

/** This many cuts in a row are believed. */
const MOST_CUTS = 6;
/** One more cut is believed after each of these times. */
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

  /** Must be called when most announcers are lost. Returns false if that has happened too often to be a cut. */
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
