/** Counts what a client's handlers are called for; base/metrics.ts names and explains the counters. */
import { labelled, type PlainMetric } from "../base/metrics.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { ClientHandler } from "./events.ts";

/** Counts what has happened since the start of the client. */
export class ClientCounters implements ClientHandler {
  #routesAdded = 0;
  #routesRemoved = 0;
  readonly #closes = new Map<CloseReason["reason"], number>();

  routeAdded(): void {
    this.#routesAdded++;
  }

  routeRemoved(): void {
    this.#routesRemoved++;
  }

  serverState(_server: unknown, _state: unknown, reason: CloseReason | null): void {
    if (reason !== null) this.#closes.set(reason.reason, (this.#closes.get(reason.reason) ?? 0) + 1);
  }

  flat(): Readonly<Record<string, number>> {
    const plain = { routesAdded: this.#routesAdded, routesRemoved: this.#routesRemoved };
    return { ...(plain satisfies Partial<Record<PlainMetric, number>>), ...labelled("closes", this.#closes) };
  }
}
