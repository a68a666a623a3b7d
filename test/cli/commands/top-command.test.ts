import { expect, test } from "bun:test";
import { ratesOf } from "../../../src/cli/commands/top-command.ts";
import type { PeerEntry } from "../../../src/http/control/api.ts";

const PEER: PeerEntry = {
  id: 1,
  remote: "[::1]:1",
  state: "established",
  since: null,
  keepaliveSeconds: 5,
  isServer: false,
  announcedRoutes: 0,
  skippedUpdates: 0,
  limitsMet: [],
  subscriptionCount: 0,
  subscriptions: [],
  lastHeard: "2026-01-31T12:00:00.000Z",
  roundTripMs: 0,
  updatesReceived: 0,
  updatesSent: 0,
  receivedBytes: 0,
  sentBytes: 0,
  sendQueueBytes: 0,
  blockedSince: null,
  behindSince: null,
};

const BEFORE = [PEER, { ...PEER, id: 2, updatesSent: 100 }, { ...PEER, id: 3 }];
const AFTER = [
  { ...PEER, updatesReceived: 10, announcedRoutes: 10, behindSince: "2026-01-31T12:00:05.000Z" },
  { ...PEER, id: 2, updatesSent: 300, sendQueueBytes: 7, behindSince: "2026-01-31T12:00:01.000Z" },
  // 3 has left, 4 is new.
  { ...PEER, id: 4, updatesSent: 50, sentBytes: 1000 },
];

test("rates are differences per second, of a new peer since it came", () => {
  const rates = ratesOf(BEFORE, AFTER, 2, "out");
  expect(rates).toMatchObject([
    { id: 2, updatesOutPerSecond: 100 },
    { id: 4, updatesOutPerSecond: 25, bytesOutPerSecond: 500 },
    { id: 1, updatesInPerSecond: 5, announcedRoutes: 10 },
  ]);
});

const ORDERS = [
  ["in", [1, 2, 4]],
  ["out", [2, 4, 1]],
  ["queue", [2, 1, 4]],
  ["behind", [2, 1, 4]],
  ["routes", [1, 2, 4]],
] as const;
for (const [order, ids] of ORDERS) {
  test(`sorted by ${order}`, () => {
    expect(ratesOf(BEFORE, AFTER, 2, order).map(({ id }) => id)).toEqual([...ids]);
  });
}
