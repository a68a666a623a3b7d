/** These functions write an address in other ways, and its name in reverse DNS. */
import { addressFromBytes, addressToBytes } from "../../net/address.ts";
import { familyBits, type IpAddress, type Prefix } from "../../net/ip.ts";

/** The address as 4 or 16 bytes in network order. */
export function bytesOf(address: IpAddress): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(familyBits(address.family) / 8);
  addressToBytes(address, bytes, 0);
  return bytes;
}

export function integerOf(address: IpAddress): bigint {
  return BigInt(hexForm(address));
}

/** Returns the address of that number, of which the upper bits beyond the family's are ignored. */
export function addressOfInteger(integer: bigint, family: 4 | 6): IpAddress {
  const bits = familyBits(family);
  const hex = BigInt.asUintN(bits, integer)
    .toString(16)
    .padStart(bits / 4, "0");
  return addressFromBytes(Uint8Array.fromHex(hex), 0, family);
}

/** Returns "0x0a000001" or 32 digits. */
export function hexForm(address: IpAddress): string {
  return `0x${bytesOf(address).toHex()}`;
}

/** Returns every digit: "2001:0db8:0000:…" and "010.000.000.001" are for sorting and comparing by eye. */
export function expandedForm(address: IpAddress): string {
  if (address.family === 4)
    return Array.from(bytesOf(address), (byte) => `${byte}`.padStart(3, "0")).join(".");
  return (bytesOf(address).toHex().match(/.{4}/g) ?? []).join(":");
}

/** Returns the name of an address in reverse DNS (RFC 1035, section 3.5; RFC 3596, section 2.5). */
export function reverseName(address: IpAddress): string {
  return reverseZone({ ...address, lengthBits: familyBits(address.family) });
}

/**
 * Returns the smallest zone of reverse DNS that holds all addresses of the prefix. Zones end at octets (IPv4) or at hexadecimal
 * digits (IPv6), so a prefix in between shares its zone with its neighbours.
 */
export function reverseZone(prefix: Prefix): string {
  const bytes = bytesOf(prefix);
  const labels = prefix.family === 4 ? Array.from(bytes, String) : [...bytes.toHex()];
  const bitsPerLabel = prefix.family === 4 ? 8 : 4;
  const known = labels.slice(0, Math.floor(prefix.lengthBits / bitsPerLabel));
  return [...known.reverse(), prefix.family === 4 ? "in-addr.arpa" : "ip6.arpa"].join(".");
}
