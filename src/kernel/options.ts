/**
 * The options of KernelRoutes, and their checks (see base/option-checks.ts). Numbers are those of
 * include/uapi/linux/rtnetlink.h.
 */

import { BadOptionError, isObject } from "../base/bunbond-error.ts";
import type { Logger } from "../base/logger.ts";
import { checkOptions, isFunction, type OptionCheck, type OptionChecks } from "../base/option-checks.ts";
import { KERNEL_CLOSE_OPTIONS, KERNEL_OPTIONS, MAX_TABLE, MAX_WEIGHT } from "../options/kernel-options.ts";
import { checksOf, OBJECT_CHECKS } from "../options/option-check.ts";
import { checkVni } from "../route/make-route.ts";
import { NextHopType } from "../wire/protocol.ts";
import type { DesiredSettings, PreferredNetwork, TableMapping } from "./desired/settings.ts";
import { RT_TABLE_DEFAULT, RT_TABLE_LOCAL } from "./netlink/netlink-constants.ts";
import type { KernelOptionNames } from "./option-names.ts";

/** Which routes go into the kernel, and how. `mappings` and `device` are required. */
export interface KernelRoutesOptions extends Partial<DesiredSettings> {
  /** The table for each VNI's routes. If several VNIs share a table, the first one wins a destination. */
  readonly mappings: readonly TableMapping[];
  /** The tunnel device by which packets leave: `ip link add NAME type ip6tnl mode any external`. */
  readonly device: string;
  /**
   * The route protocol, which marks what is ours in the kernel: 5 to 255 without 9. Default 254. One client per number in a network namespace.
   */
  readonly protocol?: number;
  /** How often the kernel is compared with what is desired, in seconds; 0: never. Default 300. */
  readonly reconcileIntervalSeconds?: number;
  /** Called with each change as an ip command, instead of making it in the kernel. A dry run needs no rights. */
  readonly dryRun?: (command: string) => void;
  /** The names of some options in errors and warnings, for programs that set them by other names. Default: as here. */
  readonly optionNames?: KernelOptionNames;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** What happens to the routes when a KernelRoutes is closed. */
export interface KernelCloseOptions {
  /** Whether the routes are removed. Default false: they stay, and the next KernelRoutes takes them over. */
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

const { least: LEAST_PROTOCOL, most: MOST_PROTOCOL, exception: RESERVED } = KERNEL_OPTIONS.routeProtocol;

const checkProtocol: OptionCheck = (option, value) => {
  if (value === undefined || (isWithin(value, LEAST_PROTOCOL, MOST_PROTOCOL) && value !== RESERVED.value))
    return;
  const reason = `must be ${LEAST_PROTOCOL} to ${MOST_PROTOCOL}, without ${RESERVED.value}`;
  throw new BadOptionError(option, value, reason);
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

const OPEN: OptionChecks<KernelRoutesOptions> = checksOf(KERNEL_OPTIONS, {
  // These two are checked with their contents.
  mappings() {},
  preferredNetworks() {},
  device: checkDevice,
  protocol: checkProtocol,
  excludedTypes: checkTypes,
  reconcileIntervalSeconds: checkReconcileInterval,
  dryRun: isFunction,
  optionNames: checkNames,
  logger: OBJECT_CHECKS.logger,
});

const CLOSE: OptionChecks<KernelCloseOptions> = checksOf(KERNEL_CLOSE_OPTIONS, {});

function checkIsListOfObjects(option: string, value: unknown): void {
  if (Array.isArray(value) && Array.from(value).every(isObject)) return;
  throw new BadOptionError(option, value, "must be an array of objects");
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}
