/** Keeps the routes of lost servers in the view until their stale time ends (see stale-timers.ts), then drops them. */
import type { Clock, Timer } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { MergedView, ServerNumber } from "./merged-view.ts";
import { StaleTimers, type StaleTimes } from "./stale-timers.ts";

export class StaleRoutes {
  readonly #view: MergedView;
  readonly #clock: Clock;
  readonly #logger: EventLog;
  readonly staleTimers: StaleTimers;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(times: StaleTimes, view: MergedView, clock: Clock, logger: EventLog) {
    this.#view = view;
    this.#clock = clock;
    this.#logger = logger;
    this.staleTimers = new StaleTimers(times, clock.nowMs());
  }

  /** Makes the routes of a server stale. With `wasSilent` the server may have been lost ever since its last frame. */
  serverLost(server: ServerNumber, wasSilent: boolean): void {
    const nowMs = this.#clock.nowMs();
    if (this.#view.serverLost(server, nowMs, wasSilent) > 0) this.staleTimers.lost(server, nowMs);
  }

  /** Drops all routes of a server. */
  dropServer(server: ServerNumber): void {
    this.staleTimers.forget(server);
    this.#view.dropServer(server);
  }

  /** Records whether at least one server is established. */
  setAnyEstablished(isAny: boolean): void {
    const isAlone = this.staleTimers.setAnyEstablished(isAny, this.#clock.nowMs());
    if (this.#isStopped) return;
    if (isAlone) this.#warnAlone();
    this.#wakeInTime();
  }

  /** Changes the stale times, also of routes that are stale already. */
  set times(times: StaleTimes) {
    this.staleTimers.times = times;
    this.#dropOverdue();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #warnAlone(): void {
    const seconds = this.staleTimers.times.staleTimeAloneMs / 1000;
    const routes = this.#view.routeCount;
    if (seconds === 0) this.#logger.log(LOG.noServerDropped, { routes });
    else {
      this.#logger.log(LOG.noServerKept, {
        routes,
        forSeconds: Number.isFinite(seconds) ? seconds : "forever",
      });
    }
  }

  /** Drops the routes whose stale time has ended. */
  readonly #dropOverdue = (): void => {
    if (this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    let copies = 0;
    for (const { server, lostUntilMs } of this.staleTimers.takeOverdue(nowMs)) {
      copies += this.#view.sweep(server, lostUntilMs, "stale-time-ended");
    }
    if (copies > 0) {
      this.#logger.log(LOG.staleDropped, {
        routes: copies,
      });
    }
    this.#wakeInTime();
  };

  /**
   * Sets the timer for the next end of a stale time. After a suspension (a stopped process, a suspended machine) the sockets are
   * read first, since it depends on whether a server is still established which routes are overdue.
   */
  #wakeInTime(): void {
    this.#timer?.cancel();
    const { nextDeadlineMs } = this.staleTimers;
    // A handler may have stopped the client.
    if (this.#isStopped || nextDeadlineMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, nextDeadlineMs - this.#clock.nowMs());
    this.#timer = this.#clock.after(waitMs, () => this.#clock.soon(this.#dropOverdue));
  }
}
