/**
 * Slow subscribers: what they find when they read again, and what they cost meanwhile. Rows are counted, not
 * memory: beyond one per route there are tombstones, and the places where cursors stand.
 *
 *     BUNBOND_ROUTES=1000000 bun test --timeout 60000 test/server/slow-consumer.test.ts      full size (default a tenth)
 */
import { describe, expect, test } from "bun:test";
import { RouteExchange } from "../../src/server/exchange/route-exchange.ts";
import { NumberedView } from "../support/models/numbered-routes.ts";
import { SeededRandom } from "../support/models/random.ts";
import { NumberedPeer } from "../support/network/numbered-peer.ts";

const { BUNBOND_ROUTES } = process.env;
const MANY = Number(BUNBOND_ROUTES ?? 100_000);
const VNI = 100;
const RUN_BYTES = 65_536;
/** One frame: limits that a run of one fits in, and no two do. */
const ONE_FRAME_BYTES = 73;

function exchange(): RouteExchange {
  return new RouteExchange({ deferEndOfRib: false });
}

describe("a reader that is stalled", () => {
  test("at zero costs nothing, however many routes come and go", () => {
    const x = exchange();
    const announcer = new NumberedPeer(x);
    const view = new NumberedView(VNI, MANY + 500);
    const stalled = new NumberedPeer(x, view);
    x.subscribe(stalled, VNI);
    const atOnce = 500;
    announcer.addAll(VNI, 0, atOnce);
    const before = x.usage();
    for (let number = 0; number < MANY; number++) {
      announcer.add(VNI, number + atOnce);
      announcer.remove(VNI, number);
    }
    // A route is there while its predecessor goes, so that one row more is needed, once.
    expect(x.usage()).toMatchObject({ rows: before.rows, prefixes: atOnce, nextHops: 1, origins: atOnce });
    expect(x.usage().bytes).toBeLessThan(before.bytes * 2);
    expect(before.rows).toBe(atOnce + 1);
    stalled.drain();
    expect([view.adds, view.removes, view.endedAfter]).toEqual([atOnce, 0, atOnce]);
  });

  test("behind a table costs its tombstones at most, however many others come and go", () => {
    const x = exchange();
    const announcer = new NumberedPeer(x);
    const told = MANY / 10;
    const view = new NumberedView(VNI, MANY);
    const stalled = new NumberedPeer(x, view);
    x.subscribe(stalled, VNI);
    announcer.addAll(VNI, 0, told);
    stalled.drain();
    announcer.removeAll(VNI, 0, told);
    const before = x.usage();
    expect(before.rows).toBe(told + 1);
    for (let number = told; number < MANY; number++) {
      announcer.add(VNI, number);
      announcer.remove(VNI, number);
    }
    expect(x.usage().rows).toBe(before.rows);
    expect(x.usage().bytes).toBeLessThan(before.bytes * 1.2);
    stalled.drain();
    expect([view.adds, view.removes, view.size]).toEqual([told, told, 0]);
    expect(x.usage()).toMatchObject({ rows: 1, prefixes: 0, nextHops: 0, origins: 0 });
  });

  test("while its table changes all the time costs no more than the table, and hears each change once", () => {
    const x = exchange();
    const random = new SeededRandom(7);
    const routes = 2_000;
    const announcer = new NumberedPeer(x);
    const views = [new NumberedView(VNI, routes), new NumberedView(VNI, routes)] as const;
    const [stalled, quick] = [new NumberedPeer(x, views[0]), new NumberedPeer(x, views[1])];
    const isThere = new Uint8Array(routes);
    for (let number = 0; number < routes; number += 2) {
      announcer.add(VNI, number);
      isThere[number] = 1;
    }
    for (const peer of [stalled, quick]) x.subscribe(peer, VNI);
    stalled.drain();
    const atStall = isThere.slice();
    const mostRows = routes + 2;
    for (let changes = 1; changes <= MANY; changes++) {
      // Not the last ones: they never change.
      const number = random.below(routes - 100);
      if (isThere[number] === 1) announcer.remove(VNI, number);
      else announcer.add(VNI, number);
      isThere[number] = 1 - (isThere[number] ?? 0);
      if (changes % 100 !== 0) continue;
      quick.drain();
      expect(x.usage().rows).toBeLessThanOrEqual(mostRows);
    }
    const changed = [...isThere.keys()].filter((number) => isThere[number] !== atStall[number]);
    const [before] = views.map(({ adds, removes }) => adds + removes);
    const bytes = stalled.drain();
    const [after] = views.map(({ adds, removes }) => adds + removes);
    expect((after ?? 0) - (before ?? 0)).toBe(changed.length);
    expect(bytes).toBeLessThan(changed.length * 45);
    for (const view of views) {
      expect([...isThere.keys()].filter((number) => view.has(number) !== (isThere[number] === 1))).toEqual(
        [],
      );
    }
    expect(x.usage().rows).toBe(x.routeCount + 1);
  });
});

