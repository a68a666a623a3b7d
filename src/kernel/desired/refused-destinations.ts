/**
 * Refuses destinations that no tenant can have, whatever peer announces them: a route to one is not installed, but counted
 * and logged.
 *
 *     in every table   packets to them do not leave a host or a link, or are not routed by unicast tables (IANA's
 *                      special-purpose registries, RFC 6890; tried on Linux 6.18)
 *     in main          also what the host needs for itself: it would send its own packets into the tunnel.
 *
 * A default route in main is judged like any other there: it is not installed if it contains a next hop or a server (underlay.ts).
 *
 * A prefix is refused when all of it is of such a kind: 0.0.0.0/0 contains 127.0.0.0/8, and is a good route of a tenant.
 * Link-local IPv4 addresses stay in tenants' tables, for Linux forwards them, and 169.254.169.254 is a usual address
 * for a metadata service.
 */
import type { Prefix } from "../../net/ip.ts";

export const DESTINATION_REASONS = [
  /** 127.0.0.0/8 and ::1 (RFC 1122, RFC 4291). */
  "loopbackDestination",
  /** 224.0.0.0/4 and ff00::/8: multicast is not routed by unicast tables. */
  "multicastDestination",
  /** fe80::/10; in main also 169.254.0.0/16. */
  "linkLocalDestination",
  /** 255.255.255.255. That of a subnet is not known here; the host's own stand in its table "local", which comes first. */
  "broadcastDestination",
  /** 0.0.0.0/8, except as part of something larger, and ::. */
  "unspecifiedDestination",
  /** ::ffff:0:0/96: IPv4 addresses in the shape of IPv6 ones, which do not appear in packets. */
  "ipv4MappedDestination",
] as const;

export type DestinationReason = (typeof DESTINATION_REASONS)[number];

/** Why no route to the destination is installed, in the host's own table or in another; null if one may be. */
export function reasonToRefuse(destination: Prefix, isMain: boolean): DestinationReason | null {
  return destination.family === 4 ? refuseIpv4(destination, isMain) : refuseIpv6(destination);
}

function refuseIpv4({ w0, lengthBits }: Prefix, isMain: boolean): DestinationReason | null {
  const firstByte = w0 >>> 24;
  if (lengthBits >= 8 && firstByte === 127) return "loopbackDestination";
  if (lengthBits >= 8 && firstByte === 0) return "unspecifiedDestination";
  if (lengthBits >= 4 && w0 >>> 28 === 0xe) return "multicastDestination";
  if (lengthBits === 32 && w0 === -1) return "broadcastDestination";
  return isMain && lengthBits >= 16 && w0 >>> 16 === 0xa9fe ? "linkLocalDestination" : null;
}

function refuseIpv6({ w0, w1, w2, w3, lengthBits }: Prefix): DestinationReason | null {
  if (lengthBits >= 8 && w0 >>> 24 === 0xff) return "multicastDestination";
  if (lengthBits >= 10 && w0 >>> 22 === 0xfe80 >>> 6) return "linkLocalDestination";
  if (lengthBits >= 96 && (w0 | w1) === 0) {
    if (w2 === 0xffff) return "ipv4MappedDestination";
    if (lengthBits === 128 && w2 === 0 && w3 >>> 1 === 0) {
      return w3 === 0 ? "unspecifiedDestination" : "loopbackDestination";
    }
  }
  return null;
}
