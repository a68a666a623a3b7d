/**
 * Holds announcements back until this host is ready for the traffic that they attract, for instance until the kernel has the
 * routes (`announceWhen`), but not for ever:
 *
 *     held ── the promise is fulfilled, or rejected ──────────▶ released
 *          ── `announceWithinMs` after the start ─────────────▶
 *
 * Which routes are held back is the concern of OwnAnnouncements.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { EventLog } from "../base/log-event.ts";

export interface HeldAnnouncementsOptions {
  readonly clock: Clock;
  readonly logger: EventLog;
  /** Infinity is for ever. */
  readonly withinMs: number;
  /** Releases the announcements, which {@link HeldAnnouncements.onReleased} records. Returns false if they were released before. */
  release(): boolean;
  /** Called when the promise is rejected. */
  onFailed(error: unknown): void;
}

export class HeldAnnouncements {
  readonly #options: HeldAnnouncementsOptions;
  #startedMs: number | null = null;
  #timer: Timer | null = null;
  #isReleased = false;
  #isStopped = false;

  constructor(ready: PromiseLike<unknown>, options: HeldAnnouncementsOptions) {
    this.#options = options;
    const failed = (error: unknown) => {
      // What is awaited ends with the client, as its kernel routes do: that is no failure.
      if (this.#isStopped) return;
      options.onFailed(error);
      this.#release(false);
    };
    ready.then(() => this.#release(true), failed);
  }

  /** Starts the limit of the wait. */
  start(): void {
    const { clock, withinMs } = this.#options;
    this.#startedMs = clock.nowMs();
    if (this.#isReleased || !Number.isFinite(withinMs)) return;
    this.#timer = clock.after(withinMs, () => this.#release(false));
  }

  /** Records that the announcements were released, by whatever caller. */
  onReleased(): void {
    this.#isReleased = true;
    this.#timer?.cancel();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #release(isReady: boolean): void {
    const { clock, logger, release } = this.#options;
    if (this.#isStopped || !release()) return;
    const nowMs = clock.nowMs();
    logger.debug("announcing", { afterMs: Math.round(nowMs - (this.#startedMs ?? nowMs)), isReady });
  }
}
