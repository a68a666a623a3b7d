/** The options of the library's client. */

import type { Logger } from "../base/logger.ts";
import type { ClientOptions, OnStop } from "../client/options.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { endpointOf } from "../net/endpoint.ts";
import { DEFAULT_PORT } from "../wire/protocol.ts";

/** As text, "[2001:db8::10]:4711" or "server.example", or read from it. Port 4711 if left out. */
export type ServerAddress = Endpoint | string;

/** The options of a client: its servers, its handlers, and its settings. Only `servers` is required. */
export interface ConnectOptions extends Omit<ClientOptions, "servers" | "logger"> {
  /** The servers. All are used at the same time; one given twice counts once. */
  readonly servers: readonly ServerAddress[];
  /** Takes log lines. Default: errors only, to the console; `silentLogger` logs nothing at all. */
  readonly logger?: Logger;
}

/** Which servers to wait for, and how long. */
export interface WaitOptions {
  /** One of the servers, or all of them. Default `any`. */
  readonly servers?: "any" | "all";
  /** Time limit of the wait: at most 2147483647, which is 24.8 days; Infinity, the default, is for ever. */
  readonly timeoutMs?: number;
  /** Ends the wait, which rejects with the signal's reason. The requests stay. */
  readonly signal?: AbortSignal;
}

/** The options of a reader of the changes of a client's view. */
export interface ChangesOptions {
  /** The VNIs whose changes are read. Default: all, including those that are subscribed later. */
  readonly vnis?: Iterable<number>;
  /** Ends the changes, and a read that waits for one. */
  readonly signal?: AbortSignal;
}

/** What happens to the announced routes when a client closes, and how long that may take. */
export interface CloseOptions {
  /** Default `withdraw`; with `keep`, servers that retain the routes of lost clients keep them. */
  readonly onStop?: OnStop;
  /** How long closing waits for servers to read the withdrawals; default 2000. */
  readonly withinMs?: number;
}

/** @throws BadEndpointError */
export function readServer(server: ServerAddress): Endpoint {
  return endpointOf(server, DEFAULT_PORT, "connect");
}
