/**
 * Slow subscribers: what they find when they read again, and what they cost meanwhile. Rows are counted, not
 * memory: beyond one per route there are tombstones, and the places where cursors stand.
 *
 *     BUNBOND_ROUTES=1000000 bun test test/server/slow-consumer.test.ts      the full size (default a tenth)
 */
import { describe, expect, test } from "bun:test";
import { RouteExchange } from "../../src/server/route-exchange.ts";
import { ExchangeUnderTest } from "../support/exchange-under-test.ts";
import { NumberedPeer } from "../support/numbered-peer.ts";
import { NumberedView } from "../support/numbered-routes.ts";
import { SeededRandom } from "../support/random.ts";

const { BUNBOND_ROUTES } = process.env;
const MANY = Number(BUNBOND_ROUTES ?? 100_000);
const VNI = 100;
const RUN_BYTES = 65_536;
/** One frame: limits that a run of one fits in, and no two do. */
const ONE_FRAME_BYTES = 73;

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

function exchange(): RouteExchange {
  return new RouteExchange({ holdEndMarks: false });
}

/** a announces R, then Q; others have joined. */
function announced(...subscribers: readonly string[]): ExchangeUnderTest {
  const pair = new ExchangeUnderTest({ holdEndMarks: false });
  for (const name of ["a", ...subscribers]) pair.join(name, false);
  pair.add("a", R);
  pair.add("a", Q);
  return pair;
}

describe("a route that is dead", () => {
  test("before a new cursor passes it is not mentioned, and leaves nothing behind", () => {
    const pair = announced("s");
    pair.subscribe("s", VNI);
    pair.remove("a", R);
    expect(pair.exchange.usage().rows).toBe(2);
    expect(pair.drain("s")).toEqual([`ADD ${Q}`, "END 100"]);
    pair.quiet();
  });

  test("while another is owed its REMOVE is a tombstone, which a new cursor passes in silence", () => {
    const pair = announced("s", "t");
    pair.subscribe("s", VNI);
    pair.drain("s");
    pair.remove("a", R);
    // Q, the tombstone of R, and s.
    expect(pair.exchange.usage().rows).toBe(3);
    pair.subscribe("t", VNI);
    expect(pair.drain("t")).toEqual([`ADD ${Q}`, "END 100"]);
    expect(pair.drain("s")).toEqual([`REMOVE ${R}`]);
    expect(pair.exchange.usage().rows).toBe(2);
    pair.quiet();
  });

  test.each(["unsubscribes", "leaves"])("is forgotten when who is owed its REMOVE %s", (how) => {
    const pair = announced("s", "t");
    for (const name of ["s", "t"]) {
      pair.subscribe(name, VNI);
      pair.drain(name);
    }
    pair.leave("a");
    expect(pair.exchange.usage()).toMatchObject({ rows: 3, origins: 0, prefixes: 2 });
    if (how === "leaves") pair.leave("s");
    else pair.unsubscribe("s", VNI);
    expect(pair.drain("t").sort()).toEqual([`REMOVE ${R}`, `REMOVE ${Q}`]);
    expect(pair.exchange.usage()).toMatchObject({ rows: 1, nextHops: 0, prefixes: 0, vnis: 1 });
    pair.leave("t");
    expect(pair.exchange.usage()).toMatchObject({ rows: 0, vnis: 0 });
  });
});

describe("a flap between two stalled cursors", () => {
  /** s was told of R and stalled then, t was told of nothing. */
  function stalled(): ExchangeUnderTest {
    const pair = announced("s", "t");
    pair.subscribe("s", VNI);
    pair.subscribe("t", VNI);
    expect(pair.pull("s", ONE_FRAME_BYTES)).toEqual([`ADD ${R}`]);
    return pair;
  }

  test("that ends where it began: only who never knew it hears of it", () => {
    const pair = stalled();
    for (let flaps = 0; flaps < 3; flaps++) {
      pair.remove("a", R);
      pair.add("a", R);
    }
    expect(pair.drain("s")).toEqual([`ADD ${Q}`, "END 100"]);
    expect(pair.drain("t")).toEqual([`ADD ${Q}`, `ADD ${R}`, "END 100"]);
    pair.quiet();
  });

  test("that ends in a withdrawal: only who knew it hears of it", () => {
    const pair = stalled();
    for (let flaps = 0; flaps < 3; flaps++) {
      if (flaps > 0) pair.add("a", R);
      pair.remove("a", R);
    }
    expect(pair.drain("t")).toEqual([`ADD ${Q}`, "END 100"]);
    expect(pair.drain("s")).toEqual([`ADD ${Q}`, `REMOVE ${R}`, "END 100"]);
    expect(pair.exchange.usage().rows).toBe(2);
    pair.quiet();
  });

  test("of which each sees another part", () => {
    const pair = stalled();
    pair.remove("a", R);
    expect(pair.pull("t", ONE_FRAME_BYTES)).toEqual([`ADD ${Q}`]);
    pair.add("a", R);
    expect(pair.drain("t")).toEqual([`ADD ${R}`, "END 100"]);
    pair.remove("a", R);
    pair.remove("a", Q);
    pair.add("a", R);
    // Q went before s was told of it.
    expect(pair.drain("s")).toEqual(["END 100"]);
    expect(pair.drain("t")).toEqual([`REMOVE ${Q}`]);
    pair.quiet();
  });
});

