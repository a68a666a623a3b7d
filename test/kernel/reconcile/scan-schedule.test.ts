import { expect, test } from "bun:test";
import { ScanSchedule } from "../../../src/kernel/reconcile/scan-schedule.ts";

test("one comes on its interval, counted from the end of the last", () => {
  const schedule = new ScanSchedule(60_000, 0);
  expect(schedule.dueMs).toBe(60_000);
  expect(schedule.takeDue(59_999)).toBeNull();
  expect(schedule.takeDue(60_000)).toBe("interval");
  schedule.ended(62_000);
  expect([schedule.dueMs, schedule.lastMs]).toEqual([122_000, 62_000]);
});

test("without an interval none comes by itself", () => {
  const schedule = new ScanSchedule(0, 0);
  expect(schedule.dueMs).toBe(Number.POSITIVE_INFINITY);
  schedule.ended(1_000);
  expect(schedule.takeDue(1e12)).toBeNull();
});

test("one that is asked for comes once, a second after the last at the soonest, for the first reason", () => {
  const schedule = new ScanSchedule(0, 0);
  schedule.ended(5_000);
  schedule.ask("this");
  schedule.ask("that");
  expect(schedule.takeDue(5_999)).toBeNull();
  expect(schedule.takeDue(6_000)).toBe("this");
  expect(schedule.takeDue(9_000)).toBeNull();
});

test("one that came to nothing, as while there is no device, counts for the interval alone", () => {
  const schedule = new ScanSchedule(60_000, 0);
  expect(schedule.takeDue(60_000)).toBe("interval");
  expect([schedule.dueMs, schedule.lastMs]).toEqual([120_000, null]);
  schedule.ask("the device is up");
  expect(schedule.takeDue(60_001)).toBe("the device is up");
});

test("after a failure nothing is done before one has succeeded", () => {
  const schedule = new ScanSchedule(0, 0);
  schedule.failed(10_000);
  expect([schedule.isUrgent, schedule.dueMs]).toEqual([true, 11_000]);
  expect(schedule.takeDue(11_000)).toBe("socket failed");
  expect(schedule.isUrgent).toBe(true);
  schedule.ended(11_500);
  expect(schedule.isUrgent).toBe(false);
});
