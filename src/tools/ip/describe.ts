/** One object says everything about an address or a block. It is printed as text or as JSON. */
import { formatAddress } from "../../net/address.ts";
import {
  type AddressClass,
  classesWithin,
  classifyAddress,
  classifyPrefix,
} from "../../net/address-class.ts";
import { type AddressScope, scopeOf } from "../../net/address-scope.ts";
import {
  addressCount,
  broadcastAddress,
  firstHost,
  lastAddress,
  lastHost,
  netmask,
  networkAddress,
  wildcard,
} from "../../net/cidr.ts";
import { familyBits, type IpAddress, type Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { expandedForm, hexForm, integerOf, reverseName, reverseZone } from "./address-forms.ts";
import { hostCount } from "./blocks.ts";
import { type EmbeddedForm, formsInIpv6, formsOfIpv4 } from "./embedded-addresses.ts";
import type { AddressOrBlock } from "./parse-block.ts";

/** Numbers that may be over 2^53 are decimal text. */
export interface IpDescription {
  readonly input: string;
  readonly family: 4 | 6;
  /** Null for a block whose text names no address in it but its first. */
  readonly address: AddressDescription | null;
  /** Null for an address without a prefix length. */
  readonly block: BlockDescription | null;
}

export interface AddressDescription {
  readonly address: string;
  readonly expanded: string;
  readonly integer: string;
  readonly hex: string;
  readonly reverseDns: string;
  readonly class: ClassDescription;
  readonly scope: AddressScope;
  readonly forms: readonly EmbeddedForm[];
}

export interface BlockDescription {
  readonly prefix: string;
  readonly network: string;
  readonly broadcast: string | null;
  readonly netmask: string;
  readonly wildcard: string;
  readonly lastAddress: string;
  readonly addressCount: string;
  readonly firstHost: string;
  readonly lastHost: string;
  readonly hostCount: string;
  readonly reverseZone: string;
  readonly class: ClassDescription;
  readonly classesWithin: readonly ClassDescription[];
  readonly forms: readonly EmbeddedForm[];
}

export type ClassDescription = Omit<AddressClass, "block"> & { readonly block: string };

/** `nat64Prefix`: a prefix of RFC 6052 to translate under, beside the well-known one. */
export function describeIp(
  { text, address, block }: AddressOrBlock,
  nat64Prefix: Prefix | null,
): IpDescription {
  const isBlockAlone = block !== null && isNetwork(address, block);
  return {
    input: text,
    family: address.family,
    address: isBlockAlone ? null : describeAddress(address, nat64Prefix),
    block: block === null ? null : describeBlock(block, nat64Prefix),
  };
}

/** Returns true if the address is the first of a block that has more than one. */
function isNetwork(address: IpAddress, block: Prefix): boolean {
  return block.lengthBits < familyBits(block.family) && integerOf(address) === integerOf(block);
}

function describeAddress(address: IpAddress, nat64Prefix: Prefix | null): AddressDescription {
  return {
    address: formatAddress(address),
    expanded: expandedForm(address),
    integer: `${integerOf(address)}`,
    hex: hexForm(address),
    reverseDns: reverseName(address),
    class: describeClass(classifyAddress(address)),
    scope: scopeOf(address),
    forms:
      address.family === 4
        ? formsOfIpv4(address, nat64Prefix)
        : formsInIpv6(address, familyBits(6), nat64Prefix),
  };
}

function describeBlock(block: Prefix, nat64Prefix: Prefix | null): BlockDescription {
  const broadcast = broadcastAddress(block);
  return {
    prefix: formatPrefix(block),
    network: formatAddress(networkAddress(block)),
    broadcast: broadcast === null ? null : formatAddress(broadcast),
    netmask: formatAddress(netmask(block)),
    wildcard: formatAddress(wildcard(block)),
    lastAddress: formatAddress(lastAddress(block)),
    addressCount: `${addressCount(block)}`,
    firstHost: formatAddress(firstHost(block)),
    lastHost: formatAddress(lastHost(block)),
    hostCount: `${hostCount(block)}`,
    reverseZone: reverseZone(block),
    class: describeClass(classifyPrefix(block)),
    classesWithin: classesWithin(block).map(describeClass),
    forms: block.family === 4 ? [] : formsInIpv6(block, block.lengthBits, nat64Prefix),
  };
}

function describeClass({ block, ...attributes }: AddressClass): ClassDescription {
  return { block: formatPrefix(block), ...attributes };
}
