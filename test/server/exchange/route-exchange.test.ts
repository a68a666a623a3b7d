/**
 * The exchange against the slow model: named cases, then whatever chance brings.
 *
 *     BUNBOND_RUNS=10000 bun test test/server/exchange/route-exchange.test.ts        that many random runs
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { MAX_UPDATE_FRAME_BYTES } from "../../../src/wire/encode.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { frameOfText, routeOfText } from "../../support/models/frame-text.ts";
import { ExchangeUnderTest } from "../../support/network/exchange-under-test.ts";

const { BUNBOND_RUNS } = process.env;

const R = "100 10.0.1.0/24 via 2001:db8::1";
const [R_BY_2, R_BY_3] = ["100 10.0.1.0/24 via 2001:db8::2", "100 10.0.1.0/24 via 2001:db8::3"];
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const ZERO = "0 10.0.1.0/24 via 2001:db8::1";

/**
 * Steps: `PEER joins [as server]`, `leaves`, `adds`, `removes ROUTE`, `subscribes`, `unsubscribes VNI`, `settled`,
 * and `PEER hears FRAME; FRAME`: exactly that, in this order, when it pulls all that is due.
 */
const CASES: Record<string, readonly string[]> = {
  "existing routes come on SUBSCRIBE, then the End-of-RIB": [
    ...["a joins", `a adds ${R}`, "s joins", "s subscribes 100"],
    ...[`s hears ADD ${R}; END 100`, "s hears nothing"],
  ],
  "a new route, then its withdrawal": [
    ...["a joins", "s joins", "s subscribes 100", "s hears END 100"],
    ...[`a adds ${R}`, `s hears ADD ${R}`, `a removes ${R}`, `s hears REMOVE ${R}`],
  ],
  "an announcer that subscribes does not hear itself": [
    ...["a joins", "a subscribes 100", "a hears END 100"],
    ...[`a adds ${R}`, "a hears nothing", `a removes ${R}`, "a hears nothing"],
  ],
  "its own REMOVE does not come before the ADD of another hop": [
    ...["a joins", "b joins", "a subscribes 100", `b adds ${R}`, `a hears ADD ${R}; END 100`, `a adds ${R}`],
    ...[`b adds ${R_BY_2}`, `b removes ${R}`, `b adds ${R_BY_3}`, `b removes ${R_BY_2}`],
    ...[`a hears ADD ${R_BY_3}; REMOVE ${R}`],
  ],
  "an announcer that subscribes later does not hear itself either": [
    ...["a joins", `a adds ${R}`, "a subscribes 100", "a hears END 100"],
  ],
  "A and S announce, A leaves: S gets a REMOVE": [
    ...["a joins", "s joins", "s subscribes 100", `a adds ${R}`, `s adds ${R}`, `s hears ADD ${R}; END 100`],
    ...["a leaves", `s hears REMOVE ${R}`],
  ],
  "A announces, S too: each hears the other, and whoever stays hears the REMOVE": [
    ...["a joins", "a subscribes 100", "s joins", "s subscribes 100", "a hears END 100", "s hears END 100"],
    ...[`a adds ${R}`, "a hears nothing", `s hears ADD ${R}`, `s adds ${R}`, `a hears ADD ${R}`],
    ...["s hears nothing", `a removes ${R}`, "a hears nothing", `s hears REMOVE ${R}`],
  ],
  "a route of two origins stays when one leaves": [
    ...["a joins", "b joins", "s joins", "s subscribes 100", `a adds ${R}`, `b adds ${R}`],
    ...[`s hears ADD ${R}; END 100`, "a leaves", "s hears nothing", "b leaves", `s hears REMOVE ${R}`],
  ],
  "a stranger's REMOVE changes nothing": [
    ...["a joins", "b joins", "s joins", "s subscribes 100", `a adds ${R}`, `s hears ADD ${R}; END 100`],
    ...[`b removes ${R}`, `s removes ${R}`, "s hears nothing", `b removes ${Q}`, "s hears nothing"],
  ],
  "ADD twice is one announcement: the first REMOVE removes it": [
    ...["a joins", "s joins", "s subscribes 100", `a adds ${R}`, `a adds ${R}`, `s hears ADD ${R}; END 100`],
    ...[`a adds ${R}`, "s hears nothing", `a removes ${R}`, `s hears REMOVE ${R}`, `a removes ${R}`],
    "s hears nothing",
  ],
  "SUBSCRIBE twice changes nothing, and brings no second End-of-RIB": [
    ...["a joins", `a adds ${R}`, "s joins", "s subscribes 100", "s subscribes 100"],
    ...[`s hears ADD ${R}; END 100`, "s subscribes 100", "s hears nothing"],
  ],
  "behind UNSUBSCRIBE nothing comes, not even withdrawals or the End-of-RIB": [
    ...["a joins", `a adds ${R}`, "s joins", "s subscribes 100", "s unsubscribes 100", "s hears nothing"],
    ...["s subscribes 100", `s hears ADD ${R}; END 100`, `a adds ${Q}`, "s unsubscribes 100"],
    ...[`a removes ${R}`, "a leaves", "s hears nothing", "s unsubscribes 100"],
  ],
  "a subscription that begins again begins from nothing": [
    ...["a joins", `a adds ${R}`, "s joins", "s subscribes 100", `s hears ADD ${R}; END 100`],
    ...["s unsubscribes 100", "s subscribes 100", `s hears ADD ${R}; END 100`],
  ],
  "a route that came and went while the subscriber lagged is never mentioned": [
    ...["a joins", "s joins", "s subscribes 100", "s hears END 100"],
    ...[`a adds ${R}`, `a removes ${R}`, `a adds ${Q}`, `s hears ADD ${Q}`],
    ...[
      `a removes ${Q}`,
      `a adds ${Q}`,
      "s hears nothing",
      `a removes ${Q}`,
      "a leaves",
      `s hears REMOVE ${Q}`,
    ],
  ],
  "one hop of several goes: the others stay": [
    ...["a joins", "s joins", "s subscribes 100", `a adds ${R}`],
    ...[`a adds ${R} type lb`, `a adds ${R} type nat ports 1-9`, `a adds ${R} target-vni 7`],
    `s hears ADD ${R}; ADD ${R} type lb; ADD ${R} type nat ports 1-9; ADD ${R} target-vni 7; END 100`,
    ...[`a removes ${R} type lb`, `s hears REMOVE ${R} type lb`],
  ],
  "the same destination in another VNI is another route": [
    ...["a joins", "s joins", "s subscribes 0", `a adds ${R}`, "s hears END 0"],
    ...[`a adds ${ZERO}`, `s hears ADD ${ZERO}`, `a removes ${R}`, "s hears nothing"],
  ],
  "a route of a server is not passed to another server": [
    ...["x joins as server", "y joins as server", "s joins", "y subscribes 100", "s subscribes 100"],
    ...[`x adds ${R}`, "y hears END 100", `s hears ADD ${R}; END 100`],
    ...["a joins", `a adds ${R}`, `y hears ADD ${R}`, "a leaves", `y hears REMOVE ${R}`, "s hears nothing"],
  ],
  "a server hears what clients announce, and its own route from them": [
    ...["x joins as server", "x subscribes 100", `x adds ${R}`, "a joins", `a adds ${R}`],
    ...[`x hears ADD ${R}; END 100`, "a leaves", `x hears REMOVE ${R}`],
  ],
  "End-of-RIBs are held until the server has settled": [
    ...["held", "a joins", `a adds ${R}`, "s joins", "s subscribes 100", "t joins", "t subscribes 0"],
    ...[`s hears ADD ${R}`, "t hears nothing", "settled", "s hears END 100", "t hears END 0"],
    ...[`a adds ${Q}`, `s hears ADD ${Q}`],
  ],
  "an End-of-RIB that is due, but not yet sent, goes behind the newest changes": [
    ...["held", "a joins", "s joins", "s subscribes 100", "s hears nothing", `a adds ${R}`, "settled"],
    ...[`a adds ${Q}`, `s hears ADD ${R}; ADD ${Q}; END 100`],
  ],
  "VNI 0 and the greatest VNI are VNIs like others": [
    ...["s joins", "s subscribes 0", "s subscribes 4294967295", "s hears END 0; END 4294967295"],
    ...["a joins", `a adds ${ZERO}`, "a adds 4294967295 ::/0 via 2001:db8::1"],
    `s hears ADD ${ZERO}; ADD 4294967295 ::/0 via 2001:db8::1`,
  ],
};

