/** When End-of-RIBs are deferred, with a deferral time of 10 s, and for how long lost peers are retained meanwhile. */
import { describe, expect, test } from "bun:test";
import { Deferral } from "../../src/server/deferral.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

const TIME_MS = 10_000;

type Event = "start" | "suspended" | "cut off" | "return";
type Step = readonly [atSeconds: number, event: Event];

/** A deferral, and at which second it began and ended. */
class DeferralUnderTest {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly deferral: Deferral;

  constructor(timeMs = TIME_MS) {
    const note = (what: string) => this.log.push(`${what} ${this.clock.nowMs() / 1000}`);
    this.deferral = new Deferral(this.clock, timeMs, {
      onBegin: () => note("begin"),
      onEnd: () => note("end"),
    });
  }

  play(steps: readonly Step[]): this {
    for (const [atSeconds, event] of steps) {
      this.clock.advance(atSeconds * 1000 - this.clock.nowMs());
      if (event === "start") this.deferral.onStart();
      else if (event === "suspended") this.deferral.onSuspended();
      else if (event === "cut off") this.deferral.onCutOff();
      else this.deferral.onEstablished();
    }
    return this;
  }
}

test.each<readonly [string, readonly Step[], readonly string[]]>([
  ["a start", [[0, "start"]], ["begin 0", "end 10"]],
  [
    "peers that come after a start prolong nothing",
    [
      [0, "start"],
      [9, "return"],
    ],
    ["begin 0", "end 10"],
  ],
  [
    "a suspension after the start",
    [
      [0, "start"],
      [4, "suspended"],
      [9, "return"],
    ],
    ["begin 0", "begin 4", "end 14"],
  ],
  [
    "a suspension later",
    [
      [0, "start"],
      [20, "suspended"],
    ],
    ["begin 0", "end 10", "begin 20", "end 30"],
  ],
  [
    "a cut-off from which no peer returns",
    [
      [0, "start"],
      [20, "cut off"],
    ],
    ["begin 0", "end 10", "begin 20", "end 30"],
  ],
  [
    "the first peer returns within the time",
    [
      [20, "cut off"],
      [28, "return"],
    ],
    ["begin 20", "begin 28", "end 38"],
  ],
  [
    "the first peer returns later",
    [
      [20, "cut off"],
      [100, "return"],
    ],
    ["begin 20", "end 30", "begin 100", "end 110"],
  ],
  [
    "others return: each begins it anew, but not after the deferral time from the first return",
    [
      [20, "cut off"],
      [28, "return"],
      [30, "return"],
      [37, "return"],
      [39, "return"],
    ],
    ["begin 20", "begin 28", "end 47"],
  ],
  [
    "cut off once more while peers return",
    [
      [20, "cut off"],
      [28, "return"],
      [30, "cut off"],
      [35, "return"],
    ],
    ["begin 20", "begin 28", "begin 30", "begin 35", "end 45"],
  ],
])("%s", (_, steps, expected) => {
  const { clock, log } = new DeferralUnderTest().play(steps);
  clock.advance(1_000_000);
  expect(log).toEqual([...expected]);
  expect(clock.pendingTimers).toBe(0);
});

test("a deferral time of 0: never", () => {
  const { clock, log, deferral } = new DeferralUnderTest(0).play([
    [0, "start"],
    [1, "suspended"],
  ]);
  expect(log).toEqual([]);
  expect(deferral.retainMs).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

test("stopped", () => {
  const { clock, log, deferral } = new DeferralUnderTest().play([[0, "start"]]);
  deferral.stop();
  clock.advance(1_000_000);
  expect(log).toEqual(["begin 0"]);
});

test.each<readonly [string, readonly Step[], first: boolean]>([
  ["after a start", [[0, "start"]], false],
  ["after a suspension", [[0, "suspended"]], false],
  ["after a cut-off", [[0, "cut off"]], true],
  [
    "after another one",
    [
      [0, "cut off"],
      [1, "return"],
    ],
    false,
  ],
])("whether a return is the first one: %s", (_, steps, isFirst) => {
  const { deferral } = new DeferralUnderTest().play(steps);
  expect(deferral.awaitsReturn).toBe(isFirst);
  expect(deferral.onEstablished()).toBe(isFirst);
  expect(deferral.awaitsReturn).toBe(false);
});

describe("a peer that is lost", () => {
  test.each<readonly [string, readonly Step[], atSeconds: number, retainMs: number]>([
    ["after a start", [[0, "start"]], 5, 0],
    ["after a suspension", [[0, "suspended"]], 5, TIME_MS],
    ["when the deferral is over", [[0, "suspended"]], 10, 0],
    ["after a cut-off", [[0, "cut off"]], 5, TIME_MS],
  ])("is retained %s", (_, steps, atSeconds, retainMs) => {
    const { clock, deferral } = new DeferralUnderTest().play(steps);
    clock.advance(atSeconds * 1000 - clock.nowMs());
    expect(deferral.retainMs).toBe(retainMs);
  });

  interface Due {
    readonly isLate?: boolean;
    readonly extendedMs?: number;
    readonly hasPeers?: boolean;
  }
  test.each<readonly [string, readonly Step[], atSeconds: number, Due, extensionMs: number]>([
    ["an ordinary loss", [[0, "start"]], 5, {}, 0],
    ["the process was suspended meanwhile", [[0, "start"]], 5, { isLate: true }, TIME_MS],
    ["while deferred again: until the end of that", [[0, "suspended"]], 4, {}, 6_000],
    ["the same, extended before", [[0, "suspended"]], 4, { extendedMs: TIME_MS }, 6_000],
    ["but by two deferral times in all", [[0, "suspended"]], 4, { extendedMs: 2 * TIME_MS }, 0],
    ["cut off, and no peer is there", [[0, "cut off"]], 50, { hasPeers: false }, TIME_MS],
    [
      "the same, however often it was extended",
      [[0, "cut off"]],
      50,
      { hasPeers: false, extendedMs: 99 * TIME_MS },
      TIME_MS,
    ],
    ["cut off, and one is there that was not lost", [[0, "cut off"]], 50, {}, 0],
    ["no peer is there, but it was no cut-off", [[0, "start"]], 50, { hasPeers: false }, 0],
  ])("is retained longer: %s", (_, steps, atSeconds, due, extensionMs) => {
    const { clock, deferral } = new DeferralUnderTest().play(steps);
    clock.advance(atSeconds * 1000 - clock.nowMs());
    const { isLate = false, extendedMs = 0, hasPeers = true } = due;
    expect(deferral.extensionMs(isLate, extendedMs, hasPeers)).toBe(extensionMs);
  });
});
