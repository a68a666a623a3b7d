/** What one peer may have: a frame too many is skipped and counted, nobody else notices, and a withdrawal makes room. */

import { describe, expect, test } from "bun:test";
import type { LogFields, Logger } from "../../../src/base/logger.ts";
import { LIMIT_NAMES, LIMITS, type LimitName } from "../../../src/server/exchange/limits.ts";
import { type ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { Server } from "../../../src/server/server.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";
import { ServerRig } from "../../support/network/server-rig.ts";

const LISTEN = { host: "::", port: 4711 };
const MESSAGE = "limit reached: messages are skipped; more of this kind from this peer are only counted";

class Rig extends ServerRig {
  readonly warnings: { readonly message: string; readonly fields: LogFields }[] = [];
  readonly logger: Logger;

  constructor() {
    super();
    const warn = (message: string, fields: LogFields = {}) => void this.warnings.push({ message, fields });
    this.logger = { debug() {}, info() {}, warn, error: warn };
  }
}

const hop = (n: number) => `100 10.0.1.0/24 via 2001:db8::${n}`;
const route = (n: number) => `100 10.0.${n}.0/24 via 2001:db8::1`;
const ofVni = (n: number) => `${100 + n} 10.0.1.0/24 via 2001:db8::1`;

/** Per limit of updates, the routes that it counts. */
const COUNTED: readonly (readonly [LimitName, (n: number) => string])[] = [
  ["maxHops", hop],
  ["maxRoutes", route],
  ["maxVnis", ofVni],
];

describe("a limit of a peer's announcements", () => {
  test.each(COUNTED)("%s", async (name, routeOf) => {
    const rig = new Rig();
    const server = await rig.start({ [name]: 2 });
    const { code } = LIMITS[name];
    const watcher = rig.peer("SUBSCRIBE 101", "SUBSCRIBE 102", "SUBSCRIBE 103", "SUBSCRIBE 100");
    watcher.takeHeard();
    const peer = rig.peer();
    for (const n of [1, 2, 3, 3, 1, 2]) rig.say(peer, `ADD ${routeOf(n)}`);
    expect(watcher.takeHeard()).toEqual([`ADD ${routeOf(1)}`, `ADD ${routeOf(2)}`]);
    expect(server.stats().counters.skippedUpdates).toEqual({ [code]: 2 });
    expect(server.peers()[1]).toMatchObject({ announcedRoutes: 2, skippedUpdates: 2, limitsMet: [code] });
    expect(rig.warnings).toEqual([{ message: MESSAGE, fields: expect.objectContaining({ id: 2, code }) }]);
    // What was refused was not announced: its withdrawal changes nothing. One that was makes room.
    rig.say(peer, `REMOVE ${routeOf(3)}`);
    expect(server.stats().counters.unmatchedRemoves).toBe(1);
    rig.say(peer, `REMOVE ${routeOf(1)}`, `ADD ${routeOf(3)}`, `ADD ${routeOf(1)}`);
    expect(watcher.takeHeard().sort()).toEqual([`ADD ${routeOf(3)}`, `REMOVE ${routeOf(1)}`]);
    expect(server.stats().counters.skippedUpdates).toEqual({ [code]: 3 });
    expect(rig.warnings.length).toBe(1);
    // More from now on; or less, which takes nothing away.
    server.configure({ [name]: 3 });
    rig.say(peer, `ADD ${routeOf(1)}`);
    expect(watcher.takeHeard()).toEqual([`ADD ${routeOf(1)}`]);
    server.configure({ [name]: 1 });
    rig.say(peer, `ADD ${routeOf(2)}`, `ADD ${routeOf(4)}`);
    expect(watcher.takeHeard()).toEqual([]);
    expect(server.stats().routes).toBe(3);
    expect([peer.isClosed, watcher.isClosed]).toEqual([false, false]);
    peer.end();
    rig.clock.settle();
    expect(watcher.takeHeard().sort()).toEqual([1, 2, 3].map((n) => `REMOVE ${routeOf(n)}`));
  });

  test("of next hops counts those of all, and who is refused can have the place of one that goes", async () => {
    const rig = new Rig();
    const server = await rig.start({ maxHops: 2 });
    const first = rig.peer(`ADD ${hop(1)}`, `ADD ${hop(2)}`);
    const other = rig.peer(`ADD ${hop(3)}`, `ADD ${hop(2)}`, `ADD ${route(7)}`);
    expect(server.peers().map(({ skippedUpdates }) => skippedUpdates)).toEqual([0, 1]);
    rig.say(first, `REMOVE ${hop(2)}`);
    // The other still announces it.
    rig.say(other, `ADD ${hop(3)}`);
    expect(server.stats().routes).toBe(3);
    first.abort();
    rig.clock.settle();
    rig.say(other, `ADD ${hop(3)}`);
    expect(server.stats().routes).toBe(3);
    expect(server.peers()).toMatchObject([{ announcedRoutes: 3, skippedUpdates: 2 }]);
  });

  test("of routes leaves other peers' alone", async () => {
    const rig = new Rig();
    const server = await rig.start({ maxRoutes: 2 });
    rig.peer(...[1, 2, 3].map((n) => `ADD ${route(n)}`));
    rig.peer(...[1, 3, 4].map((n) => `ADD ${route(n)}`));
    expect(server.peers()).toMatchObject([
      { announcedRoutes: 2, skippedUpdates: 1 },
      { announcedRoutes: 2, skippedUpdates: 1 },
    ]);
  });
});

test("a limit of subscriptions", async () => {
  const rig = new Rig();
  const server = await rig.start({ maxSubscriptions: 2 });
  const peer = rig.peer("SUBSCRIBE 1", "SUBSCRIBE 2", "SUBSCRIBE 2", "SUBSCRIBE 3", "SUBSCRIBE 4");
  expect(peer.takeHeard()).toEqual(["END 1", "END 2"]);
  expect(server.stats().counters.skippedSubscribes).toEqual({ TOO_MANY_SUBSCRIPTIONS: 2 });
  expect(server.peers()).toMatchObject([
    { subscriptionCount: 2, subscriptions: [1, 2], limitsMet: ["TOO_MANY_SUBSCRIPTIONS"], skippedUpdates: 0 },
  ]);
  rig.say(peer, "UNSUBSCRIBE 1", "SUBSCRIBE 3", "SUBSCRIBE 1");
  expect(peer.takeHeard()).toEqual(["END 3"]);
  expect([rig.warnings.length, server.stats().vnis]).toEqual([1, 2]);
});

test("limits are whole numbers from 1", async () => {
  for (const name of LIMIT_NAMES) {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null]) {
      const options = { listen: LISTEN, [name]: value };
      await expect(Server.start(options)).rejects.toThrow(name);
    }
  }
});

