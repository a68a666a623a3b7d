/**
 * Reads an address or a block as people write them, and says of a wrong text which part is wrong and why. What is right is decided by
 * net/address.ts alone; here the fault is only looked for after that has refused the text.
 */
import type { TextRange } from "../../base/marked-text.ts";
import { parseAddress } from "../../net/address.ts";
import { familyBits, type IpAddress, type Prefix } from "../../net/ip.ts";
import { maskPrefix, maskWord } from "../../net/prefix.ts";

/** What a text says: an address, and the block around it if a length was given. */
export interface AddressOrBlock {
  readonly text: string;
  readonly address: IpAddress;
  /** Null if the text is an address alone. */
  readonly block: Prefix | null;
}

/** Why a text is neither an address nor a block. */
export interface AddressFault extends TextRange {
  readonly reason: string;
}

/** Reads "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0" or the like in IPv6. The length may cut the address ("192.0.2.1/24"). */
export function parseAddressOrBlock(text: string): AddressOrBlock | AddressFault {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const address = parseAddress(addressText);
  if (address === null) return addressFault(addressText);
  if (slash < 0) return { text, address, block: null };
  const lengthBits = parseLength(text.slice(slash + 1), address.family);
  if (lengthBits === null) return lengthFault(text, slash + 1, address.family);
  return { text, address, block: maskPrefix(address, lengthBits) };
}

export function isFault<T extends object>(parsed: T | AddressFault): parsed is AddressFault {
  return "reason" in parsed;
}

/** The block that is meant: an address alone is the block of that address. */
export function blockOf({ address, block }: AddressOrBlock): Prefix {
  return block ?? { ...address, lengthBits: familyBits(address.family) };
}

/** Reads a prefix length, for IPv4 also as a netmask. Returns null if it is none. */
function parseLength(text: string, family: 4 | 6): number | null {
  if (/^(0|[1-9]\d{0,2})$/.test(text)) return Number(text) <= familyBits(family) ? Number(text) : null;
  const mask = family === 4 ? parseAddress(text) : null;
  if (mask === null) return null;
  const lengthBits = Math.clz32(~mask.w0);
  return mask.family === 4 && maskWord(lengthBits, 0) === mask.w0 ? lengthBits : null;
}

function lengthFault(text: string, start: number, family: 4 | 6): AddressFault {
  const given = text.slice(start);
  const range = { start, end: text.length };
  if (family === 4 && parseAddress(given)?.family === 4) {
    return { ...range, reason: "not a netmask: in 32 bits, all ones must come before all zeros" };
  }
  const mask = family === 4 ? ", or a netmask as 255.255.255.0" : "";
  return { ...range, reason: `the prefix length must be a number from 0 to ${familyBits(family)}${mask}` };
}

function addressFault(text: string): AddressFault {
  const whole = { start: 0, end: text.length };
  if (text === "") return { ...whole, reason: "the address is missing" };
  const [bracket] = /[[\]]/.exec(text) ?? [];
  if (bracket !== undefined) {
    const start = text.indexOf(bracket);
    return { start, end: start + 1, reason: "the address stands alone here, without brackets and port" };
  }
  const percent = text.indexOf("%");
  if (percent >= 0) {
    return {
      start: percent,
      end: text.length,
      reason: "an interface is not part of an address: leave it out",
    };
  }
  return (
    (text.includes(":") ? ipv6Fault(text) : ipv4Fault(text, 0)) ?? { ...whole, reason: "not an IP address" }
  );
}

/** `start` is where the IPv4 address begins in the whole text. */
function ipv4Fault(text: string, start: number): AddressFault | null {
  const parts = positioned(text, ".");
  if (!/\d/.test(text)) {
    return { start, end: start + text.length, reason: "not an IP address: 192.0.2.1 and 2001:db8::1 are" };
  }
  for (const [index, part] of parts.entries()) {
    const range = { start: start + part.start, end: start + part.start + part.text.length };
    if (index === 4)
      return { ...range, end: start + text.length, reason: "an IPv4 address has four numbers" };
    if (!/^\d+$/.test(part.text)) return { ...range, reason: "a number from 0 to 255 is needed" };
    if (Number(part.text) > 255) return { ...range, reason: "the number must not be over 255" };
    if (/^0\d/.test(part.text)) {
      return { ...range, reason: "a leading zero is refused: some programs read octal numbers after it" };
    }
  }
  if (parts.length === 4) return null;
  const end = start + text.length;
  return { start: end, end, reason: `an IPv4 address has four numbers, not ${parts.length}` };
}

function ipv6Fault(text: string): AddressFault | null {
  const groups = positioned(text, ":");
  const last = groups.at(-1);
  const dotted = last?.text.includes(".") ? last : null;
  for (const group of groups) {
    if (group === dotted) continue;
    const wrong = group.text.search(/[^\da-f]/i);
    if (wrong >= 0) {
      const start = group.start + wrong;
      return { start, end: start + 1, reason: "an IPv6 address has only hexadecimal digits and colons" };
    }
    if (group.text.length > 4) {
      const range = { start: group.start, end: group.start + group.text.length };
      return { ...range, reason: "a group has at most four hexadecimal digits" };
    }
  }
  const fault = dotted === null ? null : ipv4Fault(dotted.text, dotted.start);
  if (fault !== null) return fault;
  return (
    colonFault(text) ?? countFault(text, groups.filter((group) => group.text !== "").length, dotted !== null)
  );
}

/** Finds colons that are one too many or one too few. */
function colonFault(text: string): AddressFault | null {
  const triple = text.indexOf(":::");
  if (triple >= 0) return { start: triple, end: triple + 3, reason: `"::" has two colons` };
  const second = text.indexOf("::", text.indexOf("::") + 2);
  if (text.includes("::") && second >= 0) {
    return { start: second, end: second + 2, reason: `"::" may stand only once` };
  }
  if (/^:[^:]/.test(text)) return { start: 0, end: 1, reason: `a single colon cannot be first; "::" can` };
  if (/[^:]:$/.test(text)) {
    return { start: text.length - 1, end: text.length, reason: `a single colon cannot be last; "::" can` };
  }
  return null;
}

function countFault(text: string, filledGroups: number, hasDotted: boolean): AddressFault | null {
  const groups = filledGroups + (hasDotted ? 1 : 0);
  const compressed = text.indexOf("::");
  if (compressed >= 0 && groups >= 8) {
    return {
      start: compressed,
      end: compressed + 2,
      reason: `"::" stands for nothing: there are ${groups} groups beside it`,
    };
  }
  if (compressed >= 0 || groups === 8) return null;
  const reason = `an IPv6 address has eight groups, not ${groups}; "::" stands for groups of zeros`;
  return { start: text.length, end: text.length, reason };
}

function positioned(text: string, separator: string): { readonly text: string; readonly start: number }[] {
  let start = 0;
  return text.split(separator).map((part) => {
    const found = { text: part, start };
    start += part.length + 1;
    return found;
  });
}
