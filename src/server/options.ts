/** What programs give to a server, see net/option-checks.ts. */

import { timerSeconds } from "../base/check-times.ts";
import type { Clock, Random } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import {
  checkOptions,
  isFunction,
  type OptionChecks,
  objectWith,
  wholeNumber,
} from "../base/option-checks.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { Network } from "../transport/network.ts";
import type { Pacing } from "../transport/pacing.ts";
import { SHARED_OPTIONS } from "../transport/shared-options.ts";
import type { ServerHandler } from "./events.ts";
import { SERVER_EVENTS } from "./events.ts";
import type { ServerLimits } from "./exchange/limits.ts";
import { GREATEST_LIMIT, valuesByLimit } from "./exchange/limits.ts";

/** Where a server listens, how it behaves, and what one peer may have of it. Only `listen` has to be there. */
export interface ServerOptions extends Partial<ServerLimits> {
  /** Where to listen, as an endpoint or its text, "[::]:4711"; port 0 takes a free one. */
  readonly listen: Endpoint | string;
  /** A whole number from 1, default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /**
   * For how long after the start End-of-RIBs are held back, so that a client that returns early does not take
   * the absence of those who are still on their way for withdrawals (RFC 4724 calls it deferral).
   * Default 15: the clients' longest retry of 10 s, plus handshake.
   */
  readonly settleSeconds?: number;
  /** Whether subscribers are written to in small steps, which Go's clients need to survive. Default `auto`. */
  readonly pacing?: Pacing;
  /**
   * A lost peer's routes stay for this long, as far as it had not withdrawn them; not after a breach of the protocol.
   * Whoever announces one of them takes it over. Default 0: they go with the connection, as with other servers.
   */
  readonly retainSeconds?: number;
  /** A peer that takes no byte for this long while some are due is closed. At least 1, default 90. */
  readonly sendHoldSeconds?: number;
  /** Of more connections that are not ESTABLISHED yet, the oldest is reset. A whole number from 1, default 512. */
  readonly maxHalfOpen?: number;
  /**
   * What routes and subscriptions may take of memory, in bytes, before further ones are skipped (`TABLE_FULL`). Default: half of what
   * the system lets this process have.
   */
  readonly maxTableBytes?: number;
  /** Is told of peers that come and go. Default: nobody is. */
  readonly handler?: ServerHandler;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: sockets. */
  readonly network?: Network;
  /** Default: `Math.random`. */
  readonly random?: Random;
}

/** What can be changed while the server runs. */
export type ServerSettings = Required<
  Pick<ServerOptions, "keepaliveSeconds" | "retainSeconds" | "sendHoldSeconds" | keyof ServerLimits>
>;

/** Less would take a socket that is full for a moment for a peer that has died. */
export const LEAST_SEND_HOLD_SECONDS = 1;

const SETTINGS: OptionChecks<ServerSettings> = {
  keepaliveSeconds: SHARED_OPTIONS.keepaliveSeconds,
  retainSeconds: timerSeconds({ least: 0 }),
  sendHoldSeconds: timerSeconds({ least: LEAST_SEND_HOLD_SECONDS }),
  ...valuesByLimit(() => wholeNumber({ least: 1, most: GREATEST_LIMIT })),
};
const START: OptionChecks<ServerOptions> = {
  // Whoever reads it checks it, and says more.
  listen() {},
  ...SETTINGS,
  settleSeconds: timerSeconds({ least: 0 }),
  maxHalfOpen: wholeNumber({ least: 1, most: GREATEST_LIMIT }),
  maxTableBytes: wholeNumber({ least: 1, most: Number.MAX_SAFE_INTEGER }),
  random: isFunction,
  handler: objectWith([], SERVER_EVENTS),
  ...SHARED_OPTIONS,
};

// Both throw a BadOptionError.

export const checkServerOptions = (given: ServerOptions): void => checkOptions(given, START);
export const checkServerSettings = (given: Partial<ServerSettings>): void => checkOptions(given, SETTINGS);
