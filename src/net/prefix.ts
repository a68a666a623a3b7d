import { compareAddress, formatAddress, parseAddress, sameAddress } from "./address.ts";
import { familyBits, type IpAddress, type Prefix } from "./ip.ts";

/** A prefix that was read from text. */
export interface ParsedPrefix {
  readonly prefix: Prefix;
  /** True if the text had bits set after the length ("10.0.0.1/8"), which is often a mistake and deserves a warning. */
  readonly hostBitsMasked: boolean;
}

/** Parses "10.0.0.0/8" or "2001:db8::/32". Returns null if the text is not a prefix. The length is required, without leading zeros. */
export function parsePrefix(text: string): ParsedPrefix | null {
  // A program in JavaScript can pass anything.
  if (typeof text !== "string") return null;
  const slash = text.indexOf("/");
  const lengthText = text.slice(slash + 1);
  if (slash < 0 || !/^(0|[1-9]\d{0,2})$/.test(lengthText)) return null;
  const address = parseAddress(text.slice(0, slash));
  const lengthBits = Number(lengthText);
  if (address === null || lengthBits > familyBits(address.family)) return null;
  const prefix = maskPrefix(address, lengthBits);
  return { prefix, hostBitsMasked: !sameAddress(address, prefix) };
}

/** Returns "10.0.0.0/8" or "2001:db8::/32", with addresses as in RFC 5952. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.lengthBits}`;
}

/** Returns the block of the first `lengthBits` bits (0 to 32, or 128) that contains the address. */
export function maskPrefix(address: IpAddress, lengthBits: number): Prefix {
  return {
    family: address.family,
    w0: address.w0 & maskWord(lengthBits, 0),
    w1: address.w1 & maskWord(lengthBits, 1),
    w2: address.w2 & maskWord(lengthBits, 2),
    w3: address.w3 & maskWord(lengthBits, 3),
    lengthBits,
  };
}

/** Returns the prefix that contains just the address. */
export function hostPrefix({ family, w0, w1, w2, w3 }: IpAddress): Prefix {
  return { family, w0, w1, w2, w3, lengthBits: familyBits(family) };
}

/** Returns true if the prefix contains just one address. */
export function isHostPrefix({ family, lengthBits }: Prefix): boolean {
  return lengthBits === familyBits(family);
}

/**
 * Returns word `wordIndex` (0 to 3) of the netmask of `lengthBits`, signed. Words of zeros and of ones are special
 * cases, since JavaScript shifts by 0 instead of 32.
 */
export function maskWord(lengthBits: number, wordIndex: number): number {
  const bits = lengthBits - 32 * wordIndex;
  if (bits <= 0) return 0;
  if (bits >= 32) return -1;
  return -1 << (32 - bits);
}

export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.lengthBits === b.lengthBits && sameAddress(a, b);
}

/** Compares for sorting: by address, then the shorter (covering) one first. Returns a negative number, 0 or a positive one. */
export function comparePrefix(a: Prefix, b: Prefix): number {
  return compareAddress(a, b) || a.lengthBits - b.lengthBits;
}
