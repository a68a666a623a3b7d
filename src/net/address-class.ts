/**
 * This file classifies addresses by the longest block that contains them, of IANA's special-purpose registries
 * (special-purpose-registry.ts) and of the rest of the address space. The rest is multicast, and global unicast; in
 * IPv6 only as far as IANA has allocated it (ipv6-address-space: 2000::/3).
 */
import { contains, covers } from "./cidr.ts";
import type { IpAddress, Prefix } from "./ip.ts";
import { comparePrefix, parsePrefix } from "./prefix.ts";
import {
  IPV4_SPECIAL_PURPOSE,
  IPV6_SPECIAL_PURPOSE,
  type SpecialPurposeRow,
} from "./special-purpose-registry.ts";

/** The purpose of an address block, in the registry's words. An attribute is null if the registry does not state it. */
export interface AddressClass {
  readonly block: Prefix;
  readonly name: string;
  readonly rfc: string;
  /** Whether such an address may be the source of a packet that passes between two devices. */
  readonly source: boolean | null;
  /** The same for the destination. */
  readonly destination: boolean | null;
  /** Whether a router may forward packets to such an address. */
  readonly forwardable: boolean | null;
  /** Whether packets to such an address may cross the Internet. */
  readonly globallyReachable: boolean | null;
  /** Whether every implementation of IP must treat such an address in a special way. */
  readonly reservedByProtocol: boolean | null;
}

const IPV4_CLASSES = longestFirst([
  ...IPV4_SPECIAL_PURPOSE,
  ["224.0.0.0/4", "Multicast", "RFC 5771", "-----"],
  ["0.0.0.0/0", "Global Unicast", "RFC 4632", "---T-"],
]);

const IPV6_CLASSES = longestFirst([
  ...IPV6_SPECIAL_PURPOSE,
  ["ff00::/8", "Multicast", "RFC 4291", "-----"],
  ["2000::/3", "Global Unicast", "RFC 4291", "---T-"],
  ["::/0", "Reserved by IETF", "RFC 4291", "---F-"],
]);

/**
 * Returns the class of the longest block that contains the address. An IPv4-mapped IPv6 address has the class of that
 * name.
 */
export function classifyAddress(address: IpAddress): AddressClass {
  return firstOf(classesOf(address.family).filter(({ block }) => contains(block, address)));
}

/** The class of the longest block that holds the whole prefix. */
export function classifyPrefix(prefix: Prefix): AddressClass {
  return firstOf(classesOf(prefix.family).filter(({ block }) => covers(block, prefix)));
}

/** The classes of parts of the prefix: those that its own class does not say, in the order of their addresses. */
export function classesWithin(prefix: Prefix): AddressClass[] {
  const own = classifyPrefix(prefix);
  return classesOf(prefix.family)
    .filter((each) => each !== own && covers(prefix, each.block))
    .toSorted((a, b) => comparePrefix(a.block, b.block));
}

function classesOf(family: 4 | 6): readonly AddressClass[] {
  return family === 4 ? IPV4_CLASSES : IPV6_CLASSES;
}

function firstOf([longest]: readonly AddressClass[]): AddressClass {
  if (longest === undefined) throw new Error("each table has a row for its whole family");
  return longest;
}

/** Sorts the rows so that the first match is the longest. */
function longestFirst(rows: readonly SpecialPurposeRow[]): readonly AddressClass[] {
  return rows.map(classOf).sort((a, b) => b.block.lengthBits - a.block.lengthBits);
}

function classOf([text, name, rfc, attributes]: SpecialPurposeRow): AddressClass {
  const parsed = parsePrefix(text);
  if (parsed === null || parsed.hostBitsMasked || !/^[TF-]{5}$/.test(attributes)) {
    throw new Error(`${text} is no row of a registry`);
  }
  const attribute = (index: number) => (attributes[index] === "-" ? null : attributes[index] === "T");
  return {
    block: parsed.prefix,
    name,
    rfc,
    source: attribute(0),
    destination: attribute(1),
    forwardable: attribute(2),
    globallyReachable: attribute(3),
    reservedByProtocol: attribute(4),
  };
}
