import { describe, expect, test } from "bun:test";
import { covers } from "../../../src/net/cidr.ts";
import type { Prefix } from "../../../src/net/ip.ts";
import { comparePrefix, formatPrefix, maskPrefix } from "../../../src/net/prefix.ts";
import { destinationsInside, TableInspector } from "../../../src/route/table/route-inspector.ts";
import { RouteTable } from "../../../src/route/table/route-table.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";
import { SeededRandom } from "../../support/models/random.ts";

const { nextHop } = routeOfText("1 10.0.0.0/8 via 2001:db8::1");

/** Prefixes that share bits, so that many contain each other. */
function randomPrefix(random: SeededRandom, family: 4 | 6): Prefix {
  const address = {
    family,
    w0: 0x0a000000 | (random.below(4) << 16) | random.below(8) | 0,
    w1: family === 6 ? random.below(3) : 0,
    w2: 0,
    w3: family === 6 ? random.below(8) : 0,
  };
  return maskPrefix(address, random.below((family === 4 ? 32 : 128) + 1));
}

describe("what contains a prefix, and what it contains, beside a list", () => {
  for (const family of [4, 6] as const) {
    for (const seed of [1, 2, 3, 4, 5]) {
      test(`IPv${family}, seed ${seed}`, () => {
        const random = new SeededRandom(seed);
        const table = new RouteTable({ seed });
        const fields = new UpdateFields();
        const all = new Map<string, Prefix>();
        for (let i = 0; i < 300; i++) {
          const destination = randomPrefix(random, family);
          all.set(formatPrefix(destination), destination);
          fillUpdateFields(fields, 7, destination, nextHop);
          table.add(1, fields);
        }
        const inspector = new TableInspector(table, {
          isInView: () => true,
          holdersOf: () => [{ source: { id: 1, name: "a" }, state: "live", sinceMs: 0 }],
        });
        for (let i = 0; i < 200; i++) {
          const asked = randomPrefix(random, family);
          const covering = [...all.values()].filter((one) => covers(one, asked));
          expect(inspector.covering(7, asked).map(formatPrefix)).toEqual(
            covering.sort((a, b) => b.lengthBits - a.lengthBits).map(formatPrefix),
          );
          const cursor = inspector.destinations(family);
          cursor.enter(7);
          const next = destinationsInside(cursor, asked);
          const inside: string[] = [];
          for (let found = next(); found !== null; found = next()) inside.push(formatPrefix(found));
          const expected = [...all.values()].filter((one) => covers(asked, one)).sort(comparePrefix);
          expect(inside).toEqual(expected.map(formatPrefix));
        }
        expect(inspector.covering(8, randomPrefix(random, family))).toEqual([]);
      });
    }
  }
});
