/**
 * Who sends a KEEPALIVE sooner than one each interval is no Go program. A Go client sends its first at our HELLO and
 * one more at each tick of its interval; ticks reach us late, in bunches, and by a clock that may run fast.
 */
import { describe, expect, test } from "bun:test";
import { Session } from "../../src/session/session.ts";
import { SeededRandom } from "../support/models/random.ts";

const INTERVAL_MS = 5_000;
const WEEK_MS = 7 * 24 * 3_600_000;

/** A server's session whose peer's KEEPALIVEs arrive at these times, HELLO at 0. */
function cameEarly(arrivals: Iterable<number>, keepaliveSeconds = 5): boolean {
  const session = new Session({ role: "server", keepaliveSeconds }, 0);
  session.handle({ type: "hello", keepaliveSeconds: 60, isServer: false }, 0);
  for (const atMs of arrivals) {
    session.handle({ type: "keepalive" }, atMs);
    if (session.keepaliveCameEarly) return true;
  }
  expect(session.state).toBe("established");
  return false;
}

/**
 * The arrivals of a Go client's KEEPALIVEs: each tick is delayed for itself, up to `delayMs`, and none overtakes
 * another, so that they bunch up.
 */
function* goClient(random: SeededRandom, delayMs: number, fastPpm: number): Generator<number> {
  let lastMs = 0;
  for (let tickMs = 0; tickMs < WEEK_MS; tickMs += INTERVAL_MS * (1 - fastPpm / 1e6)) {
    // Mostly on time: delays that come seldom make the widest gaps and the closest bunches.
    const late = random.chance(0.1) ? random.below(delayMs + 1) : random.below(2);
    lastMs = Math.max(lastMs, tickMs + late);
    yield lastMs;
  }
}

describe("a Go client is never flagged in a week", () => {
  test.each([
    [0, 0],
    [0, 100],
    [INTERVAL_MS, 100],
    [2 * INTERVAL_MS, 0],
    [2 * INTERVAL_MS, 100],
  ])("with delays up to %d ms and a clock %d ppm fast", (delayMs, fastPpm) => {
    const seed = 4711;
    expect(cameEarly(goClient(new SeededRandom(seed), delayMs, fastPpm))).toBe(false);
  });

  test("when its HELLO was read late and three ticks come at once", () => {
    expect(cameEarly([0, 15_000, 15_000, 15_000, 20_000])).toBe(false);
  });

  test("when its ticks began nearly half an interval before our HELLO", () => {
    expect(cameEarly([0, 2_600, 7_600, 12_600])).toBe(false);
  });
});

test("a Go client that has greeted twice, and sends twice the KEEPALIVEs, is not flagged either", () => {
  const session = new Session({ role: "server", keepaliveSeconds: 5 }, 0);
  for (const atMs of [0, 3_000]) {
    session.handle({ type: "hello", keepaliveSeconds: 5, isServer: false }, atMs);
    session.handle({ type: "keepalive" }, atMs);
  }
  for (let tickMs = 5_000; tickMs < 600_000; tickMs += 5_000) {
    session.handle({ type: "keepalive" }, tickMs);
    session.handle({ type: "keepalive" }, tickMs + 3_000);
  }
  expect([session.state, session.keepaliveCameEarly]).toEqual(["established", false]);
});

describe("flagged is", () => {
  test.each([
    ["a second KEEPALIVE right behind the first (rustbond, BunBond)", [1, 2]],
    ["one a third of an interval later", [1, 1_600]],
    ["one more than the ticks, though later", [1, 5_000, 7_000]],
    ["twice the pace", [0, 2_500, 5_000]],
    ["one more in the hundredth interval", [...Array.from({ length: 100 }, (_, i) => i * 5_000), 495_100]],
  ])("%s", (_, arrivals) => {
    expect(cameEarly(arrivals)).toBe(true);
  });

  test("counted by the negotiated interval, not by the own one", () => {
    const session = new Session({ role: "server", keepaliveSeconds: 5 }, 0);
    session.handle({ type: "hello", keepaliveSeconds: 1, isServer: false }, 0);
    for (let atMs = 0; atMs < 60_000; atMs += 1_000) session.handle({ type: "keepalive" }, atMs);
    expect(session.keepaliveCameEarly).toBe(false);
  });
});