describe("a second announcer during a sync", () => {
  const routes = Array.from({ length: 6 }, (_, i) => `100 10.0.${i}.0/24 via 2001:db8::1`);
  /** s has been told of three of six routes of a when b announces all of them. */
  function midSync(second: "b" | "s"): { pair: ExchangeUnderTest; heard: string[] } {
    const pair = new ExchangeUnderTest({ holdEndMarks: false });
    for (const name of ["a", "b", "s"]) pair.join(name, false);
    for (const route of routes) pair.add("a", route);
    pair.subscribe("s", VNI);
    const heard = [1, 2, 3].flatMap(() => pair.pull("s", ONE_FRAME_BYTES));
    for (const route of routes) pair.add(second, route);
    return { pair, heard };
  }

  test("brings no route twice, and none goes with the first announcer", () => {
    const { pair, heard } = midSync("b");
    heard.push(...pair.drain("s"));
    expect(heard).toEqual([...routes.map((route) => `ADD ${route}`), "END 100"]);
    pair.leave("a");
    expect(pair.drain("s")).toEqual([]);
    pair.leave("b");
    expect(pair.drain("s").sort()).toEqual(routes.map((route) => `REMOVE ${route}`));
    expect(pair.exchange.usage().rows).toBe(1);
  });

  test("who leaves before it is over leaves the sync as it was", () => {
    const { pair, heard } = midSync("b");
    pair.leave("b");
    heard.push(...pair.drain("s"));
    expect(heard.toSorted()).toEqual([...routes.map((route) => `ADD ${route}`), "END 100"]);
    pair.quiet();
  });

  test("that is the subscriber itself: it hears the other's, and their REMOVEs", () => {
    const { pair, heard } = midSync("s");
    const told = routes.slice(0, 3);
    expect(heard).toEqual(told.map((route) => `ADD ${route}`));
    pair.leave("a");
    const [end, ...removes] = pair.drain("s").reverse();
    expect([...removes, end]).toEqual([...told.map((route) => `REMOVE ${route}`), "END 100"]);
    pair.quiet();
  });
});

describe("UNSUBSCRIBE and SUBSCRIBE again with updates under way", () => {
  test("begin from nothing, and each route comes once", () => {
    const pair = announced("s", "t");
    pair.subscribe("t", VNI);
    pair.subscribe("s", VNI);
    pair.pull("s", ONE_FRAME_BYTES);
    // The old subscription waits for its turn in the queue when the new one comes, twice.
    for (const route of ["100 10.0.3.0/24 via 2001:db8::1", "100 10.0.4.0/24 via 2001:db8::1"]) {
      pair.unsubscribe("s", VNI);
      pair.remove("a", R);
      pair.subscribe("s", VNI);
      pair.add("a", route);
      pair.add("a", R);
    }
    const heard = pair.drain("s", ONE_FRAME_BYTES);
    expect(heard).toHaveLength(5);
    expect(new Set(heard).size).toBe(5);
    pair.quiet();
    expect(pair.exchange.usage().rows).toBe(5);
  });

  test("of a VNI that was forgotten in between", () => {
    const pair = announced("s");
    pair.subscribe("s", VNI);
    pair.drain("s");
    pair.leave("a");
    pair.unsubscribe("s", VNI);
    expect(pair.exchange.usage().vnis).toBe(0);
    pair.join("b", false);
    pair.subscribe("s", VNI);
    pair.add("b", R);
    expect(pair.drain("s")).toEqual([`ADD ${R}`, "END 100"]);
    pair.quiet();
  });
});

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
      if (!other.has(number)) subscriber.pull();
      expect(other.has(number)).toBe(true);
      expect((table.adds - before) * 37).toBeLessThanOrEqual(RUN_BYTES);
      subscriber.pull();
    }
    expect(number).toBeGreaterThan((MANY * 36) / RUN_BYTES / 2 - 1);
    expect([table.size, other.size]).toEqual([MANY, number]);
  });

  test("its changes come behind it, and the end mark when first nothing is left", () => {
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
