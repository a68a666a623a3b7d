/**
 * What a client announces, and how much of that is effective:
 *
 *     announced ──▶ offered: all, or none while the client is drained
 *                      └──▶ advertised to the servers: all, or none before the release
 *
 * Before the release a client is not ready for traffic yet, but what it offers already counts as its own.
 */

import type { Clock } from "../base/clock.ts";
import type { Route } from "../route/route.ts";
import { routeKey } from "../route/route-key.ts";
import { TableFullError } from "./errors.ts";

/** All methods are called last, since they may change anything here. */
export interface OfferListener {
  /** A route is offered from now on. Returns false if there is no memory for it; then nothing was done. */
  offered(key: string, route: Route): boolean;
  /** A route is not offered any more. */
  retracted(key: string, route: Route): void;
  /** A route that was offered before the release is advertised from now on. */
  released(key: string, route: Route): void;
}

export class OwnAnnouncements {
  readonly #clock: Clock;
  readonly #listener: OfferListener;
  /** Nothing is advertised before {@link release}. */
  #isHeldBack: boolean;
  readonly #announced = new Map<string, Route>();
  readonly #offered = new Map<string, Route>();
  readonly #advertised = new Map<string, Route>();
  /** When the client was drained, or null if it is not. */
  #drainedMs: number | null = null;

  constructor(clock: Clock, listener: OfferListener, isHeldBack: boolean) {
    this.#clock = clock;
    this.#listener = listener;
    this.#isHeldBack = isHeldBack;
  }

  /** The offered routes, by {@link routeKey}. */
  get offered(): ReadonlyMap<string, Route> {
    return this.#offered;
  }

  /** The routes that the servers are to have, by {@link routeKey}. */
  get advertised(): ReadonlyMap<string, Route> {
    return this.#advertised;
  }

  /** Returns true before the release. */
  get isHeldBack(): boolean {
    return this.#isHeldBack;
  }

  /** Returns true if a route that is offered waits for the release. */
  get hasHeldBack(): boolean {
    return this.#isHeldBack && this.#offered.size > 0;
  }

  get routes(): Iterable<Route> {
    return this.#announced.values();
  }

  get count(): number {
    return this.#announced.size;
  }

  /** How long the client has been drained, or null if it is not. */
  get drainedForMs(): number | null {
    return this.#drainedMs === null ? null : this.#clock.nowMs() - this.#drainedMs;
  }

  /**
   * Announces a route. Returns false if it is announced already.
   * @throws TableFullError, and nothing has changed
   */
  announce(route: Route): boolean {
    const key = routeKey(route);
    if (this.#announced.has(key)) return false;
    this.#announced.set(key, route);
    if (this.#drainedMs !== null || this.#offer(key, route)) return true;
    this.#announced.delete(key);
    throw new TableFullError(route);
  }

  /** Withdraws a route. Returns false if it is not announced. */
  withdraw(route: Route): boolean {
    const key = routeKey(route);
    if (!this.#announced.delete(key)) return false;
    this.#retract(key, route);
    return true;
  }

  /** Stops offering. Returns false if the client is drained already. */
  drain(): boolean {
    if (this.#drainedMs !== null) return false;
    this.#drainedMs = this.#clock.nowMs();
    for (const [key, route] of this.#offered) this.#retract(key, route);
    return true;
  }

  /**
   * Offers everything again. Returns false if the client is not drained.
   * @throws TableFullError, and the client is drained still: no route is offered
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

  /** Advertises what is offered, now and from now on. Returns false if that was so before. */
  release(): boolean {
    if (!this.#isHeldBack) return false;
    this.#isHeldBack = false;
    for (const [key, route] of this.#offered) {
      this.#advertised.set(key, route);
      this.#listener.released(key, route);
    }
    return true;
  }

  /** Returns false if there is no memory for the route. */
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
