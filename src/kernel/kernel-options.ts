/** Which numbers a client may call its own in the kernel. rtnetlink.h, include/uapi/linux/rtnetlink.h. */
import { BadOptionError } from "../net/bunbond-error.ts";
import { checkVni } from "../route/make-route.ts";
import type { PreferredNetwork, TableMapping } from "./wanted-settings.ts";

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
}

/** As {@link KernelRoutes.open} has them. */
export const OPTION_NAMES: KernelOptionNames = { device: "device", protocol: "protocol" };

/** @throws BadOptionError */
export function checkProtocol(protocol: number): void {
  if (isWithin(protocol, LEAST_PROTOCOL, 255) && protocol !== PROTOCOL_RA) return;
  throw new BadOptionError("protocol", protocol, `must be ${LEAST_PROTOCOL} to 255, without ${PROTOCOL_RA}`);
}

/** @throws BadOptionError, BadRouteError for a VNI */
export function checkMappings(mappings: readonly TableMapping[]): void {
  const tables = new Map<number, number>();
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

/** @throws BadOptionError */
export function checkPreferredNetworks(networks: readonly PreferredNetwork[]): void {
  for (const { weight } of networks) {
    if (isWithin(weight, 1, MAX_WEIGHT)) continue;
    throw new BadOptionError("preferredNetworks", weight, `weight: must be 1 to ${MAX_WEIGHT}`);
  }
}

/** @throws BadOptionError */
export function checkReconcileInterval(seconds: number): void {
  if (seconds >= 0) return;
  throw new BadOptionError("reconcileIntervalSeconds", seconds, "must be 0, for never, or more");
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
