/**
 * The route table against plain maps: what changed for whom, what is there, and that all of it is given back.
 *
 *     BUNBOND_RUNS=10000 bun test --timeout 600000 test/route/table/route-table.test.ts    that many random runs
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { comparePrefix } from "../../../src/net/prefix.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";
import { ORIGIN, ROW_SHIFT, SIBLING, SLOT } from "../../../src/route/table/route-rows.ts";
import { Change, RouteTable } from "../../../src/route/table/route-table.ts";
import { NIL } from "../../../src/route/table/row-pool.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { MAX_VNI } from "../../../src/wire/protocol.ts";
import { arbitraryNextHop, arbitraryPrefix } from "../../support/models/arbitrary-message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";
import { twinHops } from "../../support/models/twin-hops.ts";

const { BUNBOND_RUNS } = process.env;

interface ModelRow {
  readonly route: Route;
  readonly row: number;
  readonly slot: number;
  /** When it changed last. */
  moment: number;
  /** Nobody: a tombstone. */
  readonly origins: Set<number>;
}

/** A table and the maps, told the same. */
class TableUnderTest {
  /** Lists of three are long ones. */
  readonly table = new RouteTable({ longListFrom: 2 });
  /** VNI → route as text → row. */
  readonly #model = new Map<number, Map<string, ModelRow>>();
  readonly #mostInVni = new Map<number, number>();
  readonly #fields = new UpdateFields();
  #mostRows = 0;
  #moment = 0;

