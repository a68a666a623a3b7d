/**
 * Which Host headers are answered. A page on a foreign name that its owner then points at this machine (DNS rebinding) makes a
 * browser ask here and hands the answer to the page; the Host header still has the foreign name. An address is no name that
 * anybody could point elsewhere, and localhost is always here (RFC 6761, 6.3).
 */
import { parseAddress } from "../../net/address.ts";

/** `names` are those of this machine, in any case. */
export function isAllowedHost(host: string, names: ReadonlySet<string>): boolean {
  const name = hostName(host);
  if (name === null) return false;
  return isAddressLiteral(name) || name === "localhost" || names.has(name);
}

/** As names are compared: without a dot at the end, in lower case. */
export function comparableName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** Without the port; null when the header is none. */
function hostName(host: string): string | null {
  const [, name = ""] = /^(\[[^\]]*\]|[^:[\]]*)(?::\d{0,5})?$/.exec(host) ?? [];
  return name === "" ? null : comparableName(name);
}

/** 192.0.2.1, or [2001:db8::1], also with a zone. */
function isAddressLiteral(name: string): boolean {
  const [, bracketed] = /^\[([^%\]]*)(?:%[^\]]*)?\]$/.exec(name) ?? [];
  if (bracketed !== undefined) return bracketed.includes(":") && parseAddress(bracketed) !== null;
  return !name.includes(":") && parseAddress(name) !== null;
}
