/** Lost servers' routes in the view, until their hold time ends (see hold.ts). */
import type { Clock, Timer } from "../session/clock.ts";
import type { Logger } from "../session/logger.ts";
import { HoldClock, type HoldTimes } from "./hold.ts";
import type { MergedView, ServerNumber } from "./merged-view.ts";

export class StaleRoutes {
  readonly holdClock: HoldClock;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(
    times: HoldTimes,
    private readonly view: MergedView,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.holdClock = new HoldClock(times, clock.nowMs());
  }

  /** What the server had becomes stale. */
  serverLost(server: ServerNumber): void {
    const nowMs = this.clock.nowMs();
    if (this.view.serverLost(server, nowMs) > 0) this.holdClock.lost(server, nowMs);
  }

  /** Drops all that the server had. */
  dropServer(server: ServerNumber): void {
    this.holdClock.forget(server);
    this.view.dropServer(server);
  }

  /** There is an established server, or none. */
  setAnyEstablished(isAny: boolean): void {
    const isAlone = this.holdClock.setAnyEstablished(isAny, this.clock.nowMs());
    if (this.#isStopped) return;
    if (isAlone) this.#warnAlone();
    this.#dropOverdue();
  }

  /** Also for what is lost already. */
  set times(times: HoldTimes) {
    this.holdClock.times = times;
    this.#dropOverdue();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #warnAlone(): void {
    const seconds = this.holdClock.times.holdAloneMs / 1000;
    this.logger.error("no server is left; the routes stay as they were last known", {
      routes: this.view.routeCount,
      forSeconds: Number.isFinite(seconds) ? seconds : "ever",
    });
  }

  /** Drops stale routes whose time is over, and sets the timer for the next. */
  #dropOverdue(): void {
    const nowMs = this.clock.nowMs();
    for (const { server, lostUntilMs } of this.holdClock.takeOverdue(nowMs)) {
      this.view.sweep(server, lostUntilMs);
    }
    this.#timer?.cancel();
    const { nextDeadlineMs } = this.holdClock;
    // Whoever was told of the routes may have stopped the client.
    if (this.#isStopped || nextDeadlineMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.clock.after(nextDeadlineMs - nowMs, () => this.#dropOverdue());
  }
}
