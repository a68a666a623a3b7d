import { describe, expect, test } from "bun:test";
import { History, HistoryEntry, HistoryKind, reasonNumber } from "../../src/route/history.ts";
import { fillUpdateFields } from "../../src/wire/codec.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { SeededRandom } from "../support/models/random.ts";

const ROUTES = [
  "100 10.0.1.0/24 via 2001:db8::1",
  "4294967295 2001:db8:ffff::/128 via 2001:db8::2 type nat ports 1-65535",
  "0 ::/0 via 10.0.0.1",
  "7 0.0.0.0/0 via 2001:db8::3 type lb",
];

function fieldsOf(route: string): UpdateFields {
  const fields = new UpdateFields();
  const { vni, destination, nextHop } = routeOfText(route);
  fillUpdateFields(fields, vni, destination, nextHop);
  return fields;
}

const ANNOUNCED = reasonNumber("announced");

test("an entry comes back as it was recorded, every field", () => {
  const history = new History(10);
  const source = history.open({ id: 7, name: "[2001:db8::9]:1234" });
  for (const [i, route] of ROUTES.entries()) {
    const kind = i % 2 === 0 ? HistoryKind.ADD : HistoryKind.REMOVE;
    history.record(i, kind, i < 2, reasonNumber("stale-time-ended"), source, fieldsOf(route));
  }
  const entry = new HistoryEntry();
  for (const [i, route] of ROUTES.entries()) {
    expect(history.read(i, entry)).toBe(true);
    const { action: _, canonical: __, ...fields } = fieldsOf(route);
    expect(entry).toMatchObject({
      ...fields,
      sequence: i,
      timeMs: i,
      kind: i % 2 === 0 ? HistoryKind.ADD : HistoryKind.REMOVE,
      isExistence: i < 2,
      reason: "stale-time-ended",
    });
    expect(history.sourceOf(entry.source)).toEqual({ id: 7, name: "[2001:db8::9]:1234" });
  }
  expect(history.read(ROUTES.length, entry)).toBe(false);
});

test("with room for none nothing is recorded", () => {
  const history = new History(0);
  history.record(
    1,
    HistoryKind.ADD,
    true,
    ANNOUNCED,
    history.open({ id: 1, name: "a" }),
    fieldsOf(ROUTES[0] ?? ""),
  );
  expect([history.first, history.next]).toEqual([0, 0]);
});

describe("a ring beside a list, capacity", () => {
  for (const capacity of [1, 2, 4095, 4096, 4097, 9000]) {
    test(`${capacity}`, () => {
      const random = new SeededRandom(capacity);
      const history = new History(capacity);
      const all: { timeMs: number; source: string }[] = [];
      const open = new Map<string, number>();
      let nowMs = 0;
      for (let i = 0; i < capacity * 2 + 5000; i++) {
        nowMs += random.below(3);
        const name = `peer ${random.below(50)}`;
        const source = open.getOrInsertComputed(name, () => history.open({ id: null, name }));
        history.record(nowMs, HistoryKind.ADD, true, ANNOUNCED, source, fieldsOf(ROUTES[0] ?? ""));
        all.push({ timeMs: nowMs, source: name });
        // A peer that returns is another source of the same name.
        if (random.chance(0.01)) {
          open.delete(name);
          history.close(source);
        }
      }
      expect(history.next).toBe(all.length);
      expect(history.first).toBe(all.length - capacity);
      const entry = new HistoryEntry();
      expect(history.read(history.first - 1, entry)).toBe(false);
      for (let i = history.first; i < history.next; i += 1 + random.below(20)) {
        expect(history.read(i, entry)).toBe(true);
        expect(`${entry.timeMs} ${history.sourceOf(entry.source).name}`).toBe(
          `${all[i]?.timeMs} ${all[i]?.source}`,
        );
        const since = history.firstSince(entry.timeMs);
        expect(all.findIndex(({ timeMs }, at) => at >= history.first && timeMs >= entry.timeMs)).toBe(since);
      }
      expect(history.firstSince(nowMs + 1)).toBe(history.next);
    });
  }
});

test("a closed source's number is free when its last entry is forgotten, not before", () => {
  const history = new History(2);
  const first = history.open({ id: 1, name: "first" });
  const record = (source: number) =>
    history.record(0, HistoryKind.ADD, true, ANNOUNCED, source, fieldsOf(ROUTES[0] ?? ""));
  record(first);
  history.close(first);
  const second = history.open({ id: 2, name: "second" });
  expect(second).not.toBe(first);
  record(second);
  expect(history.sourceOf(first).name).toBe("first");
  record(second);
  expect(() => history.sourceOf(first)).toThrow();
  expect(history.open({ id: 3, name: "third" })).toBe(first);
});

test("times never step back, so that bisection finds them", () => {
  const history = new History(10);
  const source = history.open({ id: 1, name: "a" });
  for (const timeMs of [5, 9, 7, 10])
    history.record(timeMs, HistoryKind.ADD, true, ANNOUNCED, source, fieldsOf(ROUTES[0] ?? ""));
  const entry = new HistoryEntry();
  expect([0, 1, 2, 3].map((i) => history.read(i, entry) && entry.timeMs)).toEqual([5, 9, 9, 10]);
  expect(history.firstSince(8)).toBe(1);
});

test("a reader is woken once, by the next entry", () => {
  const history = new History(10);
  const source = history.open({ id: 1, name: "a" });
  let wakes = 0;
  history.onceRecorded(() => wakes++);
  const cancel = history.onceRecorded(() => {
    wakes += 100;
  });
  cancel();
  history.recordSession(1, true, source);
  history.recordSession(2, false, source);
  expect(wakes).toBe(1);
});
