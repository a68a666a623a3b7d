/**
 * What one peer can make the server do at a time is bounded, whatever it has announced and subscribed to. Sizes at which
 * a walk through what is walked here in steps would take minutes stand for speed: nothing here measures time.
 */
import { describe, expect, test } from "bun:test";
import { type ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { frameOfText, routeOfText } from "../../support/models/frame-text.ts";

const VNI = 100;
const MANY = 100_000;
const NO_LIMIT = 10_000_000;
const TIMEOUT_MS = 60_000;

class Rig {
  #later: (() => void)[] = [];
  readonly exchange: RouteExchange;
  readonly #fields = new UpdateFields();
  wakes = 0;

  constructor(stepsPerTurn?: number, deferEndOfRib = false) {
    this.exchange = new RouteExchange({
      deferEndOfRib,
      soon: (run) => this.#later.push(run),
      ...(stepsPerTurn === undefined ? {} : { stepsPerTurn }),
      limits: { maxHops: NO_LIMIT, maxRoutes: NO_LIMIT, maxVnis: NO_LIMIT, maxSubscriptions: NO_LIMIT },
    });
  }

  peer(isServer = false): ExchangePeer {
    const peer = { isServer, wake: () => void this.wakes++ };
    this.exchange.join(peer);
    return peer;
  }

  /** The route to destination `d` by hop `h`. */
  fields(d: number, h: number): UpdateFields {
    const { vni, destination, nextHop } = routeOfText(`${VNI} 10.0.0.0/32 via 2001:db8::`);
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    this.#fields.p0 += d;
    this.#fields.h3 = h;
    return this.#fields;
  }

  /** Bytes of all that is due; `turns` may pass. */
  drain(peer: ExchangePeer): number {
    let bytes = 0;
    for (;;) {
      const run = this.exchange.nextRun(peer, 65_536);
      bytes += run.length;
      if (run.length === 0 && !this.turn()) return bytes;
    }
  }

  turn(): boolean {
    const due = this.#later;
    this.#later = [];
    for (const run of due) run();
    return due.length > 0;
  }
}

const addBytes = frameOfText(`ADD ${VNI} 10.0.0.0/32 via 2001:db8::1`).length;

describe("one destination with very many next hops", () => {
  test(
    "that somebody else announces, too, and whose announcers leave",
    () => {
      const rig = new Rig();
      const { exchange } = rig;
      const [a, b, s] = [rig.peer(), rig.peer(), rig.peer()];
      for (let h = 0; h < MANY; h++) exchange.add(s, rig.fields(0, h));
      for (let h = MANY - 1; h >= 0; h--) exchange.add(a, rig.fields(0, h));
      for (let h = 0; h < MANY; h += 2) exchange.add(b, rig.fields(0, h));
      exchange.subscribe(s, VNI);
      expect(rig.drain(s)).toBe(MANY * addBytes + frameOfText(`END ${VNI}`).length);
      for (const peer of [b, a]) exchange.leave(peer);
      expect(rig.drain(s)).toBe(MANY * (addBytes + 2));
      exchange.leave(s);
      while (rig.turn());
      expect(exchange.usage()).toMatchObject({ rows: 0, origins: 0, nextHops: 0, prefixes: 0, vnis: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    "of which one comes and goes while a reader that was told of all stands still",
    () => {
      const rig = new Rig();
      const { exchange } = rig;
      const [a, s] = [rig.peer(), rig.peer()];
      for (let h = 0; h < MANY; h++) exchange.add(a, rig.fields(0, h));
      exchange.subscribe(s, VNI);
      rig.drain(s);
      for (let h = 0; h < MANY; h++) exchange.remove(a, rig.fields(0, h));
      // All are tombstones.
      for (let times = 0; times < MANY; times++) {
        exchange.add(a, rig.fields(0, MANY));
        exchange.remove(a, rig.fields(0, MANY));
      }
      exchange.add(a, rig.fields(0, MANY));
      expect(rig.drain(s)).toBe(MANY * (addBytes + 2) + addBytes);
    },
    TIMEOUT_MS,
  );
});

test(
  "routes that very many peers announce",
  () => {
    const rig = new Rig();
    const { exchange } = rig;
    const watcher = rig.peer();
    const server = rig.peer(true);
    const peers = Array.from({ length: 2_000 }, (_, n) => rig.peer(n % 2 === 1));
    for (const peer of peers) for (let d = 0; d < 50; d++) exchange.add(peer, rig.fields(d, 1));
    for (const peer of [watcher, server]) exchange.subscribe(peer, VNI);
    for (const peer of [watcher, server]) rig.drain(peer);
    for (let times = 0; times < 50; times++) {
      for (const peer of peers) {
        const fields = rig.fields(times, 1);
        exchange.remove(peer, fields);
        exchange.add(peer, fields);
      }
      rig.drain(watcher);
    }
    for (const [n, peer] of peers.entries()) if (n % 2 === 0) exchange.leave(peer);
    expect(rig.drain(server)).toBe(50 * (addBytes + 2));
    for (const [n, peer] of peers.entries()) if (n % 2 === 1) exchange.leave(peer);
    expect(rig.drain(watcher)).toBe(50 * (addBytes + 2));
  },
  TIMEOUT_MS,
);

test("a run ends where thousands of a route's origins are found to be leaving", () => {
  const [ANNOUNCERS, ROUTES] = [400, 200];
  const rig = new Rig();
  const { exchange } = rig;
  const peers = Array.from({ length: ANNOUNCERS }, () => rig.peer());
  for (const peer of peers) for (let d = 0; d < ROUTES; d++) exchange.add(peer, rig.fields(d, 1));
  // The first one stays.
  for (const peer of peers.slice(1)) exchange.leave(peer);
  const reader = rig.peer();
  exchange.subscribe(reader, VNI);
  expect(exchange.nextRun(reader, 65_536).length).toBeLessThanOrEqual(20 * addBytes);
  expect(rig.drain(reader)).toBeGreaterThan((ROUTES - 20) * addBytes);
});

test("a peer that announces little and leaves is not behind all who announced much and leave", () => {
  const [LEAVERS, ROUTES] = [200, 1_000];
  const rig = new Rig();
  const { exchange } = rig;
  const peers = Array.from({ length: LEAVERS }, () => rig.peer());
  for (const [p, peer] of peers.entries()) {
    for (let d = 0; d < ROUTES; d++) exchange.add(peer, rig.fields(d, p));
  }
  const small = rig.peer();
  exchange.add(small, Object.assign(rig.fields(0, 1), { vni: VNI + 1 }));
  for (const peer of [...peers, small]) exchange.leave(peer);
  for (let turns = 0; turns < 8; turns++) rig.turn();
  const [left, ...others] = exchange.vnis();
  expect([left?.vni, others]).toEqual([VNI, []]);
  expect(exchange.routeCount).toBeGreaterThan((LEAVERS * ROUTES) / 2);
});

describe("in slices go", () => {
  const STEPS = 2_000;
  const ROUTES = 5_000;

  test("a lost peer's announcements, of all that are lost together", () => {
    const rig = new Rig(STEPS);
    const peers = Array.from({ length: 10 }, () => rig.peer());
    for (const [n, peer] of peers.entries()) {
      for (let d = 0; d < ROUTES / 10; d++) rig.exchange.add(peer, rig.fields(n * ROUTES + d, 1));
    }
    let routes = rig.exchange.routeCount;
    for (const peer of peers) rig.exchange.leave(peer);
    let turns = 0;
    do {
      expect(routes - rig.exchange.routeCount).toBeLessThanOrEqual(STEPS / 64 + 1);
      routes = rig.exchange.routeCount;
      turns++;
    } while (rig.turn());
    expect([routes, turns >= ROUTES / (STEPS / 64 + 1) - 1]).toEqual([0, true]);
  });

  test("what an ended subscription is owed, while others go on", () => {
    const rig = new Rig(STEPS);
    const { exchange } = rig;
    const [a, s, other] = [rig.peer(), rig.peer(), rig.peer()];
    for (let d = 0; d < ROUTES; d++) exchange.add(a, rig.fields(d, 1));
    exchange.subscribe(s, VNI);
    rig.drain(s);
    for (let d = 0; d < ROUTES; d++) exchange.remove(a, rig.fields(d, 1));
    const { rows } = exchange.usage();
    expect(rows).toBeGreaterThan(ROUTES);
    exchange.unsubscribe(s, VNI);
    expect(exchange.usage().rows).toBeGreaterThan(ROUTES - STEPS);
    expect(exchange.vnis()).toEqual([{ vni: VNI, routes: 0, subscribers: 0, digest: "0000000000000000" }]);
    // The same VNI again, at once.
    exchange.subscribe(s, VNI);
    exchange.subscribe(other, VNI);
    for (let d = 0; d < ROUTES; d += 2) exchange.add(a, rig.fields(d, 1));
    const wanted = (ROUTES / 2) * addBytes + frameOfText(`END ${VNI}`).length;
    expect([rig.drain(s), rig.drain(other)]).toEqual([wanted, wanted]);
    while (rig.turn());
    expect(exchange.usage().rows).toBe(ROUTES / 2 + 1);
  });

  test("End-of-RIBs that were held back", () => {
    const rig = new Rig(STEPS, true);
    const { exchange } = rig;
    const s = rig.peer();
    for (let vni = 0; vni < ROUTES; vni++) exchange.subscribe(s, vni);
    rig.drain(s);
    exchange.releaseEndOfRib();
    let turns = 0;
    while (rig.turn()) turns++;
    expect(turns).toBeGreaterThan(ROUTES / (STEPS / 32 + 1) - 1);
    let bytes = 0;
    for (let vni = 0; vni < ROUTES; vni++) bytes += frameOfText(`END ${vni}`).length;
    expect(rig.drain(s)).toBe(bytes);
  });

  test("what brings nothing, for all readers together", () => {
    const rig = new Rig(STEPS);
    const { exchange } = rig;
    const peers = Array.from({ length: 5 }, () => rig.peer());
    for (const peer of peers)
      for (let d = 0; d < ROUTES; d++) exchange.add(peer, rig.fields(d, 1 + peers.indexOf(peer)));
    for (const peer of peers) exchange.subscribe(peer, VNI);
    // Theirs are four fifths of the routes: each hears those of the others, in the end.
    for (const peer of peers) {
      expect(rig.drain(peer)).toBe(4 * ROUTES * addBytes + frameOfText(`END ${VNI}`).length);
    }
  });
});

test("End-of-RIBs of many subscriptions go out together", () => {
  const rig = new Rig();
  const peer = rig.peer();
  for (let vni = 1; vni <= 10_000; vni++) rig.exchange.subscribe(peer, vni);
  expect(rig.exchange.nextRun(peer, 65_536).length).toBeGreaterThan(60_000);
  expect(rig.exchange.nextRun(peer, 1_400).length).toBeGreaterThan(1_300);
});

test("a subscription that has ended waits for nothing", () => {
  const rig = new Rig();
  const peer = rig.peer();
  for (let times = 0; times < 1_000; times++) {
    rig.exchange.subscribe(peer, VNI);
    rig.exchange.unsubscribe(peer, VNI);
  }
  expect(rig.exchange.usage()).toMatchObject({ rows: 0, vnis: 0 });
  const { wakes } = rig;
  expect([rig.exchange.nextRun(peer, 65_536).length, rig.wakes]).toEqual([0, wakes]);
});
