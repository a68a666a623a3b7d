import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Prefix } from "../../../src/net/ip.ts";
import { comparePrefix, formatPrefix, maskPrefix } from "../../../src/net/prefix.ts";
import { inTextOrder, type OrderedPrefixes } from "../../../src/route/table/text-order.ts";
import { prefix } from "../../net/model.ts";
import { SeededRandom } from "../../support/models/random.ts";

/** A cursor over a sorted list, the slow and obvious way, and how many prefixes were looked at. */
function listOf(prefixes: readonly Prefix[]): { cursor: OrderedPrefixes; looks: () => number } {
  const sorted = prefixes.toSorted(comparePrefix);
  let looks = 0;
  let index = 0;
  const cursor: OrderedPrefixes = {
    seek(w0, w1, w2, w3) {
      let [low, high] = [0, sorted.length];
      // By halves, for there are many.
      while (low < high) {
        const middle = (low + high) >>> 1;
        const { family } = sorted[middle] as Prefix;
        if (comparePrefix(sorted[middle] as Prefix, { family, w0, w1, w2, w3, lengthBits: 0 }) < 0)
          low = middle + 1;
        else high = middle;
      }
      index = low;
    },
    next() {
      looks++;
      return sorted[index++] ?? null;
    },
  };
  return { cursor, looks: () => looks };
}

function textsOf(prefixes: readonly Prefix[], family: 4 | 6): string[] {
  return [...inTextOrder(listOf(prefixes).cursor, family)].flat().map(({ text }) => text);
}

function expectSorted(prefixes: readonly Prefix[], family: 4 | 6): void {
  const distinct = new Map(prefixes.map((each) => [formatPrefix(each), each]));
  expect(textsOf([...distinct.values()], family)).toEqual([...distinct.keys()].sort());
}

/** Groups and octets of which many addresses share some, so that cells are divided at every level. */
const GROUPS = [0, 0, 0, 0, 1, 2, 0x10, 0x1a, 0xa, 0xa0, 0xfff, 0xffff];
const OCTETS = [0, 0, 1, 2, 10, 19, 100, 199, 255];

function randomPrefixes(seed: number, family: 4 | 6, count: number): Prefix[] {
  const random = new SeededRandom(seed);
  const pick = (values: readonly number[]) => values[random.below(values.length)] as number;
  const group = () => (random.below(8) === 0 ? random.below(0x10000) : pick(GROUPS));
  const octet = () => (random.below(4) === 0 ? random.below(256) : pick(OCTETS));
  return Array.from({ length: count }, () => {
    if (family === 4) {
      const w0 = (octet() << 24) | (octet() << 16) | (octet() << 8) | octet();
      return maskPrefix({ family, w0, w1: 0, w2: 0, w3: 0 }, random.below(4) === 0 ? random.below(33) : 32);
    }
    const word = () => (group() << 16) | group();
    const mapped = random.below(10) === 0;
    const words = mapped
      ? { w0: 0, w1: 0, w2: 0xffff, w3: (octet() << 24) | (octet() << 16) | (octet() << 8) | octet() }
      : { w0: word(), w1: word(), w2: word(), w3: word() };
    return maskPrefix({ family, ...words }, random.below(4) === 0 ? random.below(129) : 128);
  });
}

describe("inTextOrder", () => {
  test("nothing, and one", () => {
    expect([textsOf([], 4), textsOf([], 6), textsOf([prefix("::/0")], 6)]).toEqual([[], [], ["::/0"]]);
  });

  const seeds = [1, 2, 3, 4, 5];
  test.each(seeds.flatMap((seed) => [4, 6].map((family) => [seed, family] as const)))(
    "20,000 prefixes that share much, seed %i, IPv%i",
    (seed, family) => expectSorted(randomPrefixes(seed, family as 4 | 6, 20_000), family as 4 | 6),
  );

  test("few prefixes of any kind", () => {
    const anySet = fc.tuple(fc.nat(), fc.constantFrom(4 as const, 6 as const), fc.nat({ max: 700 }));
    fc.assert(
      fc.property(anySet, ([seed, family, count]) =>
        expectSorted(randomPrefixes(seed, family, count), family),
      ),
    );
  });

  test.each([
    ["hosts of a /8", (n: number) => prefix("10.0.0.0/32").w0 + n, 4],
    ["hosts spread over all of IPv4", (n: number) => Math.imul(n, 0x9e3779b1), 4],
    ["IPv6 hosts that differ in the last two groups", (n: number) => n, 6],
  ] as const)(
    "%s: each is looked at a few times, and never more than some hundred between two pauses",
    (_, word, family) => {
      const COUNT = 100_000;
      const prefixes = Array.from(
        { length: COUNT },
        (_, n): Prefix =>
          family === 4
            ? { family, w0: word(n) | 0, w1: 0, w2: 0, w3: 0, lengthBits: 32 }
            : { family, w0: 0x20010db8, w1: 0, w2: 0, w3: word(n), lengthBits: 128 },
      );
      const list = listOf(prefixes);
      let before = 0;
      let most = 0;
      let found = 0;
      for (const batch of inTextOrder(list.cursor, family)) {
        most = Math.max(most, list.looks() - before);
        before = list.looks();
        found += batch.length;
      }
      expect(found).toBe(COUNT);
      expect(list.looks()).toBeLessThan(5 * COUNT);
      expect(most).toBeLessThan(1_200);
    },
  );
});
