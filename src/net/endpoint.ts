/**
 * These functions parse and format host:port as people write it on a command line. A host is an IPv4 address, an IPv6
 * address or a name. An IPv6 address followed by a port stands in brackets (RFC 3986), since it has colons itself.
 * "::1:4711" is an address without a port; that is hardly ever meant, so it is refused, but "[::1:4711]" is accepted. A
 * zone (RFC 4007) names the interface of a link-local address: "[fe80::1%eth0]:4711".
 *
 * Results are canonical, with addresses as in RFC 5952 and names in lower case, so that two spellings of a server
 * become the same endpoint.
 */
import { BunBondError, isObject, shown } from "../base/bunbond-error.ts";
import { formatAddress, parseAddress } from "./address.ts";

/** A host and a TCP port. The host has no brackets and keeps its zone: "fe80::1%eth0". */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The kinds of errors in an endpoint's text. */
export type EndpointErrorCode =
  | "MISSING_HOST"
  | "MISSING_PORT"
  | "MISSING_BRACKETS"
  | "BAD_BRACKETS"
  | "BAD_ADDRESS"
  | "BAD_ZONE"
  | "BAD_NAME"
  | "BAD_PORT";

/** An error in an endpoint's text, with its position: offsets `start` up to `end`, which are equal if something is missing. */
export interface EndpointError {
  readonly code: EndpointErrorCode;
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** The use of an endpoint. For "listen", ":4711" means all addresses (host "::"), and port 0 any free port. */
export type EndpointUse = "connect" | "listen";

/**
 * Parses "10.0.0.1:4711", "[::1]:4711", "fe80::1%eth0", "host.example", … Without a `defaultPort` the text must have a
 * port. A result with a `code` is an error.
 */
export function parseEndpoint(
  text: string,
  defaultPort?: number,
  use: EndpointUse = "connect",
): Endpoint | EndpointError {
  // A program in JavaScript can pass anything.
  if (typeof text !== "string") {
    return fail("MISSING_HOST", "an endpoint must be text, as host.example:4711", 0, 0);
  }
  const parts = splitEndpoint(text);
  if ("code" in parts) return parts;
  const host = parseHost(parts, use);
  if (typeof host !== "string") return host;
  const { portText } = parts;
  if (portText === null) {
    if (defaultPort !== undefined) return { host, port: defaultPort };
    const example = formatEndpoint({ host, port: 4711 });
    return fail("MISSING_PORT", `the port is missing, as in ${example}`, text.length, text.length);
  }
  const port = parsePort(portText, use);
  if (port !== null) return { host, port };
  const message = `the port must be a number from ${lowestPort(use)} to 65535`;
  return fail("BAD_PORT", message, text.length - portText.length, text.length);
}

/** Returns "host:port", with an IPv6 address in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Returns true if both are the same; they must be canonical, as {@link parseEndpoint} makes them. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port;
}

/** Returns true if the host is a name, which has to be resolved. */
export function hasHostName({ host }: Endpoint): boolean {
  return !host.includes(":") && /[a-z]/i.test(host);
}

/** Returns "192.0.2.1" for "::ffff:192.0.2.1", as a dual-stack socket shows IPv4 peers. Other text stays. */
export function normalizePeerAddress(text: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text;
}

interface EndpointParts {
  readonly host: string;
  /** The offset of the host in the text: 1 after a bracket, else 0. */
  readonly hostStart: 0 | 1;
  /** True if the host must be an IPv6 address, because of its brackets or its colons. */
  readonly isIpv6: boolean;
  readonly portText: string | null;
}

/** The scheme of a URL (RFC 3986, section 3.1). */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

function splitEndpoint(text: string): EndpointParts | EndpointError {
  const [scheme] = SCHEME.exec(text) ?? [];
  if (scheme !== undefined) {
    const bare = text.slice(scheme.length).replace(/[/?#].*$/s, "");
    return fail(
      "BAD_NAME",
      `host and port are needed, not a URL: ${bare || "host.example:4711"}`,
      0,
      scheme.length,
    );
  }
  if (text.startsWith("[")) return splitBrackets(text);
  const [host = "", portText, ...more] = text.split(":");
  if (more.length > 0) return { host: text, hostStart: 0, isIpv6: true, portText: null };
  return { host, hostStart: 0, isIpv6: false, portText: portText ?? null };
}

function splitBrackets(text: string): EndpointParts | EndpointError {
  const close = text.indexOf("]");
  if (close < 0) return fail("BAD_BRACKETS", `the closing "]" is missing`, text.length, text.length);
  const rest = text.slice(close + 1);
  if (rest !== "" && !rest.startsWith(":")) {
    return fail("BAD_BRACKETS", `after "]" only a port may stand, as in [::1]:4711`, close + 1, text.length);
  }
  return {
    host: text.slice(1, close),
    hostStart: 1,
    isIpv6: true,
    portText: rest === "" ? null : rest.slice(1),
  };
}

/** Returns the host in canonical form. */
function parseHost(parts: EndpointParts, use: EndpointUse): string | EndpointError {
  const { host, isIpv6, portText } = parts;
  if (isIpv6) return parseIpv6Host(parts);
  if (host === "" && portText !== null && use === "listen") return "::";
  if (host === "*" && use === "listen") {
    return fail("BAD_NAME", `to listen on all addresses leave the host out: :${portText ?? "4711"}`, 0, 1);
  }
  if (host === "") return fail("MISSING_HOST", "the host is missing, as in host.example:4711", 0, 0);
  const percent = host.indexOf("%");
  if (percent >= 0) return fail("BAD_ZONE", "only an IPv6 address has a zone", percent, host.length);
  // A name's last label is never a number such as 7 or 0x7f: some resolvers would read it as part of an IPv4 address.
  const looksLikeIpv4 = /(^|\.)(\d+|0x[\da-f]*)\.?$/i.test(host);
  return looksLikeIpv4 ? parseIpv4Host(host, use) : parseName(host);
}

function parseIpv4Host(host: string, use: EndpointUse): string | EndpointError {
  const address = parseAddress(host);
  if (address !== null) return formatAddress(address);
  if (/^\d{1,5}$/.test(host)) {
    const examples = use === "listen" ? `:${host} (all addresses) or [::1]:${host}` : `host.example:${host}`;
    return fail("MISSING_HOST", `this is a port alone: write ${examples}`, 0, host.length);
  }
  return fail(
    "BAD_ADDRESS",
    "not an IPv4 address: four numbers from 0 to 255, as in 10.0.0.1",
    0,
    host.length,
  );
}

function parseIpv6Host({ host, hostStart }: EndpointParts): string | EndpointError {
  const canonical = canonicalIpv6(host);
  const [, bare = "", port = ""] = /^(.*):(\d+)$/.exec(host) ?? [];
  if (hostStart === 0 && canonicalIpv6(bare) !== null && (canonical === null || looksLikePort(bare, port))) {
    const whole = canonical === null ? "" : ` ([${host}] is that address alone)`;
    const message = `an IPv6 address with a port needs brackets${whole}: [${bare}]:${port}`;
    return fail("MISSING_BRACKETS", message, 0, bare.length);
  }
  if (canonical !== null) return canonical;
  const [address = ""] = host.split("%");
  if (canonicalIpv6(address) !== null) {
    const message = "after % comes the name of an interface, as in fe80::1%eth0";
    return fail("BAD_ZONE", message, hostStart + address.length, hostStart + host.length);
  }
  return fail("BAD_ADDRESS", "not an IPv6 address", hostStart, hostStart + address.length);
}

/** Returns true if the last group of an address looks like a port: it follows an address to listen on, or has four digits. */
function looksLikePort(bare: string, group: string): boolean {
  return ["::", "::1"].includes(bare) || /^[1-9]\d{3}$/.test(group);
}

/** Returns the address in canonical form, with its zone if it has one; null if it is not an IPv6 address. */
function canonicalIpv6(host: string): string | null {
  // Interface names may be those that Linux allows (dev_valid_name() in net/core/dev.c), except with "%" or "]".
  const [, text = "", zone = ""] = /^([^%]*)(%[^\s/:%\]]{1,15})?$/.exec(host) ?? [];
  const address = parseAddress(text);
  return address?.family === 6 ? formatAddress(address) + zone : null;
}

/** Parses a host name (RFC 1123, section 2.1), in which an underscore is allowed, too: name servers and containers use it. */
function parseName(host: string): string | EndpointError {
  const badCharacter = host.search(/[^a-z0-9._-]/i);
  if (badCharacter >= 0) {
    const message = `a host name has only letters a to z, digits, "-" and "."`;
    return fail("BAD_NAME", message, badCharacter, badCharacter + 1);
  }
  const labels = host.replace(/\.$/, "").split(".");
  const isName =
    labels.every((label) => /^\w([\w-]{0,61}\w)?$/.test(label)) && labels.join(".").length <= 253;
  if (isName) return host.toLowerCase();
  const message = `not a host name: parts of 1 to 63 characters, no "-" at either end, 253 in all`;
  return fail("BAD_NAME", message, 0, host.length);
}

/** Returns null if the text is not a port. Leading zeros are refused as in addresses. */
function parsePort(text: string, use: EndpointUse): number | null {
  const port = /^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : -1;
  return port >= lowestPort(use) && port <= 65535 ? port : null;
}

function lowestPort(use: EndpointUse): 0 | 1 {
  return use === "listen" ? 0 : 1;
}

function fail(code: EndpointErrorCode, message: string, start: number, end: number): EndpointError {
  return { code, message, start, end };
}

// --- endpoints that a program passes: text, or an endpoint that was read from text ----------------

/** The kinds of errors. `BAD_ENDPOINT` means that the value is neither text nor an object with host and port. */
export type BadEndpointCode = EndpointErrorCode | "BAD_ENDPOINT";

/** A value is not a valid endpoint. `code` is what is wrong, `start` and `end` are where. */
export class BadEndpointError extends BunBondError {
  readonly text: string;
  override readonly name = "BadEndpointError";
  readonly code: BadEndpointCode;
  /** The wrong part of `text`: the offsets of its first character, and of the one after its last. */
  readonly start: number;
  readonly end: number;

  constructor(
    text: string,
    { code, message, start, end }: Omit<EndpointError, "code"> & { readonly code: BadEndpointCode },
  ) {
    super(`${text}: ${message}`);
    this.text = text;
    this.code = code;
    this.start = start;
    this.end = end;
  }
}

/**
 * Returns the endpoint in canonical form, as {@link parseEndpoint} makes it.
 * @throws BadEndpointError
 */
export function endpointOf(given: Endpoint | string, defaultPort: number, use: EndpointUse): Endpoint {
  const text = textOf(given);
  const endpoint = parseEndpoint(text, defaultPort, use);
  if ("code" in endpoint) throw new BadEndpointError(text, endpoint);
  return endpoint;
}

function textOf(given: Endpoint | string): string {
  if (typeof given === "string") return given;
  if (isObject(given) && typeof given.host === "string" && typeof given.port === "number") {
    return formatEndpoint(given);
  }
  const text = shown(given);
  const message = `not an endpoint, as "[2001:db8::10]:4711" or { host: "2001:db8::10", port: 4711 }`;
  throw new BadEndpointError(text, { code: "BAD_ENDPOINT", message, start: 0, end: text.length });
}
