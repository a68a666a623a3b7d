/**
 * A route table as /routes.json and /routes.yaml, in the shape of the Go program metalbond, byte for byte
 * where Go's own output has an order:
 *
 *     VNI → destination → [next hop, …]
 *
 * VNIs stand in order of their text in JSON and by number in YAML, destinations as text, IPv4 first (in Go's
 * YAML: at random), and hops by the text Go prints them as, "fd00::1" before "fd00::1 (VNI: 7)" before
 * "fd00::10" before "fd00::2"; hops that differ only in type or ports by these.
 *
 * One line of text per route is sorted, whose order as text is the order of the document:
 *
 *     vni family prefix hop-address hop-vni type nat-from nat-to      "100 4 10.0.1.0/24 fd00::1 0 0 0 0"
 *
 * A space comes before every other character of the fields, so a field that is the beginning of another sorts
 * first, and 0, which stands for Go's hop without VNI, before all other numbers.
 */
import { formatAddress } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { Route } from "../route/route.ts";
import { sortedInSteps } from "./sorted-steps.ts";

export type RoutesFormat = "json" | "yaml";

export interface DocumentHead {
  /** Printed in local time, as Go does. */
  readonly date: Date;
  readonly version: string;
}

/**
 * The document in pieces of any length, to be joined. An empty piece is a place to pause: no more than a few
 * milliseconds of work lie between two pieces. A route that comes twice counts once, so that `routes` may be a
 * walk over a table that changes meanwhile.
 */
export function* routesDocument(
  routes: Iterable<Route>,
  format: RoutesFormat,
  head: DocumentHead,
): Generator<string> {
  const layout = layouts[format];
  let piece = "";
  let lastLine = "";
  let lastVni = "";
  let lastDestination = "";
  for (const line of sortedInSteps(sortableLines(routes, layout))) {
    if (line === null || piece.length > PIECE_CHARS) {
      yield piece;
      piece = "";
    }
    if (line === null || line === lastLine) continue;
    const [vni = "", family = "", prefix = "", ...hop] = line.split(" ");
    const destination = `{"IPVersion":${family},"Prefix":"${prefix}"}`;
    if (lastLine === "") {
      piece += layout.start(head, false) + layout.vni(vni) + layout.destination(destination);
    } else if (vni !== lastVni) {
      piece += layout.betweenVnis + layout.vni(vni) + layout.destination(destination);
    } else if (destination !== lastDestination) {
      piece += layout.betweenDestinations + layout.destination(destination);
    } else {
      piece += layout.betweenHops;
    }
    piece += layout.hop(hop);
    lastLine = line;
    lastVni = vni;
    lastDestination = destination;
  }
  const isEmpty = lastLine === "";
  yield piece + (isEmpty ? layout.start(head, isEmpty) : "") + layout.end(head, isEmpty);
}

/** "2006-01-02 15:04:05", local time. */
export function formatLocalTime(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Some hundred routes. */
const PIECE_CHARS = 32 * 1024;

/** What the two formats write around and between the fields; `betweenX` closes an X that another one follows. */
interface Layout {
  /** The VNI as text that sorts as the format wants it. */
  vniKey(vni: number): string;
  start(head: DocumentHead, isEmpty: boolean): string;
  vni(key: string): string;
  destination(text: string): string;
  /** Address, VNI, type, first and last NAT port. */
  hop(fields: readonly string[]): string;
  readonly betweenHops: string;
  readonly betweenDestinations: string;
  readonly betweenVnis: string;
  end(head: DocumentHead, isEmpty: boolean): string;
}

const json: Layout = {
  vniKey: (vni) => String(vni),
  start: ({ date }) => `{\n  "date": "${formatLocalTime(date)}",\n  "vnet": {`,
  vni: (key) => `\n    "${key}": {`,
  destination: (text) => `\n      ${JSON.stringify(text)}: [`,
  hop: ([address, targetVni, type, natPortFrom, natPortTo]) =>
    `\n        {\n          "TargetAddress": "${address}",\n          "TargetVNI": ${targetVni},\n` +
    `          "Type": ${type},\n          "NATPortRangeFrom": ${natPortFrom},\n` +
    `          "NATPortRangeTo": ${natPortTo}\n        }`,
  betweenHops: ",",
  betweenDestinations: "\n      ],",
  betweenVnis: "\n      ]\n    },",
  end: ({ version }, isEmpty) =>
    `${isEmpty ? "" : "\n      ]\n    }\n  "}},\n  "metalbondVersion": ${JSON.stringify(version)}\n}`,
};

const yaml: Layout = {
  // Of equal length, numbers sort as text.
  vniKey: (vni) => String(vni).padStart(10, "0"),
  // In quotes: bare, it would be a timestamp.
  start: ({ date }, isEmpty) => `date: "${formatLocalTime(date)}"\nvnet:${isEmpty ? " {}" : ""}\n`,
  vni: (key) => `  ${Number(key)}:\n`,
  destination: (text) => `    '${text}':\n`,
  hop: ([address = "", targetVni, type, natPortFrom, natPortTo]) =>
    `    - targetaddress: ${yamlAddress(address)}\n      targetvni: ${targetVni}\n      type: ${type}\n` +
    `      natportrangefrom: ${natPortFrom}\n      natportrangeto: ${natPortTo}\n`,
  betweenHops: "",
  betweenDestinations: "",
  betweenVnis: "",
  end: ({ version }) => `metalbondversion: ${yamlVersion(version)}\n`,
};

const layouts: Record<RoutesFormat, Layout> = { json, yaml };

function* sortableLines(routes: Iterable<Route>, { vniKey }: Layout): Generator<string> {
  for (const { vni, destination, nextHop } of routes) {
    const { address, targetVni, type, natPortFrom, natPortTo } = nextHop;
    yield `${vniKey(vni)} ${destination.family} ${formatPrefix(destination)} ${formatAddress(address)} ${targetVni} ${type} ${natPortFrom} ${natPortTo}`;
  }
}

/**
 * In quotes, and in those of Go's YAML library, where a bare address would be something else: a key at its last
 * colon, or in YAML 1.1 a number of base 60 ("1:2:3:4:5:6:7:8").
 */
function yamlAddress(address: string): string {
  if (address.endsWith(":")) return `'${address}'`;
  return /^\d+(:[0-5]?\d)+$/.test(address) ? `"${address}"` : address;
}

function yamlVersion(version: string): string {
  return /^v?\d+\.\d+\.\d+([+-][\w.+-]*)?$/.test(version) ? version : JSON.stringify(version);
}
