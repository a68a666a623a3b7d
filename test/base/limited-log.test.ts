import { describe, expect, test } from "bun:test";
import { LimitedLog } from "../../src/base/limited-log.ts";
import type { LogEvent } from "../../src/base/log-event.ts";
import type { LogFields } from "../../src/base/logger.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

type Line = readonly [level: string, message: string, fields: LogFields | undefined];

const A = { level: "info", message: "a", fields: ["n?"], whatToDo: "" } as const satisfies LogEvent;
const B = { level: "warn", message: "b", fields: ["n?"], whatToDo: "" } as const satisfies LogEvent;
const C = { level: "error", message: "c", fields: ["n?"], whatToDo: "" } as const satisfies LogEvent;

function setUp() {
  const lines: Line[] = [];
  const note = (level: string) => (message: string, fields?: LogFields) =>
    lines.push([level, message, fields]);
  const logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const clock = new FakeClock();
  const log = new LimitedLog(logger, clock, { burst: 3, intervalMs: 1_000 });
  return { clock, log, take: () => lines.splice(0) };
}

describe("LimitedLog", () => {
  test("the first ones of each kind are logged as they are, at their level", () => {
    const { log, take } = setUp();
    log.log(A, { n: 1 });
    log.log(B, {});
    log.log(C, { n: 2 });
    log.debug("d");
    expect(take()).toEqual([
      ["info", "a", { n: 1 }],
      ["warn", "b", {}],
      ["error", "c", { n: 2 }],
      ["debug", "d", undefined],
    ]);
  });

  test("more of one kind go to debug, and the next that fits tells how many", () => {
    const { clock, log, take } = setUp();
    for (let n = 0; n < 6; n++) log.log(A, { n });
    log.log(B, {});
    expect(take().map(([level, message]) => level + message)).toEqual([
      "infoa",
      "infoa",
      "infoa",
      "debuga",
      "debuga",
      "debuga",
      "warnb",
    ]);
    clock.advance(1_000);
    log.log(A, { n: 6 });
    log.log(A, { n: 7 });
    expect(take()).toEqual([
      ["info", "a", { n: 6, suppressed: 3 }],
      ["debug", "a", { n: 7 }],
    ]);
  });

  test("a flood leaves a line each interval, and a quiet time a burst again", () => {
    const { clock, log, take } = setUp();
    for (let ms = 0; ms < 60_000; ms += 10) {
      log.log(B, {});
      clock.advance(10);
    }
    const shown = take().filter(([level]) => level === "warn");
    expect(shown.length).toBeGreaterThanOrEqual(60);
    expect(shown.length).toBeLessThanOrEqual(63);
    expect(shown.at(-1)?.[2]).toEqual({ suppressed: 99 });
    clock.advance(3_600_000);
    for (let n = 0; n < 4; n++) log.log(B, {});
    expect(take().map(([level]) => level)).toEqual(["warn", "warn", "warn", "debug"]);
  });

  test("debug lines are not limited, and no timer is left", () => {
    const { clock, log, take } = setUp();
    for (let n = 0; n < 100; n++) log.debug("a");
    expect([take().length, clock.pendingTimers]).toEqual([100, 0]);
  });
});
