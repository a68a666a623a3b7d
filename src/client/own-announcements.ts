/**
 * What a client announces, and how much of it counts:
 *
 *     announced ──▶ offered: all, or none while the client is drained
 *                      └──▶ told to the servers: all, or none before the client is released
 *
 * A client that is to be released later is not ready to take traffic yet, but what it offers is its own all the same.
 */

import type { Clock } from "../base/clock.ts";
import type { Route } from "../route/route.ts";
import { TableFullError } from "./errors.ts";
import { announcementKey } from "./link/client-intent.ts";

/** All are called last: they may change anything here. */
export interface OfferListener {
  /** False: there is no memory to know it by, and nobody was told of it. */
  offered(key: string, route: Route): boolean;
  retracted(key: string, route: Route): void;
  /** Of those that were offered before the release. */
  released(key: string, route: Route): void;
}

export class OwnAnnouncements {
  readonly #clock: Clock;
  readonly #listener: OfferListener;
  /** They are not told before {@link release}. */
  #isHeldBack: boolean;
  readonly #announced = new Map<string, Route>();
  readonly #offered = new Map<string, Route>();
  readonly #advertised = new Map<string, Route>();
  /** When it was drained; null: it is not. */
  #drainedMs: number | null = null;

  constructor(clock: Clock, listener: OfferListener, isHeldBack: boolean) {
    this.#clock = clock;
    this.#listener = listener;
    this.#isHeldBack = isHeldBack;
  }

  /** By {@link announcementKey}. */
  get offered(): ReadonlyMap<string, Route> {
    return this.#offered;
  }

  /** What the servers are to be told, by {@link announcementKey}. */
  get advertised(): ReadonlyMap<string, Route> {
    return this.#advertised;
  }

  get routes(): Iterable<Route> {
    return this.#announced.values();
  }

  get count(): number {
    return this.#announced.size;
  }

  /** For how long they have been drained, or null. */
  get drainedForMs(): number | null {
    return this.#drainedMs === null ? null : this.#clock.nowMs() - this.#drainedMs;
  }

  /**
   * False: it was announced already.
   * @throws TableFullError, and nothing has changed
   */
  announce(route: Route): boolean {
    const key = announcementKey(route);
    if (this.#announced.has(key)) return false;
    this.#announced.set(key, route);
    if (this.#drainedMs !== null || this.#offer(key, route)) return true;
    this.#announced.delete(key);
    throw new TableFullError(route);
  }

  /** False: it was not announced. */
  withdraw(route: Route): boolean {
    const key = announcementKey(route);
    if (!this.#announced.delete(key)) return false;
    this.#retract(key, route);
    return true;
  }

  /** False: they were drained already. */
  drain(): boolean {
    if (this.#drainedMs !== null) return false;
    this.#drainedMs = this.#clock.nowMs();
    for (const [key, route] of this.#offered) this.#retract(key, route);
    return true;
  }

  /**
   * False: they were not drained.
   * @throws TableFullError, and they are drained still: none is offered, or all are
   */
  undrain(): boolean {
    const drainedMs = this.#drainedMs;
    if (drainedMs === null) return false;
    this.#drainedMs = null;
    for (const [key, route] of this.#announced) {
      if (this.#offer(key, route)) continue;
      this.#drainedMs = drainedMs;
      for (const [offeredKey, offered] of this.#offered) this.#retract(offeredKey, offered);
      throw new TableFullError(route);
    }
    return true;
  }

  /** From now on the servers are told. False: they were before. */
  release(): boolean {
    if (!this.#isHeldBack) return false;
    this.#isHeldBack = false;
    for (const [key, route] of this.#offered) {
      this.#advertised.set(key, route);
      this.#listener.released(key, route);
    }
    return true;
  }

  /** False: there is no memory for it. */
  #offer(key: string, route: Route): boolean {
    this.#offered.set(key, route);
    if (!this.#isHeldBack) this.#advertised.set(key, route);
    if (this.#listener.offered(key, route)) return true;
    this.#offered.delete(key);
    this.#advertised.delete(key);
    return false;
  }

  #retract(key: string, route: Route): void {
    if (!this.#offered.delete(key)) return;
    this.#advertised.delete(key);
    this.#listener.retracted(key, route);
  }
}
