import { expect, spyOn, test } from "bun:test";
import { untilStopped } from "../../../src/cli/program/stop-signal.ts";

const LIMIT_MS = 5_000;

/** Runs with timers that are only looked at, and an exit that is none. */
async function withoutTime(run: (delays: () => unknown[]) => Promise<void>): Promise<void> {
  const after = spyOn(globalThis, "setTimeout").mockImplementation(
    // As much of a timer as is used.
    (() => ({ unref: () => {} })) as unknown as typeof setTimeout,
  );
  try {
    await run(() => after.mock.calls.map(([, delayMs]) => delayMs));
  } finally {
    after.mockRestore();
  }
}

test.each(["SIGTERM", "SIGINT"] as const)("%s stops, once", async (signal) => {
  await withoutTime(async (delays) => {
    const before = process.listenerCount(signal);
    const stopped = untilStopped();
    expect(process.listenerCount(signal)).toBe(before + 1);
    process.emit(signal);
    await stopped;
    // The next one has its usual effect.
    expect(process.listenerCount(signal)).toBe(before);
    expect(delays()).toEqual([LIMIT_MS]);
  });
});

test("what else may stop it does, and the time to drain is granted; a signal after that is the first", async () => {
  await withoutTime(async (delays) => {
    const before = process.listenerCount("SIGTERM");
    await untilStopped({ graceMs: () => 60_000, also: Promise.resolve() });
    expect(delays()).toEqual([60_000 + LIMIT_MS]);
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    process.emit("SIGTERM");
    expect(process.listenerCount("SIGTERM")).toBe(before);
    expect(delays()).toEqual([60_000 + LIMIT_MS]);
  });
});
