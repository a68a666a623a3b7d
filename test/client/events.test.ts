/** Handlers: the ready-made ones, and one that fails. */
import { describe, expect, test } from "bun:test";
import type { Logger } from "../../src/base/logger.ts";
import { type ClientHandler, loggingHandler, silentHandler } from "../../src/client/events.ts";
import { subscribedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

/** A logger that keeps the lines of these levels. */
function recorded(...levels: readonly (keyof Logger)[]) {
  const lines: unknown[] = [];
  const keep =
    (level: keyof Logger) =>
    (...line: unknown[]) => {
      if (levels.includes(level)) lines.push(line);
    };
  const logger: Logger = {
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
  return { logger, lines };
}

describe("a handler that fails", () => {
  const events: readonly (keyof ClientHandler)[] = [
    "routeAdded",
    "routeRemoved",
    "announced",
    "withdrawn",
    "complete",
    "serverState",
  ];
  const failing = (fail: () => void): ClientHandler =>
    Object.fromEntries(events.map((event) => [event, () => fail()]));

  async function live(handler: ClientHandler) {
    const { logger, lines } = recorded("error");
    const link = subscribedLink([100], { endOfRibs: true, handler, logger });
    link.say(`ADD ${R}`, `ADD ${Q}`, `REMOVE ${R}`);
    link.announce(R);
    link.withdraw(R);
    await Promise.resolve();
    expect(Array.from(link.client.routes()).length).toBe(1);
    expect(link.client.servers()[0]?.state).toBe("established");
    // The logger's lines are its arguments.
    const failed = lines.map((line) => (line as [string, { event: string; error: string }])[1]);
    expect(new Set(failed.map(({ event }) => event))).toEqual(new Set(events));
    for (const { error } of failed) expect(error).toContain("no such thing");
  }

  test("by throwing: the error is logged, and the client goes on", async () => {
    await live(
      failing(() => {
        throw new Error("no such thing");
      }),
    );
  });

  test("by a promise that rejects", async () => {
    await live(failing(() => Promise.reject(new Error("no such thing"))));
  });
});

test("the silent handler says nothing", () => {
  const { logger, lines } = recorded("error");
  const link = subscribedLink([100], { endOfRibs: true, handler: silentHandler, logger });
  link.say(`ADD ${R}`, `REMOVE ${R}`);
  expect(lines).toEqual([]);
});

test("the logging handler says everything", () => {
  const { logger, lines } = recorded("info");
  const link = subscribedLink([100], { endOfRibs: true, handler: loggingHandler(logger) });
  link.say(`ADD ${R}`, `REMOVE ${R}`);
  link.announce(Q);
  link.withdraw(Q);
  link.breakConnection();
  expect(lines).toEqual([
    ["server state", { server: "[::1]:1", state: "connecting" }],
    ["server state", { server: "[::1]:1", state: "handshake" }],
    ["server state", { server: "[::1]:1", state: "established" }],
    ["view complete", { vni: 100 }],
    ["route added", { route: R }],
    ["route removed", { route: R }],
    ["announced", { route: Q }],
    ["withdrawn", { route: Q }],
    [
      "server state",
      { server: "[::1]:1", state: "retry", reason: expect.stringContaining("connection-lost") },
    ],
  ]);
});
