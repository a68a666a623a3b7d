/** Decides which routes in view are not installed in the kernel, and gives the reason. */
import type { IpAddress } from "../../net/ip.ts";
import type { NextHop } from "../../wire/message.ts";
import { NextHopType } from "../../wire/protocol.ts";
import { DESTINATION_REASONS, type DestinationReason } from "./refused-destinations.ts";
import type { DesiredSettings } from "./settings.ts";

/** The reasons for which a route in view is not in the kernel although its VNI is mapped. */
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
  /** The destination has more hops than a group can have. */
  | "tooManyHops"
  /** The destination contains the address of a next hop or a server, and the table is the host's own: see underlay.ts. */
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

/** Returns why a route is skipped, regardless of other routes to its destination; null if it is not. */
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

function isMapped({ w0, w1, w2 }: IpAddress): boolean {
  return w0 === 0 && w1 === 0 && w2 === 0xffff;
}

/** ::/127, fe80::/10 and ff00::/8. */
function isUnreachable({ w0, w1, w2, w3 }: IpAddress): boolean {
  return w0 >>> 24 === 0xff || w0 >>> 22 === 0xfe80 >>> 6 || ((w0 | w1 | w2) === 0 && w3 >>> 1 === 0);
}
