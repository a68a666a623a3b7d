/**
 * Programs get routes with text for people and for JSON in addition to the numbers. `${route}` is the line of
 * `formatRoute`, `JSON.stringify(route)` is what a client prints with `--json`, and `console.log(route)` shows the
 * line, too. The same holds for its destination, its next hop and their addresses.
 */
import { formatAddress } from "../net/address.ts";
import type { IpAddress, Prefix } from "../net/ip.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { NextHop } from "../wire/message.ts";
import type { NextHopType } from "../wire/protocol.ts";
import { formatNextHop, formatRoute } from "./announcement-text.ts";
import { PROTOCOL_TYPE_NAMES } from "./next-hop-type.ts";
import type { Route } from "./route.ts";

/** A route as it is printed in JSON. */
export interface RouteJson {
  readonly vni: number;
  readonly destination: string;
  readonly nextHop: NextHopJson;
}

interface NextHopJson {
  readonly address: string;
  readonly targetVni: number;
  readonly type: string;
  readonly natPortFrom: number;
  readonly natPortTo: number;
}

export function routeJson({ vni, destination, nextHop }: Route): RouteJson {
  return { vni, destination: formatPrefix(destination), nextHop: nextHopJson(nextHop) };
}

function nextHopJson({ address, targetVni, type, natPortFrom, natPortTo }: NextHop): NextHopJson {
  return {
    address: formatAddress(address),
    targetVni,
    type: PROTOCOL_TYPE_NAMES[type],
    natPortFrom,
    natPortTo,
  };
}

/** Returns a printable copy; later changes of the original do not affect it. */
export function printableRoute({ vni, destination, nextHop }: Route): Route {
  return new PrintableRoute(vni, destination, nextHop);
}

/** The method that console.log of Bun and Node.js calls. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

class PrintableRoute implements Route {
  readonly vni: number;
  readonly destination: Prefix;
  readonly nextHop: NextHop;

  constructor(vni: number, destination: Prefix, nextHop: NextHop) {
    this.vni = vni;
    this.destination = new PrintablePrefix(destination);
    this.nextHop = new PrintableNextHop(nextHop);
  }

  toString(): string {
    return formatRoute(this);
  }

  toJSON(): RouteJson {
    return routeJson(this);
  }

  [INSPECT](): string {
    return `Route(${this})`;
  }
}

class PrintableAddress implements IpAddress {
  readonly family: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;

  constructor({ family, w0, w1, w2, w3 }: IpAddress) {
    this.family = family;
    this.w0 = w0;
    this.w1 = w1;
    this.w2 = w2;
    this.w3 = w3;
  }

  toString(): string {
    return formatAddress(this);
  }

  toJSON(): string {
    return this.toString();
  }

  [INSPECT](): string {
    return this.toString();
  }
}

class PrintablePrefix extends PrintableAddress implements Prefix {
  readonly lengthBits: number;

  constructor(prefix: Prefix) {
    super(prefix);
    this.lengthBits = prefix.lengthBits;
  }

  override toString(): string {
    return formatPrefix(this);
  }
}

class PrintableNextHop implements NextHop {
  readonly address: IpAddress;
  readonly targetVni: number;
  readonly type: NextHopType;
  readonly natPortFrom: number;
  readonly natPortTo: number;

  constructor({ address, targetVni, type, natPortFrom, natPortTo }: NextHop) {
    this.address = new PrintableAddress(address);
    this.targetVni = targetVni;
    this.type = type;
    this.natPortFrom = natPortFrom;
    this.natPortTo = natPortTo;
  }

  toString(): string {
    return formatNextHop(this);
  }

  toJSON(): NextHopJson {
    return nextHopJson(this);
  }

  [INSPECT](): string {
    return this.toString();
  }
}
