/** Waits for the servers of a client: until they are established, or until they have read what is wanted. */

import type { Clock } from "../base/clock.ts";
import { type EventLog, eventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import type { Logger } from "../base/logger.ts";
import { ConnectionTimeoutError, NotEstablishedError, TimeoutError } from "../client/errors.ts";
import type { ServerInfo } from "../client/options.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { checkWaitOptions, type WaitOptions } from "./options.ts";
import { Waits } from "./waits.ts";

/** How long the other established servers are waited for after the first one has read everything. */
const OTHERS_MS = 1_000;

/** What the waits need of the client's core. */
export interface WaitedServers {
  servers(): ServerInfo[];
  /** Calls `read` for each server after that has read everything that is wanted now, until the returned function is called. */
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

  /** Evaluates what is waited for, after a change of the state of a server or a removal. */
  changed(): void {
    this.#waits.check();
    if (this.#client.servers().length === 0) this.#waits.endAll(new NotEstablishedError([]));
  }

  /** Rejects everything that waits, since the client was closed. */
  endAll(error: Error): void {
    this.#waits.endAll(error);
  }

  /** Implements `Client.established`. */
  async established(options: WaitOptions): Promise<void> {
    const { servers = "any", timeoutMs = Number.POSITIVE_INFINITY, signal } = this.#read(options);
    const isMet = () => this.#isEstablished() && (servers === "any" || this.#away().length === 0);
    const late = () => new ConnectionTimeoutError(timeoutMs, this.#away());
    await this.#waits.until(isMet, timeoutMs, late, signal);
  }

  /**
   * Implements `Client.confirmed`.
   *
   * "Any" means at least one server, but the others are waited for, too, for a moment. When a destination moves, the new hop is
   * announced and confirmed, and then another client withdraws the old one. A subscriber of a slower server must not receive the
   * withdrawal first.
   */
  async confirmed(options: WaitOptions): Promise<void> {
    const { servers = "any", timeoutMs = Number.POSITIVE_INFINITY, signal } = this.#read(options);
    const deadlineMs = this.#clock.nowMs() + timeoutMs;
    const answered = new Set<string>();
    const unread = () => this.#client.servers().filter(({ server }) => !answered.has(formatEndpoint(server)));
    const cancel = this.#client.confirm((server) => {
      answered.add(formatEndpoint(server));
      this.#waits.check();
    });
    try {
      const isMet = () => answered.size > 0 && (servers === "any" || unread().length === 0);
      const late = () =>
        this.#isEstablished()
          ? new TimeoutError(timeoutMs, unread())
          : new NotEstablishedError(this.#client.servers());
      await this.#waits.until(isMet, timeoutMs, late, signal);
      const othersMs = Math.min(OTHERS_MS, Math.max(0, deadlineMs - this.#clock.nowMs()));
      const haveOthersRead = () => !unread().some(({ state }) => state === "established");
      await this.#waits.until(haveOthersRead, othersMs, () => null, signal);
    } finally {
      cancel();
    }
    for (const { server, state } of unread()) {
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
