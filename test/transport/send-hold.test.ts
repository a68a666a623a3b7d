/** A peer that sends, but takes nothing (RFC 9687): its keepalives must not keep it for ever. */
import { describe, expect, test } from "bun:test";
import { SERVER_OPTIONS } from "../../src/options/server-options.ts";
import { SendHold } from "../../src/transport/send-hold.ts";
import { ConnectionUnderTest, manyAdds } from "../support/network/connection-under-test.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

const SEND_HOLD_MS = SERVER_OPTIONS.sendHoldSeconds.default * 1000;

/** An established pair whose peer has stopped reading, with more due than the pipe holds. */
function stalled(): ConnectionUnderTest {
  const pair = new ConnectionUnderTest({ capacityBytes: 1_000 }).establish();
  pair.peer.stream.isReading = false;
  pair.give(...manyAdds(100));
  pair.clock.settle();
  return pair;
}

/** Time passes, and the peer sends a KEEPALIVE each 5 s meanwhile. */
function live(pair: ConnectionUnderTest, forMs: number): void {
  for (let leftMs = forMs; leftMs > 0; leftMs -= 5_000) {
    pair.peer.send("KEEPALIVE");
    pair.clock.advance(Math.min(leftMs, 5_000));
  }
}

const closes = (pair: ConnectionUnderTest) => pair.handler.calls.filter((call) => call.startsWith("closed"));

test("who takes no byte for 90 s is closed, however alive it says it is", () => {
  const pair = stalled();
  live(pair, SEND_HOLD_MS - 1);
  expect(closes(pair)).toEqual([]);
  pair.clock.advance(1);
  expect(closes(pair)).toEqual(["closed send-hold-timeout"]);
  expect(pair.clock.pendingTimers).toBe(0);
});

test("each byte taken starts the time anew", () => {
  const pair = stalled();
  live(pair, 60_000);
  // It reads what the pipe holds, which makes room for as much again, and stops once more.
  pair.peer.stream.isReading = true;
  pair.clock.soon(() => {
    pair.peer.stream.isReading = false;
  });
  pair.clock.settle();
  live(pair, 60_000);
  expect(closes(pair)).toEqual([]);
  live(pair, 40_000);
  expect(closes(pair)).toEqual(["closed send-hold-timeout"]);
});

test("who has nothing due may be silent for as long as it keeps alive", () => {
  const pair = stalled();
  pair.peer.stream.isReading = true;
  pair.clock.settle();
  pair.peer.stream.isReading = false;
  // Its KEEPALIVEs' answers fit in the pipe.
  live(pair, 3 * SEND_HOLD_MS);
  expect(closes(pair)).toEqual([]);
});

describe("SendHold, with a hold time of 10 s", () => {
  /** Seconds from the start: the socket took all, a part or nothing of a write, or became writable. */
  type Step = readonly [atSeconds: number, event: "all" | "part" | "nothing" | "writable" | "stop"];

  test.each<readonly [string, readonly Step[], expiresAtSeconds: number | null]>([
    ["all is taken", [[1, "all"]], null],
    ["a part is taken, and no more", [[1, "part"]], 11],
    ["nothing is taken", [[1, "nothing"]], 11],
    [
      "a part now and then",
      [
        [1, "part"],
        [9, "part"],
        [18, "part"],
      ],
      28,
    ],
    [
      "writable, and nothing is due any more",
      [
        [1, "part"],
        [2, "writable"],
      ],
      null,
    ],
    [
      "writable, but no byte is taken",
      [
        [1, "part"],
        [9, "writable"],
        [9, "nothing"],
      ],
      11,
    ],
    [
      "a write that was taken as a whole counts",
      [
        [1, "part"],
        [2, "writable"],
        [10, "all"],
        [10, "nothing"],
      ],
      20,
    ],
    [
      "blocked again after the timer has run out",
      [
        [1, "part"],
        [2, "writable"],
        [15, "nothing"],
      ],
      25,
    ],
    [
      "stopped",
      [
        [1, "part"],
        [2, "stop"],
        [3, "nothing"],
      ],
      null,
    ],
  ])("%s", (_, steps, expiresAtSeconds) => {
    const clock = new FakeClock();
    const expired: number[] = [];
    const hold = new SendHold(clock, 10_000, () => expired.push(clock.nowMs() / 1000));
    for (const [atSeconds, event] of steps) {
      clock.advance(atSeconds * 1000 - clock.nowMs());
      if (event === "writable" || event === "stop") hold[event]();
      else hold.wrote({ all: 100, part: 1, nothing: 0 }[event], 100);
      if (event !== "stop") expect(hold.isBlocked).toBe(event === "part" || event === "nothing");
    }
    clock.advance(60_000);
    expect(expired).toEqual(expiresAtSeconds === null ? [] : [expiresAtSeconds]);
    expect(clock.pendingTimers).toBe(0);
  });
});
