/** The options of the library's client, and their checks; see base/option-checks.ts. */
import { BadOptionError, isObject } from "../base/bunbond-error.ts";
import type { Logger } from "../base/logger.ts";
import {
  checkKeepalive,
  checkOptions,
  type OptionCheck,
  type OptionChecks,
  objectWith,
} from "../base/option-checks.ts";
import { silentHandler } from "../client/events.ts";
import type { ClientOptions, ClientSettings, OnStop } from "../client/options.ts";
import { type Endpoint, endpointOf } from "../net/endpoint.ts";
import { CHANGES_OPTIONS, CLIENT_OPTIONS, CLOSE_OPTIONS, WAIT_OPTIONS } from "../options/client-options.ts";
import { checksOf, OBJECT_CHECKS } from "../options/option-check.ts";
import { DEFAULT_PORT } from "../wire/protocol.ts";

/** A server's endpoint as text, "[2001:db8::10]:4711" or "server.example", or read from text. Port 4711 if left out. */
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
  /** Time limit of the wait: at most 2147483647, which is 24.8 days; Infinity, the default, means no limit. */
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

const checkRetry: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const [minMs, maxMs] = numbersOf(option, value, "minMs", "maxMs");
  if (minMs >= 0 && minMs <= maxMs && Number.isFinite(maxMs)) return;
  const reason = `${minMs} to ${maxMs} ms: must be from 0, the first not over the last`;
  throw new BadOptionError(option, value, reason);
};

const checkStaleTimes: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const [staleTimeMs, staleTimeAloneMs] = numbersOf(option, value, "staleTimeMs", "staleTimeAloneMs");
  // NaN is neither.
  if (staleTimeMs >= 0 && staleTimeAloneMs >= 0) return;
  const reason = `${staleTimeMs} and ${staleTimeAloneMs} ms: must be from 0; Infinity means forever`;
  throw new BadOptionError(option, value, reason);
};

function numbersOf(option: string, value: unknown, ...names: [string, string]): [number, number] {
  const [first, last]: unknown[] = isObject(value) ? names.map((name) => Reflect.get(value, name)) : [];
  if (typeof first === "number" && typeof last === "number") return [first, last];
  throw new BadOptionError(option, value, `must be an object with the numbers ${names.join(" and ")}`);
}

const checkServers: OptionCheck = (option, value) => {
  if (Array.isArray(value)) return;
  throw new BadOptionError(option, value, `must be an array, as ["[2001:db8::10]:4711"]; it may be empty`);
};

const checkSignal: OptionCheck = (option, value) => {
  if (value === undefined || value instanceof AbortSignal) return;
  throw new BadOptionError(option, value, "must be an AbortSignal");
};

const checkVnis: OptionCheck = (option, value) => {
  if (value === undefined || (isObject(value) && typeof Reflect.get(value, Symbol.iterator) === "function"))
    return;
  throw new BadOptionError(option, value, "must be an array or a set of VNIs, as [100, 200]");
};

const handlerCheck = objectWith([], Object.keys(silentHandler));

const checkHandlers: OptionCheck = (option, value) => {
  if (!Array.isArray(value)) {
    handlerCheck(option, value);
    return;
  }
  // Unlike forEach(), it sees the holes of an array, too.
  for (const handler of value) checkHandler(handler, option);
};

const CONNECT: OptionChecks<ConnectOptions> = checksOf(CLIENT_OPTIONS, {
  servers: checkServers,
  keepaliveSeconds: checkKeepalive,
  retry: checkRetry,
  staleTimes: checkStaleTimes,
  handler: checkHandlers,
  announceWhen: objectWith(["then"]),
  ...OBJECT_CHECKS,
});
const { keepaliveSeconds, retry, staleTimes } = CONNECT;
const SETTINGS: OptionChecks<ClientSettings> = { keepaliveSeconds, retry, staleTimes };
const WAIT: OptionChecks<WaitOptions> = checksOf(WAIT_OPTIONS, { signal: checkSignal });
const CHANGES: OptionChecks<ChangesOptions> = checksOf(CHANGES_OPTIONS, {
  vnis: checkVnis,
  signal: checkSignal,
});
const CLOSE: OptionChecks<CloseOptions> = checksOf(CLOSE_OPTIONS, {});

// Each throws a BadOptionError.

export function checkHandler(handler: unknown, option = "handler"): void {
  if (handler === undefined) throw new BadOptionError(option, handler, "must be an object");
  handlerCheck(option, handler);
}

export const checkConnectOptions = (given: ConnectOptions): void => checkOptions(given, CONNECT);
export const checkSettings = (given: Partial<ClientSettings>): void => checkOptions(given, SETTINGS);
export const checkWaitOptions = (given: WaitOptions): void => checkOptions(given, WAIT);
export const checkChangesOptions = (given: ChangesOptions): void => checkOptions(given, CHANGES);
export const checkCloseOptions = (given: CloseOptions): void => checkOptions(given, CLOSE);
