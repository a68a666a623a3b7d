/**
 * A comparison with the kernel names exactly what differs. The slow model compares the lines of text that a kernel in memory has of
 * our routes before and after other programs have done damage of which no notification comes.
 */
import { expect, test } from "bun:test";
import type { Comparison } from "../../../src/kernel/reconcile/comparison.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { FIRST_ID, InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";
import { SeededRandom } from "../../support/models/random.ts";

const { BUNBOND_RUNS, BUNBOND_SEED } = process.env;
const RUNS = Number(BUNBOND_RUNS ?? 50);
const HOPS = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];
const FOREIGN = { protocol: 4, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, table: 100 };

const destinationOf = (n: number) => (n % 2 === 0 ? `10.0.${n}.0/24` : `fd00:${n}::/64`);

async function compared(rig: InstallerUnderTest, limit = 1_000): Promise<Comparison> {
  let result: Comparison | null = null;
  void rig.installer.compare(limit).then((comparison) => {
    result = comparison;
  });
  while (result === null) await rig.settle();
  return result;
}

/** Destination → the line of our route there. */
function linesOf({ kernel }: InstallerUnderTest): Map<string, string> {
  return new Map(kernel.ours().map((line) => [line.split(" ")[1] ?? "", line]));
}

/** Does damage of a random kind, without a notification. */
function damage(rig: InstallerUnderTest, random: SeededRandom): void {
  const { kernel } = rig;
  const to = destinationOf(random.below(24));
  const priority = to.includes(":") ? 1024 : 0;
  const objects = kernel.ourNexthops().filter(({ members }) => members === null);
  switch (random.below(5)) {
    case 0:
      kernel.deleteRoute(
        ({ destination, protocol }) => protocol === kernel.protocol && formatPrefix(destination) === to,
      );
      break;
    case 1:
      if (objects.length > 0) kernel.deleteNexthop(random.pick(objects).id);
      break;
    case 2: {
      if (objects.length === 0) break;
      const object = random.pick(objects);
      kernel.replaceNexthop({ ...object, isOdd: true, encapAddress: null });
      break;
    }
    case 3:
      kernel.foreignRoute({ ...FOREIGN, priority, destination: prefix(to) }, "replace");
      break;
    default:
      if (kernel.find(100, to) === undefined && objects.length > 0) {
        const { id } = random.pick(objects);
        kernel.foreignRoute(kernel.ourRoute(100, prefix(to), id), "replace");
      }
  }
}

test("it names what other programs have changed without a notification, and nothing else", async () => {
  const seed = Number(BUNBOND_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = new SeededRandom(seed);
  for (let run = 0; run < RUNS; run++) {
    const rig = await InstallerUnderTest.started();
    for (let n = 0; n < 16; n++) {
      const hops = random.shuffled(HOPS).slice(0, 1 + random.below(3));
      await rig.add(...hops.map((hop) => `100 ${destinationOf(n)} via ${hop}`));
    }
    expect((await compared(rig)).count).toBe(0);
    const before = linesOf(rig);
    rig.kernel.isMuted = true;
    for (let left = 1 + random.below(4); left > 0; left--) damage(rig, random);
    const after = linesOf(rig);
    const expected = [...new Set([...before.keys(), ...after.keys()])].filter(
      (to) => before.get(to) !== after.get(to),
    );
    const { differences, count, compared: desired, isWhole } = await compared(rig);
    const found = differences.map(({ destination }) => formatPrefix(destination));
    const context = { seed, run };
    expect({ ...context, found: found.toSorted() }).toEqual({ ...context, found: expected.toSorted() });
    expect({ count, desired, isWhole }).toEqual({ count: expected.length, desired: 16, isWhole: true });
    for (const { destination, kind } of differences) {
      const to = formatPrefix(destination);
      const lacks = after.get(to) === undefined ? "missing" : "changed";
      expect({ ...context, to, kind }).toEqual({ ...context, to, kind: before.has(to) ? lacks : "extra" });
    }
    // Nothing is repaired by it.
    expect(linesOf(rig)).toEqual(after);
  }
});

test("it names at most as many as are asked for, counts all, and sees a route of ours with another metric", async () => {
  const rig = await InstallerUnderTest.started();
  await rig.add(...Array.from({ length: 10 }, (_, n) => `100 ${destinationOf(n)} via ${HOPS[0]}`));
  rig.kernel.isMuted = true;
  const misplaced = { ...rig.kernel.ourRoute(100, prefix("10.0.0.0/24"), FIRST_ID), priority: 9 };
  rig.kernel.foreignRoute(misplaced);
  const { differences, count } = await compared(rig);
  expect({ count, kinds: differences.map(({ kind, row }) => [kind, row]) }).toEqual({
    count: 1,
    kinds: [["extra", null]],
  });
  rig.kernel.routes.clear();
  const limited = await compared(rig, 3);
  expect([limited.differences.length, limited.count]).toEqual([3, 10]);
});
