import { expect, test } from "bun:test";
import { ConnectionLimit, type LimitedConnection } from "../../../src/http/connections/connection-limit.ts";
import type { Stall } from "../../../src/http/connections/slow-reader.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";

class Connection implements LimitedConnection {
  readonly idleSinceMs: number | null;
  readonly stall: Stall | null;
  isClosed = false;

  constructor(idleSinceMs: number | null, stall: Stall | null = null) {
    this.idleSinceMs = idleSinceMs;
    this.stall = stall;
  }

  close(): void {
    this.isClosed = true;
  }
}

const NOW_MS = 100_000;
const clock = new FakeClock();
clock.freeze(NOW_MS);

const working = () => new Connection(null);
const idle = (forMs: number) => new Connection(NOW_MS - forMs);
const stalled = (forMs: number, takenBytes = 100) =>
  new Connection(null, { sinceMs: NOW_MS - forMs, takenBytes, forMs, blockedMs: forMs, isUsual: false });
/** Takes some now and then. */
const trickling = (forMs: number, bytesPerMs: number) =>
  new Connection(null, {
    sinceMs: NOW_MS - 100,
    takenBytes: bytesPerMs * forMs,
    forMs,
    blockedMs: forMs,
    isUsual: true,
  });

test.each([
  ["the one that is idle longest", [working(), idle(5), stalled(9_000), idle(70)], 3],
  ["one that is just open, before a reader that stands still", [stalled(9_000), idle(0)], 1],
  ["the reader that has stood still longest", [working(), stalled(400), stalled(900), stalled(300)], 2],
  ["one that took little, before one that took much", [stalled(900, 10e6), stalled(300, 100_000)], 1],
  ["the slowest of those that have mostly stood still", [trickling(4_000, 9), trickling(9_000, 2)], 1],
  ["the new one, if others are slow, but young", [trickling(2_000, 1), working()], 2],
  ["the new one, if all are at work", [working(), stalled(200)], 2],
])("too many: %s is closed", (_, connections, expected) => {
  const limit = new ConnectionLimit<Connection>(() => connections.length, clock);
  for (const connection of connections) expect(limit.admit(connection)).toBeNull();
  const all = [...connections, working()];
  expect(limit.admit(all.at(-1) as Connection)).toBe(all[expected] as Connection);
  expect(all.map(({ isClosed }) => isClosed)).toEqual(all.map((_, i) => i === expected));
  expect(limit.count).toBe(connections.length);
});

test("room is made for those that wait, but not by one whose request may not have been read yet", () => {
  const limit = new ConnectionLimit<Connection>(() => 2, clock);
  const [young, old] = [idle(10), idle(30)];
  for (const connection of [young, old]) limit.admit(connection);
  expect(limit.isFull).toBe(true);
  expect(limit.makeRoom(2)).toBe(1);
  expect([limit.isFull, old.isClosed, young.isClosed]).toEqual([false, true, false]);
  expect(limit.makeRoom(1)).toBe(0);
});

test("room is made by as many idle ones as others wait, but by three slow readers at a time", () => {
  const limit = new ConnectionLimit<Connection>(() => 20, clock);
  const idleOnes = Array.from({ length: 5 }, () => idle(1_000));
  const slowOnes = Array.from({ length: 15 }, () => stalled(9_000));
  for (const connection of [...slowOnes, ...idleOnes]) limit.admit(connection);
  const closed = (connections: readonly Connection[]) =>
    connections.filter(({ isClosed }) => isClosed).length;
  expect([limit.makeRoom(16), closed(idleOnes), closed(slowOnes)]).toEqual([8, 5, 3]);
  expect([limit.makeRoom(2), closed(slowOnes)]).toEqual([2, 5]);
  expect([limit.makeRoom(16), closed(slowOnes)]).toEqual([3, 8]);
});

test("there is room again when one has closed, or the limit has risen", () => {
  let most = 1;
  const limit = new ConnectionLimit<Connection>(() => most, clock);
  const first = working();
  limit.admit(first);
  expect(limit.admit(working())).not.toBeNull();
  most = 2;
  clock.advance(10_000);
  expect(limit.admit(working())).toBeNull();
  limit.closed(first);
  expect([limit.admit(working()), limit.count]).toEqual([null, 2]);
});
