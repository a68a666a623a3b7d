/**
 * This file writes a route table as /routes.json and /routes.yaml, in the form of the Go program metalbond, byte for
 * byte where Go's own output has an order:
 *
 *     VNI → destination → [next hop, …]
 *
 * VNIs stand in order of their text in JSON and by number in YAML, destinations as text, IPv4 first (in Go's
 * YAML: at random), and hops by the text Go prints them as, "fd00::1" before "fd00::1 (VNI: 7)" before
 * "fd00::10" before "fd00::2"; hops that differ only in type or ports by these.
 *
 * The table is walked in that order (text-order.ts). So a document takes little memory however large the table is: a
 * batch of destinations, and the hops of one of them. Each hop is one line of text, and these lines have the hops'
 * order:
 *
 *     address target-vni type nat-from nat-to      "fd00::1 0 0 0 0"
 *
 * A space comes before every other character of the fields, so a field that is the beginning of another sorts
 * first, and 0, which stands for Go's hop without VNI, before all other numbers.
 */
import { formatAddress } from "../../net/address.ts";
import type { RouteSource } from "../../route/table/route-source.ts";
import { inTextOrder } from "../../route/table/text-order.ts";
import type { NextHop } from "../../wire/message.ts";
import { sortedNumbers } from "../sorted-numbers.ts";
import { sortedLines } from "./sorted-lines.ts";

export type RoutesFormat = "json" | "yaml";

export interface DocumentHead {
  /** Printed in local time, as Go does. */
  readonly date: Date;
  readonly version: string;
}

/**
 * Returns the document in pieces of any length, to be joined. The caller may pause at an empty piece: about a
 * millisecond of work lies between two pieces. The table may change in the meantime.
 */
export function* routesDocument(
  source: RouteSource,
  format: RoutesFormat,
  head: DocumentHead,
): Generator<string> {
  const layout = layouts[format];
  const [destinations4, destinations6] = [source.destinations(4), source.destinations(6)];
  function* destinationsOf(vni: number) {
    destinations4.enter(vni);
    yield* inTextOrder(destinations4, 4);
    destinations6.enter(vni);
    yield* inTextOrder(destinations6, 6);
  }
  let piece = "";
  let vnis = 0;
  /** The VNI of the last destination; null if there was none. */
  let lastVni: number | null = null;
  for (const key of sortedNumbers(() => source.vnis(), layout.keyOf)) {
    if (key === null || ++vnis % VNIS_PER_PIECE === 0) {
      yield piece;
      piece = "";
    }
    if (key === null) continue;
    const vni = layout.vniOf(key);
    for (const batch of destinationsOf(vni)) {
      if (batch.length === 0) {
        yield piece;
        piece = "";
      }
      for (const { prefix, text } of batch) {
        if (piece.length > PIECE_CHARS) {
          yield piece;
          piece = "";
        }
        const hops = source.nextHops(vni, prefix);
        if (hops.length === 0) continue;
        if (lastVni === null) piece += layout.start(head, false) + layout.vni(vni);
        else if (vni !== lastVni) piece += layout.betweenVnis + layout.vni(vni);
        else piece += layout.betweenDestinations;
        lastVni = vni;
        piece += layout.destination(`{"IPVersion":${prefix.family},"Prefix":"${text}"}`);
        let isFirst = true;
        for (const line of sortedLines(hops.map(hopLine))) {
          if (line === null || piece.length > PIECE_CHARS) {
            yield piece;
            piece = "";
          }
          if (line === null) continue;
          piece += (isFirst ? "" : layout.betweenHops) + layout.hop(line.split(" "));
          isFirst = false;
        }
      }
    }
  }
  const isEmpty = lastVni === null;
  yield piece + (isEmpty ? layout.start(head, isEmpty) : "") + layout.end(head, isEmpty);
}

function hopLine({ address, targetVni, type, natPortFrom, natPortTo }: NextHop): string {
  return `${formatAddress(address)} ${targetVni} ${type} ${natPortFrom} ${natPortTo}`;
}

/** Returns local time as "2006-01-02 15:04:05". */
export function formatLocalTime(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The length of a piece: some ten routes. */
const PIECE_CHARS = 8 * 1024;
/** How many VNIs are read between two pauses, since they may have no routes. */
const VNIS_PER_PIECE = 64;

/** The text that a format writes around and between the fields. `betweenX` closes an X that another one follows. */
interface Layout {
  /** Returns a sort key for a VNI, which gives the format's order of VNIs. */
  keyOf(vni: number): number;
  vniOf(key: number): number;
  start(head: DocumentHead, isEmpty: boolean): string;
  vni(vni: number): string;
  destination(text: string): string;
  /** The fields are address, VNI, type, first and last NAT port. */
  hop(fields: readonly string[]): string;
  readonly betweenHops: string;
  readonly betweenDestinations: string;
  readonly betweenVnis: string;
  end(head: DocumentHead, isEmpty: boolean): string;
}

const json: Layout = {
  keyOf: textKey,
  vniOf: ofTextKey,
  start: ({ date }) => `{\n  "date": "${formatLocalTime(date)}",\n  "vnet": {`,
  vni: (vni) => `\n    "${vni}": {`,
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
  keyOf: (vni) => vni,
  vniOf: (key) => key,
  // The quotes prevent that it is read as a timestamp.
  start: ({ date }, isEmpty) => `date: "${formatLocalTime(date)}"\nvnet:${isEmpty ? " {}" : ""}\n`,
  vni: (vni) => `  ${vni}:\n`,
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

const MAX_VNI_DIGITS = 10;

/**
 * Returns a key that orders VNIs by their text, "1" < "10" < "2": the digits, padded with zeros, and then their number.
 */
function textKey(vni: number): number {
  let digits = 1;
  for (let limit = 10; vni >= limit; limit *= 10) digits++;
  return vni * 10 ** (MAX_VNI_DIGITS - digits) * 16 + digits;
}

function ofTextKey(key: number): number {
  return Math.floor(key / 16) / 10 ** (MAX_VNI_DIGITS - (key % 16));
}

/**
 * Returns the address, with the quotes of Go's YAML library if it would be read as something else without them: as a
 * key at its last colon, or in YAML 1.1 as a number of base 60 ("1:2:3:4:5:6:7:8").
 */
function yamlAddress(address: string): string {
  if (address.endsWith(":")) return `'${address}'`;
  return /^\d+(:[0-5]?\d)+$/.test(address) ? `"${address}"` : address;
}

function yamlVersion(version: string): string {
  return /^v?\d+\.\d+\.\d+([+-][\w.+-]*)?$/.test(version) ? version : JSON.stringify(version);
}