function play(steps: readonly string[]): void {
  const pair = new ExchangeUnderTest({ deferEndOfRib: steps[0] === "held" });
  for (const step of steps) {
    const [peer = "", verb = "", ...words] = step.split(" ");
    const rest = words.join(" ");
    if (step === "settled") pair.releaseEndOfRib();
    else if (verb === "joins") pair.join(peer, rest === "as server");
    else if (verb === "leaves") pair.leave(peer);
    else if (verb === "adds") pair.add(peer, rest);
    else if (verb === "removes") pair.remove(peer, rest);
    else if (verb === "subscribes") pair.subscribe(peer, Number(rest));
    else if (verb === "unsubscribes") pair.unsubscribe(peer, Number(rest));
    else if (verb === "hears") expect(`${peer} hears ${pair.drain(peer).join("; ") || "nothing"}`).toBe(step);
    else if (step !== "held") throw new Error(`no step: "${step}"`);
  }
  pair.quiet();
}

describe("named cases", () => {
  for (const [name, steps] of Object.entries(CASES)) test(name, () => play(steps));
});

describe("runs", () => {
  const routes = (vni: number) =>
    Array.from({ length: 100 }, (_, i) => `${vni} 10.0.${i}.0/24 via 2001:db8::1`);
  function loaded(vnis: readonly number[]): ExchangeUnderTest {
    const pair = new ExchangeUnderTest({ deferEndOfRib: false });
    pair.join("a", false);
    pair.join("s", false);
    for (const vni of vnis) {
      for (const route of routes(vni)) pair.add("a", route);
      pair.subscribe("s", vni);
    }
    return pair;
  }

  test("the subscriptions of a peer take turns", () => {
    const pair = loaded([1, 2, 3]);
    const turns = Array.from({ length: 9 }, () => pair.pull("s", 200)[0]?.split(" ")[1]);
    for (const at of [0, 3, 6]) expect(turns.slice(at, at + 3).sort()).toEqual(["1", "2", "3"]);
  });

  test("a change in another VNI waits for one run of a long sync at most", () => {
    const pair = loaded([1]);
    pair.subscribe("s", 2);
    for (let runs = 0; runs < 5; runs++) pair.pull("s", 200);
    pair.add("a", "2 10.0.0.0/24 via 2001:db8::1");
    const heard = [...pair.pull("s", 200), ...pair.pull("s", 200)];
    expect(heard).toContain("ADD 2 10.0.0.0/24 via 2001:db8::1");
  });

  // More bytes than the limit are refused by pull() itself.
  test.each([73, 74, 146, 1_400, 65_536, 1_000_000])(
    "of at most %d bytes are as full as can be",
    (limitBytes) => {
      const pair = loaded([1]);
      expect(pair.pull("s", limitBytes).length).toBeGreaterThanOrEqual(
        Math.min(101, Math.floor(limitBytes / MAX_UPDATE_FRAME_BYTES)),
      );
      pair.quiet(limitBytes);
    },
  );

  test("keep to the limit with withdrawals of the subscriber's own routes, too", () => {
    const own = routes(1).slice(0, 30);
    // A REMOVE is two bytes longer than its ADD: of so many limits one falls in between.
    for (let limitBytes = 800; limitBytes < 840; limitBytes++) {
      const pair = new ExchangeUnderTest({ deferEndOfRib: false });
      pair.join("a", false);
      pair.join("s", false);
      pair.subscribe("s", 1);
      for (const route of own) pair.add("a", route);
      pair.drain("s");
      for (const route of own) pair.add("s", route);
      pair.leave("a");
      expect(pair.drain("s", limitBytes).sort()).toEqual(own.map((route) => `REMOVE ${route}`).sort());
    }
  });

  test("a long stretch of the subscriber's own routes is passed without a word", () => {
    const pair = new ExchangeUnderTest({ deferEndOfRib: false });
    pair.join("a", false);
    for (let i = 0; i < 200; i++) pair.add("a", `1 10.0.${i}.0/24 via ::1`);
    pair.subscribe("a", 1);
    expect(pair.drain("a", MAX_UPDATE_FRAME_BYTES)).toEqual(["END 1"]);
    pair.quiet();
  });

  test("whoever leaves while it lags is forgotten", () => {
    const pair = loaded([1]);
    pair.pull("s", 200);
    pair.leave("s");
    pair.quiet();
  });
});

