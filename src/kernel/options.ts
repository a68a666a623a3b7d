/**
 * What a client may call its own in the kernel, and what else a program may ask of it: see base/option-checks.ts. Numbers
 * are those of rtnetlink.h, include/uapi/linux/rtnetlink.h.
 */

import { BadOptionError, isObject } from "../base/bunbond-error.ts";
import type { Logger } from "../base/logger.ts";
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
import type { WantedSettings } from "./desired/settings.ts";
import { ECMP_MODES, type PreferredNetwork, type TableMapping } from "./desired/settings.ts";
import { RT_TABLE_DEFAULT, RT_TABLE_LOCAL } from "./netlink/netlink-constants.ts";
import type { KernelOptionNames } from "./option-names.ts";

/** As Go's client has it. */
export const DEFAULT_PROTOCOL = 254;
/** Up to 4 they are the kernel's own and those of routes made by hand, and what is ours goes by it. */
export const LEAST_PROTOCOL = 5;
/** RTPROT_RA: the kernel's own for routes from router advertisements. */
export const PROTOCOL_RA = 9;

export const MAX_TABLE = 0xffffffff;

/** More is refused before Linux 6.12. */
export const MAX_WEIGHT = 255;

/** Which routes go into the kernel, and how. `mappings` and `device` have to be there. */
export interface KernelRoutesOptions extends Partial<WantedSettings> {
  /** A VNI's routes go into that table, each VNI's into one. Where several share a table, the first wins a destination. */
  readonly mappings: readonly TableMapping[];
  /** The tunnel device that they leave by: `ip link add NAME type ip6tnl mode any external`. */
  readonly device: string;
  /**
   * Marks what is ours in the kernel, 5 to 255 without 9. Default 254. One client per number in a network namespace.
   */
  readonly protocol?: number;
  /** How often the kernel is compared with what is wanted, in seconds; 0: never. Default 300. */
  readonly reconcileIntervalSeconds?: number;
  /** Changes nothing in the kernel: takes what would be done there, as ip commands. It needs no rights. */
  readonly dryRun?: (command: string) => void;
  /** What errors and warnings call some of these, for whoever sets them by other names. Default: as here. */
  readonly optionNames?: KernelOptionNames;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** What happens to the routes when a client's hand on the kernel is taken away. */
export interface KernelCloseOptions {
  /** Removes the routes. Default false: they stay, and the next one takes them over. */
  readonly cleanup?: boolean;
}

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
    if (!isWithin(table, 1, MAX_TABLE) || table === RT_TABLE_DEFAULT || table === RT_TABLE_LOCAL) {
      const reason = `must be 1 to ${MAX_TABLE}, without ${RT_TABLE_DEFAULT} and ${RT_TABLE_LOCAL}`;
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
