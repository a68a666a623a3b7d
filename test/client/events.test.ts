/** Handlers: the ready-made ones, and one that fails. */
import { describe, expect, test } from "bun:test";
import type { Logger } from "../../src/base/logger.ts";
import { type ClientHandler, loggingHandler, silentHandler } from "../../src/client/events.ts";
import { type ClientView, FOLLOW_VIEW } from "../../src/client/view/client-view.ts";
import type { Route } from "../../src/route/route.ts";
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

describe("several handlers", () => {
  const noted = (name: string, notes: string[]): ClientHandler => ({
    routeAdded: () => notes.push(`${name} added`),
    routeRemoved: () => notes.push(`${name} removed`),
    complete: () => notes.push(`${name} complete`),
  });

  test("each gets every event, in the order in which they were given", () => {
    const notes: string[] = [];
    const link = subscribedLink([100], { endOfRibs: true, handler: [noted("a", notes), noted("b", notes)] });
    link.say(`ADD ${R}`, `REMOVE ${R}`);
    const perEvent = ["complete", "added", "removed"].flatMap((event) => [`a ${event}`, `b ${event}`]);
    expect(notes).toEqual(perEvent);
  });

  test("one that fails keeps no event from the others", () => {
    const notes: string[] = [];
    const { logger, lines } = recorded("error");
    const failing: ClientHandler = {
      routeAdded: () => {
        throw new Error("no such thing");
      },
    };
    const link = subscribedLink([100], { endOfRibs: true, logger, handler: [failing, noted("b", notes)] });
    link.say(`ADD ${R}`);
    expect(notes).toEqual(["b complete", "b added"]);
    expect(lines.length).toBe(1);
  });

  test("one that is added later gets the events from then on, until it is removed", () => {
    const notes: string[] = [];
    const link = subscribedLink([100], { endOfRibs: true, handler: noted("a", notes) });
    notes.length = 0;
    const remove = link.client.addHandler(noted("b", notes));
    link.say(`ADD ${R}`);
    remove();
    remove();
    link.say(`REMOVE ${R}`);
    expect(notes).toEqual(["a added", "b added", "a removed"]);
  });

  test("one that is added twice is called twice, and removed one by one", () => {
    const notes: string[] = [];
    const link = subscribedLink([100], { endOfRibs: true, handler: [] });
    const handler = noted("b", notes);
    const removeFirst = link.client.addHandler(handler);
    link.client.addHandler(handler);
    link.say(`ADD ${R}`);
    removeFirst();
    removeFirst();
    link.say(`REMOVE ${R}`);
    expect(notes).toEqual(["b added", "b added", "b removed"]);
  });

  test("one may remove itself, and add another, during an event", () => {
    const notes: string[] = [];
    const link = subscribedLink([100], { endOfRibs: true, handler: noted("a", notes) });
    notes.length = 0;
    const remove = link.client.addHandler({
      routeAdded: () => {
        remove();
        link.client.addHandler(noted("c", notes));
      },
    });
    link.client.addHandler(noted("b", notes));
    link.say(`ADD ${R}`, `REMOVE ${R}`);
    expect(notes).toEqual(["a added", "b added", "a removed", "b removed", "c removed"]);
  });
});

describe("a handler that reads the view", () => {
  /** At each event, whether the route of the event is in view, and what the view has of its destination. */
  class Reader implements ClientHandler {
    readonly seen: string[] = [];
    #view: ClientView | null = null;

    [FOLLOW_VIEW](view: ClientView): void {
      this.#view = view;
    }

    routeAdded(route: Route): void {
      this.#note("+", route);
    }

    routeRemoved(route: Route): void {
      this.#note("-", route);
    }

    announced(route: Route): void {
      this.#note("announced", route);
    }

    withdrawn(route: Route): void {
      this.#note("withdrawn", route);
    }

    #note(event: string, route: Route): void {
      const look = this.#view?.lookAt(route.vni, route.destination);
      this.seen.push(`${event} ${this.#view?.has(route)} ${look?.nextHops.length} ${look?.isAnnounced}`);
    }
  }

  test("gets it before the first event, and finds there what the event says", () => {
    const [first, later] = [new Reader(), new Reader()];
    const link = subscribedLink([100], { endOfRibs: true, handler: [{}, first] });
    link.say(`ADD ${R}`);
    link.client.addHandler(later);
    link.announce(R);
    link.withdraw(R);
    link.say(`REMOVE ${R}`);
    const announced = ["- false 0 true", "announced false 0 true"];
    const withdrawn = ["+ true 1 false", "withdrawn true 1 false", "- false 0 false"];
    expect(first.seen).toEqual(["+ true 1 false", ...announced, ...withdrawn]);
    expect(later.seen).toEqual([...announced, ...withdrawn]);
  });
});
