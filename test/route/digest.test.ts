import { describe, expect, test } from "bun:test";
import { RouteDigest } from "../../src/route/digest.ts";
import { digestOf } from "../support/models/digest-of.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { SeededRandom } from "../support/models/random.ts";

/** Values that are compared between daemons of different versions: they must never change. */
const VECTORS: readonly (readonly [route: string, digest: string])[] = [
  ["100 10.0.1.0/24 via 2001:db8::1", "2e849c7548977254"],
  ["100 10.0.1.0/25 via 2001:db8::1", "f548699a781bb0d9"],
  ["100 ::/0 via 2001:db8::1", "f837380e1f8f5258"],
  ["100 0.0.0.0/0 via 2001:db8::1", "2df6701a9a349079"],
  ["100 2001:db8:1::/48 via 2001:db8::1", "9d7d5e3f7401c55a"],
  ["100 10.0.1.0/24 via 2001:db8::1 type nat ports 1-9", "75f1bcd12696e90f"],
];

describe("the digest of a route", () => {
  for (const [route, digest] of VECTORS) {
    test(route, () => expect(digestOf([routeOfText(route)])).toBe(digest));
  }
});

test("no routes have the digest zero", () => {
  expect(`${new RouteDigest()}`).toBe("0000000000000000");
});

test("the VNI does not count: equal tenants' tables have equal digests", () => {
  const of = (vni: number) => digestOf([routeOfText(`${vni} 10.0.1.0/24 via 2001:db8::1`)]);
  expect(of(100)).toBe(of(200));
});

test("order does not count, and each field does", () => {
  const random = new SeededRandom(1);
  const digests = new Set<string>();
  const routes: string[] = [];
  for (let i = 0; i < 200; i++) {
    for (const length of [24, 25]) {
      for (const hop of [
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::1 type nat ports 1-9",
        "2001:db8::1 type nat ports 1-8",
      ])
        routes.push(`100 10.0.${i}.0/${length} via ${hop}`);
    }
    routes.push(`100 2001:db8:${i}::/64 via 2001:db8::1`);
  }
  for (const route of routes) digests.add(digestOf([routeOfText(route)]));
  expect(digests.size).toBe(routes.length);
  const shuffled = routes.toSorted(() => random.below(3) - 1);
  expect(digestOf(shuffled.map(routeOfText))).toBe(digestOf(routes.map(routeOfText)));
  // Sums of many similar routes differ as those of any others do.
  const without = (index: number) => digestOf(routes.filter((_, i) => i !== index).map(routeOfText));
  expect(new Set([0, 1, 2, 3, 4, 5, 6, 7].map(without)).size).toBe(8);
});
