/** What subscribers that lag behind hear of the changes they missed, route by route; crowds are in slow-consumer.test.ts. */
import { describe, expect, test } from "bun:test";
import { ExchangeUnderTest } from "../../support/network/exchange-under-test.ts";

const VNI = 100;
/** One frame: limits that a run of one fits in, and no two do. */
const ONE_FRAME_BYTES = 73;
const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

/** a announces R, then Q; others have joined. */
function announced(...subscribers: readonly string[]): ExchangeUnderTest {
  const pair = new ExchangeUnderTest({ deferEndOfRib: false });
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
    const pair = new ExchangeUnderTest({ deferEndOfRib: false });
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
