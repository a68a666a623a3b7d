/**
 * These are the limits of one peer in a server, and of the next hops of a destination. A correct network does not reach
 * them. They prevent one peer from using the memory and time of all.
 *
 * A frame beyond a limit is skipped: it changes nothing, is counted, and is logged once for each peer and code, and the
 * session goes on. A withdrawal makes room, and a refused route can then be announced again. When a limit is lowered, a
 * peer that has more keeps it.
 */

import { SERVER_OPTIONS } from "../../options/server-options.ts";

export interface Limit {
  /** The code with which frames beyond the limit are skipped. */
  readonly code: string;
  /** The meaning of the code, in Markdown. */
  readonly meaning: string;
}

/** All limits, by the name of the option; their flags, defaults and ranges are in the catalogue of options. */
export const LIMITS = {
  maxHops: {
    code: "TOO_MANY_HOPS",
    meaning: "the destination has as many next hops as `--max-hops` allows",
  },
  maxRoutes: {
    code: "TOO_MANY_ROUTES",
    meaning: "the peer announces as many routes as `--max-routes` allows",
  },
  maxVnis: {
    code: "TOO_MANY_VNIS",
    meaning: "the peer announces routes in as many VNIs as `--max-vnis` allows",
  },
  maxSubscriptions: {
    code: "TOO_MANY_SUBSCRIPTIONS",
    meaning: "the peer subscribes to as many VNIs as `--max-subscriptions` allows",
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;
export type ServerLimits = Readonly<Record<LimitName, number>>;

/** Why a valid frame was skipped. `TABLE_FULL`: the process has no memory, or the table no number, for more. */
export type LimitCode = (typeof LIMITS)[LimitName]["code"] | "TABLE_FULL";

/** The meaning of each code, in Markdown. */
export const LIMIT_CODES: Readonly<Record<LimitCode, string>> = {
  TOO_MANY_HOPS: LIMITS.maxHops.meaning,
  TOO_MANY_ROUTES: LIMITS.maxRoutes.meaning,
  TOO_MANY_VNIS: LIMITS.maxVnis.meaning,
  TOO_MANY_SUBSCRIPTIONS: LIMITS.maxSubscriptions.meaning,
  TABLE_FULL:
    "the server has no row number for another route, or the tables have the memory that they may take",
};

// A literal's keys are those of its type.
export const LIMIT_NAMES = Object.keys(LIMITS) as readonly LimitName[];

export const DEFAULT_LIMITS: ServerLimits = valuesByLimit((name) => SERVER_OPTIONS[name].default);

/** Makes an object with one value for each limit. */
export function valuesByLimit<T>(valueFor: (name: LimitName) => T): Record<LimitName, T> {
  return {
    maxHops: valueFor("maxHops"),
    maxRoutes: valueFor("maxRoutes"),
    maxVnis: valueFor("maxVnis"),
    maxSubscriptions: valueFor("maxSubscriptions"),
  };
}

/** Returns the limits among the settings, and those of `others` where the settings have none. */
export function limitsOf(settings: Partial<ServerLimits>, others: ServerLimits): ServerLimits {
  return valuesByLimit((name) => settings[name] ?? others[name]);
}
