/**
 * These functions are CIDR arithmetic: they return the addresses that a prefix spans. IPv4 and IPv6 differ only in
 * which of a block's addresses a host may have (see {@link firstHost}).
 */
import { familyBits, type IpAddress, type Prefix } from "./ip.ts";
import { maskWord } from "./prefix.ts";

/** Returns the block's first address. */
export function networkAddress({ family, w0, w1, w2, w3 }: Prefix): IpAddress {
  return { family, w0, w1, w2, w3 };
}

/** Returns the block's last address. */
export function lastAddress(prefix: Prefix): IpAddress {
  const hostBits = wildcard(prefix);
  return {
    family: prefix.family,
    w0: prefix.w0 | hostBits.w0,
    w1: prefix.w1 | hostBits.w1,
    w2: prefix.w2 | hostBits.w2,
    w3: prefix.w3 | hostBits.w3,
  };
}

/** Returns the directed broadcast address; null for IPv6 and for IPv4's /31 (RFC 3021) and /32, which have none. */
export function broadcastAddress(prefix: Prefix): IpAddress | null {
  return prefix.family === 4 && prefix.lengthBits <= 30 ? lastAddress(prefix) : null;
}

/**
 * Returns the lowest address that a host may have. The block's first address is not for hosts: in IPv4 it names the
 * network, in IPv6 it is the routers' anycast address (RFC 4291, 2.6.1). The exceptions are point-to-point links, /31
 * (RFC 3021) and /127 (RFC 6164), and blocks of one address.
 */
export function firstHost(prefix: Prefix): IpAddress {
  const network = networkAddress(prefix);
  if (familyBits(prefix.family) - prefix.lengthBits <= 1) return network;
  // A block of four addresses or more ends in two zero bits: setting the last one adds 1 without a carry.
  return prefix.family === 4 ? { ...network, w0: network.w0 | 1 } : { ...network, w3: network.w3 | 1 };
}

/** Returns the highest address that a host may have: in IPv4 the one below the broadcast address, if there is one. */
export function lastHost(prefix: Prefix): IpAddress {
  const last = lastAddress(prefix);
  return broadcastAddress(prefix) === null ? last : { ...last, w0: last.w0 & ~1 };
}

/** Returns the number of all addresses in the block, 1 to 2^128, not only of those for hosts. */
export function addressCount(prefix: Prefix): bigint {
  return 1n << BigInt(familyBits(prefix.family) - prefix.lengthBits);
}

/** Returns 255.255.255.0 for a /24. */
export function netmask({ family, lengthBits }: Prefix): IpAddress {
  return {
    family,
    w0: maskWord(lengthBits, 0),
    w1: maskWord(lengthBits, 1),
    w2: maskWord(lengthBits, 2),
    w3: maskWord(lengthBits, 3),
  };
}

/** Returns the netmask's inverse: 0.0.0.255 for a /24. */
export function wildcard(prefix: Prefix): IpAddress {
  const { family, w0, w1, w2, w3 } = netmask(prefix);
  if (family === 4) return { family, w0: ~w0, w1: 0, w2: 0, w3: 0 };
  return { family, w0: ~w0, w1: ~w1, w2: ~w2, w3: ~w3 };
}

/** Returns true if the address lies in the block. An address of the other family does not. */
export function contains(prefix: Prefix, address: IpAddress): boolean {
  const { family, lengthBits } = prefix;
  return (
    family === address.family &&
    ((prefix.w0 ^ address.w0) & maskWord(lengthBits, 0)) === 0 &&
    ((prefix.w1 ^ address.w1) & maskWord(lengthBits, 1)) === 0 &&
    ((prefix.w2 ^ address.w2) & maskWord(lengthBits, 2)) === 0 &&
    ((prefix.w3 ^ address.w3) & maskWord(lengthBits, 3)) === 0
  );
}

/** Returns true if all of `inner` lies in `outer`. A block covers itself. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.lengthBits <= inner.lengthBits && contains(outer, inner);
}

/** Returns true if the blocks share an address. Blocks never overlap in part: one of the two covers the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return covers(a, b) || covers(b, a);
}
