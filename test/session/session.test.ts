/** One connection's protocol state, as rows of time, event, what it answers and where it stands. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_RETRY, retryAfterMs } from "../../src/session/retry.ts";
import {
  CLIENT_UP,
  NONE,
  type Row,
  realRows,
  SERVER_UP,
  type SessionRows,
  sessionAfter,
} from "../support/models/session-rows.ts";

const SCENARIOS: Record<string, SessionRows> = {
  "client: handshake": { role: "client", rows: CLIENT_UP },
  "server: handshake; the answer goes out before anything else": { role: "server", rows: SERVER_UP },

  "client: a keepalive each interval, without drift and whatever comes in": {
    role: "client",
    rows: [
      ...CLIENT_UP,
      [5_019, "timer", NONE, "established"],
      [5_024, "timer", "send-keepalive", "established"],
      [5_025, "keepalive", NONE, "established"],
      [10_019, "data", NONE, "established"],
      [10_020, "timer", "send-keepalive", "established"],
      [10_021, "keepalive", NONE, "established"],
      [15_300, "timer", "send-keepalive", "established"],
      [15_301, "keepalive", NONE, "established"],
      [20_019, "timer", NONE, "established"],
      [20_020, "timer", "send-keepalive", "established"],
    ],
  },
  "client: keepalives missed in a pause are not made up for, and the rhythm stays": {
    role: "client",
    rows: [
      ...CLIENT_UP,
      [17_000, "data", NONE, "established"],
      [17_000, "timer", "send-keepalive", "established"],
      [17_000, "timer", NONE, "established"],
      [20_019, "timer", NONE, "established"],
      [20_020, "timer", "send-keepalive", "established"],
    ],
  },
  "server: answers each keepalive at once and sends none by itself": {
    role: "server",
    rows: [
      ...SERVER_UP,
      [1, "keepalive", "send-keepalive", "established"],
      [1, "keepalive", "send-keepalive", "established"],
      [5_000, "timer", NONE, "established"],
      [12_500, "timer", NONE, "established"],
    ],
  },

  "client: the server's smaller interval counts": {
    role: "client",
    rows: [
      [0, "connected", "send-hello 5", "hello-sent"],
      [0, "hello 2 server", "send-keepalive", "hello-received"],
      [0, "keepalive", "established", "established"],
      [1_999, "timer", NONE, "established"],
      [2_000, "timer", "send-keepalive", "established"],
      [4_000, "timer", "send-keepalive", "established"],
      [4_999, "timer", NONE, "established"],
      [5_000, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "client: its own smaller interval counts": {
    role: "client",
    keepaliveSeconds: 2,
    rows: [
      [0, "connected", "send-hello 2", "hello-sent"],
      [0, "hello 5 server", "send-keepalive", "hello-received"],
      [0, "keepalive", "established", "established"],
      [2_000, "timer", "send-keepalive", "established"],
      [5_000, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "server: the client's smaller interval counts, but is not what it answers": {
    role: "server",
    rows: [
      [0, "hello 1", "send-hello 5 server", "hello-sent"],
      [0, "keepalive", "send-keepalive, established", "established"],
      [2_499, "timer", NONE, "established"],
      [2_500, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "server: its own smaller interval counts": {
    role: "server",
    keepaliveSeconds: 1,
    rows: [
      [0, "hello 5", "send-hello 1 server", "hello-sent"],
      [0, "keepalive", "send-keepalive, established", "established"],
      [2_500, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "the greatest interval is no trouble": {
    role: "server",
    keepaliveSeconds: 4_294_967_295,
    rows: [
      [0, "hello 4294967295", "send-hello 4294967295 server", "hello-sent"],
      [0, "keepalive", "send-keepalive, established", "established"],
      [10_737_418_237_499, "timer", NONE, "established"],
      [10_737_418_237_500, "timer", "close keepalive-timeout", "closed"],
    ],
  },

  "client: connecting ends after 2.5 intervals": {
    role: "client",
    rows: [
      [12_499, "timer", NONE, "connecting"],
      [12_500, "timer", "close connect-timeout", "closed"],
    ],
  },
  "client: waiting for HELLO ends 2.5 own intervals after connecting": {
    role: "client",
    rows: [
      [10_000, "connected", "send-hello 5", "hello-sent"],
      [22_499, "timer", NONE, "hello-sent"],
      [22_500, "timer", "close handshake-timeout", "closed"],
    ],
  },
  "client: waiting for KEEPALIVE ends 2.5 own intervals after HELLO, though the server's is smaller": {
    role: "client",
    rows: [
      [0, "connected", "send-hello 5", "hello-sent"],
      [10_000, "hello 1 server", "send-keepalive", "hello-received"],
      [22_499, "timer", NONE, "hello-received"],
      [22_500, "timer", "close handshake-timeout", "closed"],
    ],
  },
  "server: waiting for HELLO ends after 2.5 intervals": {
    role: "server",
    rows: [
      [12_499, "timer", NONE, "hello-awaited"],
      [12_500, "timer", "close handshake-timeout", "closed"],
    ],
  },
  "server: waiting for KEEPALIVE ends 2.5 own intervals after HELLO": {
    role: "server",
    rows: [
      [2_000, "hello 1", "send-hello 5 server", "hello-sent"],
      [14_499, "timer", NONE, "hello-sent"],
      [14_500, "timer", "close handshake-timeout", "closed"],
    ],
  },
  "any frame counts as life": {
    role: "server",
    rows: [
      ...SERVER_UP,
      [12_499, "data", NONE, "established"],
      [24_998, "timer", NONE, "established"],
      [24_998, "data", NONE, "established"],
      [37_497, "timer", NONE, "established"],
      [37_498, "timer", "close keepalive-timeout", "closed"],
    ],
  },

  "server: a further HELLO once established is answered, and the latest interval counts from then on": {
    role: "server",
    rows: [
      ...SERVER_UP,
      [3_000, "hello 2", "send-hello 5 server", "established"],
      [3_000, "data", NONE, "established"],
      [4_000, "keepalive", "send-keepalive", "established"],
      [8_999, "timer", NONE, "established"],
      [8_999, "hello 9", "send-hello 5 server", "established"],
      [21_498, "timer", NONE, "established"],
      [21_499, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "server: a further HELLO in the handshake is answered, and gives no more time for it": {
    role: "server",
    rows: [
      [0, "hello 5", "send-hello 5 server", "hello-sent"],
      [12_000, "hello 3", "send-hello 5 server", "hello-sent"],
      [12_400, "keepalive", "send-keepalive, established", "established"],
      [12_400, "keepalive", "send-keepalive", "established"],
      [19_899, "timer", NONE, "established"],
      [19_900, "timer", "close keepalive-timeout", "closed"],
    ],
  },
  "server: whoever only repeats its HELLO does not stay": {
    role: "server",
    rows: [
      [0, "hello 5", "send-hello 5 server", "hello-sent"],
      [6_000, "hello 5", "send-hello 5 server", "hello-sent"],
      [12_000, "hello 5", "send-hello 5 server", "hello-sent"],
      [12_500, "timer", "close handshake-timeout", "closed"],
    ],
  },

  "once closed, nothing happens any more": {
    role: "client",
    rows: [
      ...CLIENT_UP,
      [30, "close", "close stopped", "closed"],
      [30, "close", NONE, "closed"],
      [31, "data", NONE, "closed"],
      [32, "keepalive", NONE, "closed"],
      [33, "hello 5", NONE, "closed"],
      [60_000, "timer", NONE, "closed"],
    ],
  },
};

describe("scenarios", () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    test(name, () => expect(realRows(scenario)).toEqual([...scenario.rows]));
  }
});

describe("the deadline", () => {
  test("is always a time at which the timer event does something, or Infinity", () => {
    for (const { role, keepaliveSeconds = 5, rows } of Object.values(SCENARIOS)) {
      for (let count = 0; count <= rows.length; count++) {
        const begun = { role, keepaliveSeconds, rows: rows.slice(0, count) };
        const { deadlineMs, state } = sessionAfter(begun);
        if (state === "closed") expect(deadlineMs).toBe(Number.POSITIVE_INFINITY);
        else {
          expect(sessionAfter(begun).handle({ type: "timer" }, deadlineMs)).not.toBeEmpty();
          expect(sessionAfter(begun).handle({ type: "timer" }, deadlineMs - 1)).toBeEmpty();
        }
      }
    }
  });
});

test("a peer that says so is a server", () => {
  const hello = (event: string) =>
    sessionAfter({ role: "server", rows: [[0, event, NONE, NONE]] }).peerIsServer;
  expect([hello("hello 5"), hello("hello 5 server")]).toEqual([false, true]);
});

test("the negotiated interval is in force from ESTABLISHED on, the own one before", () => {
  const rows: readonly Row[] = [
    [0, "hello 3", NONE, NONE],
    [0, "keepalive", NONE, NONE],
  ];
  const seconds = [0, 1, 2].map(
    (count) => sessionAfter({ role: "server", rows: rows.slice(0, count) }).keepaliveSeconds,
  );
  expect(seconds).toEqual([5, 5, 3]);
});

test("the wait before another attempt is random within its bounds", () => {
  expect([0, 0.5, 1 - 2 ** -53].map((value) => retryAfterMs(DEFAULT_RETRY, () => value))).toEqual([
    5_000, 7_500, 10_000,
  ]);
});
