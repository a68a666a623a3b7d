/** The routes of kernel-routes.ts, as the installer and as iproute2 take them, and what it tells its client. */
import { formatAddress } from "../../src/net/address.ts";
import type { IpAddress } from "../../src/net/ip.ts";
import { formatPrefix } from "../../src/net/prefix.ts";
import type { Route } from "../../src/route/route.ts";
import { NextHopType } from "../../src/wire/protocol.ts";

export const VNI = 100;
export const TABLE = 100;
export const PROTOCOL = 254;
export const DEVICE = "tun";
/** Destinations are spread over so many. */
export const HYPERVISORS = 256;

/** What a client is to do (kernel-routes-client.ts). It is done when so many destinations are in the kernel. */
export type Instruction =
  /** Routes come into view or leave it: `count` destinations by the hop (0 or 1) of each. */
  | {
      readonly type: "change";
      readonly change: "add" | "remove";
      readonly family: 4 | 6;
      readonly hop: number;
      readonly count: number;
      readonly destinations: number;
    }
  /** It connects, and subscribes. */
  | { readonly type: "connect"; readonly server: string; readonly destinations: number }
  | { readonly type: "unsubscribe" };

const HYPERVISOR_NETWORK = 0x2001_0db8;
const IPV4_DESTINATIONS = 10 << 24;
/** Odd: each number has an address of its own in 10.0.0.0/8, and neighbours are far apart, as tenants' addresses are. */
const IPV4_SPREAD = 0x9e3779b1;
/** 2001:2::/48, for benchmarks (RFC 5180). */
const IPV6_DESTINATIONS = 0x2001_0002;

export function hypervisor(number: number): IpAddress {
  return { family: 6, w0: HYPERVISOR_NETWORK, w1: 0, w2: 0, w3: 1 + (number % HYPERVISORS) };
}

/** Destination `number`, as /32 or /128, by its hypervisor; hop 1 is the one behind that. */
export function routeOf(family: 4 | 6, number: number, hop: number): Route {
  const destination =
    family === 4
      ? {
          family,
          w0: IPV4_DESTINATIONS | (Math.imul(number, IPV4_SPREAD) & 0xffffff),
          w1: 0,
          w2: 0,
          w3: 0,
          lengthBits: 32,
        }
      : { family, w0: IPV6_DESTINATIONS, w1: 0, w2: 0, w3: number, lengthBits: 128 };
  return {
    vni: VNI,
    destination,
    nextHop: {
      address: hypervisor(number + hop),
      targetVni: 0,
      type: NextHopType.STANDARD,
      natPortFrom: 0,
      natPortTo: 0,
    },
  };
}

const numberOf = (index: number, hop: number) => 1 + ((index + hop) % HYPERVISORS);
const groupOf = (index: number) => 1001 + (index % HYPERVISORS);

export interface IpLines {
  /** For `ip -6 -batch`: its objects are of that family, as ours. */
  readonly objects: readonly string[];
  readonly others: readonly string[];
}

/** Lines for `ip -batch` that do to the kernel what the client does. */
export function ipLines(family: 4 | 6, count: number): Record<"install" | "move" | "remove", IpLines> {
  const hypervisors = Array.from({ length: HYPERVISORS }, (_, n) => n);
  const destinations = Array.from({ length: count }, (_, n) =>
    formatPrefix(routeOf(family, n, 0).destination),
  );
  const rest = `table ${TABLE} proto ${PROTOCOL}`;
  return {
    install: {
      objects: hypervisors.map(
        (n) =>
          `nexthop add id ${numberOf(n, 0)} encap ip6 dst ${formatAddress(hypervisor(n))} dev ${DEVICE} proto ${PROTOCOL}`,
      ),
      others: destinations.map((destination, n) => `route add ${destination} nhid ${numberOf(n, 0)} ${rest}`),
    },
    move: {
      objects: [],
      others: [
        ...hypervisors.map(
          (n) => `nexthop add id ${groupOf(n)} group ${numberOf(n, 0)}/${numberOf(n, 1)} proto ${PROTOCOL}`,
        ),
        ...destinations.map((destination, n) => `route replace ${destination} nhid ${groupOf(n)} ${rest}`),
      ],
    },
    remove: { objects: [], others: destinations.map((destination) => `route del ${destination} ${rest}`) },
  };
}
