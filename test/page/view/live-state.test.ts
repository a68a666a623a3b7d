import { expect, test } from "bun:test";
import {
  afterEvent,
  initialLiveState,
  isOld,
  type LiveEvent,
  retryAfterMs,
} from "../../../src/page/view/live-state.ts";

const after = (...events: LiveEvent[]) => events.reduce(afterEvent, initialLiveState(0));
const OPENED: LiveEvent = { kind: "opened", nowMs: 1000 };
const BEGIN: LiveEvent = { kind: "begin", nowMs: 1000, epoch: "e1", after: 4 };
const CHANGE: LiveEvent = { kind: "change", nowMs: 2000, id: "e1-5", number: 5 };
const lost = (nowMs: number): LiveEvent => ({ kind: "lost", nowMs });

test("a stream is resumed after its last change, and after its beginning if there was none", () => {
  expect(initialLiveState(0).lastEventId).toBeNull();
  expect(after(OPENED, BEGIN, lost(3000)).lastEventId).toBe("e1-4");
  expect(after(OPENED, BEGIN, CHANGE, lost(3000)).lastEventId).toBe("e1-5");
});

test("all is read anew when the stream begins anew, and only then", () => {
  expect(after(OPENED, BEGIN, CHANGE, lost(3000), OPENED).begun).toBe(1);
  const restarted = after(OPENED, BEGIN, CHANGE, lost(3000), OPENED, { ...BEGIN, epoch: "e2", after: -1 });
  expect(restarted).toMatchObject({ begun: 2, total: 0, lastEventId: "e2--1" });
});

test("the number of changes is known from the last one", () => {
  expect(after(OPENED, BEGIN).total).toBe(5);
  expect(after(OPENED, BEGIN, CHANGE).total).toBe(6);
});

test("what is shown is old while the connection is lost, or when nothing was heard for long", () => {
  const live = after(OPENED, BEGIN);
  expect(live.connection).toBe("live");
  expect(isOld(live, 16_000)).toBe(false);
  expect(isOld(live, 16_001)).toBe(true);
  expect(isOld(afterEvent(live, { kind: "answered", nowMs: 16_000 }), 16_001)).toBe(false);
  expect(isOld(after(OPENED, lost(1001)), 1001)).toBe(true);
  expect(isOld(after(OPENED, lost(1001), { ...OPENED, nowMs: 1002 }), 1002)).toBe(false);
});

test("attempts to connect become rarer, until one succeeds", () => {
  const waits: number[] = [];
  let state = after(OPENED);
  for (let i = 0; i < 6; i++) {
    state = afterEvent(state, lost(2000 + i));
    waits.push(retryAfterMs(state));
  }
  expect(waits).toEqual([1000, 2000, 4000, 5000, 5000, 5000]);
  expect(state.sinceMs).toBe(2000);
  expect(retryAfterMs(afterEvent(afterEvent(state, OPENED), lost(1)))).toBe(1000);
});