const NOTHING = { rows: 0, origins: 0, nextHops: 0, prefixes: 0, vnis: 0, bytes: 0 };

test("whatever happens in whatever order, every subscriber hears what the rules say", () => {
  const peer = fc.constantFrom("a", "b", "c", "x", "y");
  const vni = fc.constantFrom(0, 100);
  const hops = [1, 2, 3, 4, 5, 6].map((hop) => `10.0.1.0/24 via 2001:db8::${hop}`);
  const route = fc
    .tuple(vni, fc.constantFrom(...hops, "::/0 via 10.0.0.1"))
    .map(([of, text]) => `${of} ${text}`);
  const limitBytes = fc.constantFrom(73, 74, 120, 160, 1_400, 65_536);
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant("leave or join" as const), peer }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant("add" as const), peer, route }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("remove" as const), peer, route }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("subscribe" as const), peer, vni }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), peer, vni }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("pull" as const), peer, limitBytes }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("quiet" as const), limitBytes }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("settled" as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  );
  // In one go, a thing or two a turn, or some.
  const stepsPerTurn = fc.constantFrom(undefined, 1, 1, 100);

  fc.assert(
    fc.property(fc.boolean(), stepsPerTurn, fc.array(step, { maxLength: 120, size: "max" }), (...scene) => {
      const [deferEndOfRib, stepsPerTurn, steps] = scene;
      const pair = new ExchangeUnderTest({
        deferEndOfRib,
        ...(stepsPerTurn === undefined ? {} : { stepsPerTurn }),
      });
      // A peer that comes back is a new one: "a", "a'", "a''".
      const lives = new Map<string, { name: string; isHere: boolean }>();
      for (const letter of ["a", "b", "c", "x", "y"]) {
        pair.join(letter, letter >= "x");
        lives.set(letter, { name: letter, isHere: true });
      }
      for (const step of steps) {
        if (step.do === "settled") pair.releaseEndOfRib();
        if (step.do === "turn") pair.turn();
        if (step.do === "quiet") pair.quiet(step.limitBytes);
        if (!("peer" in step)) continue;
        const life = lives.get(step.peer);
        if (life === undefined) throw new Error(`no peer ${step.peer}`);
        if (step.do === "leave or join") {
          if (life.isHere) pair.leave(life.name);
          else pair.join(`${life.name}'`, step.peer >= "x");
          lives.set(step.peer, { name: life.isHere ? life.name : `${life.name}'`, isHere: !life.isHere });
        }
        if (!life.isHere) continue;
        if (step.do === "add") pair.add(life.name, step.route);
        if (step.do === "remove") pair.remove(life.name, step.route);
        if (step.do === "subscribe") pair.subscribe(life.name, step.vni);
        if (step.do === "unsubscribe") pair.unsubscribe(life.name, step.vni);
        if (step.do === "pull") pair.pull(life.name, step.limitBytes);
      }
      pair.quiet();
      pair.releaseEndOfRib();
      pair.quiet();
      // All of it is given back.
      for (const { name, isHere } of lives.values()) if (isHere) pair.leave(name);
      pair.quiet();
      expect({ ...pair.exchange.usage(), bytes: 0 }).toEqual(NOTHING);
    }),
    { numRuns: Number(BUNBOND_RUNS ?? 200) },
  );
}, 3_600_000);

