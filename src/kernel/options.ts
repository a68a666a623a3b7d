/**
 * What a client may call its own in the kernel, and what else a program may ask of it: see net/option-checks.ts. Numbers
 * are those of rtnetlink.h, include/uapi/linux/rtnetlink.h.
 */
import { BadOptionError, isObject } from "../base/bunbond-error.ts";
import {
  checkOptions,
  isFunction,
  isTrueOrFalse,
  type OptionCheck,
  type OptionChecks,
  oneOf,
} from "../base/option-checks.ts";
import { checkVni } from "../route/make-route.ts";
import { SHARED_OPTIONS } from "../transport/shared-options.ts";
import { NextHopType } from "../wire/protocol.ts";
import { ECMP_MODES, type PreferredNetwork, type TableMapping } from "./desired/settings.ts";
import type { KernelCloseOptions, KernelRoutesOptions } from "./kernel-routes.ts";

/** As Go's client has it. */
export const DEFAULT_PROTOCOL = 254;
/** Up to 4 they are the kernel's own and those of routes made by hand, and what is ours goes by it. */
export const LEAST_PROTOCOL = 5;
/** RTPROT_RA: the kernel's own for routes from router advertisements. */
export const PROTOCOL_RA = 9;

/** RT_TABLE_MAIN: where the host looks up its own packets, the tunnel's among them. */
export const TABLE_MAIN = 254;
/** RT_TABLE_DEFAULT and RT_TABLE_LOCAL: the kernel's own ways of ending a look-up. */
export const TABLE_DEFAULT = 253;
export const TABLE_LOCAL = 255;
export const MAX_TABLE = 0xffffffff;

/** More is refused before Linux 6.12. */
export const MAX_WEIGHT = 255;

/** What errors and warnings call the options that help, as a program or a command line sets them. */
export interface KernelOptionNames {
  readonly device: string;
  readonly protocol: string;
  readonly ecmp: string;
}

/** As {@link KernelRoutes.open} has them. */
export const OPTION_NAMES: KernelOptionNames = { device: "device", protocol: "protocol", ecmp: "ecmp" };

/** @throws BadOptionError, BadRouteError for a VNI */
export function checkKernelOptions(given: KernelRoutesOptions): void {
  checkOptions(given, OPEN);
  checkMappings(given.mappings);
  if (given.preferredNetworks !== undefined) checkPreferredNetworks(given.preferredNetworks);
}

/** @throws BadOptionError */
export function checkKernelCloseOptions(given: KernelCloseOptions): void {
  checkOptions(given, CLOSE);
}

/** @throws BadOptionError, BadRouteError for a VNI */
export function checkMappings(mappings: readonly TableMapping[]): void {
  const tables = new Map<number, number>();
  checkIsListOfObjects("mappings", mappings);
  for (const { vni, table } of mappings) {
    checkVni(vni);
    if (!isWithin(table, 1, MAX_TABLE) || table === TABLE_DEFAULT || table === TABLE_LOCAL) {
      const reason = `must be 1 to ${MAX_TABLE}, without ${TABLE_DEFAULT} and ${TABLE_LOCAL}`;
      throw new BadOptionError("mappings", table, `table: ${reason}`);
    }
    const other = tables.get(vni) ?? table;
    if (other !== table) {
      throw new BadOptionError("mappings", table, `VNI ${vni} goes into table ${other} already`);
    }
    tables.set(vni, table);
  }
}

function checkPreferredNetworks(networks: readonly PreferredNetwork[]): void {
  checkIsListOfObjects("preferredNetworks", networks);
  for (const { prefix, weight } of networks) {
    if (!isObject(prefix)) throw new BadOptionError("preferredNetworks", prefix, "prefix: must be one");
    if (isWithin(weight, 1, MAX_WEIGHT)) continue;
    throw new BadOptionError("preferredNetworks", weight, `weight: must be 1 to ${MAX_WEIGHT}`);
  }
}

const checkProtocol: OptionCheck = (option, value) => {
  if (value === undefined || (isWithin(value, LEAST_PROTOCOL, 255) && value !== PROTOCOL_RA)) return;
  throw new BadOptionError(option, value, `must be ${LEAST_PROTOCOL} to 255, without ${PROTOCOL_RA}`);
};

const checkReconcileInterval: OptionCheck = (option, value) => {
  if (value === undefined || (typeof value === "number" && value >= 0)) return;
  throw new BadOptionError(option, value, "must be 0, for never, or more");
};

const checkDevice: OptionCheck = (option, value) => {
  if (typeof value === "string" && value !== "") return;
  throw new BadOptionError(option, value, "must be the name of a tunnel device");
};

const checkTypes: OptionCheck = (option, value) => {
  const types: readonly unknown[] = Object.values(NextHopType);
  if (value === undefined || (Array.isArray(value) && value.every((type) => types.includes(type)))) return;
  throw new BadOptionError(option, value, "must be an array of NextHopType");
};

const checkNames: OptionCheck = (option, value) => {
  if (value === undefined || isObject(value)) return;
  throw new BadOptionError(option, value, "must be an object with device, protocol and ecmp");
};

const OPEN: OptionChecks<KernelRoutesOptions> = {
  // These two are read with what is in them.
  mappings() {},
  preferredNetworks() {},
  device: checkDevice,
  protocol: checkProtocol,
  excludedTypes: checkTypes,
  nat: oneOf("plain", "skip"),
  ecmp: oneOf(...ECMP_MODES),
  ipv4Only: isTrueOrFalse,
  reconcileIntervalSeconds: checkReconcileInterval,
  dryRun: isFunction,
  optionNames: checkNames,
  logger: SHARED_OPTIONS.logger,
};

const CLOSE: OptionChecks<KernelCloseOptions> = { cleanup: isTrueOrFalse };

function checkIsListOfObjects(option: string, value: unknown): void {
  if (Array.isArray(value) && Array.from(value).every(isObject)) return;
  throw new BadOptionError(option, value, "must be an array of objects");
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}
