/** Merging, dividing and nesting of blocks, compared with a slow model: sets of whole numbers. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { covers, overlaps } from "../../../src/net/cidr.ts";
import { familyBits, type Prefix } from "../../../src/net/ip.ts";
import { formatPrefix, maskPrefix, samePrefix } from "../../../src/net/prefix.ts";
import { addressOfInteger, integerOf } from "../../../src/tools/ip/address-forms.ts";
import { holdsAll, hostCount, mergeBlocks, nestedBlocks, subnetsOf } from "../../../src/tools/ip/blocks.ts";
import { addressToNumber, anyAddress, blockBounds, prefix } from "../../net/model.ts";

/** Blocks of a universe of 64 addresses in each family, so that they meet. */
const SPACES = [prefix("192.0.2.64/26"), prefix("2001:db8::40/122")];
const UNIVERSE_BITS = 6;

const smallBlock = fc
  .tuple(fc.constantFrom(...SPACES), fc.nat(63), fc.integer({ min: 0, max: UNIVERSE_BITS }))
  .map(([space, offset, bits]) => {
    const inside = addressOfInteger(addressToNumber(space) + BigInt(offset), space.family);
    return maskPrefix(inside, space.lengthBits + bits);
  });
const smallBlocks = fc.array(smallBlock, { maxLength: 24 });

/** The model: which addresses they hold. */
function addressSet(blocks: readonly Prefix[]): Set<string> {
  const held = new Set<string>();
  for (const block of blocks) {
    const { first, last } = blockBounds(block);
    for (let at = first; at <= last; at++) held.add(`${block.family} ${at}`);
  }
  return held;
}

/** The model of the fewest blocks: a block if all of it is held, nothing if none of it is, else those of both halves. */
function fewestBlocks(block: Prefix, held: ReadonlySet<string>): Prefix[] {
  const own = [...addressSet([block])];
  const count = own.filter((address) => held.has(address)).length;
  if (count === own.length) return [block];
  if (count === 0) return [];
  const { family, lengthBits } = block;
  const low = { ...block, lengthBits: lengthBits + 1 };
  const middle = blockBounds(low).last + 1n;
  const high = { ...addressOfInteger(middle, family), lengthBits: lengthBits + 1 };
  return [...fewestBlocks(low, held), ...fewestBlocks(high, held)];
}

const texts = (blocks: Iterable<Prefix>) => Array.from(blocks, formatPrefix);

describe("mergeBlocks", () => {
  const EXAMPLES = [
    [["10.0.0.0/25", "10.0.0.128/25"], ["10.0.0.0/24"]],
    [
      ["10.0.0.128/25", "10.0.1.0/25"],
      ["10.0.0.128/25", "10.0.1.0/25"],
    ],
    [["10.0.0.0/24", "10.0.0.7/32", "10.0.0.0/24"], ["10.0.0.0/24"]],
    [
      ["0.0.0.0/1", "128.0.0.0/1", "::/0"],
      ["0.0.0.0/0", "::/0"],
    ],
    [["2001:db8::/34", "2001:db8:4000::/34", "2001:db8:8000::/33"], ["2001:db8::/32"]],
    [[], []],
  ] as const;

  test.each(EXAMPLES)("%j gives %j", (given, merged) => {
    expect(texts(mergeBlocks(given.map(prefix)))).toEqual([...merged]);
  });

  test("gives the fewest blocks that hold the same addresses", () => {
    fc.assert(
      fc.property(smallBlocks, (blocks) => {
        const held = addressSet(blocks);
        const expected = SPACES.flatMap((space) => fewestBlocks(space, held));
        expect(texts(mergeBlocks(blocks))).toEqual(texts(expected));
      }),
      { numRuns: 500 },
    );
  });
});

describe("subnetsOf", () => {
  test("are the parts in order, each of the asked length", () => {
    fc.assert(
      fc.property(smallBlock, fc.integer({ min: 0, max: UNIVERSE_BITS }), (block, more) => {
        const lengthBits = Math.min(block.lengthBits + more, familyBits(block.family));
        const parts = [...subnetsOf(block, lengthBits)];
        expect(parts).toHaveLength(2 ** (lengthBits - block.lengthBits));
        let next = blockBounds(block).first;
        for (const part of parts) {
          expect([part.lengthBits, blockBounds(part).first]).toEqual([lengthBits, next]);
          next = blockBounds(part).last + 1n;
        }
        expect(next).toBe(blockBounds(block).last + 1n);
        expect(texts(mergeBlocks(parts))).toEqual([formatPrefix(block)]);
      }),
    );
  });

  test("come one by one, however many there are", () => {
    const parts = subnetsOf(prefix("::/0"), 128);
    expect(formatPrefix(parts.next().value)).toBe("::/128");
    expect(formatPrefix(parts.next().value)).toBe("::1/128");
  });
});

describe("nestedBlocks", () => {
  test("names the smallest block around each", () => {
    const blocks = ["10.1.2.0/24", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8", "11.0.0.0/8"];
    const found = nestedBlocks(blocks.map(prefix)).map(({ outer, inner }) => texts([inner, outer]));
    expect(found).toEqual([
      ["10.1.0.0/16", "10.0.0.0/8"],
      ["10.1.2.0/24", "10.1.0.0/16"],
      ["10.2.0.0/16", "10.0.0.0/8"],
      ["11.0.0.0/8", "11.0.0.0/8"],
    ]);
  });

  test("finds a nesting for each block that any other one covers", () => {
    fc.assert(
      fc.property(smallBlocks, (blocks) => {
        const distinct = blocks.filter(
          (block, i) => blocks.findIndex((other) => samePrefix(block, other)) === i,
        );
        const expected = distinct.flatMap((inner) => {
          const around = distinct.filter((outer) => outer !== inner && covers(outer, inner));
          const [smallest] = around.toSorted((a, b) => b.lengthBits - a.lengthBits);
          return smallest === undefined ? [] : [`${texts([inner, smallest])}`];
        });
        const found = nestedBlocks(distinct).map(({ outer, inner }) => `${texts([inner, outer])}`);
        expect(found.toSorted()).toEqual(expected.toSorted());
        const someOverlap = distinct.some((a) => distinct.some((b) => a !== b && overlaps(a, b)));
        expect(found.length > 0).toBe(someOverlap);
      }),
      { numRuns: 300 },
    );
  });
});

test("holdsAll is being a subset", () => {
  fc.assert(
    fc.property(smallBlocks, smallBlock, (blocks, inner) => {
      expect(holdsAll(blocks, inner)).toBe(addressSet([inner]).isSubsetOf(addressSet(blocks)));
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["192.0.2.0/24", 254n],
  ["192.0.2.0/30", 2n],
  ["192.0.2.0/31", 2n],
  ["192.0.2.0/32", 1n],
  ["0.0.0.0/0", 4294967294n],
  ["2001:db8::/64", 18446744073709551615n],
  ["2001:db8::/126", 3n],
  ["2001:db8::/127", 2n],
  ["2001:db8::/128", 1n],
] as const)("%s has room for %d hosts", (block, count) => {
  expect(hostCount(prefix(block))).toBe(count);
});

test("an address and its number are the same", () => {
  fc.assert(
    fc.property(anyAddress, (a) => {
      expect(integerOf(a)).toBe(addressToNumber(a));
      expect(addressOfInteger(integerOf(a), a.family)).toEqual(a);
    }),
  );
});
