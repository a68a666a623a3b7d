/** What must not come in a state, message by message: the session closes for it. */
import { expect, test } from "bun:test";
import { CLIENT_UP, realRows, SERVER_UP, type SessionRows } from "../support/models/session-rows.ts";

const refused = (code: string) => `close protocol-error ${code}`;

const REFUSALS: Record<string, SessionRows> = {
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
  "server: a further HELLO with interval 0": {
    role: "server",
    rows: [...SERVER_UP, [0, "hello 0", refused("KEEPALIVE_INTERVAL_ZERO"), "closed"]],
  },
  "server: interval 0": {
    role: "server",
    rows: [[0, "hello 0", refused("KEEPALIVE_INTERVAL_ZERO"), "closed"]],
  },
};

for (const [name, refusal] of Object.entries(REFUSALS)) {
  test(name, () => expect(realRows(refusal)).toEqual([...refusal.rows]));
}
