/**
 * The vectors are what the Go program metalbond answered (its HTTP handlers, called on a table of these
 * routes; of its random orders of destinations in YAML, a run was taken in which they came sorted).
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type DocumentHead,
  formatLocalTime,
  type RoutesFormat,
  routesDocument,
} from "../../../src/http/public/routes-document.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import type { Route } from "../../../src/route/route.ts";
import type { NextHopType } from "../../../src/wire/protocol.ts";
import { address, prefix } from "../../net/model.ts";
import { arbitraryUpdate } from "../../support/models/arbitrary-message.ts";
import { sourceOf } from "../../support/models/source-of.ts";

interface GoHop {
  readonly TargetAddress: string;
  readonly TargetVNI: number;
  readonly Type: number;
  readonly NATPortRangeFrom: number;
  readonly NATPortRangeTo: number;
}

interface GoTable {
  readonly date: string;
  readonly vnet: Record<string, Record<string, GoHop[]>>;
  readonly metalbondVersion: string;
}

const capturedJson = await capture("json");
const capturedYaml = await capture("yaml");
const captured: GoTable = JSON.parse(capturedJson);
const capturedRoutes = routesOf(captured);
const HEAD: DocumentHead = { date: new Date(2026, 0, 2, 3, 4, 5), version: "0.1.0" };

function capture(format: RoutesFormat): Promise<string> {
  return Bun.file(new URL(`../../vectors/go-routes-captured.${format}`, import.meta.url)).text();
}

function routesOf({ vnet }: GoTable): Route[] {
  return Object.entries(vnet).flatMap(([vni, destinations]) =>
    Object.entries(destinations).flatMap(([destination, hops]) =>
      hops.map((hop) => ({
        vni: Number(vni),
        destination: prefix(JSON.parse(destination).Prefix),
        nextHop: {
          address: address(hop.TargetAddress),
          targetVni: hop.TargetVNI,
          // The capture has only 0, 1 and 2.
          type: hop.Type as NextHopType,
          natPortFrom: hop.NATPortRangeFrom,
          natPortTo: hop.NATPortRangeTo,
        },
      })),
    ),
  );
}

function render(routes: Iterable<Route>, format: RoutesFormat, head = HEAD): string {
  return [...routesDocument(sourceOf(routes), format, head)].join("");
}

const anyRoutes = fc.array(
  fc.record({
    // Few VNIs and destinations, so that some share one; 9, 10 and 100 differ in their order as text and number.
    vni: fc.constantFrom(0, 9, 10, 100, 2 ** 32 - 1),
    destination: fc.oneof(
      fc.constantFrom(prefix("10.0.0.0/8"), prefix("10.0.0.0/16"), prefix("::/0")),
      arbitraryUpdate.map((update) => update.destination),
    ),
    nextHop: arbitraryUpdate.chain(({ nextHop }) =>
      fc
        .constantFrom(nextHop.address, address("fd00::1"), address("fd00::10"), address("fd00::2"))
        .map((hopAddress) => ({ ...nextHop, address: hopAddress })),
    ),
  }),
  { maxLength: 40 },
);

/** Go's way, slowly: maps of maps, printed by a marshaller that knows nothing of routes. */
function model(routes: readonly Route[], { date, version }: DocumentHead): string {
  const vnet = new Map<string, Map<string, Map<string, GoHop>>>();
  for (const { vni, destination, nextHop } of routes) {
    const hop = {
      TargetAddress: formatAddress(nextHop.address),
      TargetVNI: nextHop.targetVni,
      Type: nextHop.type,
      NATPortRangeFrom: nextHop.natPortFrom,
      NATPortRangeTo: nextHop.natPortTo,
    };
    const hopText = hop.TargetVNI === 0 ? hop.TargetAddress : `${hop.TargetAddress} (VNI: ${hop.TargetVNI})`;
    const rest = `${hop.Type} ${hop.NATPortRangeFrom} ${hop.NATPortRangeTo}`;
    const destinationText = JSON.stringify({
      IPVersion: destination.family,
      Prefix: formatPrefix(destination),
    });
    const destinations = vnet.getOrInsertComputed(String(vni), () => new Map());
    // U+0000 ends Go's text, so that what follows counts only between equal ones.
    destinations.getOrInsertComputed(destinationText, () => new Map()).set(`${hopText}\0${rest}`, hop);
  }
  return marshal(
    new Map<string, unknown>([
      ["date", formatLocalTime(date)],
      [
        "vnet",
        sorted(vnet, (destinations) =>
          sorted(destinations, (hops) => [...sorted(hops, (hop) => hop).values()]),
        ),
      ],
      ["metalbondVersion", version],
    ]),
    "",
  );
}

