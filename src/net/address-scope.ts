/**
 * An address's scope says how far it reaches. That of multicast addresses in IPv6 is in their bits, all others have it by block.
 */
import { contains } from "./cidr.ts";
import type { IpAddress, Prefix } from "./ip.ts";
import { parsePrefix } from "./prefix.ts";

export interface AddressScope {
  readonly name: string;
  readonly rfc: string;
}

/** The scopes of IPv6 multicast by the four bits of their number (RFC 7346, section 2). */
const IPV6_MULTICAST_SCOPES: Readonly<Record<number, string>> = {
  0: "Reserved",
  1: "Interface-Local",
  2: "Link-Local",
  3: "Realm-Local",
  4: "Admin-Local",
  5: "Site-Local",
  8: "Organization-Local",
  14: "Global",
  15: "Reserved",
};

/** The block, the scope of its addresses, and where that is defined. The first block that holds an address counts. */
const SCOPES = [
  ["127.0.0.0/8", "Loopback", "RFC 1122"],
  ["169.254.0.0/16", "Link-Local", "RFC 3927"],
  ["10.0.0.0/8", "Private", "RFC 1918"],
  ["172.16.0.0/12", "Private", "RFC 1918"],
  ["192.168.0.0/16", "Private", "RFC 1918"],
  ["100.64.0.0/10", "Shared", "RFC 6598"],
  ["255.255.255.255/32", "Link-Local", "RFC 919"],
  ["224.0.0.0/24", "Link-Local", "RFC 5771"],
  ["239.255.0.0/16", "Local", "RFC 2365"],
  ["239.192.0.0/14", "Organization-Local", "RFC 2365"],
  ["239.0.0.0/8", "Administratively Scoped", "RFC 2365"],
  ["224.0.0.0/4", "Global", "RFC 5771"],
  ["::1/128", "Loopback", "RFC 4291"],
  ["fe80::/10", "Link-Local", "RFC 4291"],
  ["fec0::/10", "Site-Local, deprecated", "RFC 3879"],
  ["fc00::/7", "Unique Local", "RFC 4193"],
].map(([block = "", name = "", rfc = ""]) => ({ block: blockOf(block), name, rfc }));

const GLOBAL: AddressScope = { name: "Global", rfc: "RFC 4007" };

/** Returns the scope of an address; that of unicast addresses without a scope of their own is global, whatever they are for. */
export function scopeOf(address: IpAddress): AddressScope {
  if (address.family === 6 && address.w0 >>> 24 === 0xff) {
    const name = IPV6_MULTICAST_SCOPES[(address.w0 >>> 16) & 0xf] ?? "Unassigned";
    return { name, rfc: "RFC 7346" };
  }
  const found = SCOPES.find(({ block }) => contains(block, address));
  return found === undefined ? GLOBAL : { name: found.name, rfc: found.rfc };
}

function blockOf(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no address block`);
  return parsed.prefix;
}
