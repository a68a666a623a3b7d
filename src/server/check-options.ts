/** What programs give to a server, see net/option-checks.ts. */
import { checkOptions, type OptionChecks, objectWith } from "../net/option-checks.ts";
import { timerSeconds } from "../session/check-times.ts";
import { SHARED_OPTIONS } from "../transport/shared-options.ts";
import { SERVER_EVENTS } from "./handler.ts";
import type { ServerOptions, ServerSettings } from "./server.ts";

/** Less would take a socket that is full for a moment for a peer that has died. */
export const LEAST_SEND_HOLD_SECONDS = 1;

const SETTINGS: OptionChecks<ServerSettings> = {
  keepaliveSeconds: SHARED_OPTIONS.keepaliveSeconds,
  retainSeconds: timerSeconds({ least: 0 }),
  sendHoldSeconds: timerSeconds({ least: LEAST_SEND_HOLD_SECONDS }),
};
const START: OptionChecks<ServerOptions> = {
  // Whoever reads it checks it, and says more.
  listen() {},
  ...SETTINGS,
  settleSeconds: timerSeconds({ least: 0 }),
  handler: objectWith([], SERVER_EVENTS),
  ...SHARED_OPTIONS,
};

// Both throw a BadOptionError.

export const checkServerOptions = (given: ServerOptions): void => checkOptions(given, START);
export const checkServerSettings = (given: Partial<ServerSettings>): void => checkOptions(given, SETTINGS);
