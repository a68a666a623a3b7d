/**
 * These functions convert routes to text and back: announcements, which people write, and route lines, which people
 * read.
 *
 *     VNI#PREFIX@HOP[#std|lb|nat[#FROM#TO]]     100#10.0.1.0/24@2001:db8::1#nat#1024#2048
 *     VNI#PREFIX#HOP[#STD|LB|NAT[#FROM#TO]]     the Go program's spelling of the same
 *
 * Both are read in upper or lower case, and only the first is written. NAT without ports means a range of 0 to 0.
 * Neither can express a target VNI, so that of an announcement is always 0.
 *
 * Certain mistakes are refused with their position; what works, but is seldom intended, is accepted with a warning.
 */

import { BunBondError, shown } from "../base/bunbond-error.ts";
import type { TextRange } from "../base/marked-text.ts";
import { formatAddress, parseAddress } from "../net/address.ts";
import { classifyAddress } from "../net/address-class.ts";
import type { IpAddress } from "../net/ip.ts";
import { formatPrefix, type ParsedPrefix, parsePrefix } from "../net/prefix.ts";
import type { NextHop } from "../wire/message.ts";
import { MAX_PORT, MAX_VNI, NextHopType } from "../wire/protocol.ts";
import { NEXT_HOP_TYPE_NAMES, NEXT_HOP_TYPES, SHORT_TYPE_NAMES } from "./next-hop-type.ts";
import type { Route } from "./route.ts";

/** The kinds of errors in an announcement's text. */
export type AnnouncementErrorCode =
  | "BAD_VNI"
  | "MISSING_PREFIX"
  | "BAD_PREFIX"
  | "MISSING_HOP"
  | "BAD_NEXT_HOP"
  | "BAD_TYPE"
  | "PORTS_WITHOUT_NAT"
  | "MISSING_PORT"
  | "BAD_PORT"
  | "BAD_PORT_RANGE"
  | "TRAILING_TEXT";

/** An announcement's text is not valid: the error says why, and at which position. */
export class AnnouncementError extends BunBondError implements TextRange {
  readonly code: AnnouncementErrorCode;
  readonly start: number;
  readonly end: number;

  constructor(code: AnnouncementErrorCode, { start, end }: TextRange, message: string) {
    super(message);
    this.code = code;
    this.name = "AnnouncementError";
    this.start = start;
    this.end = end;
  }
}

