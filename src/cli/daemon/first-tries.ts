import type { ClientHandler } from "../../client/events.ts";
import type { ServerState } from "../../client/link/server-link.ts";
import { type Endpoint, formatEndpoint } from "../../net/endpoint.ts";

/** Waits until each server of a client has been tried once: it is connected, or the first attempt has failed. */
export class FirstTries implements ClientHandler {
  readonly #untried: Set<string>;
  readonly #done = Promise.withResolvers<void>();

  constructor(servers: readonly Endpoint[]) {
    this.#untried = new Set(servers.map(formatEndpoint));
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  serverState(server: Endpoint, state: ServerState): void {
    if (state === "connecting" || state === "handshake") return;
    this.#untried.delete(formatEndpoint(server));
    if (this.#untried.size === 0) this.#done.resolve();
  }
}
