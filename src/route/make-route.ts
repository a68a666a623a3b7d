/** Makes routes from the text and numbers of programs, and checks them. */

import { BunBondError, isObject, shown } from "../base/bunbond-error.ts";
import { parseAddress } from "../net/address.ts";
import { familyBits, type IpAddress, type Prefix } from "../net/ip.ts";
import { maskPrefix, parsePrefix, samePrefix } from "../net/prefix.ts";
import { MAX_PORT, MAX_VNI, NextHopType } from "../wire/protocol.ts";
import { printableRoute } from "./printable-route.ts";
import type { Route } from "./route.ts";

/** The part of a route that is not valid. `BAD_ROUTE` means that it is not an object. */
export type BadRouteCode =
  | "BAD_ROUTE"
  | "BAD_VNI"
  | "BAD_DESTINATION"
  | "BAD_NEXT_HOP"
  | "BAD_TARGET_VNI"
  | "BAD_TYPE"
  | "BAD_PORTS";

/** A route or VNI is not valid: no server would accept it. `value` is the part that is wrong. */
export class BadRouteError extends BunBondError {
  readonly code: BadRouteCode;
  readonly value: unknown;
  override readonly name = "BadRouteError";

  constructor(code: BadRouteCode, value: unknown, message: string) {
    super(message);
    this.code = code;
    this.value = value;
  }
}

/** A route in text and numbers. */
export interface RouteParts {
  /** The virtual network: 0 to 4294967295. */
  readonly vni: number;
  /** The prefix, "10.0.1.0/24". Bits after the length are cleared. */
  readonly destination: string;
  /** The hypervisor's address, "2001:db8::1". */
  readonly nextHop: string;
  /** The type of the next hop. Default `NextHopType.STANDARD`, or NAT if `natPorts` is given. */
  readonly type?: NextHopType;
  /** The first and last port, 1 to 65535. */
  readonly natPorts?: readonly [from: number, to: number];
  /** The VNI at the next hop. Default 0. */
  readonly targetVni?: number;
}

/**
 * Makes a route for `announce` and the like: `makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" })`.
 * @throws BadRouteError
 */
export function makeRoute(parts: RouteParts): Route {
  checkIsRoute(parts);
  const { vni, destination, nextHop, natPorts, targetVni = 0 } = parts;
  const { type = natPorts === undefined ? NextHopType.STANDARD : NextHopType.NAT } = parts;
  const prefix = typeof destination === "string" ? parsePrefix(destination)?.prefix : undefined;
  if (prefix === undefined) throw badDestination(destination);
  const address = typeof nextHop === "string" ? parseAddress(nextHop) : null;
  if (address === null) {
    throw new BadRouteError("BAD_NEXT_HOP", nextHop, `next hop ${shown(nextHop)}: not an IP address`);
  }
  if (natPorts !== undefined && !Array.isArray(natPorts)) {
    throw new BadRouteError("BAD_PORTS", natPorts, `NAT ports ${shown(natPorts)}: must be a pair`);
  }
  const [natPortFrom, natPortTo] = natPorts ?? [0, 0];
  const route: Route = {
    vni,
    destination: prefix,
    nextHop: { address, targetVni, type, natPortFrom, natPortTo },
  };
  checkRoute(route);
  return printableRoute(route);
}

/**
 * Checks a route.
 * @throws BadRouteError if a server would skip an UPDATE of the route, or it has no encoding
 */
export function checkRoute(route: Route): void {
  checkIsRoute(route);
  const { vni, destination, nextHop } = route;
  checkVni(vni);
  if (!isPrefix(destination)) throw badDestination(destination);
  if (!isObject(nextHop)) throw new BadRouteError("BAD_NEXT_HOP", nextHop, "the route has no next hop");
  const { address, targetVni, type, natPortFrom, natPortTo } = nextHop;
  if (!isAddress(address))
    throw new BadRouteError("BAD_NEXT_HOP", address, "the next hop is not an IP address");
  if (!isWithin(targetVni, MAX_VNI)) {
    throw new BadRouteError(
      "BAD_TARGET_VNI",
      targetVni,
      `target VNI ${shown(targetVni)}: must be 0 to ${MAX_VNI}`,
    );
  }
  if (!Object.values(NextHopType).includes(type)) {
    throw new BadRouteError("BAD_TYPE", type, `next hop type ${shown(type)}: must be one of NextHopType`);
  }
  if (!isWithin(natPortFrom, MAX_PORT) || !isWithin(natPortTo, MAX_PORT) || natPortFrom > natPortTo) {
    const ports = [natPortFrom, natPortTo];
    const message = `NAT ports ${ports.map(shown).join(" to ")}: must be 0 to ${MAX_PORT}, the first not over the last`;
    throw new BadRouteError("BAD_PORTS", ports, message);
  }
}

/** @throws BadRouteError */
export function checkVni(vni: number): void {
  if (!isWithin(vni, MAX_VNI))
    throw new BadRouteError("BAD_VNI", vni, `VNI ${shown(vni)}: must be 0 to ${MAX_VNI}`);
}

function checkIsRoute(value: unknown): void {
  if (isObject(value)) return;
  const message = `${shown(value)}: not a route, as makeRoute and parseAnnouncement give one`;
  throw new BadRouteError("BAD_ROUTE", value, message);
}

function badDestination(value: unknown): BadRouteError {
  const message =
    typeof value === "string"
      ? `destination ${value}: not a prefix, as 10.0.1.0/24 is`
      : "destination: not a prefix, or with host bits set";
  return new BadRouteError("BAD_DESTINATION", value, message);
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

function isPrefix(prefix: Prefix): boolean {
  return (
    isAddress(prefix) &&
    isWithin(prefix.lengthBits, familyBits(prefix.family)) &&
    samePrefix(prefix, maskPrefix(prefix, prefix.lengthBits))
  );
}

function isAddress(address: IpAddress): boolean {
  if (!isObject(address)) return false;
  const { family, w0, w1, w2, w3 } = address;
  const areWords = [w0, w1, w2, w3].every((word) => Number.isInteger(word) && (word | 0) === word);
  return areWords && (family === 6 || (family === 4 && w1 === 0 && w2 === 0 && w3 === 0));
}