describe("many cursors at many places", () => {
  test("that have nothing between them are one when they have caught up", () => {
    const x = exchange();
    const announcer = new NumberedPeer(x);
    const peers = Array.from({ length: 50 }, () => new NumberedPeer(x, new NumberedView(VNI, 1)));
    for (const peer of peers) x.subscribe(peer, VNI);
    for (const peer of peers) peer.drain();
    expect(x.usage().rows).toBe(1);
    announcer.add(VNI, 0);
    for (const peer of peers) peer.drain();
    announcer.remove(VNI, 0);
    for (const peer of peers) peer.drain();
    expect(x.usage().rows).toBe(1);
  });

  test("each get their view, and meet at the end", () => {
    const x = exchange();
    const random = new SeededRandom(11);
    const routes = 1_500;
    const announcer = new NumberedPeer(x);
    const isThere = new Uint8Array(routes);
    const change = () => {
      const number = random.below(routes);
      if (isThere[number] === 1) announcer.remove(VNI, number);
      else announcer.add(VNI, number);
      isThere[number] = 1 - (isThere[number] ?? 0);
    };
    const views: NumberedView[] = [];
    const peers: NumberedPeer[] = [];
    for (let changes = 0; changes < 10_000; changes++) {
      change();
      if (changes % 100 === 0) {
        const view = new NumberedView(VNI, routes);
        const peer = new NumberedPeer(x, view);
        views.push(view);
        peers.push(peer);
        x.subscribe(peer, VNI);
      }
      if (changes % 10 === 0) random.pick(peers).pull(random.pick([ONE_FRAME_BYTES, 1_400, RUN_BYTES]));
    }
    expect(x.usage().rows).toBeLessThanOrEqual(routes + peers.length);
    for (const peer of random.shuffled(peers)) peer.drain();
    const expected = [...isThere.keys()].filter((number) => isThere[number] === 1);
    for (const view of views) {
      expect([...isThere.keys()].filter((number) => view.has(number))).toEqual(expected);
      expect(view.endedAfter).toBeGreaterThan(0);
    }
    expect(x.usage().rows).toBe(x.routeCount + 1);
    for (const peer of peers) x.leave(peer);
    expect(x.usage().rows).toBe(x.routeCount);
  });
});

describe("while a large table is being sent", () => {
  const OTHER = 200;

  test("a change in another VNI waits for one run at most, at every point", () => {
    const x = exchange();
    const announcer = new NumberedPeer(x);
    const [table, other] = [new NumberedView(VNI, MANY), new NumberedView(OTHER, MANY)];
    announcer.addAll(VNI, 0, MANY);
    const subscriber = new NumberedPeer(x, table, other);
    x.subscribe(subscriber, VNI);
    x.subscribe(subscriber, OTHER);
    subscriber.pull();
    let number = 0;
    for (; table.endedAfter < 0; number++) {
      announcer.add(OTHER, number);
      const before = table.adds;
      // It may be the other's turn, but not twice.
      subscriber.pull();
      if (!other.has(number)) {
        expect((table.adds - before) * 36).toBeLessThanOrEqual(RUN_BYTES);
        subscriber.pull();
      }
      expect(other.has(number)).toBe(true);
      subscriber.pull();
    }
    expect(number).toBeGreaterThan((MANY * 36) / RUN_BYTES / 3 - 1);
    expect([table.size, other.size]).toEqual([MANY, number]);
  });

  test("its changes come behind it, and the End-of-RIB when first nothing is left", () => {
    const x = exchange();
    const announcer = new NumberedPeer(x);
    const view = new NumberedView(VNI, 2 * MANY);
    announcer.addAll(VNI, 0, MANY);
    const subscriber = new NumberedPeer(x, view);
    x.subscribe(subscriber, VNI);
    let number = MANY;
    // As much new as was sent, until the table has doubled.
    while (number < 2 * MANY) {
      const before = view.adds;
      subscriber.pull();
      expect(view.endedAfter).toBe(-1);
      const until = Math.min(2 * MANY, number + view.adds - before);
      announcer.addAll(VNI, number, until);
      number = until;
    }
    subscriber.drain();
    expect([view.adds, view.removes, view.endedAfter]).toEqual([2 * MANY, 0, 2 * MANY]);
  });
});

describe("a peer that leaves with a large table", () => {
  test("takes it along in slices, which nobody can tell from at once", () => {
    const turns: (() => void)[] = [];
    const x = new RouteExchange({ deferEndOfRib: false, soon: (run) => turns.push(run) });
    const count = 50_000;
    const gone = new NumberedPeer(x);
    gone.addAll(VNI, 0, count);
    const [early, late] = [new NumberedView(VNI, count), new NumberedView(VNI, count)];
    const subscriber = new NumberedPeer(x, early);
    x.subscribe(subscriber, VNI);
    subscriber.drain();
    x.leave(gone);
    // Who comes now is another, whatever its number, and takes over what it announces.
    const heir = new NumberedPeer(x);
    heir.addAll(VNI, 0, 100);
    const newcomer = new NumberedPeer(x, late);
    x.subscribe(newcomer, VNI);
    let slices = 0;
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      slices++;
      subscriber.drain();
      newcomer.drain();
      heir.add(VNI, count - slices);
      turn();
    }
    expect(slices).toBeGreaterThan(1);
    for (const peer of [subscriber, newcomer]) peer.drain();
    expect([early.size, late.size]).toEqual([100 + slices, 100 + slices]);
    expect(early.adds - early.removes).toBe(early.size);
    // What was lost before it came never was, for the newcomer.
    expect([late.adds, late.removes]).toEqual([100 + slices, 0]);
    expect(x.usage()).toMatchObject({ rows: 100 + slices + 1, origins: 100 + slices });
    expect(x.routeCount).toBe(100 + slices);
  });
});
