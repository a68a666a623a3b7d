/**
 * Addresses can contain others: an IPv4 address has IPv6 forms, and an IPv6 address may carry an IPv4 address or a MAC.
 * Offsets are bytes of the IPv6 address.
 */
import { addressFromBytes, formatAddress } from "../../net/address.ts";
import { contains } from "../../net/cidr.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { formatPrefix, parsePrefix, samePrefix } from "../../net/prefix.ts";
import { bytesOf } from "./address-forms.ts";

/** A form by its name, and what it says: "ipv4": "192.0.2.1". */
export interface EmbeddedForm {
  readonly form: string;
  readonly rfc: string;
  readonly values: Readonly<Record<string, string | number>>;
}

const MAPPED = knownPrefix("::ffff:0:0/96");
const SIX_TO_FOUR = knownPrefix("2002::/16");
const TEREDO = knownPrefix("2001::/32");
/** The well-known prefix of RFC 6052, section 2.1. */
export const NAT64_WELL_KNOWN = knownPrefix("64:ff9b::/96");

/** The lengths of prefixes that RFC 6052, section 2.2 allows. */
export const NAT64_LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96];
/** Byte 8 of an address after RFC 6052 ("u") is 0, and the IPv4 address leaves it out. */
const U_BYTE = 8;

/** Returns the IPv6 forms of an IPv4 address; with `nat64Prefix` also the one under it. */
export function formsOfIpv4(address: IpAddress, nat64Prefix: Prefix | null): EmbeddedForm[] {
  const ipv4 = bytesOf(address);
  const sixToFour = withBytes(SIX_TO_FOUR, 2, ipv4);
  return [
    form("IPv4-mapped", "RFC 4291", { ipv6: formatAddress(withBytes(MAPPED, 12, ipv4)) }),
    form("6to4", "RFC 3056", { prefix: formatPrefix({ ...sixToFour, lengthBits: 48 }) }),
    ...nat64Prefixes(nat64Prefix).map((prefix) =>
      form(nat64Name(prefix), "RFC 6052", { ipv6: formatAddress(nat64Address(prefix, address)) }),
    ),
  ];
}

/**
 * Returns what is inside an IPv6 address, of which the first `knownBits` bits are known: fewer than 128 if it is a block. Each form
 * counts if all bits that it needs are known.
 */
export function formsInIpv6(
  address: IpAddress,
  knownBits: number,
  nat64Prefix: Prefix | null,
): EmbeddedForm[] {
  const bytes = bytesOf(address);
  const forms: EmbeddedForm[] = [];
  const ipv4At = (offset: number) => formatAddress(addressFromBytes(bytes, offset, 4));
  if (contains(SIX_TO_FOUR, address) && knownBits >= 48) {
    forms.push(form("6to4", "RFC 3056", { ipv4: ipv4At(2) }));
  }
  if (knownBits < 128) return forms;
  if (contains(MAPPED, address)) forms.push(form("IPv4-mapped", "RFC 4291", { ipv4: ipv4At(12) }));
  if (contains(TEREDO, address)) forms.push(teredoForm(bytes));
  for (const prefix of nat64Prefixes(nat64Prefix)) {
    const ipv4 = contains(prefix, address) ? ipv4InNat64(prefix, address) : null;
    if (ipv4 !== null) forms.push(form(nat64Name(prefix), "RFC 6052", { ipv4: formatAddress(ipv4) }));
  }
  if (isIsatap(address)) forms.push(form("ISATAP", "RFC 5214", { ipv4: ipv4At(12) }));
  else if (bytes[11] === 0xff && bytes[12] === 0xfe && address.w0 >>> 24 !== 0xff) {
    forms.push(form("EUI-64", "RFC 4291", { mac: macInEui64(bytes) }));
  }
  return forms;
}

/** Returns the IPv6 address that stands for an IPv4 address under a prefix (RFC 6052, section 2.2). */
export function nat64Address(prefix: Prefix, address: IpAddress): IpAddress {
  const bytes = bytesOf(prefix);
  let at = prefix.lengthBits / 8;
  for (const byte of bytesOf(address)) {
    if (at === U_BYTE) at++;
    bytes[at++] = byte;
  }
  return addressFromBytes(bytes, 0, 6);
}

/** Returns the IPv4 address under a prefix, or null if the byte that has to be 0 is not: then it is no such address. */
export function ipv4InNat64(prefix: Prefix, address: IpAddress): IpAddress | null {
  const bytes = bytesOf(address);
  if (bytes[U_BYTE] !== 0) return null;
  const start = prefix.lengthBits / 8;
  const ipv4 = Array.from({ length: 4 }, (_, i) => {
    const at = start + i;
    return bytes[start <= U_BYTE && at >= U_BYTE ? at + 1 : at] ?? 0;
  });
  return addressFromBytes(Uint8Array.from(ipv4), 0, 4);
}

/** A Teredo address (RFC 4380, section 4); port and client address are stored inverted. */
function teredoForm(bytes: Uint8Array<ArrayBuffer>): EmbeddedForm {
  const view = new DataView(bytes.buffer);
  const client = Uint8Array.from(bytes.subarray(12), (byte) => byte ^ 0xff);
  return form("Teredo", "RFC 4380", {
    server: formatAddress(addressFromBytes(bytes, 4, 4)),
    client: formatAddress(addressFromBytes(client, 0, 4)),
    port: view.getUint16(10) ^ 0xffff,
    flags: `0x${bytes.subarray(8, 10).toHex()}`,
  });
}

/** The interface identifier is 0000:5efe, with or without the bit for a global IPv4 address, and an IPv4 address (RFC 5214, 6.1). */
function isIsatap({ w0, w2 }: IpAddress): boolean {
  return w0 >>> 24 !== 0xff && (w2 & ~0x02000000) === 0x5efe;
}

/** A modified EUI-64 (RFC 4291, appendix A): ff:fe stands in the middle, and the universal/local bit is inverted. */
function macInEui64(bytes: Uint8Array): string {
  const mac = [...bytes.subarray(8, 11), ...bytes.subarray(13)];
  mac[0] = (mac[0] ?? 0) ^ 0x02;
  return mac.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function nat64Prefixes(given: Prefix | null): Prefix[] {
  return given === null || samePrefix(given, NAT64_WELL_KNOWN)
    ? [NAT64_WELL_KNOWN]
    : [NAT64_WELL_KNOWN, given];
}

function nat64Name(prefix: Prefix): string {
  return samePrefix(prefix, NAT64_WELL_KNOWN) ? "NAT64" : `NAT64 ${formatPrefix(prefix)}`;
}

function form(name: string, rfc: string, values: EmbeddedForm["values"]): EmbeddedForm {
  return { form: name, rfc, values };
}

function withBytes(address: IpAddress, offset: number, part: Uint8Array): IpAddress {
  const bytes = bytesOf(address);
  bytes.set(part, offset);
  return addressFromBytes(bytes, 0, 6);
}

function knownPrefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no prefix`);
  return parsed.prefix;
}
