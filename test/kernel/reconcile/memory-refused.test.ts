/**
 * The system refuses memory while routes come: the installer goes on with those that it knows, says what is missing, and touches
 * nothing of it. Each array of the model grows at another route, so each growth is refused once.
 */
import { expect, test } from "bun:test";
import { CapacityError } from "../../../src/base/growable-int32-array.ts";
import { InstallerUnderTest, route } from "../../support/kernel/installer-under-test.ts";
import { RefusedMemory } from "../../support/models/refused-memory.ts";

const COUNT = 60;
const MAIN = 254;
const texts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => {
    const vni = 100 + (n % 2);
    const destination = n % 3 === 0 ? `2001:db8:${from + n}::/48` : `10.0.${from + n}.0/24`;
    return `${vni} ${destination} via 2001:db8:ffff::${((from + n) % 20) + 1}`;
  });

const REFUSED = "out of memory for a route: it is not installed, or its state is unknown";

test("routes for which there is no memory are named and counted, and all others are right", async () => {
  using memory = new RefusedMemory();
  let refusals = 0;
  for (let allowed = 0; ; allowed++) {
    const mappings = [
      { vni: 100, table: 100 },
      { vni: 101, table: MAIN },
    ];
    const rig = await InstallerUnderTest.started({ mappings });
    const first = texts(0, COUNT);
    memory.allowing(allowed, () => {
      for (const text of first) rig.added(route(text));
      rig.clock.settle();
    });
    await rig.settle();
    const { problems } = rig.status;
    const warnings = rig.takeWarnings();
    expect(warnings.includes(REFUSED)).toBe(problems.length > 0);
    expect(rig.kernel.violations).toEqual([]);
    const installed = rig.kernel.ours();
    if (problems.length === 0 && warnings.length === 0) {
      expect(installed).toHaveLength(COUNT);
      break;
    }
    refusals++;
    // What comes later has its place, and what is withdrawn goes, whether it was known or not.
    await rig.add(...texts(COUNT, COUNT + 3));
    expect(rig.kernel.ours().length).toBeGreaterThan(installed.length);
    await rig.remove(...first, ...texts(COUNT, COUNT + 3));
    await rig.complete(100, 101);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([]);
  }
  expect(refusals).toBeGreaterThan(8);
});

test("a scan finds more of ours than there is memory for: they stay as they are", async () => {
  using memory = new RefusedMemory();
  let refusals = 0;
  for (let allowed = 0; allowed < 40; allowed++) {
    const rig = await InstallerUnderTest.started();
    await rig.add(...texts(0, COUNT).map((text) => text.replace(/^101/, "100")));
    const before = rig.kernel.ours();
    expect(before).toHaveLength(COUNT);
    memory.growthsLeft = allowed;
    try {
      await rig.restart();
    } catch (error) {
      // Without memory for its first arrays it does not start.
      expect(error).toBeInstanceOf(CapacityError);
      expect(rig.kernel.ours()).toEqual(before);
      continue;
    } finally {
      memory.growthsLeft = Number.POSITIVE_INFINITY;
    }
    if (rig.takeWarnings().includes(REFUSED)) refusals++;
    await rig.settle();
    expect(rig.kernel.ours()).toEqual(before);
    expect(rig.kernel.violations).toEqual([]);
  }
  expect(refusals).toBeGreaterThan(5);
});
