import { Address4, Address6 } from "ip-address";
import type { IpAddress } from "./ip.ts";

/**
 * Parses a plain IPv4 or IPv6 address. Returns null if the text is not one, also for a zone ("fe80::1%eth0"), a length
 * ("10.0.0.0/8") and the IPv4 spellings that programs read differently (leading zeros, hex, fewer than four octets).
 * "::ffff:192.0.2.1" stays an IPv6 address.
 */
export function parseAddress(text: string): IpAddress | null {
  // A program in JavaScript can pass anything.
  if (typeof text !== "string" || text.includes("/") || text.includes("%")) return null;
  try {
    if (text.includes(":")) return addressFromBytes(Uint8Array.from(new Address6(text).toByteArray()), 0, 6);
    return addressFromBytes(Uint8Array.from(new Address4(text).toArray()), 0, 4);
  } catch {
    return null;
  }
}

/**
 * Returns the canonical text: RFC 5952, with the last four bytes of an IPv4-mapped address in dots, as its
 * section 5 advises and Go's netip prints them.
 */
export function formatAddress(a: IpAddress): string {
  if (a.family === 4) return dottedQuad(a.w0);
  if (a.w0 === 0 && a.w1 === 0 && a.w2 === 0xffff) return `::ffff:${dottedQuad(a.w3)}`;
  return compressedGroups(a);
}

/**
 * Reads the 4 or 16 bytes at `offset`, in network order.
 * @throws RangeError if `bytes` is too short
 */
export function addressFromBytes(bytes: Uint8Array, offset: number, family: 4 | 6): IpAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const w0 = view.getInt32(offset);
  if (family === 4) return { family, w0, w1: 0, w2: 0, w3: 0 };
  return {
    family,
    w0,
    w1: view.getInt32(offset + 4),
    w2: view.getInt32(offset + 8),
    w3: view.getInt32(offset + 12),
  };
}

/**
 * Writes the address in network order, 4 or 16 bytes from `offset` on.
 * @throws RangeError if `out` is too short
 */
export function addressToBytes(a: IpAddress, out: Uint8Array, offset: number): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setInt32(offset, a.w0);
  if (a.family === 4) return;
  view.setInt32(offset + 4, a.w1);
  view.setInt32(offset + 8, a.w2);
  view.setInt32(offset + 12, a.w3);
}

/** Compares for sorting: IPv4 before IPv6, then by number. Returns a negative number, 0 or a positive one. */
export function compareAddress(a: IpAddress, b: IpAddress): number {
  return (
    a.family - b.family ||
    compareUnsigned(a.w0, b.w0) ||
    compareUnsigned(a.w1, b.w1) ||
    compareUnsigned(a.w2, b.w2) ||
    compareUnsigned(a.w3, b.w3)
  );
}

export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.w0 === b.w0 && a.w1 === b.w1 && a.w2 === b.w2 && a.w3 === b.w3;
}

function compareUnsigned(a: number, b: number): number {
  return (a >>> 0) - (b >>> 0);
}

function dottedQuad(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/**
 * Returns the eight groups, with "::" for the longest run of at least two zero groups, the first of equally long ones.
 */
function compressedGroups({ w0, w1, w2, w3 }: IpAddress): string {
  const groups = [
    w0 >>> 16,
    w0 & 0xffff,
    w1 >>> 16,
    w1 & 0xffff,
    w2 >>> 16,
    w2 & 0xffff,
    w3 >>> 16,
    w3 & 0xffff,
  ];
  let runStart = 0;
  let runEnd = 0;
  let zeros = 0;
  for (let i = 0; i < 8; i++) {
    zeros = groups[i] === 0 ? zeros + 1 : 0;
    if (zeros >= 2 && zeros > runEnd - runStart) {
      runStart = i + 1 - zeros;
      runEnd = i + 1;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (runEnd === 0) return hex.join(":");
  return `${hex.slice(0, runStart).join(":")}::${hex.slice(runEnd).join(":")}`;
}