function sorted<T, U>(map: Map<string, T>, each: (value: T) => U): Map<string, U> {
  const keys = [...map.keys()].sort();
  return new Map(keys.map((key) => [key, each(map.get(key) as T)])); // the key came from this map
}

function marshal(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => inner + marshal(item, inner));
    return `[\n${items.join(",\n")}\n${indent}]`;
  }
  if (value instanceof Map) {
    const items = [...value].map(([key, item]) => `${inner}${JSON.stringify(key)}: ${marshal(item, inner)}`);
    return items.length === 0 ? "{}" : `{\n${items.join(",\n")}\n${indent}}`;
  }
  if (typeof value === "object" && value !== null) return marshal(new Map(Object.entries(value)), indent);
  return JSON.stringify(value);
}

/** The keys of the table and of its hops, but not those of destinations and VNIs, are in lower case in YAML. */
function lowerCaseKeys({ date, vnet, metalbondVersion }: GoTable) {
  const lower = (hop: GoHop) =>
    Object.fromEntries(Object.entries(hop).map(([key, value]) => [key.toLowerCase(), value]));
  const mapValues = <T, U>(record: Record<string, T>, each: (value: T) => U) =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, each(value)]));
  return {
    date,
    vnet: mapValues(vnet, (destinations) => mapValues(destinations, (hops) => hops.map(lower))),
    metalbondversion: metalbondVersion,
  };
}

describe("routesDocument", () => {
  const capturedHead = { date: new Date(captured.date), version: captured.metalbondVersion };

  test.each([
    ["json", capturedJson],
    ["yaml", capturedYaml],
  ] as const)("%s is Go's, byte for byte, in whatever order the routes come", (format, text) => {
    expect(render(capturedRoutes, format, capturedHead)).toBe(text);
    expect(render(capturedRoutes.toReversed(), format, capturedHead)).toBe(text);
  });

  test("an empty table is Go's too", () => {
    expect(render([], "json")).toBe(
      '{\n  "date": "2026-01-02 03:04:05",\n  "vnet": {},\n  "metalbondVersion": "0.1.0"\n}',
    );
    expect(render([], "yaml")).toBe('date: "2026-01-02 03:04:05"\nvnet: {}\nmetalbondversion: 0.1.0\n');
  });

  test("JSON is what Go's way gives", () => {
    fc.assert(fc.property(anyRoutes, (routes) => expect(render(routes, "json")).toBe(model(routes, HEAD))));
  });

  test("YAML says the same as JSON", () => {
    fc.assert(
      fc.property(anyRoutes, (routes) => {
        const table: GoTable = JSON.parse(render(routes, "json"));
        expect(Bun.YAML.parse(render(routes, "yaml"))).toEqual(lowerCaseKeys(table));
      }),
    );
  });

  test("a route that comes twice counts once", () => {
    const twice = [...capturedRoutes, ...capturedRoutes];
    expect(render(twice, "json", capturedHead)).toBe(capturedJson);
  });

  test.each(["1.0", "", "dev", "true", "0.1.0 (commit abc1234)", 'a"b: #'])(
    "the version %p is text in both",
    (version) => {
      const head = { ...HEAD, version };
      expect(JSON.parse(render([], "json", head)).metalbondVersion).toBe(version);
      expect(Bun.YAML.parse(render([], "yaml", head))).toMatchObject({ metalbondversion: version });
    },
  );

  test("a long table comes in many short pieces", () => {
    const [route] = capturedRoutes;
    if (route === undefined) throw new Error("the capture has routes");
    const vnis = Array.from({ length: 20_000 }, (_, vni): Route => ({ ...route, vni }));
    const destinations = Array.from({ length: 20_000 }, (_, n): Route => {
      return { ...route, destination: { ...route.destination, w0: n << 8 } };
    });
    const hops = Array.from({ length: 20_000 }, (_, n): Route => {
      return { ...route, nextHop: { ...route.nextHop, targetVni: n } };
    });
    for (const many of [vnis, destinations, hops]) {
      const pieces = [...routesDocument(sourceOf(many), "json", HEAD)];
      expect(pieces.length).toBeGreaterThan(75);
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(100_000);
      const { vnet }: GoTable = JSON.parse(pieces.join(""));
      expect(Object.values(vnet).flatMap((each) => Object.values(each).flat())).toHaveLength(20_000);
    }
  });
});
