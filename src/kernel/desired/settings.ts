/** Holds the settings of a client's routes in the kernel: tables, what is skipped (skip-reason.ts), and weights of next hops. */
import { contains } from "../../net/cidr.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { KERNEL_OPTIONS } from "../../options/kernel-options.ts";
import type { NextHopType } from "../../wire/protocol.ts";

/** The routing table for a VNI's routes. */
export interface TableMapping {
  readonly vni: number;
  /** RTA_TABLE, 1 to 4294967295. */
  readonly table: number;
}

/** An IPv6 network whose next hops count as `weight` others each, if a destination has several. */
export interface PreferredNetwork {
  readonly prefix: Prefix;
  /** 1 to 255: see GroupMember in kernel.ts. */
  readonly weight: number;
}

/**
 * What the kernel has for several next hops. resilient: when a destination's next hops change, flows by those that stay
 * keep them (Linux ≥ 5.13).
 */
export type EcmpMode = (typeof KERNEL_OPTIONS.ecmp.words)[number];

/** Which routes are skipped, and how the others are weighted and balanced. */
export interface DesiredSettings {
  /** Routes of these types are not installed. */
  readonly excludedTypes: readonly NextHopType[];
  /** Whether NAT next hops become plain routes, since the kernel's cannot match ports, or are skipped. */
  readonly nat: (typeof KERNEL_OPTIONS.installNat.words)[number];
  /** Whether IPv6 destinations are skipped. */
  readonly ipv4Only: boolean;
  /** The longest network that contains a hop's address gives its weight. */
  readonly preferredNetworks: readonly PreferredNetwork[];
  /** Which type of group destinations with several next hops have. */
  readonly ecmp: EcmpMode;
}

/** The hop's share in a group, 1 to 255. */
export function weightOf(networks: readonly PreferredNetwork[], address: IpAddress): number {
  let longest: PreferredNetwork | null = null;
  for (const network of networks) {
    if (!contains(network.prefix, address)) continue;
    if (longest === null || network.prefix.lengthBits > longest.prefix.lengthBits) longest = network;
  }
  return longest?.weight ?? 1;
}
