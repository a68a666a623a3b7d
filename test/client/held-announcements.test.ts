/** When announcements are released that wait for a promise, at most 2 s from the start; the whole client: test/library. */
import { expect, test } from "bun:test";
import { eventLog } from "../../src/base/log-event.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { HeldAnnouncements } from "../../src/client/held-announcements.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

type Step = "fulfil" | "reject" | "start" | "1 s" | "released" | "stop";

test.each<readonly [string, readonly Step[], readonly string[]]>([
  ["fulfilled", ["start", "1 s", "fulfil"], ["released 1"]],
  ["fulfilled before the start", ["fulfil", "start", "1 s", "1 s"], ["released 0"]],
  ["not in time", ["start", "1 s", "1 s", "fulfil"], ["released 2"]],
  ["the time begins at the start", ["1 s", "1 s", "1 s", "start", "1 s", "1 s"], ["released 5"]],
  ["rejected", ["start", "1 s", "reject"], ["failed 1", "released 1"]],
  ["rejected after it was released", ["start", "1 s", "1 s", "reject"], ["released 2", "failed 2"]],
  ["released by something else", ["start", "released", "1 s", "1 s", "fulfil"], []],
  ["stopped", ["start", "stop", "1 s", "1 s", "fulfil"], []],
  ["rejected after the stop", ["start", "stop", "reject"], []],
])("%s", async (_, steps, expected) => {
  const clock = new FakeClock();
  const log: string[] = [];
  const ready = Promise.withResolvers<void>();
  let isReleased = false;
  const held = new HeldAnnouncements(ready.promise, {
    clock,
    logger: eventLog(silentLogger),
    withinMs: 2_000,
    release: () => {
      if (isReleased) return false;
      isReleased = true;
      held.onReleased();
      log.push(`released ${clock.nowMs() / 1000}`);
      return true;
    },
    onFailed: () => log.push(`failed ${clock.nowMs() / 1000}`),
  });
  for (const step of steps) {
    if (step === "fulfil") ready.resolve();
    else if (step === "reject") ready.reject(new Error("no kernel"));
    else if (step === "1 s") clock.advance(1_000);
    else if (step === "released") {
      isReleased = true;
      held.onReleased();
    } else held[step]();
    // Promises settle in between.
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(log).toEqual([...expected]);
  expect(clock.pendingTimers).toBe(0);
});

test("for ever", () => {
  const clock = new FakeClock();
  const held = new HeldAnnouncements(new Promise(() => {}), {
    clock,
    logger: eventLog(silentLogger),
    withinMs: Number.POSITIVE_INFINITY,
    release: () => true,
    onFailed: () => {},
  });
  held.start();
  expect(clock.pendingTimers).toBe(0);
});
