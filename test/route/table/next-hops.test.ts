/**
 * Next hops as numbers, against a map.
 *
 *     BUNBOND_RUNS=10000 bun test --timeout 600000 test/route/table/next-hops.test.ts      that many random runs
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { NextHops } from "../../../src/route/table/next-hops.ts";
import { fillUpdateFields, nextHopOf } from "../../../src/wire/codec.ts";
import { type NextHop, UpdateFields } from "../../../src/wire/message.ts";
import { arbitraryNextHop } from "../../support/models/arbitrary-message.ts";
import { SeededRandom } from "../../support/models/random.ts";
import { twinHopsOf } from "../../support/models/twin-hops.ts";

const { BUNBOND_RUNS } = process.env;

const destination = { family: 4, w0: 0, w1: 0, w2: 0, w3: 0, lengthBits: 0 } as const;

/** All that makes a next hop, as text. */
const nameOf = (nextHop: NextHop) => formatRoute({ vni: 0, destination, nextHop });

/** The hops and a map of what they must hold, told the same. */
class HopsUnderTest {
  readonly hops = new NextHops();
  readonly #model = new Map<string, { readonly hop: NextHop; readonly id: number; references: number }>();
  readonly #fields = new UpdateFields();
  #mostAtOnce = 0;

  get known(): NextHop[] {
    return Array.from(this.#model.values(), ({ hop }) => hop);
  }

  name(hop: NextHop): void {
    const key = nameOf(hop);
    fillUpdateFields(this.#fields, 0, destination, hop);
    const known = this.#model.get(key);
    const id = this.hops.intern(this.#fields);
    this.hops.retain(id);
    if (known !== undefined) {
      expect(id).toBe(known.id);
      known.references++;
      return;
    }
    for (const other of this.#model.values()) if (other.id === id) throw new Error(`${id} stands for two`);
    this.#model.set(key, { hop, id, references: 1 });
    this.#mostAtOnce = Math.max(this.#mostAtOnce, this.#model.size);
    // Numbers that were given back come before new ones.
    expect(id).toBeLessThan(this.#mostAtOnce);
  }

  release(hop: NextHop): void {
    const known = this.#model.get(nameOf(hop));
    if (known === undefined) return;
    this.hops.release(known.id);
    if (--known.references === 0) this.#model.delete(nameOf(hop));
  }

  /** `hop`, known or not, is found as the model says. */
  check(hop: NextHop): void {
    const known = this.#model.get(nameOf(hop));
    fillUpdateFields(this.#fields, 0, destination, hop);
    expect(this.hops.find(this.#fields)).toBe(known?.id ?? -1);
    expect(this.hops.size).toBe(this.#model.size);
    if (known === undefined) return;
    expect(this.hops.nextHopOf(known.id)).toEqual(hop);
    // Whatever stood in the fields before.
    Object.assign(this.#fields, { h1: 7, h2: 7, h3: 7, hopType: 2, natPortFrom: 9, natPortTo: 9 });
    this.hops.fill(known.id, this.#fields);
    expect(nextHopOf(this.#fields)).toEqual(hop);
  }
}

describe("next hops", () => {
  test("of any kind are kept apart, found, and given back with the last route", () => {
    const step = fc.record({
      names: fc.boolean(),
      other: fc.option(arbitraryNextHop, { nil: null, freq: 2 }),
      pick: fc.nat(),
    });
    const firstWord = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(firstWord, fc.array(step, { maxLength: 120, size: "max" }), (w0, steps) => {
        const pair = new HopsUnderTest();
        const twinHops = twinHopsOf(w0);
        for (const { names, other, pick } of steps) {
          const { known } = pair;
          const hop = other ?? at(twinHops, pick);
          const changed = names ? hop : known.length > 0 ? at(known, pick) : hop;
          if (names) pair.name(changed);
          else pair.release(changed);
          pair.check(changed);
          pair.check(hop);
        }
        for (const hop of twinHops) pair.check(hop);
        while (pair.known.length > 0) for (const hop of pair.known) pair.release(hop);
        expect(pair.hops.size).toBe(0);
      }),
      { numRuns: Number(BUNBOND_RUNS ?? 100) },
    );
  });

  test("by the thousand are found while they come and go, and need the same numbers again", () => {
    const random = new SeededRandom(1);
    const hops = new NextHops();
    const all = Array.from({ length: 3_000 }, (_, i): NextHop => {
      const address = { family: 6, w0: 0x20010db8, w1: 0, w2: i & 7, w3: i >> 3 } as const;
      return { address, targetVni: 0, type: 1, natPortFrom: i, natPortTo: i };
    });
    for (let round = 0; round < 3; round++) {
      for (const hop of random.shuffled(all)) hops.retain(idOf(hops, hop));
      expect(hops.size).toBe(all.length);
      const ids = all.map((hop) => idOf(hops, hop));
      expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from(all.keys()));
      expect(ids.map((id) => hops.nextHopOf(id))).toEqual(all);
      for (const id of random.shuffled(ids)) hops.release(id);
      expect(hops.size).toBe(0);
    }
  });
});

function at(hops: readonly NextHop[], pick: number): NextHop {
  const hop = hops[pick % hops.length];
  if (hop === undefined) throw new Error("there are no hops");
  return hop;
}

const fields = new UpdateFields();

function idOf(hops: NextHops, hop: NextHop): number {
  fillUpdateFields(fields, 0, destination, hop);
  return hops.intern(fields);
}
