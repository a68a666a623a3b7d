/** Routes as tests write them down: in text, in the shape that `--json` prints. */
import { formatAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import type { Route } from "../../../src/route/route.ts";
import { NextHopType } from "../../../src/wire/protocol.ts";

export interface TextRoute {
  readonly vni: number;
  /** "10.0.1.0/24" */
  readonly destination: string;
  readonly nextHop: {
    readonly address: string;
    readonly targetVni: number;
    readonly type: "STANDARD" | "NAT" | "LOADBALANCER_TARGET";
    readonly natPortFrom: number;
    readonly natPortTo: number;
  };
}

const NO_PORTS = { targetVni: 0, natPortFrom: 0, natPortTo: 0 };

export function standardRoute(vni: number, destination: string, address: string): TextRoute {
  return { vni, destination, nextHop: { address, type: "STANDARD", ...NO_PORTS } };
}

export function loadBalancerRoute(vni: number, destination: string, address: string): TextRoute {
  return { vni, destination, nextHop: { address, type: "LOADBALANCER_TARGET", ...NO_PORTS } };
}

export function natRoute(
  vni: number,
  destination: string,
  address: string,
  natPortFrom: number,
  natPortTo: number,
): TextRoute {
  return { vni, destination, nextHop: { address, targetVni: 0, type: "NAT", natPortFrom, natPortTo } };
}

const TYPE_NAMES = {
  [NextHopType.STANDARD]: "STANDARD",
  [NextHopType.NAT]: "NAT",
  [NextHopType.LOADBALANCER_TARGET]: "LOADBALANCER_TARGET",
} as const;

export function textRouteOf({ vni, destination, nextHop }: Route): TextRoute {
  const { address, type, ...rest } = nextHop;
  return {
    vni,
    destination: formatPrefix(destination),
    nextHop: { ...rest, address: formatAddress(address), type: TYPE_NAMES[type] },
  };
}

/** All there is to a route in one line, for comparing and reading: "100 10.0.1.0/24 via 2001:db8::1 NAT 1-9". */
export function routeLine({ vni, destination, nextHop }: TextRoute): string {
  const { address, targetVni, type, natPortFrom, natPortTo } = nextHop;
  const target = targetVni === 0 ? "" : ` vni ${targetVni}`;
  const ports = natPortFrom === 0 && natPortTo === 0 ? "" : ` ${natPortFrom}-${natPortTo}`;
  return `${vni} ${destination} via ${address}${target} ${type}${ports}`;
}

/** The route as `--announce` takes it. */
export function announceFlag({ vni, destination, nextHop }: TextRoute): string {
  const { address, type, natPortFrom, natPortTo } = nextHop;
  const ports = natPortFrom === 0 && natPortTo === 0 ? "" : `#${natPortFrom}#${natPortTo}`;
  const suffix = { STANDARD: "", LOADBALANCER_TARGET: "#lb", NAT: `#nat${ports}` };
  return `${vni}#${destination}@${address}${suffix[type]}`;
}
