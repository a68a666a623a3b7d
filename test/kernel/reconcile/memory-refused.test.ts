/**
 * The system refuses memory while routes come: the installer goes on with those that it knows, says what is missing, and touches
 * nothing of it. Each array of the book grows at another route, so each growth is refused once.
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
    const bench = await InstallerUnderTest.started({ mappings });
    const first = texts(0, COUNT);
    memory.allowing(allowed, () => {
      for (const text of first) bench.installer.added(route(text));
      bench.clock.settle();
    });
    await bench.settle();
    const { problems } = bench.status;
    const warnings = bench.takeWarnings();
    expect(warnings.includes(REFUSED)).toBe(problems.length > 0);
    expect(bench.kernel.violations).toEqual([]);
    const installed = bench.kernel.ours();
    if (problems.length === 0 && warnings.length === 0) {
      expect(installed).toHaveLength(COUNT);
      break;
    }
    refusals++;
    // What comes later has its place, and what is withdrawn goes, whether it was known or not.
    await bench.add(...texts(COUNT, COUNT + 3));
    expect(bench.kernel.ours().length).toBeGreaterThan(installed.length);
    await bench.remove(...first, ...texts(COUNT, COUNT + 3));
    await bench.complete(100, 101);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([]);
  }
  expect(refusals).toBeGreaterThan(8);
});

test("a reading finds more of ours than there is memory for: they stay as they are", async () => {
  using memory = new RefusedMemory();
  let refusals = 0;
  for (let allowed = 0; allowed < 40; allowed++) {
    const bench = await InstallerUnderTest.started();
    await bench.add(...texts(0, COUNT).map((text) => text.replace(/^101/, "100")));
    const before = bench.kernel.ours();
    expect(before).toHaveLength(COUNT);
    memory.growthsLeft = allowed;
    try {
      await bench.restart();
    } catch (error) {
      // Without memory for its first arrays it does not start.
      expect(error).toBeInstanceOf(CapacityError);
      expect(bench.kernel.ours()).toEqual(before);
      continue;
    } finally {
      memory.growthsLeft = Number.POSITIVE_INFINITY;
    }
    if (bench.takeWarnings().includes(REFUSED)) refusals++;
    await bench.settle();
    expect(bench.kernel.ours()).toEqual(before);
    expect(bench.kernel.violations).toEqual([]);
  }
  expect(refusals).toBeGreaterThan(5);
});
