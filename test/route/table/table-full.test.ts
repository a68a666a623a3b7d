/**
 * A table that is full, for whatever reason: an announcement that finds no room changes nothing at all, those that need
 * none go on, and a withdrawal makes room.
 */
import { describe, expect, test } from "bun:test";
import { ORIGIN, ROW_SHIFT } from "../../../src/route/table/route-rows.ts";
import { Change, RouteTable, type TableCapacity } from "../../../src/route/table/route-table.ts";
import { NIL } from "../../../src/route/table/row-pool.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";

const fields = new UpdateFields();
function fieldsOf(text: string): UpdateFields {
  const { vni, destination, nextHop } = routeOfText(text);
  fillUpdateFields(fields, vni, destination, nextHop);
  return fields;
}

/** So many destinations, in VNIs of their own, or hops of one. */
const destination = (n: number) => `100 10.0.${n >> 8}.${n & 255}/32 via 2001:db8::1`;
const ofVni = (n: number) => `${n} fd00::/64 via 2001:db8::1`;
const hop = (n: number) => `100 10.0.0.0/24 via 2001:db8::${(n + 1).toString(16)}`;

/** What is exhausted, and by what. Arrays begin with 16 words or more. */
const EXHAUSTIONS: Record<string, readonly [capacity: TableCapacity, route: (n: number) => string]> = {
  prefixes: [{ prefixes: 20 }, destination],
  "prefixes, in VNIs of their own": [{ prefixes: 20 }, ofVni],
  rows: [{ rowWords: 20 * 8 }, destination],
  "rows, in VNIs of their own": [{ rowWords: 20 * 8 }, ofVni],
  "rows, by hops of one destination": [{ rowWords: 20 * 8 }, hop],
  origins: [{ originWords: 200 }, destination],
  "origins, in VNIs of their own": [{ originWords: 200 }, ofVni],
  "next hops": [{ nextHopWords: 20 * 9 }, hop],
  "the hops' index": [{ siblingWords: 200 }, hop],
  "the destinations' first rows": [{ firstRowWords: 20 }, destination],
  "the destinations' first rows, in VNIs of their own": [{ firstRowWords: 20 }, ofVni],
};

describe("no room for", () => {
  for (const [name, [capacity, route]] of Object.entries(EXHAUSTIONS)) {
    test(name, () => {
      const table = new RouteTable({ capacity, longListFrom: 4 });
      let count = 0;
      while (table.add(0, fieldsOf(route(count))) === Change.EXISTENCE) count++;
      expect(count).toBeGreaterThan(8);
      expect(count).toBeLessThan(100);
      const refused = route(count);
      const full = table.usage();
      const listed = [...table.routes()];
      expect([full.rows, full.origins, listed.length]).toEqual([count, count, count]);
      for (let tries = 0; tries < 3; tries++) {
        expect(table.add(1, fieldsOf(refused))).toBe(Change.TABLE_FULL);
        expect(table.add(0, fieldsOf(refused))).toBe(Change.TABLE_FULL);
      }
      // A root of a trie may be one of a word more that waits to be used again.
      expect({ ...table.usage(), bytes: 0 }).toEqual({ ...full, bytes: 0 });
      expect([...table.routes()]).toEqual(listed);
      expect(table.announces(0, fieldsOf(refused))).toBe(false);
      // What is there already needs no room.
      for (let n = 0; n < count; n++) expect(table.add(0, fieldsOf(route(n)))).toBe(Change.NOTHING);
      // Room is made, taken and made, and in the end nothing is left.
      for (const [gone, come] of [
        [0, count],
        [1, 0],
      ] as const) {
        removeAll(table, [route(gone)]);
        expect(table.add(1, fieldsOf(route(come)))).toBe(Change.EXISTENCE);
      }
      removeAll(
        table,
        Array.from({ length: count + 1 }, (_, n) => route(n)),
      );
      expect(table.usage()).toMatchObject({ rows: 0, origins: 0, nextHops: 0, prefixes: 0, vnis: 0 });
    });
  }

  test("another origin of a route that is there", () => {
    const table = new RouteTable({ capacity: { originWords: 100 }, longListFrom: 4 });
    let peers = 0;
    while (table.add(peers, fieldsOf(hop(0))) !== Change.TABLE_FULL) peers++;
    expect(peers).toBeGreaterThan(2);
    for (let peer = 0; peer < peers; peer++) {
      expect(table.add(peer, fieldsOf(hop(0)))).toBe(Change.NOTHING);
      expect(table.announces(peer, fieldsOf(hop(0)))).toBe(true);
    }
    expect(table.announces(peers, fieldsOf(hop(0)))).toBe(false);
    table.remove(0, fieldsOf(hop(0)));
    expect(table.add(peers, fieldsOf(hop(0)))).not.toBe(Change.TABLE_FULL);
  });
});

function removeAll(table: RouteTable, texts: readonly string[]): void {
  for (const text of texts) {
    for (const peer of [0, 1]) {
      if (table.remove(peer, fieldsOf(text)) !== Change.EXISTENCE) continue;
      const vni = table.vniOf(table.row);
      table.free(table.row);
      if (vni.rowCount === 0) table.dispose(vni);
    }
  }
}

describe("a limit of next hops", () => {
  for (const maxHops of [1, 3, 4, 5, 30]) {
    test(`of ${maxHops}`, () => {
      const table = new RouteTable({ longListFrom: 4 });
      table.maxHops = maxHops;
      for (let n = 0; n < maxHops; n++) expect(table.add(0, fieldsOf(hop(n)))).toBe(Change.EXISTENCE);
      const full = table.usage();
      expect(table.add(0, fieldsOf(hop(maxHops)))).toBe(Change.NO_HOP_PLACE);
      expect(table.add(1, fieldsOf(hop(maxHops)))).toBe(Change.NO_HOP_PLACE);
      expect(table.usage()).toEqual(full);
      // Other destinations, and other origins of what is there, are others.
      expect(table.add(0, fieldsOf(destination(7)))).toBe(Change.EXISTENCE);
      expect(table.add(1, fieldsOf(hop(0)))).toBe(Change.SECOND_ORIGIN);
      expect(table.remove(1, fieldsOf(hop(0)))).toBe(Change.SECOND_ORIGIN);
      // A tombstone has no place: it makes one, and needs one to be a route again.
      expect(table.remove(0, fieldsOf(hop(0)))).toBe(Change.EXISTENCE);
      const tombstone = table.row;
      expect(table.rows.words[(tombstone << ROW_SHIFT) + ORIGIN]).toBe(NIL);
      expect(table.add(1, fieldsOf(hop(maxHops)))).toBe(Change.EXISTENCE);
      expect(table.add(0, fieldsOf(hop(0)))).toBe(Change.NO_HOP_PLACE);
      expect(table.remove(1, fieldsOf(hop(maxHops)))).toBe(Change.EXISTENCE);
      expect(table.add(0, fieldsOf(hop(0)))).toBe(Change.EXISTENCE);
      expect([table.row, table.isNewRow]).toEqual([tombstone, false]);
    });
  }
});
