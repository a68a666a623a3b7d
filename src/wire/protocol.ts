/**
 * This file has the numbers of the MetalBond protocol, version 1. README.md beside it explains them (§1.1 to §1.3).
 *
 *     0        1        2        3        4
 *     +--------+--------+--------+--------+----------------
 *     | version| payload length  |  type  | payload (proto3)
 *     +--------+--------+--------+--------+----------------
 *        u8        u16 big endian    u8      0 to 1188 bytes
 */

export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 4;
/** The protocol's own limit. With the header, a TCP/IPv6 segment of the smallest IPv6 MTU holds it:
 * 1280 - 40 (IPv6) - 20 (TCP) - 12 (timestamp option) = 1208 >= 4 + 1188. */
export const MAX_PAYLOAD_BYTES = 1188;
export const MAX_FRAME_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

export const DEFAULT_PORT = 4711;
export const DEFAULT_HTTP_PORT = 4712;
/** A side that has received nothing for this many intervals closes the connection. */
export const TIMEOUT_INTERVALS = 2.5;

/**
 * The length of the id that distinguishes a BunBond server from others as long as it runs. As text it has twice as many
 * hex digits.
 */
export const SERVER_ID_BYTES = 8;

export const MessageType = { HELLO: 1, KEEPALIVE: 2, SUBSCRIBE: 3, UNSUBSCRIBE: 4, UPDATE: 5 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const Action = { ADD: 0, REMOVE: 1 } as const;
export type Action = (typeof Action)[keyof typeof Action];

export const IpVersion = { IPV4: 0, IPV6: 1 } as const;

/** The types of next hops: a hypervisor (STANDARD), one that translates a range of ports (NAT), a load balancer's target. */
export const NextHopType = { STANDARD: 0, NAT: 1, LOADBALANCER_TARGET: 2 } as const;
export type NextHopType = (typeof NextHopType)[keyof typeof NextHopType];

export const MAX_VNI = 0xffffffff;
export const MAX_PORT = 65535;
