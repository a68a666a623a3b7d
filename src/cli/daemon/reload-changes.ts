/**
 * Finds what a reload must do: the difference between the options in force and those just read, as changes to be
 * carried out one by one. What is the same in both is in no change, and so is not touched: no connection is made anew,
 * nothing is withdrawn and announced again. Additions come first and removals last, so that a route that moves to
 * another hop, or a server that replaces another one, does not leave an avoidable gap.
 */

import type { LogLevel } from "../../base/logger.ts";
import type { ClientSettings } from "../../client/options.ts";
import type { TableMapping } from "../../kernel/desired/settings.ts";
import { type Endpoint, formatEndpoint } from "../../net/endpoint.ts";
import { CLIENT_DAEMON_OPTIONS } from "../../options/client-options.ts";
import type { Catalogue, Option, TakesEffect } from "../../options/option.ts";
import { SERVER_OPTIONS } from "../../options/server-options.ts";
import { formatRoute } from "../../route/announcement-text.ts";
import type { Route } from "../../route/route.ts";
import { valuesByLimit } from "../../server/exchange/limits.ts";
import type { ServerSettings } from "../../server/options.ts";
import { type DaemonFlagOptions, logLevelOf } from "../flags/daemon-flags.ts";
import { type ClientConfig, subscriptionsOf } from "./client-command.ts";
import type { ServerConfig } from "./server-command.ts";

export type ClientChange =
  | { readonly type: "configure"; readonly settings: Partial<ClientSettings> }
  | { readonly type: "log-level"; readonly level: LogLevel }
  | { readonly type: "add-server" | "remove-server"; readonly server: Endpoint }
  | { readonly type: "subscribe" | "unsubscribe"; readonly vni: number }
  | { readonly type: "announce" | "withdraw"; readonly route: Route }
  | { readonly type: "install-routes"; readonly mappings: readonly TableMapping[] }
  | { readonly type: "cleanup"; readonly cleanup: boolean }
  | { readonly type: "require-agreement"; readonly isRequired: boolean };

export type ServerChange =
  | { readonly type: "configure"; readonly settings: Partial<ServerSettings> }
  | { readonly type: "log-level"; readonly level: LogLevel };

export interface Difference<Options, Change> {
  readonly changes: readonly Change[];
  /** Names of the flags that are different, but cannot be changed in a running program. */
  readonly needRestart: readonly string[];
  /** Warnings that the options in force did not have. */
  readonly warnings: readonly string[];
  /** The options in force after the changes: what needs a restart stays as it was. */
  readonly inForce: Options;
}

type KeyAt<C extends Catalogue, Time extends TakesEffect> = {
  [Key in keyof C]: C[Key] extends { readonly flag: string; readonly takesEffect: Time }
    ? Key & string
    : never;
}[keyof C];

/** The options that take effect at the next start: key → flag. */
const CLIENT_AT_START = atNextStart(CLIENT_DAEMON_OPTIONS);
const SERVER_AT_START = atNextStart(SERVER_OPTIONS);

function atNextStart<C extends Catalogue>(catalogue: C): Readonly<Record<KeyAt<C, "at next start">, string>> {
  const flags = Object.entries<Option>(catalogue).flatMap(([key, { flag, takesEffect }]) =>
    flag !== undefined && takesEffect === "at next start" ? [[key, flag] as const] : [],
  );
  // KeyAt says the same in types.
  return Object.fromEntries(flags) as Record<KeyAt<C, "at next start">, string>;
}

export function clientDifference(
  before: ClientConfig,
  after: ClientConfig,
): Difference<ClientConfig, ClientChange> {
  const inForce = clientInForce(before, after);
  const oldWarnings = new Set(before.warnings);
  const servers = listDifference(before.servers, after.servers, formatEndpoint);
  const vnis = listDifference(subscriptionsOf(before), subscriptionsOf(inForce), String);
  const routes = listDifference(before.announcements, after.announcements, formatRoute);
  return {
    changes: [
      ...configured(clientSettings(before), clientSettings(after)),
      ...logLevel(before, after),
      ...servers.added.map((server) => ({ type: "add-server", server }) as const),
      ...mapped(before.installRoutes, inForce.installRoutes),
      ...cleanup(before, inForce),
      ...requireAgreement(before, after),
      ...vnis.added.map((vni) => ({ type: "subscribe", vni }) as const),
      ...routes.added.map((route) => ({ type: "announce", route }) as const),
      ...routes.removed.map((route) => ({ type: "withdraw", route }) as const),
      ...vnis.removed.map((vni) => ({ type: "unsubscribe", vni }) as const),
      ...servers.removed.map((server) => ({ type: "remove-server", server }) as const),
    ],
    needRestart: [
      ...needRestart(CLIENT_AT_START, before, after),
      ...(isMappingSwitched(before, after) ? ["install-routes"] : []),
    ],
    warnings: after.warnings.filter((warning) => !oldWarnings.has(warning)),
    inForce,
  };
}

