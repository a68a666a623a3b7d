/** What all peers together may take of memory: who has most gets no more, others go on, and what is given back can be had again. */
import { describe, expect, test } from "bun:test";
import { type ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";

const MAX_BYTES = 32 << 20;
const EACH = 5_000;
const fields = new UpdateFields();

function setup() {
  const later: (() => void)[] = [];
  const exchange = new RouteExchange({
    deferEndOfRib: false,
    soon: (run) => later.push(run),
    maxBytes: MAX_BYTES,
  });
  const peer = (): ExchangePeer => {
    const joined = { isServer: false, wake() {} };
    exchange.join(joined);
    return joined;
  };
  const settle = () => {
    for (const run of later.splice(0)) run();
    if (later.length > 0) settle();
  };
  return { exchange, peer, settle };
}

const TAKE: Readonly<Record<string, (exchange: RouteExchange, peer: ExchangePeer, n: number) => boolean>> = {
  subscriptions: (exchange, peer, n) => exchange.subscribe(peer, 1_000 + n) === "subscribed",
  routes(exchange, peer, n) {
    const { vni, destination, nextHop } = routeOfText("100 10.0.0.0/32 via 2001:db8::1");
    fillUpdateFields(fields, vni, destination, nextHop);
    fields.p0 += n;
    return exchange.add(peer, fields) === "added";
  },
};

describe.each(Object.entries(TAKE))("%s", (_, take) => {
  const takeMany = (exchange: RouteExchange, peer: ExchangePeer, first: number, count: number) => {
    let taken = 0;
    for (let n = first; n < first + count; n++) if (take(exchange, peer, n)) taken++;
    return taken;
  };

  test("are refused to those that have most, once they all together take too much", () => {
    const { exchange, peer, settle } = setup();
    const innocents = Array.from({ length: 20 }, peer);
    for (const [i, innocent] of innocents.entries()) takeMany(exchange, innocent, 1_000_000 + i * 100, 10);
    const attackers = Array.from({ length: 40 }, peer);
    const taken = attackers.map((attacker, i) => takeMany(exchange, attacker, i * EACH, EACH));
    expect(taken[0]).toBe(EACH);
    expect(taken.at(-1)).toBeLessThan(EACH);
    for (const [i, innocent] of innocents.entries()) {
      expect(takeMany(exchange, innocent, 1_000_010 + i * 100, 10)).toBe(10);
    }
    for (const attacker of attackers) exchange.leave(attacker);
    settle();
    const heir = peer();
    expect(takeMany(exchange, heir, 3_000_000, 2_048)).toBeGreaterThan(1_024);
    expect(takeMany(exchange, heir, 4_000_000, 2_048)).toBe(2_048);
  });
});

test("a peer that has one already loses nothing at the limit", () => {
  const { exchange, peer } = setup();
  const first = peer();
  const { vni, destination, nextHop } = routeOfText("100 10.0.0.0/32 via 2001:db8::1");
  fillUpdateFields(fields, vni, destination, nextHop);
  exchange.add(first, fields);
  for (let n = 0; n < 100_000; n++) exchange.subscribe(first, 1_000 + n);
  expect(exchange.subscribe(first, 1)).toBe("TABLE_FULL");
  expect(exchange.subscribe(first, 1_000)).toBe("known");
  fillUpdateFields(fields, vni, destination, nextHop);
  expect(exchange.add(first, fields)).toBe("known");
  expect(exchange.remove(first, fields)).toBe(true);
});

test("the peer that has most gets no more numbers for prefixes, and others' new prefixes still have room", () => {
  const exchange = new RouteExchange({ deferEndOfRib: false, table: { capacity: { prefixes: 20_000 } } });
  const peer = (): ExchangePeer => {
    const joined = { isServer: false, wake() {} };
    exchange.join(joined);
    return joined;
  };
  const take = (owner: ExchangePeer, first: number, count: number) => {
    const { vni, destination, nextHop } = routeOfText("100 10.0.0.0/32 via 2001:db8::1");
    let taken = 0;
    for (let n = first; n < first + count; n++) {
      fillUpdateFields(fields, vni, destination, nextHop);
      fields.p0 += n;
      if (exchange.add(owner, fields) === "added") taken++;
    }
    return taken;
  };
  const innocents = Array.from({ length: 20 }, peer);
  for (const [i, innocent] of innocents.entries()) take(innocent, 1_000_000 + i * 100, 10);
  const attacker = peer();
  expect(take(attacker, 0, 40_000)).toBeWithin(14_000, 17_000);
  for (const [i, innocent] of innocents.entries()) {
    expect(take(innocent, 1_000_010 + i * 100, 50)).toBe(50);
  }
});
