/**
 * LossWatch collects losses of announcers, and decides whether the server was cut off (cut-off-detection.ts) before
 * their routes are withdrawn:
 *
 * - A single loss is decided as soon as the sockets have had a turn; two or more in a row after another 100 ms, since
 *   connections that end because the server was suspended end close together.
 * - The loss of a peer that was silent for 2.5 intervals is decided together with the peers that are not lost yet, but
 *   have sent nothing for more than one of their intervals: all peers beyond a cut link are silent, and those beyond a
 *   working one are not.
 *
 * There is at most one decision in 100 ms, which checks each peer once.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { TIMEOUT_INTERVALS } from "../wire/protocol.ts";
import { type Announcer, isCutOff } from "./cut-off-detection.ts";

const GATHER_MS = 100;
/** How long an ended connection counts together with those that end later. */
const ENDED_COUNTS_MS = 1_000;

export interface Loss {
  readonly address: string;
  /** True if the session ended by a time-out. */
  readonly wasSilent: boolean;
  readonly keepaliveSeconds: number;
  /** Called once with the decision. */
  decide(wasCutOff: boolean): void;
}

/** An announcer that is connected now. */
export interface PresentAnnouncer {
  readonly address: string;
  /** True if it has sent nothing for longer than a correct peer would. */
  readonly isSilent: boolean;
}

export class LossWatch {
  readonly #clock: Clock;
  readonly #present: () => Iterable<PresentAnnouncer>;
  /**
   * Called if most announcers are lost, before the losses are decided. Returns false if that does not count as a
   * cut-off.
   */
  readonly #onMostLost: () => boolean;
  #undecided: Loss[] = [];
  /** Decided losses that still count for later ones. */
  #recent: { readonly address: string; readonly wasSilent: boolean; readonly untilMs: number }[] = [];
  #isAsked = false;
  #isStopped = false;
  #judgedMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(clock: Clock, present: () => Iterable<PresentAnnouncer>, onMostLost: () => boolean) {
    this.#clock = clock;
    this.#present = present;
    this.#onMostLost = onMostLost;
  }

  /** Adds a loss, which is decided soon. */
  add(loss: Loss): void {
    if (this.#isStopped) return;
    this.#undecided.push(loss);
    if (this.#isAsked) return;
    this.#isAsked = true;
    const waitMs = this.#judgedMs + GATHER_MS - this.#clock.nowMs();
    if (waitMs > 0) this.#judgeAfter(waitMs);
    else this.#clock.soon(() => this.#judgeFirst());
  }

  /** Stops for good. Undecided losses stay undecided. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #judgeFirst(): void {
    if (this.#isStopped) return;
    if (this.#undecided.length > 1 && !this.#areMostLost()) this.#judgeAfter(GATHER_MS);
    else this.#judge();
  }

  #judgeAfter(waitMs: number): void {
    this.#timer = this.#clock.after(waitMs, () => this.#judge());
  }

  #judge(): void {
    this.#isAsked = false;
    const nowMs = this.#clock.nowMs();
    this.#judgedMs = nowMs;
    const wasCutOff = this.#areMostLost() && this.#onMostLost();
    const decided = this.#undecided;
    this.#undecided = [];
    for (const { address, wasSilent, keepaliveSeconds, decide } of decided) {
      const countsMs = wasSilent ? keepaliveSeconds * 1000 * TIMEOUT_INTERVALS : ENDED_COUNTS_MS;
      this.#recent.push({ address, wasSilent, untilMs: nowMs + countsMs });
      decide(wasCutOff);
    }
  }

  #areMostLost(): boolean {
    const nowMs = this.#clock.nowMs();
    this.#recent = this.#recent.filter(({ untilMs }) => untilMs > nowMs);
    const countsSilence = this.#undecided.some(({ wasSilent }) => wasSilent);
    const countsEnds = this.#undecided.some(({ wasSilent }) => !wasSilent);
    // A closed connection is unrelated to one that was silent before.
    const before = this.#recent.filter(({ wasSilent }) => (wasSilent ? countsSilence : countsEnds));
    const lost = [...this.#undecided, ...before];
    if (lost.length < 2 && !countsSilence) return false;
    const announcers: Announcer[] = lost.map(({ address }) => ({ address, isLost: true }));
    for (const { address, isSilent } of this.#present()) {
      announcers.push({ address, isLost: countsSilence && isSilent });
    }
    return isCutOff(announcers);
  }
}
