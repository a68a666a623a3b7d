/**
 * This class limits how often the loss of most announcers counts as a cut-off of the server itself. After a cut-off no
 * End-of-RIB is sent for a while, and the routes of peers that really leave are withdrawn late. An attacker with more
 * source networks than all other peers together can cause such a loss at will. So each cut-off takes a token from a
 * bucket that fills up slowly: a link that fails a few times an hour loses no route, and an attacker delays withdrawals
 * for some minutes, and then for less than a minute in every ten.
 */
import type { Clock } from "../base/clock.ts";

/** This many cut-offs in a row are accepted. */
const BUCKET_TOKENS = 6;
/** One more cut-off is accepted after each of these times. */
const REFILL_MS = 600_000;
/** Losses within this many deferral times after the first one belong to the same cut-off. */
const DEFERRAL_TIMES_OF_ONE = 3;

export class CutOffLimit {
  readonly #clock: Clock;
  readonly #deferralMs: number;
  #left = BUCKET_TOKENS;
  #filledMs: number;
  /** Losses before this time belong to the last cut-off that was accepted. */
  #sameUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, deferralMs: number) {
    this.#clock = clock;
    this.#deferralMs = deferralMs;
    this.#filledMs = clock.nowMs();
  }

  /** Records that most announcers are lost. Returns false if that has happened too often. */
  accept(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#sameUntilMs) return true;
    this.#left = Math.min(BUCKET_TOKENS, this.#left + (nowMs - this.#filledMs) / REFILL_MS);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    this.#sameUntilMs = nowMs + DEFERRAL_TIMES_OF_ONE * this.#deferralMs;
    return true;
  }
}