test("a peer with very many routes loses all of them at once, though they are cleared away in slices", () => {
  const later: (() => void)[] = [];
  const exchange = new RouteExchange({ deferEndOfRib: false, soon: (run) => later.push(run) });
  const [announcer, subscriber] = [
    { isServer: false, wake() {} },
    { isServer: false, wake() {} },
  ];
  exchange.join(announcer);
  exchange.join(subscriber);
  const fields = new UpdateFields();
  const { vni, destination, nextHop } = routeOfText(R);
  fillUpdateFields(fields, vni, destination, nextHop);
  for (fields.p0 = 0; fields.p0 < 20_000 << 8; fields.p0 += 1 << 8) exchange.add(announcer, fields);
  exchange.leave(announcer);
  expect(exchange.routeCount).toBeGreaterThan(0);
  exchange.subscribe(subscriber, vni);
  let heardBytes = 0;
  for (let turns = 0; turns < 10; turns++) {
    for (
      let run = exchange.nextRun(subscriber, 65_536);
      run.length > 0;
      run = exchange.nextRun(subscriber, 65_536)
    ) {
      heardBytes += run.length;
    }
    later.shift()?.();
  }
  expect(heardBytes).toBe(frameOfText("END 100").length);
  expect(exchange.routeCount).toBe(0);
});

test("frames that one subscriber was sent are not sent to the next one once their announcer has begun to leave", () => {
  const later: (() => void)[] = [];
  // One step a turn: nothing of the announcer's is cleared away before a turn has passed.
  const exchange = new RouteExchange({
    deferEndOfRib: false,
    soon: (run) => later.push(run),
    stepsPerTurn: 1,
  });
  const [announcer, first, second] = Array.from({ length: 3 }, () => {
    const peer = { isServer: false, wake() {} };
    exchange.join(peer);
    return peer;
  }) as [ExchangePeer, ExchangePeer, ExchangePeer];
  const fields = new UpdateFields();
  const { vni, destination, nextHop } = routeOfText(R);
  fillUpdateFields(fields, vni, destination, nextHop);
  exchange.add(announcer, fields);
  exchange.subscribe(first, vni);
  exchange.subscribe(second, vni);
  expect(exchange.nextRun(first, 65_536).length).toBeGreaterThan(0);
  exchange.leave(announcer);
  expect(exchange.routeCount).toBe(1);
  expect(exchange.nextRun(second, 65_536).length).toBe(0);
});
