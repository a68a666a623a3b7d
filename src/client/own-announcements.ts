/**
 * What a client announces, and whether it is offered to the servers: all of it, or none while the client is drained.
 * What is announced while it is drained is remembered, and offered at the end of that.
 */
import type { Route } from "../route/route.ts";
import type { Clock } from "../session/clock.ts";
import { announcementKey } from "./wanted.ts";

/** Both are called last: they may change anything here. */
export interface OfferListener {
  offered(key: string, route: Route): void;
  retracted(key: string, route: Route): void;
}

export class OwnAnnouncements {
  readonly #announced = new Map<string, Route>();
  readonly #offered = new Map<string, Route>();
  /** When it was drained; null: it is not. */
  #drainedMs: number | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly listener: OfferListener,
  ) {}

  /** What the servers are to be told, by {@link announcementKey}. */
  get offered(): ReadonlyMap<string, Route> {
    return this.#offered;
  }

  get routes(): Iterable<Route> {
    return this.#announced.values();
  }

  get count(): number {
    return this.#announced.size;
  }

  /** For how long they have been drained, or null. */
  get drainedForMs(): number | null {
    return this.#drainedMs === null ? null : this.clock.nowMs() - this.#drainedMs;
  }

  /** False: it was announced already. */
  announce(route: Route): boolean {
    const key = announcementKey(route);
    if (this.#announced.has(key)) return false;
    this.#announced.set(key, route);
    if (this.#drainedMs === null) this.#offer(key, route);
    return true;
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
    this.#drainedMs = this.clock.nowMs();
    for (const [key, route] of this.#offered) this.#retract(key, route);
    return true;
  }

  /** False: they were not drained. */
  undrain(): boolean {
    if (this.#drainedMs === null) return false;
    this.#drainedMs = null;
    for (const [key, route] of this.#announced) this.#offer(key, route);
    return true;
  }

  #offer(key: string, route: Route): void {
    this.#offered.set(key, route);
    this.listener.offered(key, route);
  }

  #retract(key: string, route: Route): void {
    if (this.#offered.delete(key)) this.listener.retracted(key, route);
  }
}
