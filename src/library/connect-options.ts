/** What programs give to the library's client. */

import type { Logger } from "../base/logger.ts";
import type { ClientOptions, OnStop } from "../client/options.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { endpointOf } from "../net/endpoint.ts";
import { DEFAULT_PORT } from "../wire/protocol.ts";

/** As text, "[2001:db8::10]:4711" or "server.example", or read from it. Port 4711 if left out. */
export type ServerAddress = Endpoint | string;

/** A client's servers, what it is told by, and how it behaves. Only `servers` has to be there. */
export interface ConnectOptions extends Omit<ClientOptions, "servers" | "defersAnnouncements" | "logger"> {
  /** All of them are used at the same time; one given twice counts once. */
  readonly servers: readonly ServerAddress[];
  /** Default: errors only, to the console; `silentLogger` says nothing at all. */
  readonly logger?: Logger;
}

/** Whom to wait for, and for how long. */
export interface WaitOptions {
  /** One of the servers, or each of them. Default `any`. */
  readonly servers?: "any" | "all";
  /** At most 2147483647, which is 24.8 days; Infinity, the default, is for ever. */
  readonly timeoutMs?: number;
  /** Ends the wait: it rejects with the signal's reason. What was asked for stays asked for. */
  readonly signal?: AbortSignal;
}

/** How the changes of a client's view are read. */
export interface ChangesOptions {
  /** Only the changes of these; default: of all VNIs, also of those that are subscribed later. */
  readonly vnis?: Iterable<number>;
  /** Ends them, and whoever waits for one. */
  readonly signal?: AbortSignal;
}

/** How a client goes. */
export interface CloseOptions {
  /** Default `withdraw`; `keep` leaves it to servers that retain a lost client's routes. */
  readonly onStop?: OnStop;
  /** For servers to be told of withdrawals; default 2000. */
  readonly withinMs?: number;
}

/** @throws BadEndpointError */
export function readServer(server: ServerAddress): Endpoint {
  return endpointOf(server, DEFAULT_PORT, "connect");
}