  get rows(): ModelRow[] {
    return Array.from(this.#model.values(), (rows) => [...rows.values()]).flat();
  }

  /** Routes that somebody announces, as text. */
  get routes(): string[] {
    const announced = this.rows.filter(({ origins }) => origins.size > 0);
    return announced.map(({ route }) => formatRoute(route)).sort();
  }

  add(peer: number, route: Route): void {
    const { table } = this;
    const rows = this.#model.getOrInsertComputed(route.vni, () => new Map<string, ModelRow>());
    const known = rows.get(formatRoute(route));
    const change = table.add(peer, this.#fieldsOf(route));
    expect([change, table.isNewRow]).toEqual([changeOf(known?.origins, peer, true), known === undefined]);
    if (known === undefined) this.#noteNew(rows, route, table.row, peer);
    else {
      expect(table.row).toBe(known.row);
      known.origins.add(peer);
    }
  }

  remove(peer: number, route: Route): void {
    const known = this.#model.get(route.vni)?.get(formatRoute(route));
    const change = this.table.remove(peer, this.#fieldsOf(route));
    expect([change, this.table.row]).toEqual([changeOf(known?.origins, peer, false), known?.row ?? NIL]);
    known?.origins.delete(peer);
  }

  /** The route has changed. */
  moveToFront(pick: number): void {
    const known = this.rows[pick % Math.max(1, this.rows.length)];
    if (known === undefined) return;
    this.table.moveToFront(known.row);
    known.moment = ++this.#moment;
  }

  /** As the exchange does it for a peer that has left. */
  leave(peer: number): void {
    const { table } = this;
    const byRow = new Map(this.rows.map((known) => [known.row, known]));
    for (let origin = table.origins.firstOfPeer(peer); origin !== NIL; ) {
      const row = table.origins.routeOf(origin);
      const known = byRow.get(row);
      expect(table.removeOrigin(row, peer)).toBe(changeOf(known?.origins, peer, false));
      known?.origins.delete(peer);
      origin = table.origins.firstOfPeer(peer);
    }
    for (const { row, origins } of byRow.values()) {
      expect(origins.has(peer)).toBe(false);
      expect(table.removeOrigin(row, peer)).toBe(Change.NOTHING);
    }
  }

  /** Gives back some or all tombstones, and VNIs that are empty then. */
  free(isFreed: (index: number) => boolean = () => true): void {
    const dead = this.rows.filter(({ origins }) => origins.size === 0);
    for (const [index, { route, row }] of dead.entries()) {
      if (!isFreed(index)) continue;
      this.table.free(row);
      this.#model.get(route.vni)?.delete(formatRoute(route));
    }
    for (const [vni, rows] of this.#model) {
      const table = this.table.find(vni);
      if (rows.size > 0 || table === undefined) continue;
      expect([table.rowCount, table.slotCount]).toEqual([0, 0]);
      this.table.dispose(table);
      this.#model.delete(vni);
      this.#mostInVni.delete(vni);
    }
  }

  check(): void {
    const { table, rows } = this;
    const usage = table.usage();
    const fields = this.#fields;
    const hops = new Set<string>();
    const prefixes = new Set<string>();
    for (const { route, row, slot } of rows) {
      table.fill(row, fields);
      const { vni } = fields;
      expect({ vni, destination: destinationOf(fields), nextHop: nextHopOf(fields) }).toEqual(route);
      expect(table.vniOf(row)).toBe(table.findOrMake(route.vni));
      expect(table.rows.words[(row << ROW_SHIFT) + SLOT]).toBe(slot);
      hops.add(JSON.stringify(route.nextHop));
      prefixes.add(JSON.stringify([vni, route.destination]));
    }
    expect(new Set(rows.map(({ row }) => row)).size).toBe(rows.length);
    this.#checkSiblings();
    for (const [vni, ofVni] of this.#model) {
      const found = table.find(vni);
      const live = [...ofVni.values()].filter(({ origins }) => origins.size > 0);
      expect([found?.rowCount, found?.routeCount]).toEqual([ofVni.size, live.length]);
      // A slot is one route's, and none is greater than it has to be.
      const slots = Array.from(ofVni.values(), ({ slot }) => slot);
      expect(new Set(slots).size).toBe(slots.length);
      for (const slot of slots) expect(slot).toBeLessThan(found?.slotCount ?? 0);
      expect(found?.slotCount ?? 0).toBeLessThanOrEqual(this.#mostInVni.get(vni) ?? 0);
    }
    expect(Array.from(table.vnis(), ({ vni }) => vni).sort()).toEqual([...this.#model.keys()].sort());
    expect({ ...usage, bytes: 0 }).toEqual({
      rows: rows.length,
      origins: rows.reduce((sum, { origins }) => sum + origins.size, 0),
      nextHops: hops.size,
      prefixes: prefixes.size,
      vnis: this.#model.size,
      bytes: 0,
    });
    const walked = [...table.routes()];
    expect(walked.map(formatRoute).sort()).toEqual(this.routes);
    expectOrder(walked);
    expect(table.routeCount).toBe(walked.length);
  }

  /** The routes to each destination are in the order of their changes, both ways, and their origins are who they are. */
  #checkSiblings(): void {
    const { table } = this;
    const byDestination = Map.groupBy(this.rows, ({ route }) =>
      JSON.stringify([route.vni, route.destination]),
    );
    for (const siblings of byDestination.values()) {
      const newestFirst = siblings.toSorted((a, b) => b.moment - a.moment);
      const [newest] = newestFirst;
      if (newest === undefined) continue;
      const vni = table.findOrMake(newest.route.vni);
      let row = table.firstRowTo(vni, newest.route.destination);
      let newer = NIL;
      for (const known of newestFirst) {
        expect([row, table.newerThan(row), table.isNewest(row)]).toEqual([known.row, newer, newer === NIL]);
        const peers: number[] = [];
        table.origins.peersOf(table.rows.words[(row << ROW_SHIFT) + ORIGIN] ?? NIL, peers);
        expect(peers.sort()).toEqual([...known.origins].sort());
        for (let peer = 0; peer < PEERS; peer++) {
          expect(table.announces(peer, this.#fieldsOf(known.route))).toBe(known.origins.has(peer));
        }
        newer = row;
        row = table.rows.words[(row << ROW_SHIFT) + SIBLING] ?? NIL;
      }
      expect(row).toBe(NIL);
    }
  }

  #noteNew(rows: Map<string, ModelRow>, route: Route, row: number, peer: number): void {
    const slot = this.table.rows.words[(row << ROW_SHIFT) + SLOT] ?? NIL;
    rows.set(formatRoute(route), { route, row, slot, moment: ++this.#moment, origins: new Set([peer]) });
    this.#mostInVni.set(route.vni, Math.max(this.#mostInVni.get(route.vni) ?? 0, rows.size));
    // Numbers that were given back come before new ones.
    this.#mostRows = Math.max(this.#mostRows, this.rows.length);
    expect(row).toBeLessThan(this.#mostRows);
  }

  #fieldsOf({ vni, destination, nextHop }: Route): UpdateFields {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    return this.#fields;
  }
}

/** What it is that a peer's coming or going changes for a route with these origins. */
function changeOf(origins: ReadonlySet<number> | undefined, peer: number, isAdd: boolean): Change {
  const count = origins?.size ?? 0;
  if ((origins?.has(peer) ?? false) === isAdd) return Change.NOTHING;
  const more = isAdd ? count + 1 : count;
  if (more === 1) return Change.EXISTENCE;
  return more === 2 ? Change.SECOND_ORIGIN : Change.FURTHER_ORIGIN;
}

/** VNI by VNI, IPv4 first, by address and then by length; several next hops of one destination in any order. */
function expectOrder(routes: readonly Route[]): void {
  const vnis = routes.map(({ vni }) => vni).filter((vni, index, all) => vni !== all[index - 1]);
  expect(new Set(vnis).size).toBe(vnis.length);
  for (const [index, { vni, destination }] of routes.entries()) {
    const next = routes[index + 1];
    if (next?.vni === vni) expect(comparePrefix(destination, next.destination)).toBeLessThanOrEqual(0);
  }
}

const PEERS = 6;
/** Few destinations, so that they meet. */
const destinations = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.1.0/24",
  "10.0.1.7/32",
  "::/0",
  "fd00::/64",
  "fd00::1/128",
];
const route = (vni: number, destination: string) => routeOfText(`${vni} ${destination} via 2001:db8::1`);

const arbitraryRoute: fc.Arbitrary<Route> = fc.record({
  vni: fc.constantFrom(0, 100, 100, MAX_VNI),
  destination: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...destinations.map((text) => route(0, text).destination)) },
    { weight: 1, arbitrary: arbitraryPrefix },
  ),
  nextHop: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...twinHops) },
    { weight: 1, arbitrary: arbitraryNextHop },
  ),
});
const arbitraryStep = fc.record({
  do: fc.constantFrom(...(["add", "add", "add", "add", "add", "remove", "front", "leave", "free"] as const)),
  peer: fc.nat({ max: PEERS - 1 }),
  route: arbitraryRoute,
  /** Takes a route that is there instead. */
  pick: fc.option(fc.nat(), { nil: null }),
});
type Step = typeof arbitraryStep extends fc.Arbitrary<infer T> ? T : never;

function perform(pair: TableUnderTest, { do: verb, peer, route, pick }: Step): void {
  const known = pick === null ? [] : pair.rows;
  const chosen = known[(pick ?? 0) % Math.max(1, known.length)]?.route ?? route;
  if (verb === "add") pair.add(peer, chosen);
  if (verb === "remove") pair.remove(peer, chosen);
  if (verb === "front") pair.moveToFront(pick ?? 0);
  if (verb === "leave") pair.leave(peer);
  if (verb === "free") pair.free((index) => (((pick ?? 0) >> index) & 1) === 0);
}

describe("the table", () => {
  test("agrees with plain maps, whatever comes and goes, and gives all of it back", () => {
    fc.assert(
      fc.property(fc.array(arbitraryStep, { maxLength: 80, size: "max" }), (steps) => {
        const pair = new TableUnderTest();
        for (const [index, step] of steps.entries()) {
          perform(pair, step);
          if (index % 4 === 0) pair.check();
        }
        pair.check();
        for (let peer = 0; peer < PEERS; peer++) pair.leave(peer);
        pair.check();
        pair.free();
        expect(pair.rows).toEqual([]);
        pair.check();
      }),
      { numRuns: Number(BUNBOND_RUNS ?? 80) },
    );
  });

  test("a walk that pauses gives what was there all the time once, and nothing that never was", () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryRoute, { maxLength: 40, size: "max" }),
        fc.array(arbitraryStep, { maxLength: 60, size: "max" }),
        (routes, steps) => {
          const pair = new TableUnderTest();
          for (const [index, route] of routes.entries()) pair.add(index % 4, route);
          const staying = new Set(pair.routes);
          const everThere = new Set(staying);
          const walked: Route[] = [];
          const todo = [...steps];
          for (const route of pair.table.routes()) {
            walked.push(route);
            for (let changes = walked.length % 3; changes > 0; changes--) {
              const step = todo.pop();
              if (step === undefined) break;
              perform(pair, step);
              // A VNI that has nothing left goes at once, and may be made again by the next step.
              pair.free();
              const now = new Set(pair.routes);
              for (const one of staying) if (!now.has(one)) staying.delete(one);
              for (const one of now) everThere.add(one);
            }
          }
          const names = walked.map(formatRoute);
          for (const one of staying) expect(names.filter((name) => name === one)).toEqual([one]);
          for (const name of names) expect(everThere).toContain(name);
          expectOrder(walked);
        },
      ),
      { numRuns: Number(BUNBOND_RUNS ?? 80) },
    );
  });

  test("VNIs that come and go need no more than the first of them did", () => {
    const table = new RouteTable();
    const fields = new UpdateFields();
    const comeAndGo = (vni: number) => {
      for (const destination of destinations) {
        const { destination: prefix, nextHop } = route(vni, destination);
        fillUpdateFields(fields, vni, prefix, nextHop);
        table.add(0, fields);
      }
      for (let origin = table.origins.firstOfPeer(0); origin !== NIL; origin = table.origins.firstOfPeer(0)) {
        const row = table.origins.routeOf(origin);
        table.removeOrigin(row, 0);
        table.free(row);
      }
      table.dispose(table.findOrMake(vni));
    };
    // Room is made for some routes at a time.
    for (let vni = 0; vni < 100; vni++) comeAndGo(vni);
    const { bytes } = table.usage();
    for (let vni = 100; vni < 1_000; vni++) comeAndGo(vni);
    expect(table.usage()).toEqual({ rows: 0, origins: 0, nextHops: 0, prefixes: 0, vnis: 0, bytes });
    expect(table.findOrMake(7)).toMatchObject({ index: 0, root4: NIL, root6: NIL, slotCount: 0 });
  });

  test("a walk that stands in a VNI when it goes leaves its successor alone", () => {
    const pair = new TableUnderTest();
    const old = ["10.0.0.0/8", "10.0.1.0/24", "fd00::/64"].map((text) => route(7, text));
    const successor = ["10.0.2.0/24", "fd00::1/128"].map((text) => route(7, text));
    for (const one of old) pair.add(0, one);
    const walk = pair.table.routes()[Symbol.iterator]();
    expect(walk.next().value).toEqual(old[0]);
    pair.leave(0);
    pair.free();
    for (const one of successor) pair.add(0, one);
    expect(walk.next().done).toBe(true);
    pair.check();
  });
});
