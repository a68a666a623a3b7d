/**
 * This check decides which Host headers are accepted. It prevents DNS rebinding: the owner of a web page changes the
 * page's name to the address of this machine, and the page then makes a browser send requests here and reads the
 * answers. Their Host header still has the foreign name. An address in the header cannot be changed in this way, and
 * localhost is always this machine (RFC 6761, 6.3).
 */
import { parseAddress } from "../../net/address.ts";

/** Returns true if a request for this host is answered. `names` are the names of this machine, as comparableName() makes them. */
export function isAllowedHost(host: string, names: ReadonlySet<string>): boolean {
  const name = hostName(host);
  if (name === null) return false;
  return isAddressLiteral(name) || name === "localhost" || names.has(name);
}

/** Returns a name in the form in which names are compared: in lower case, without a dot at the end. */
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
