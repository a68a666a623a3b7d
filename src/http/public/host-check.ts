/**
 * Which Host headers are accepted. With DNS rebinding, a web page under a foreign name, which its owner then points at this machine,
 * makes a browser send requests here and reads the answers; their Host header still has the foreign name. An address cannot be
 * pointed elsewhere, and localhost is always this machine (RFC 6761, 6.3).
 */
import { parseAddress } from "../../net/address.ts";

/** Returns true if a request for this host is answered. `names` are the names of this machine, as comparableName() makes them. */
export function isAllowedHost(host: string, names: ReadonlySet<string>): boolean {
  const name = hostName(host);
  if (name === null) return false;
  return isAddressLiteral(name) || name === "localhost" || names.has(name);
}

/** Returns a name as names are compared: without a dot at the end, in lower case. */
export function comparableName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Returns the name without the port; null if the header is malformed. */
function hostName(host: string): string | null {
  const [, name = ""] = /^(\[[^\]]*\]|[^:[\]]*)(?::\d{0,5})?$/.exec(host) ?? [];
  return name === "" ? null : comparableName(name);
}

/** Returns true for 192.0.2.1 or [2001:db8::1], also with a zone. */
function isAddressLiteral(name: string): boolean {
  const [, bracketed] = /^\[([^%\]]*)(?:%[^\]]*)?\]$/.exec(name) ?? [];
  if (bracketed !== undefined) return bracketed.includes(":") && parseAddress(bracketed) !== null;
  return !name.includes(":") && parseAddress(name) !== null;
}
