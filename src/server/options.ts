/** This file has the options of a server, and their checks (base/option-checks.ts). */

import type { Clock, Random } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { checkKeepalive, checkOptions, type OptionChecks, objectWith } from "../base/option-checks.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { checksOf, OBJECT_CHECKS } from "../options/option-check.ts";
import { SERVER_OPTIONS } from "../options/server-options.ts";
import type { Network } from "../transport/network.ts";
import type { Pacing } from "../transport/pacing.ts";
import type { ServerHandler } from "./events.ts";
import { SERVER_EVENTS } from "./events.ts";
import type { ServerLimits } from "./exchange/limits.ts";
import { valuesByLimit } from "./exchange/limits.ts";

/** The options of a server: where it listens, how it behaves, and the limits of one peer. Only `listen` is required. */
export interface ServerOptions extends Partial<ServerLimits> {
  /** Where to listen, as an endpoint or its text, "[::]:4711". Port 0 means any free port. */
  readonly listen: Endpoint | string;
  /** The keepalive interval, a whole number from 1. Default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /**
   * How long after the start End-of-RIBs are deferred (RFC 4724, Selection_Deferral_Timer). Without this a client that
   * returns early would drop the routes of those that have not returned yet. Default 15: the clients' longest retry of
   * 10 s, plus handshake.
   */
  readonly settleSeconds?: number;
  /** Whether output is paced, that is, sent in small writes with pauses, which Go's clients need. Default `auto`. */
  readonly pacing?: Pacing;
  /**
   * How long the routes of a lost peer are retained, except after a breach of the protocol. A peer that announces one
   * of them takes it over. Default 0: they are withdrawn when the connection ends, as in other servers.
   */
  readonly retainSeconds?: number;
  /**
   * The connection to a peer that reads nothing for this long although data is waiting is closed. At least 1, default
   * 90.
   */
  readonly sendHoldSeconds?: number;
  /**
   * How many connections may be half-open, that is, not ESTABLISHED. Beyond that the oldest is reset. At least 1,
   * default 512.
   */
  readonly maxHalfOpen?: number;
  /**
   * How many bytes of memory routes and subscriptions may take before further ones are skipped (`TABLE_FULL`). Default:
   * half of the memory that the system allows this process.
   */
  readonly maxTableBytes?: number;
  /** How many of the last changes are remembered, 0 for none. Default 100,000. */
  readonly historyEntries?: number;
  /** Its functions are called when peers are established and when they leave. */
  readonly handler?: ServerHandler;
  /** Where the server logs. Default: nothing is logged. */
  readonly logger?: Logger;
  /** The clock. Default: the system's. */
  readonly clock?: Clock;
  /** How connections are made. Default: by sockets. */
  readonly network?: Network;
  /** The source of random numbers. Default: `Math.random`. */
  readonly random?: Random;
}

/** The options that can be changed while the server runs. */
export type ServerSettings = Required<
  Pick<ServerOptions, "keepaliveSeconds" | "retainSeconds" | "sendHoldSeconds" | keyof ServerLimits>
>;

const START: OptionChecks<ServerOptions> = checksOf(SERVER_OPTIONS, {
  // Server.start parses it, with a better message.
  listen() {},
  keepaliveSeconds: checkKeepalive,
  handler: objectWith([], SERVER_EVENTS),
  ...OBJECT_CHECKS,
});
const { keepaliveSeconds, retainSeconds, sendHoldSeconds } = START;
const SETTINGS: OptionChecks<ServerSettings> = {
  keepaliveSeconds,
  retainSeconds,
  sendHoldSeconds,
  ...valuesByLimit((name) => START[name]),
};

/** @throws BadOptionError */
export const checkServerOptions = (given: ServerOptions): void => checkOptions(given, START);
/** @throws BadOptionError */
export const checkServerSettings = (given: Partial<ServerSettings>): void => checkOptions(given, SETTINGS);
