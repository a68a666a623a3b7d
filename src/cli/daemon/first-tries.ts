import type { Clock, Timer } from "../../base/clock.ts";
import type { ClientHandler } from "../../client/events.ts";
import type { ServerState } from "../../client/link/server-link.ts";
import { type Endpoint, formatEndpoint } from "../../net/endpoint.ts";

/**
 * A server that does not answer is given up after 2.5 keepalive intervals, which may be hours. systemd ends a start after 90 s, and one
 * such server must not keep the client from being ready.
 */
const WITHIN_MS = 10_000;

/** Waits until each server of a client has been tried once: it is connected, or the first attempt has failed; 10 s at most. */
export class FirstTries implements ClientHandler {
  readonly #untried: Set<string>;
  readonly #done = Promise.withResolvers<void>();
  readonly #limit: Timer;

  constructor(servers: readonly Endpoint[], clock: Clock) {
    this.#untried = new Set(servers.map(formatEndpoint));
    this.#limit = clock.after(WITHIN_MS, this.#done.resolve);
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  serverState(server: Endpoint, state: ServerState): void {
    if (state === "connecting" || state === "handshake") return;
    this.#untried.delete(formatEndpoint(server));
    if (this.#untried.size > 0) return;
    this.#limit.cancel();
    this.#done.resolve();
  }
}
