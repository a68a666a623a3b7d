/** What is bulk: large tables, and many missed changes. A peer's other subscriptions go before them. */
import { describe, expect, test } from "bun:test";
import { RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { NumberedView } from "../../support/models/numbered-routes.ts";
import { NumberedPeer } from "../../support/network/numbered-peer.ts";

const [LARGE_VNI, SMALL_VNI] = [100, 200];
const MANY = 20_000;

class Rig {
  readonly exchange = new RouteExchange({ deferEndOfRib: false });
  readonly announcer = new NumberedPeer(this.exchange);
  readonly large = new NumberedView(LARGE_VNI, 2 * MANY);
  readonly small = new NumberedView(SMALL_VNI, 2 * MANY);
  readonly reader = new NumberedPeer(this.exchange, this.large, this.small);

  constructor() {
    this.announcer.addAll(LARGE_VNI, 0, MANY);
    this.announcer.add(SMALL_VNI, 0);
  }

  get onlyBulkIsDue(): boolean {
    return this.exchange.onlyBulkIsDue(this.reader);
  }
}

describe("only bulk is due to", () => {
  test("a newcomer to a large table, until it has all of it", () => {
    const rig = new Rig();
    rig.exchange.subscribe(rig.reader, LARGE_VNI);
    expect(rig.onlyBulkIsDue).toBe(true);
    rig.reader.drain();
    expect([rig.onlyBulkIsDue, rig.large.adds]).toEqual([false, MANY]);
    rig.announcer.add(LARGE_VNI, MANY);
    expect(rig.onlyBulkIsDue).toBe(false);
  });

  test("nobody with a small table, or with changes that have just come", () => {
    const rig = new Rig();
    rig.exchange.subscribe(rig.reader, SMALL_VNI);
    expect(rig.onlyBulkIsDue).toBe(false);
    rig.reader.drain();
    rig.announcer.addAll(SMALL_VNI, 1, MANY);
    expect(rig.onlyBulkIsDue).toBe(false);
  });

  test("one that has been sent a run of many missed changes, until it has caught up", () => {
    const rig = new Rig();
    rig.exchange.subscribe(rig.reader, SMALL_VNI);
    rig.reader.drain();
    rig.announcer.addAll(SMALL_VNI, 1, MANY);
    for (let bytes = 0; bytes < 65_536; ) bytes += rig.reader.pull();
    expect(rig.onlyBulkIsDue).toBe(true);
    rig.reader.drain();
    expect([rig.onlyBulkIsDue, rig.small.adds]).toEqual([false, MANY]);
  });
});

test("an update goes before the peer's own bulk, and the peer is woken for it", () => {
  const rig = new Rig();
  rig.exchange.subscribe(rig.reader, SMALL_VNI);
  rig.reader.drain();
  rig.exchange.subscribe(rig.reader, LARGE_VNI);
  rig.reader.pull();
  const { wakes } = rig.reader;
  rig.announcer.add(SMALL_VNI, 1);
  expect([rig.reader.wakes - wakes, rig.onlyBulkIsDue]).toEqual([1, false]);
  rig.announcer.add(SMALL_VNI, 2);
  expect(rig.reader.wakes - wakes).toBe(1);
  rig.reader.pull();
  expect(rig.small.adds).toBe(3);
  rig.reader.drain();
  expect(rig.large.adds).toBe(MANY);
});

test("changes that never cease do not keep a table from being sent", () => {
  const rig = new Rig();
  rig.exchange.subscribe(rig.reader, SMALL_VNI);
  rig.exchange.subscribe(rig.reader, LARGE_VNI);
  for (let number = 1; rig.large.adds < MANY; number++) {
    if (number > 1_000) throw new Error(`${rig.large.adds} routes of the table have been sent`);
    rig.announcer.addAll(SMALL_VNI, number * 20, number * 20 + 20);
    rig.reader.pull();
  }
});
