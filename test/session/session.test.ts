/** One connection's protocol state, as rows of time, event, what it answers and where it stands. */
import { describe, expect, test } from "bun:test";
import { describeCloseReason } from "../../src/session/close-reason.ts";
import { DEFAULT_RETRY, retryAfterMs } from "../../src/session/retry.ts";
import { Session, type SessionAction, type SessionEvent } from "../../src/session/session.ts";

/** Milliseconds, event, actions (", " between), state. Events: "hello 5", "hello 5 server", "keepalive", … */
type Row = readonly [atMs: number, event: string, actions: string, state: string];

interface Scenario {
  readonly role: "client" | "server";
  /** Default 5. */
  readonly keepaliveSeconds?: number;
  readonly rows: readonly Row[];
}

const NONE = "";
const CLIENT_UP: readonly Row[] = [
  [0, "connected", "send-hello 5", "hello-sent"],
  [10, "hello 5 server", "send-keepalive", "hello-received"],
  [20, "keepalive", "established", "established"],
];
const SERVER_UP: readonly Row[] = [
  [0, "hello 5", "send-hello 5 server", "hello-sent"],
  [0, "keepalive", "send-keepalive, established", "established"],
];
const refused = (code: string) => `close protocol-error ${code}`;

const SCENARIOS: Record<string, Scenario> = {
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

  "client: data before HELLO": {
    role: "client",
    rows: [
      [0, "connected", "send-hello 5", "hello-sent"],
      [0, "data", refused("OUT_OF_STATE"), "closed"],
    ],
  },
  "client: KEEPALIVE before HELLO": {
    role: "client",
    rows: [
      [0, "connected", "send-hello 5", "hello-sent"],
      [0, "keepalive", refused("OUT_OF_STATE"), "closed"],
    ],
  },
  "client: data before KEEPALIVE": {
    role: "client",
    rows: [...CLIENT_UP.slice(0, 2), [10, "data", refused("OUT_OF_STATE"), "closed"]],
  },
  "client: a second HELLO before KEEPALIVE": {
    role: "client",
    rows: [...CLIENT_UP.slice(0, 2), [10, "hello 5 server", refused("SECOND_HELLO"), "closed"]],
  },
  "client: a second HELLO once established": {
    role: "client",
    rows: [...CLIENT_UP, [20, "hello 5 server", refused("SECOND_HELLO"), "closed"]],
  },
  "client: interval 0": {
    role: "client",
    rows: [
      [0, "connected", "send-hello 5", "hello-sent"],
      [0, "hello 0 server", refused("KEEPALIVE_INTERVAL_ZERO"), "closed"],
    ],
  },
  "server: data before HELLO": { role: "server", rows: [[0, "data", refused("OUT_OF_STATE"), "closed"]] },
  "server: KEEPALIVE before HELLO": {
    role: "server",
    rows: [[0, "keepalive", refused("OUT_OF_STATE"), "closed"]],
  },
  "server: data before KEEPALIVE": {
    role: "server",
    rows: [...SERVER_UP.slice(0, 1), [0, "data", refused("OUT_OF_STATE"), "closed"]],
  },
  "server: a second HELLO before KEEPALIVE": {
    role: "server",
    rows: [...SERVER_UP.slice(0, 1), [0, "hello 5", refused("SECOND_HELLO"), "closed"]],
  },
  "server: a second HELLO once established": {
    role: "server",
    rows: [...SERVER_UP, [0, "hello 5", refused("SECOND_HELLO"), "closed"]],
  },
  "server: interval 0": {
    role: "server",
    rows: [[0, "hello 0", refused("KEEPALIVE_INTERVAL_ZERO"), "closed"]],
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

function eventOf(text: string): SessionEvent {
  const [type, interval, server] = text.split(" ");
  switch (type) {
    case "hello":
      return { type, keepaliveSeconds: Number(interval), isServer: server === "server" };
    case "close":
      return { type, reason: { reason: "stopped" } };
    case "connected":
    case "keepalive":
    case "data":
    case "timer":
      return { type };
    default:
      throw new Error(`no event: "${text}"`);
  }
}

function textOf(action: SessionAction): string {
  if (action.type === "close") return `close ${describeCloseReason(action.reason)}`;
  if (action.type !== "send-hello") return action.type;
  return `send-hello ${action.keepaliveSeconds}${action.isServer ? " server" : ""}`;
}

describe("scenarios", () => {
  for (const [name, { role, keepaliveSeconds = 5, rows }] of Object.entries(SCENARIOS)) {
    test(name, () => {
      const session = new Session({ role, keepaliveSeconds }, 0);
      const seen = rows.map(([atMs, event]): Row => {
        const actions = session.handle(eventOf(event), atMs).map(textOf).join(", ");
        return [atMs, event, actions, session.state];
      });
      expect(seen).toEqual([...rows]);
    });
  }
});

/** Feeds the rows and stands where they end. */
function sessionAfter({ role, keepaliveSeconds = 5, rows }: Scenario): Session {
  const session = new Session({ role, keepaliveSeconds }, 0);
  for (const [atMs, event] of rows) session.handle(eventOf(event), atMs);
  return session;
}

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
