/**
 * These functions read the values of flags. Each takes the flag's name for its message, and throws a UsageError with a
 * caret.
 */

import type { TextRange } from "../../base/marked-text.ts";
import { type Endpoint, type EndpointUse, formatEndpoint, parseEndpoint } from "../../net/endpoint.ts";
import { AnnouncementError, formatRoute, parseAnnouncementText } from "../../route/announcement-text.ts";
import type { Route } from "../../route/route.ts";
import type { RetryBounds } from "../../session/retry.ts";
import { MAX_VNI } from "../../wire/protocol.ts";
import { collectErrors, throwAll, UsageError } from "../program/usage-error.ts";

/** The longest time: timers count milliseconds in 31 bits, and fire at once beyond 24.8 days. */
const MAX_SECONDS = 20 * 86400;

export function readEndpoint(flag: string, text: string, defaultPort: number, use: EndpointUse): Endpoint {
  const endpoint = parseEndpoint(text, defaultPort, use);
  if ("code" in endpoint) throw badValue(flag, text, endpoint, endpoint.message);
  return endpoint;
}

/** Reads endpoints, in the order given, each once whatever its spelling. */
export function readEndpoints(flag: string, texts: readonly string[], defaultPort: number): Endpoint[] {
  const endpoints = readEach(texts, (text) => readEndpoint(flag, text, defaultPort, "connect"));
  return [...new Map(endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint])).values()];
}

/** Reads host names as in DNS, without a port. */
export function readHostNames(flag: string, texts: readonly string[]): string[] {
  return readEach(texts, (text) => {
    if (/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(text)) return text;
    throw badValue(flag, text, whole(text), "a host name without a port is needed");
  });
}

/** Reads VNIs, in the order given, each once. */
export function readVnis(flag: string, texts: readonly string[]): number[] {
  return [...new Set(readEach(texts, (text) => readWholeNumber(flag, text, 0, MAX_VNI)))];
}

/** Reads one VNI. */
export function readVni(flag: string, text: string): number {
  return readWholeNumber(flag, text, 0, MAX_VNI);
}

/** Reads a whole number within bounds. `unit` is named in the message, for values that users may write with a unit. */
export function readWholeNumber(
  flag: string,
  text: string,
  least: number,
  most: number,
  unit?: "seconds",
): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  const [ofUnit, withoutUnit] = unit === undefined ? ["", ""] : [` of ${unit}`, ", without a unit"];
  const reason = `a whole number${ofUnit} from ${least} to ${most} is needed${withoutUnit}`;
  throw badValue(flag, text, whole(text), reason);
}

export function readOneOf<T extends string>(flag: string, text: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text.toLowerCase());
  if (word !== undefined) return word;
  throw badValue(flag, text, whole(text), `one of ${words.join(", ")} is needed`);
}

/** Reads a time in seconds of at least `least`, fractions allowed: "15", "0.5". */
export function readSeconds(flag: string, text: string, least = 0): number {
  const seconds = secondsIn(text);
  if (seconds !== null && seconds >= least) return seconds;
  throw badValue(flag, text, whole(text), secondsRule(least));
}

/** Reads a time as {@link readSeconds} does; "forever" is Infinity. */
export function readSecondsOrForever(flag: string, text: string): number {
  const seconds = text.toLowerCase() === "forever" ? Number.POSITIVE_INFINITY : secondsIn(text);
  if (seconds !== null) return seconds;
  throw badValue(flag, text, whole(text), `${secondsRule(0)}, or "forever"`);
}

/** Formats a time so that {@link readSecondsOrForever} reads the same. */
export function formatSecondsOrForever(seconds: number): string {
  return seconds === Number.POSITIVE_INFINITY ? "forever" : `${seconds}`;
}

/** The shortest wait: many clients that retried more often would overload a server. */
const LEAST_RETRY_SECONDS = 0.1;

/**
 * Reads two times as {@link readSeconds} does, "5-10". The wait before the next attempt is a random time between them.
 */
export function readRetryBounds(flag: string, text: string): RetryBounds {
  const [min, max, ...more] = text.split("-").map(secondsIn);
  if (min != null && max != null && min >= LEAST_RETRY_SECONDS && min <= max && more.length === 0) {
    return { minMs: min * 1000, maxMs: max * 1000 };
  }
  throw badValue(
    flag,
    text,
    whole(text),
    `two numbers of seconds from ${LEAST_RETRY_SECONDS} are needed, the smaller first, as in 5-10`,
  );
}

function secondsRule(least: number): string {
  return `a number of seconds from ${least} to ${MAX_SECONDS} is needed, without a unit`;
}

function secondsIn(text: string): number | null {
  const seconds = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  return seconds <= MAX_SECONDS ? seconds : null;
}

export interface Announcements {
  readonly routes: Route[];
  readonly warnings: string[];
}

/** Reads announcements, in the order given, each route once. */
export function readAnnouncements(flag: string, texts: readonly string[]): Announcements {
  const routes = new Map<string, Route>();
  const warnings: string[] = [];
  readEach(texts, (text) => {
    const parsed = readAnnouncement(flag, text);
    routes.set(formatRoute(parsed.route), parsed.route);
    for (const warning of parsed.warnings) warnings.push(`${flag} ${text}: ${warning}`);
  });
  return { routes: [...routes.values()], warnings };
}

function readAnnouncement(flag: string, text: string) {
  try {
    return parseAnnouncementText(text);
  } catch (error) {
    if (error instanceof AnnouncementError) throw badValue(flag, text, error, error.message);
    throw error;
  }
}

/** Reads each text. If several are wrong, the first error is thrown, with the others. */
export function readEach<T>(texts: readonly string[], read: (text: string) => T): T[] {
  const values: T[] = [];
  const errors: UsageError[] = [];
  for (const text of texts) collectErrors(errors, () => values.push(read(text)));
  throwAll(errors);
  return values;
}

/** Returns an error about a flag's value. `hint` says what to do. */
export function badValue(
  flag: string,
  text: string,
  range: TextRange,
  reason: string,
  hint?: string,
): UsageError {
  const value = { text, range };
  return new UsageError("BAD_VALUE", `${flag}: ${reason}`, { flag, value, ...(hint && { hint }) });
}

export function whole(text: string): TextRange {
  return { start: 0, end: text.length };
}
