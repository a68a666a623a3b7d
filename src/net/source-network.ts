/**
 * Who is behind an address, as far as can be told: an IPv4 address, or the IPv6 network of 64 bits in which one host
 * can give itself any address (RFC 4291, section 2.5.1).
 */
import { parseAddress } from "./address.ts";

/** The key of a peer's source network, from the host of its endpoint; any other text is a key of its own. */
export function sourceNetwork(host: string): string {
  if (!host.includes(":")) return host;
  const address = parseAddress(host.split("%", 1)[0] ?? host);
  return address === null ? host : `${hex(address.w0)}${hex(address.w1)}/64`;
}

/** The host of an endpoint's text, "[2001:db8::1]:52100" or "192.0.2.1:52100". */
export function hostOf(endpoint: string): string {
  if (!endpoint.startsWith("[")) return endpoint.split(":", 1)[0] ?? endpoint;
  return endpoint.slice(1, endpoint.indexOf("]"));
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
