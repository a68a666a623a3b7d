/**
 * This class is the deferral of End-of-RIBs (RFC 4724, Selection_Deferral_Timer). An End-of-RIB means that the table is
 * complete: a client that gets one too early drops the routes of clients that have not returned yet. So none is sent
 * for the deferral time (`settleSeconds`) after each of these events:
 *
 *     start                          deferred
 *     suspension of the process      deferred again: clients have closed their sessions because of our silence, and will return
 *     cut-off (cut-off-detection.ts) deferred again, and awaits a return: it is not known how long the cut-off lasts
 *     first return after a cut-off   deferred again: attempts to connect that began during the cut-off have to end first
 *     each return within the         the deferral time begins anew: End-of-RIBs are sent at most twice the time after the
 *     deferral time after that       first return
 *
 * While they are deferred again, lost peers are retained.
 */
import type { Clock, Timer } from "../base/clock.ts";

/** Retention is extended by at most this many deferral times, however often the server is cut off. */
const MOST_EXTENSIONS = 2;

export interface DeferralEvents {
  /** Called when End-of-RIBs are deferred from now on. They may have been deferred before. */
  onBegin(): void;
  onEnd(): void;
}

export class Deferral {
  readonly #clock: Clock;
  readonly #timeMs: number;
  readonly #events: DeferralEvents;
  #timer: Timer | null = null;
  #endsMs = Number.NEGATIVE_INFINITY;
  /** True while End-of-RIBs are deferred once more, after a suspension or a cut-off. */
  #isAgain = false;
  #awaitsReturn = false;
  /** After a cut-off, the deferral begins anew with each peer that returns before this time. */
  #returnsUntilMs = Number.NEGATIVE_INFINITY;

  /** @param timeMs how long End-of-RIBs are deferred; 0 for never */
  constructor(clock: Clock, timeMs: number, events: DeferralEvents) {
    this.#clock = clock;
    this.#timeMs = timeMs;
    this.#events = events;
  }

  /** Returns true if the server was cut off, and no peer has returned yet. */
  get awaitsReturn(): boolean {
    return this.#awaitsReturn;
  }

  /** Returns for how long a peer that is lost now is retained at least. */
  get retainMs(): number {
    return this.#isAgain ? this.#timeMs : 0;
  }

  onStart(): void {
    this.#begin();
  }

  onSuspended(): void {
    this.#beginAgain();
  }

  onCutOff(): void {
    this.#awaitsReturn = true;
    this.#beginAgain();
  }

  /** Records that a peer is ESTABLISHED. Returns true if it is the first one after a cut-off. */
  onEstablished(): boolean {
    const nowMs = this.#clock.nowMs();
    if (this.#awaitsReturn) {
      this.#awaitsReturn = false;
      this.#returnsUntilMs = nowMs + this.#timeMs;
      this.#beginAgain();
      return true;
    }
    if (nowMs < this.#returnsUntilMs) this.#endsMs = nowMs + this.#timeMs;
    return false;
  }

  /**
   * Returns for how much longer a lost peer is retained whose time is over. While no peer is ESTABLISHED a withdrawal
   * would reach nobody, so all are retained. After a suspension of this process (`isLate`) the peers get their time
   * once more. After a cut-off all have the same time, but at most {@link MOST_EXTENSIONS} deferral times in all;
   * `extendedMs` is how much was added before.
   */
  extensionMs(isLate: boolean, extendedMs: number, hasEstablishedPeers: boolean): number {
    const isAlone = this.#awaitsReturn && !hasEstablishedPeers;
    if (isAlone || isLate) return this.#timeMs;
    if (!this.#isAgain || extendedMs >= MOST_EXTENSIONS * this.#timeMs) return 0;
    return this.#endsMs - this.#clock.nowMs();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #beginAgain(): void {
    this.#isAgain = this.#timeMs > 0;
    this.#begin();
  }

  #begin(): void {
    if (this.#timeMs === 0) return;
    this.#events.onBegin();
    this.#endsMs = this.#clock.nowMs() + this.#timeMs;
    this.#wait(this.#timeMs);
  }

  #wait(waitMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(waitMs, () => {
      const leftMs = this.#endsMs - this.#clock.nowMs();
      if (leftMs > 0) {
        this.#wait(leftMs);
        return;
      }
      this.#isAgain = false;
      this.#events.onEnd();
    });
  }
}
