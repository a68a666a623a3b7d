/** A destination with more next hops than a group can have: which are used, and what a change of them costs. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DesiredRoutes } from "../../../src/kernel/desired/desired-routes.ts";
import { MAX_GROUP_HOPS } from "../../../src/kernel/desired/hop-limit.ts";
import { HopSets } from "../../../src/kernel/desired/hop-sets.ts";
import { type DesiredSettings, weightOf } from "../../../src/kernel/desired/settings.ts";
import { compareAddress, formatAddress } from "../../../src/net/address.ts";
import type { IpAddress } from "../../../src/net/ip.ts";
import { InstallerUnderTest, prefix, route } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";
import { DestinationViews } from "../../support/models/destination-views.ts";

const SETTINGS: DesiredSettings = {
  excludedTypes: [],
  nat: "plain",
  ipv4Only: false,
  preferredNetworks: [{ prefix: prefix("2001:db8::100/120"), weight: 7 }],
  ecmp: "plain",
};
const TO = "10.0.1.0/24";
const DESTINATION = prefix(TO);
const LOCALS = ["2001:db8::3", "2001:db8::105"].map(address);

const hex = (number: number) => number.toString(16);
/** The route to a hop by its number; every fifth also with ports, and some to an IPv4 address. */
const texts = (number: number): string[] =>
  number % 11 === 10
    ? [`100 ${TO} via 192.0.2.${number % 256}`]
    : [
        `100 ${TO} via 2001:db8::${hex(number)}`,
        ...(number % 5 === 0 ? [`100 ${TO} via 2001:db8::${hex(number)} nat 1-9`] : []),
      ];

/** What is chosen, by sorting all. */
function model(present: ReadonlySet<string>, locals: readonly IpAddress[]) {
  const routes = [...present].map(route);
  const isLocal = ({ nextHop }: (typeof routes)[number]) =>
    locals.some((local) => formatAddress(local) === formatAddress(nextHop.address));
  const weight = (hop: IpAddress) => weightOf(SETTINGS.preferredNetworks, hop);
  const usable = routes.filter((each) => each.nextHop.address.family === 6 && !isLocal(each));
  const byText = new Map(usable.map(({ nextHop }) => [formatAddress(nextHop.address), nextHop.address]));
  const ranked = [...byText.values()].sort((a, b) => weight(b) - weight(a) || compareAddress(a, b));
  return {
    hops: ranked.slice(0, MAX_GROUP_HOPS).map(formatAddress).sort(),
    leftOut: Math.max(0, ranked.length - MAX_GROUP_HOPS),
    ipv4: routes.filter(({ nextHop }) => nextHop.address.family === 4).length,
  };
}

test("those of the greatest weight, then of the lowest address, whatever came and went before", () => {
  const step = fc.record({
    isAdded: fc.boolean(),
    from: fc.nat(600),
    count: fc.nat(200),
    hasLocals: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, keepsSet) => {
      const hops = new HopSets(
        (hop) => weightOf(SETTINGS.preferredNetworks, hop),
        () => {},
      );
      const view = new DestinationViews();
      const desired = new DesiredRoutes(SETTINGS, hops);
      desired.follow(view);
      const present = new Set<string>();
      let named = hops.get(0);
      for (const { isAdded, from, count, hasLocals } of steps) {
        const locals = hasLocals ? LOCALS : [];
        hops.setLocalAddresses(locals);
        for (let number = from; number < from + count; number++) {
          for (const text of texts(number)) {
            // An event too many changes nothing: the view says what is there.
            if (number % 7 === 0) desired.routeChanged(route(text));
            if (isAdded === present.has(text)) continue;
            if (isAdded) {
              present.add(text);
              view.add(route(text));
            } else {
              present.delete(text);
              view.remove(route(text));
            }
            desired.routeChanged(route(text));
          }
        }
        const { set, skipped } = desired.desiredOf([100], DESTINATION, false);
        const expected = model(present, locals);
        expect((set?.hops ?? []).map((hop) => formatAddress(hop.address)).sort()).toEqual(expected.hops);
        expect(skipped?.get("tooManyHops") ?? 0).toBe(expected.leftOut);
        expect(skipped?.get("ipv4Hop") ?? 0).toBe(expected.ipv4);
        // As a row does, or as one of which another VNI decides.
        if (keepsSet) {
          if (set !== null) hops.name(set);
          if (named !== null) hops.unname(named);
          named = set;
        }
        hops.disposeUnusedNew();
      }
      for (const text of present) {
        view.remove(route(text));
        desired.routeChanged(route(text));
      }
      expect(desired.desiredOf([100], DESTINATION, false).set).toBeNull();
      if (named !== null) hops.unname(named);
      hops.disposeUnusedNew();
      expect(hops.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});

/** Hops `from` to `to`, and no other. */
const numbered = (from: number, to: number, destination = TO) =>
  Array.from({ length: to - from }, (_, at) => `100 ${destination} via 2001:db8:1::${hex(from + at)}`);

async function flooded(): Promise<InstallerUnderTest> {
  const rig = await InstallerUnderTest.started();
  await rig.add(...numbered(1_000, 1_000 + MAX_GROUP_HOPS));
  rig.kernel.takeCounts();
  return rig;
}

describe("the kernel", () => {
  test("hears nothing of hops after those that are used", async () => {
    const rig = await flooded();
    for (const text of numbered(2_000, 4_000)) await rig.add(text);
    expect(rig.kernel.takeCounts()).toEqual({});
    expect(rig.table(100).ipv4.skipped.tooManyHops).toBe(2_000);
    for (const text of numbered(2_000, 3_000)) await rig.remove(text);
    expect(rig.kernel.takeCounts()).toEqual({});
    expect(rig.table(100).ipv4.skipped.tooManyHops).toBe(1_000);
    // One that is used goes: the next one takes its place.
    await rig.remove(...numbered(1_000, 1_001));
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-group": 1, "replace-route": 1 });
  });

  test("gets other destinations within a few steps, although one changes all the time", async () => {
    const rig = await flooded();
    const others = numbered(1, 2, "10.0.2.0/24");
    // Each step brings a better hop, and so another group; then comes the route of somebody else.
    for (const text of numbered(1, 1_000).toReversed()) rig.added(route(text));
    for (const text of others) rig.added(route(text));
    let [steps, largest] = [0, 0];
    const apply = rig.kernel.apply.bind(rig.kernel);
    rig.kernel.apply = (operations, linkIndex) => {
      steps++;
      largest = Math.max(largest, operations.length);
      return apply(operations, linkIndex);
    };
    while (rig.kernel.find(100, "10.0.2.0/24") === undefined) rig.clock.advance(1);
    expect(steps).toBeLessThanOrEqual(2);
    expect(largest).toBeLessThanOrEqual(MAX_GROUP_HOPS + 4);
  });

  test("is changed in slices that count the hops of the rows", async () => {
    const rig = await InstallerUnderTest.started();
    let largest = 0;
    const apply = rig.kernel.apply.bind(rig.kernel);
    rig.kernel.apply = (operations, linkIndex) => {
      largest = Math.max(largest, operations.length);
      return apply(operations, linkIndex);
    };
    for (let destination = 0; destination < 50; destination++) {
      for (const text of numbered(destination * 100, destination * 100 + 60, `10.1.${destination}.0/24`)) {
        rig.added(route(text));
      }
    }
    await rig.settle();
    expect(rig.kernel.ours()).toHaveLength(50);
    // Those of a full slice, and of one row more.
    expect(largest).toBeLessThanOrEqual(2 * 512 + 62 + 50);
  });
});
