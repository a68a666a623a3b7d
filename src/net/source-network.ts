/**
 * The source of a connection is an IPv4 address, or an IPv6 network of 64 bits, since a host can have any address in
 * its network (RFC 4291, section 2.5.1).
 */
import { parseAddress } from "./address.ts";

/** Returns the key of a peer's source network for its address. Any other text is a key of its own. */
export function sourceNetwork(address: string): string {
  if (!address.includes(":")) return address;
  const parsed = parseAddress(address.split("%", 1)[0] ?? address);
  return parsed === null ? address : `${hex(parsed.w0)}${hex(parsed.w1)}/64`;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
