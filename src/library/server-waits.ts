/** Waiting for a client's servers: until they are established, and until they have read what is wanted. */

import type { Clock } from "../base/clock.ts";
import { type EventLog, eventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import type { Logger } from "../base/logger.ts";
import { ConnectionTimeoutError, NotEstablishedError, TimeoutError } from "../client/errors.ts";
import type { ServerInfo } from "../client/options.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { checkWaitOptions } from "./check-options.ts";
import type { WaitOptions } from "./connect-options.ts";
import { Waits } from "./waits.ts";

/** Once one server has read it, the others that are there get this long. */
const OTHERS_MS = 1_000;

/** What is waited for, as the client's core has it. */
export interface WaitedServers {
  servers(): ServerInfo[];
  /** Calls `read` for each server as soon as it has read all that is wanted now, until the function that it returns is called. */
  confirm(read: (server: Endpoint) => void): () => void;
}

export class ServerWaits {
  readonly #client: WaitedServers;
  readonly #clock: Clock;
  readonly #logger: EventLog;
  readonly #waits: Waits;

  constructor(client: WaitedServers, clock: Clock, logger: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = eventLog(logger);
    this.#waits = new Waits(clock);
  }

  /** A server is in another state, or there is one less. */
  changed(): void {
    this.#waits.check();
    if (this.#client.servers().length === 0) this.#waits.endAll(new NotEstablishedError([]));
  }

  /** The client was closed. */
  endAll(error: Error): void {
    this.#waits.endAll(error);
  }

  /** As the library's client tells it. */
  async established(options: WaitOptions): Promise<void> {
    const { servers = "any", timeoutMs = Number.POSITIVE_INFINITY, signal } = this.#read(options);
    const isMet = () => this.#isEstablished() && (servers === "any" || this.#away().length === 0);
    const late = () => new ConnectionTimeoutError(timeoutMs, this.#away());
    await this.#waits.until(isMet, timeoutMs, late, signal);
  }

  /**
   * As the library's client tells it.
   *
   * "Any" means one, but not one only: of a destination that moves, the new hop is announced, confirmed, and then the old
   * one withdrawn, by another client. Who hears both by a server that is there but slower must not hear the second first.
   */
  async confirmed(options: WaitOptions): Promise<void> {
    const { servers = "any", timeoutMs = Number.POSITIVE_INFINITY, signal } = this.#read(options);
    const deadlineMs = this.#clock.nowMs() + timeoutMs;
    const told = new Set<string>();
    const untold = () => this.#client.servers().filter(({ server }) => !told.has(formatEndpoint(server)));
    const cancel = this.#client.confirm((server) => {
      told.add(formatEndpoint(server));
      this.#waits.check();
    });
    try {
      const isMet = () => told.size > 0 && (servers === "any" || untold().length === 0);
      const late = () =>
        this.#isEstablished()
          ? new TimeoutError(timeoutMs, untold())
          : new NotEstablishedError(this.#client.servers());
      await this.#waits.until(isMet, timeoutMs, late, signal);
      const othersMs = Math.min(OTHERS_MS, Math.max(0, deadlineMs - this.#clock.nowMs()));
      const areOthersTold = () => !untold().some(({ state }) => state === "established");
      await this.#waits.until(areOthersTold, othersMs, () => null, signal);
    } finally {
      cancel();
    }
    for (const { server, state } of untold()) {
      const fields = { server: formatEndpoint(server), state };
      if (state === "established") this.#logger.log(LOG.changesUnread, fields);
      else this.#logger.log(LOG.changesDelayed, fields);
    }
  }

  #read(options: WaitOptions): WaitOptions {
    checkWaitOptions(options);
    if (this.#client.servers().length === 0) throw new NotEstablishedError([]);
    return options;
  }

  #isEstablished(): boolean {
    return this.#client.servers().some(({ state }) => state === "established");
  }

  #away(): ServerInfo[] {
    return this.#client.servers().filter(({ state }) => state !== "established");
  }
}
