import { expect, test } from "bun:test";
import { LoopLag } from "../../src/base/loop-lag.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

/** Fires its timers late, as an event loop that has other things to do. */
class LateClock extends FakeClock {
  lateMs = 0;

  override after(delayMs: number, run: () => void) {
    return super.after(delayMs + this.lateMs, run);
  }
}

test("the most of the last 15 to 30 seconds is reported, whoever asks", () => {
  const clock = new LateClock();
  const lag = new LoopLag(clock);
  lag.start();
  clock.advance(5_000);
  expect(lag.maxSeconds).toBe(0);
  clock.lateMs = 700;
  // The timer that was set before is on time, the next one late.
  clock.advance(1_200);
  clock.lateMs = 0;
  clock.advance(1_000);
  expect(lag.maxSeconds).toBe(0.7);
  clock.advance(12_000);
  expect(lag.maxSeconds).toBe(0.7);
  clock.advance(31_000);
  expect(lag.maxSeconds).toBe(0);
  lag.stop();
  expect(clock.pendingTimers).toBe(0);
});
