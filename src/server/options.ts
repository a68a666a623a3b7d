/** What programs give to a server, see net/option-checks.ts. */

import { timerSeconds } from "../base/check-times.ts";
import {
  checkOptions,
  isFunction,
  type OptionChecks,
  objectWith,
  wholeNumber,
} from "../base/option-checks.ts";
import { SHARED_OPTIONS } from "../transport/shared-options.ts";
import { SERVER_EVENTS } from "./events.ts";
import { GREATEST_LIMIT, valuesByLimit } from "./exchange/limits.ts";
import type { ServerOptions, ServerSettings } from "./server.ts";

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