test("a peer's VNIs are counted, and a hundred of them are shown, in order", async () => {
  const rig = new Rig();
  const server = await rig.start({});
  rig.peer(...Array.from({ length: 250 }, (_, n) => `SUBSCRIBE ${1_000 - n}`));
  const [info] = server.peers();
  expect([info?.subscriptionCount, info?.subscriptions.length]).toEqual([250, 100]);
  expect(info?.subscriptions).toEqual(info?.subscriptions.toSorted((a, b) => a - b) ?? []);
  expect([server.stats().vnis, server.vnis(10).length, server.vnis().length]).toEqual([250, 10, 250]);
});

test("a full table skips announcements and subscriptions, and leaves everybody what it has", () => {
  const exchange = new RouteExchange({ deferEndOfRib: false, table: { capacity: { rowWords: 12 * 8 } } });
  const peerOf = (): ExchangePeer => {
    const peer = { isServer: false, wake() {} };
    exchange.join(peer);
    return peer;
  };
  const fields = new UpdateFields();
  const add = (peer: ExchangePeer, text: string) => {
    const { vni, destination, nextHop } = routeOfText(text);
    fillUpdateFields(fields, vni, destination, nextHop);
    return exchange.add(peer, fields);
  };
  const [announcer, watcher, other] = [peerOf(), peerOf(), peerOf()];
  exchange.subscribe(watcher, 100);
  exchange.subscribe(other, 100);
  let routes = 0;
  while (add(announcer, route(routes)) === "added") routes++;
  expect(routes).toBeGreaterThan(5);
  expect([add(announcer, route(routes)), add(other, ofVni(9))]).toEqual(["TABLE_FULL", "TABLE_FULL"]);
  expect([add(announcer, route(0)), exchange.announcedRoutesOf(other), exchange.vniCount]).toEqual([
    "known",
    0,
    1,
  ]);
  expect(exchange.subscribe(other, 7)).toBe("TABLE_FULL");
  expect(exchange.subscriptionsOf(other)).toEqual([100]);
  // There is a place for each cursor, wherever it stands.
  const drain = (peer: ExchangePeer, limitBytes: number) => {
    let bytes = 0;
    for (let run = exchange.nextRun(peer, limitBytes); run.length > 0; ) {
      bytes += run.length;
      run = exchange.nextRun(peer, limitBytes);
    }
    return bytes;
  };
  const heard = [drain(watcher, 80), drain(other, 300)];
  expect(heard[0]).toBeGreaterThan(30 * routes);
  expect(heard[1]).toBe(heard[0]);
  // What everybody has been told is gone makes room.
  exchange.leave(announcer);
  for (const peer of [watcher, other]) drain(peer, 1_400);
  expect([exchange.subscribe(other, 7), add(other, ofVni(9))]).toEqual(["subscribed", "added"]);
});