function clientInForce(before: ClientConfig, after: ClientConfig): ClientConfig {
  const { installRoutes } = isMappingSwitched(before, after) ? before : after;
  return { ...after, ...picked(CLIENT_AT_START, before), installRoutes };
}

/**
 * Returns true if routes are installed either before or after. Whether the kernel is opened at all is decided at the
 * start.
 */
function isMappingSwitched(before: ClientConfig, after: ClientConfig): boolean {
  return (before.installRoutes.length === 0) !== (after.installRoutes.length === 0);
}

/**
 * Returns one change with all mappings, or none. Their order decides which VNI is used for a destination in a table
 * that several share.
 */
function mapped(before: readonly TableMapping[], mappings: readonly TableMapping[]) {
  return Bun.deepEquals(before, mappings) ? [] : [{ type: "install-routes", mappings } as const];
}

export function serverDifference(
  before: ServerConfig,
  after: ServerConfig,
): Difference<ServerConfig, ServerChange> {
  return {
    changes: [...configured(serverSettings(before), serverSettings(after)), ...logLevel(before, after)],
    needRestart: needRestart(SERVER_AT_START, before, after),
    warnings: [],
    inForce: { ...after, ...picked(SERVER_AT_START, before) },
  };
}

/** Returns the settings that a client can change while it runs, as the client takes them. */
export function clientSettings(options: ClientConfig): ClientSettings {
  const { keepaliveSeconds, retry, staleTimeSeconds, staleTimeAloneSeconds } = options;
  const staleTimes = { staleTimeMs: staleTimeSeconds * 1000, staleTimeAloneMs: staleTimeAloneSeconds * 1000 };
  return { keepaliveSeconds, retry, staleTimes };
}

/** Returns the settings that a server can change while it runs. */
export function serverSettings(options: ServerConfig): ServerSettings {
  const { keepaliveSeconds, retainSeconds, sendHoldSeconds } = options;
  return { keepaliveSeconds, retainSeconds, sendHoldSeconds, ...valuesByLimit((name) => options[name]) };
}

/**
 * Returns what was added and what was removed. Each item is in its list once; items with the same `keyOf` are the same.
 */
function listDifference<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string) {
  const keysBefore = new Set(before.map(keyOf));
  const keysAfter = new Set(after.map(keyOf));
  return {
    added: after.filter((item) => !keysBefore.has(keyOf(item))),
    removed: before.filter((item) => !keysAfter.has(keyOf(item))),
  };
}

/** Returns one change with the settings that differ, or none. */
function configured<Settings extends object>(before: Settings, after: Settings) {
  const old = new Map<string, unknown>(Object.entries(before));
  const changed = Object.entries(after).filter(([name, value]) => !Bun.deepEquals(old.get(name), value));
  if (changed.length === 0) return [];
  // The names and values are those of `after`.
  const settings = Object.fromEntries(changed) as Partial<Settings>;
  return [{ type: "configure", settings } as const];
}

function logLevel(before: DaemonFlagOptions, after: DaemonFlagOptions) {
  const level = logLevelOf(after);
  return logLevelOf(before) === level ? [] : [{ type: "log-level", level } as const];
}

function cleanup(before: ClientConfig, { cleanup, installRoutes }: ClientConfig) {
  const isSame = before.cleanup === cleanup || installRoutes.length === 0;
  return isSame ? [] : [{ type: "cleanup", cleanup } as const];
}

function requireAgreement(before: ClientConfig, { requireAgreement: isRequired }: ClientConfig) {
  return before.requireAgreement === isRequired ? [] : [{ type: "require-agreement", isRequired } as const];
}

/** Returns the names of the flags whose options have changed. */
function needRestart<Name extends string>(
  flags: Readonly<Record<Name, string>>,
  before: Readonly<Record<NoInfer<Name>, unknown>>,
  after: Readonly<Record<NoInfer<Name>, unknown>>,
): string[] {
  return namesOf(flags).flatMap((name) => (Bun.deepEquals(before[name], after[name]) ? [] : flags[name]));
}

function picked<Name extends string, Options extends Readonly<Record<Name, unknown>>>(
  flags: Readonly<Record<Name, string>>,
  options: Options,
): Pick<Options, Name> {
  // One entry for each name.
  return Object.fromEntries(namesOf(flags).map((name) => [name, options[name]])) as Pick<Options, Name>;
}

function namesOf<Name extends string>(flags: Readonly<Record<Name, string>>): Name[] {
  // A literal's keys are those of its type.
  return Object.keys(flags) as Name[];
}