/** The result of parsing an announcement. */
export interface ParsedAnnouncement {
  readonly route: Route;
  /** Warnings for people, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Reads one announcement in either spelling, without white space around it.
 * @throws AnnouncementError
 */
export function parseAnnouncementText(text: string): ParsedAnnouncement {
  // A program in JavaScript can pass anything.
  if (typeof text !== "string") {
    const example = "100#10.0.1.0/24@2001:db8::1";
    refuse("BAD_VNI", { start: 0, end: 0 }, `${shown(text)}: an announcement is text, as ${example}`);
  }
  const meant = announcementOfLine(text);
  if (meant !== null) {
    refuse(
      "BAD_VNI",
      { start: 0, end: text.length },
      `an announcement has the form VNI#PREFIX@HOP: ${meant}`,
    );
  }
  const [vniPart, prefixPart, hopPart, typePart, fromPart, toPart, ...more] = splitParts(text);
  const behind = { start: text.length, end: text.length };

  const vni = readVni(vniPart);
  if (prefixPart === undefined) refuse("MISSING_PREFIX", behind, `"#" and the prefix are missing`);
  const { prefix: destination, hostBitsMasked } = readPrefix(prefixPart);
  if (hopPart === undefined) refuse("MISSING_HOP", behind, `"@" and the next hop are missing`);
  const address = readHop(hopPart);
  const type = typePart === undefined ? NextHopType.STANDARD : readType(typePart);
  const [natPortFrom, natPortTo] = readPorts(type, fromPart, toPart, behind);
  const [extra] = more;
  if (extra !== undefined) {
    refuse("TRAILING_TEXT", { start: extra.start, end: text.length }, "nothing may follow the ports");
  }

  const warnings: string[] = [];
  if (hostBitsMasked) {
    warnings.push(`${prefixPart.text} has host bits set: it is used as ${formatPrefix(destination)}`);
  }
  const hopWarning = warningOfHop(address);
  if (hopWarning !== null) warnings.push(`the next hop ${formatAddress(address)} is ${hopWarning}`);
  const nextHop: NextHop = { address, targetVni: 0, type, natPortFrom, natPortTo };
  return { route: { vni, destination, nextHop }, warnings };
}

/** Matches a route as {@link formatRoute} writes it, or nearly. */
const ROUTE_LINE =
  /^(\d+)\s+(\S+)\s+(?:via\s+)?([\da-f.:]+)(?:\s+type\s+(\w+))?(?:\s+ports\s+(\d+)-(\d+))?$/i;

/** Returns the announcement that is meant if a route was copied from the output. */
function announcementOfLine(text: string): string | null {
  const [, vni, prefix, hop, type, from, to] = ROUTE_LINE.exec(text) ?? [];
  if (vni === undefined) return null;
  const options = [type, from, to].filter((option) => option !== undefined);
  return [`${vni}#${prefix}@${hop}`, ...options].join("#");
}

/** Returns why other hosts cannot reach the address, with IANA's name of its block (net/address-class.ts). */
const UNREACHABLE_HOPS: ReadonlyMap<string, string> = new Map([
  ["Unspecified Address", "the unspecified address, which no host has"],
  ["Loopback Address", "the loopback address: each host is its own"],
  ["Link-Local Unicast", "a link-local address: it can only be reached on its own link"],
  ["Multicast", "a multicast address, which is not one host's"],
  ["IPv4-mapped Address", "an IPv4 address written as an IPv6 one: IPv6 tunnels cannot reach it"],
  ["Discard-Only Address Block", "an address whose packets are discarded (RFC 6666)"],
]);

/** Returns why other hosts cannot reach the address; null if it can be a hypervisor's. */
function warningOfHop(address: IpAddress): string | null {
  if (address.family === 6) return UNREACHABLE_HOPS.get(classifyAddress(address).name) ?? null;
  return "an IPv4 address: IPv6 tunnels cannot reach it, and rustbond clients that receive it reconnect forever";
}

/**
 * Returns the announcement that is parsed as this route.
 * @throws RangeError if there is none: for a target VNI, ports without NAT, half a port range
 */
export function formatAnnouncement({ vni, destination, nextHop }: Route): string {
  const { address, targetVni, type, natPortFrom, natPortTo } = nextHop;
  const hasPorts = natPortFrom !== 0 || natPortTo !== 0;
  const isPortRange = type === NextHopType.NAT && natPortFrom >= 1 && natPortFrom <= natPortTo;
  if (targetVni !== 0 || (hasPorts && !isPortRange)) {
    throw new RangeError("an announcement cannot express this route's target VNI or ports");
  }
  const route = `${vni}#${formatPrefix(destination)}@${formatAddress(address)}`;
  if (type === NextHopType.STANDARD) return route;
  return `${route}#${SHORT_TYPE_NAMES[type]}${hasPorts ? `#${natPortFrom}#${natPortTo}` : ""}`;
}

/**
 * Returns a route as a line of output: "100 10.0.1.0/24 via 2001:db8::1", followed by "type nat", "ports 1024-2048" and
 * "target-vni 200" where these are not the default. It shows every field of a route, so that no two routes have the same line.
 */
export function formatRoute({ vni, destination, nextHop }: Route): string {
  return `${vni} ${formatPrefix(destination)} via ${formatNextHop(nextHop)}`;
}

/** Returns the part of that line for the next hop. */
export function formatNextHop({ address, targetVni, type, natPortFrom, natPortTo }: NextHop): string {
  let line = formatAddress(address);
  if (type !== NextHopType.STANDARD) line += ` type ${SHORT_TYPE_NAMES[type]}`;
  if (natPortFrom !== 0 || natPortTo !== 0) line += ` ports ${natPortFrom}-${natPortTo}`;
  if (targetVni !== 0) line += ` target-vni ${targetVni}`;
  return line;
}

/** A part of the announcement and its position. */
interface Part extends TextRange {
  readonly text: string;
}

function refuse(code: AnnouncementErrorCode, range: TextRange, message: string): never {
  throw new AnnouncementError(code, range, message);
}

/**
 * Splits the text into VNI, prefix, hop and the rest, at "#" and between prefix and hop also at "@". There is at least
 * one part.
 */
function splitParts(text: string): [Part, ...Part[]] {
  const [vni = "", ...rest] = text.split("#");
  const [destination = "", ...options] = rest;
  const at = destination.indexOf("@");
  const texts = at < 0 ? rest : [destination.slice(0, at), destination.slice(at + 1), ...options];
  const parts: [Part, ...Part[]] = [{ text: vni, start: 0, end: vni.length }];
  let start = vni.length + 1;
  for (const part of texts) {
    parts.push({ text: part, start, end: start + part.length });
    start += part.length + 1;
  }
  return parts;
}

function readVni(part: Part): number {
  const vni = /^\d+$/.test(part.text) ? Number(part.text) : -1;
  if (vni < 0 || vni > MAX_VNI) refuse("BAD_VNI", part, `the VNI must be a number from 0 to ${MAX_VNI}`);
  return vni;
}

function readPrefix(part: Part): ParsedPrefix {
  const parsed = parsePrefix(part.text);
  if (parsed !== null) return parsed;
  const slash = part.text.indexOf("/");
  const address = parseAddress(slash < 0 ? part.text : part.text.slice(0, slash));
  if (address === null) {
    const end = slash < 0 ? part.end : part.start + slash;
    return refuse("BAD_PREFIX", { start: part.start, end }, "the prefix needs an IPv4 or IPv6 address");
  }
  const range = `from 0 to ${address.family === 4 ? 32 : 128}`;
  if (slash < 0) {
    const end = { start: part.end, end: part.end };
    return refuse("BAD_PREFIX", end, `"/" and the prefix length are missing, a number ${range}`);
  }
  const length = { start: part.start + slash + 1, end: part.end };
  return refuse("BAD_PREFIX", length, `the prefix length must be a number ${range}`);
}

function readHop(part: Part): IpAddress {
  const address = parseAddress(part.text);
  if (address !== null) return address;
  const behindAddress = part.text.search(/[/%]/);
  if (behindAddress > 0 && parseAddress(part.text.slice(0, behindAddress)) !== null) {
    const range = { start: part.start + behindAddress, end: part.end };
    refuse("BAD_NEXT_HOP", range, "the next hop is an address alone, without a length or zone");
  }
  return refuse("BAD_NEXT_HOP", part, "the next hop must be an IPv6 address");
}

function readType(part: Part): NextHopType {
  const name = NEXT_HOP_TYPE_NAMES.find((known) => known === part.text.toLowerCase());
  if (name !== undefined) return NEXT_HOP_TYPES[name];
  return refuse("BAD_TYPE", part, "the type must be std, lb or nat");
}

function readPorts(
  type: NextHopType,
  from: Part | undefined,
  to: Part | undefined,
  behind: TextRange,
): readonly [from: number, to: number] {
  if (from === undefined) return [0, 0];
  if (type !== NextHopType.NAT) {
    const ports = { start: from.start, end: to?.end ?? from.end };
    refuse("PORTS_WITHOUT_NAT", ports, "only a next hop of type nat has ports");
  }
  const fromPort = readPort(from);
  if (to === undefined) refuse("MISSING_PORT", behind, `"#" and the last port are missing`);
  const toPort = readPort(to);
  if (fromPort > toPort) {
    const range = { start: from.start, end: to.end };
    refuse("BAD_PORT_RANGE", range, "the first port must not be greater than the last");
  }
  return [fromPort, toPort];
}

function readPort(part: Part): number {
  const port = /^\d+$/.test(part.text) ? Number(part.text) : 0;
  if (port < 1 || port > MAX_PORT)
    refuse("BAD_PORT", part, `the port must be a number from 1 to ${MAX_PORT}`);
  return port;
}
