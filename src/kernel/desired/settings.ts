/** Decides which received routes are for the kernel at all, and why the others are skipped. */
import { contains } from "../../net/cidr.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { NextHop } from "../../wire/message.ts";
import { NextHopType } from "../../wire/protocol.ts";
import { DESTINATION_REASONS, type DestinationReason } from "./refused-destinations.ts";

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

/** Default weight of a next hop in a preferred network. Other next hops have weight 1. */
export const DEFAULT_PREFERRED_WEIGHT = 100;

/**
 * What the kernel has for several next hops. resilient: when a destination's next hops change, flows by those that stay
 * keep them (Linux ≥ 5.13).
 */
export type EcmpMode = (typeof ECMP_MODES)[number];

export const ECMP_MODES = ["plain", "resilient"] as const;

/** Which routes are skipped, and how the others are weighted and balanced. */
export interface DesiredSettings {
  /** Routes of these types are not installed. */
  readonly excludedTypes: readonly NextHopType[];
  /** Whether NAT next hops become plain routes, since the kernel's cannot match ports, or are skipped. */
  readonly nat: "plain" | "skip";
  /** Whether IPv6 destinations are skipped. */
  readonly ipv4Only: boolean;
  /** The longest network that holds a hop's address gives its weight. */
  readonly preferredNetworks: readonly PreferredNetwork[];
  /** Which type of group destinations with several next hops have. */
  readonly ecmp: EcmpMode;
}

/** Why a route in view is not in the kernel although its VNI is mapped. */
export type SkipReason =
  /** We announce the destination ourselves in that VNI. */
  | "ownAnnouncement"
  /** The next hop is an address of this machine. */
  | "localHop"
  /** The next hop is an IPv4 address, perhaps written as an IPv6 one: the tunnel is IPv6. */
  | "ipv4Hop"
  /**
   * No tunnel can end there: "::", "::1", multicast, or link-local, which means nothing without a link: the kernel looks
   * for it on its first link, perhaps the tunnel itself (tried on 6.1: "Local routing loop detected"). The kernel would
   * take all of them.
   */
  | "unusableHop"
  | "excludedType"
  | "nat"
  /** The destination is IPv6, and only IPv4 is to be installed. */
  | "ipv6Destination"
  /** The destination has more hops than a group can hold. */
  | "tooManyHops"
  /** The destination holds the address of a next hop or a server, and the table is the host's own: see underlay.ts. */
  | "coversUnderlay"
  /** No tenant can have the destination: see refused-destinations.ts. */
  | DestinationReason;

export const SKIP_REASONS: readonly SkipReason[] = [
  "ownAnnouncement",
  "localHop",
  "ipv4Hop",
  "unusableHop",
  "excludedType",
  "nat",
  "ipv6Destination",
  "tooManyHops",
  "coversUnderlay",
  ...DESTINATION_REASONS,
];

/** Why a route is skipped, whatever others there are; null if it is not. */
export function reasonToSkip(
  { excludedTypes, nat, ipv4Only }: DesiredSettings,
  destinationFamily: 4 | 6,
  { address, type }: NextHop,
): SkipReason | null {
  if (ipv4Only && destinationFamily === 6) return "ipv6Destination";
  if (excludedTypes.includes(type)) return "excludedType";
  if (type === NextHopType.NAT && nat === "skip") return "nat";
  if (address.family === 4 || isMapped(address)) return "ipv4Hop";
  return isUnreachable(address) ? "unusableHop" : null;
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

/** ::/127, fe80::/10 and ff00::/8. */
function isUnreachable({ w0, w1, w2, w3 }: IpAddress): boolean {
  return w0 >>> 24 === 0xff || w0 >>> 22 === 0xfe80 >>> 6 || ((w0 | w1 | w2) === 0 && w3 >>> 1 === 0);
}

function isMapped({ w0, w1, w2 }: IpAddress): boolean {
  return w0 === 0 && w1 === 0 && w2 === 0xffff;
}
