/** A view's changes as an async iterator: without a gap, at the reader's pace, in bounded memory. */
import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { ChangeFeed, type FeedSource } from "../../src/library/change-feed.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import type { Route } from "../../src/route/route.ts";
import { routeOfText } from "../support/models/frame-text.ts";

const R1 = routeOfText("100 10.0.1.0/24 via 2001:db8::1");
const R2 = routeOfText("100 10.0.2.0/24 via 2001:db8::2");
const R3 = routeOfText("200 10.0.2.0/24 via 2001:db8::2");
const ROUTES = [R1, R2, R3];

/** A view that a test changes. */
class View implements FeedSource {
  readonly routes = new Set<Route>();
  readonly feeds = new Set<ChangeFeed>();
  hasEnded = false;
  readonly complete = new Set<number>();
  /** How many the walks have come to. A set's walk comes again to what is taken out and put in again. */
  walked = 0;

  isClosed(): boolean {
    return this.hasEnded;
  }
  started(feed: ChangeFeed): Iterable<readonly Route[]> {
    this.feeds.add(feed);
    return this.#walk();
  }
  *#walk(): Iterable<readonly Route[]> {
    for (const route of this.routes) {
      this.walked++;
      yield [route];
    }
  }
  completeVnis(): Iterable<number> {
    return this.complete;
  }
  completed(vni: number): void {
    this.complete.add(vni);
    for (const feed of this.feeds) feed.complete(vni);
  }
  ended(feed: ChangeFeed): void {
    this.feeds.delete(feed);
  }

  /** Adds what is not there, removes what is. */
  toggle(...routes: readonly Route[]): void {
    for (const route of routes) {
      const isThere = this.routes.delete(route);
      if (!isThere) this.routes.add(route);
      for (const feed of this.feeds) feed.changed(isThere ? "removed" : "added", route);
    }
  }

  close(): void {
    this.hasEnded = true;
    for (const feed of this.feeds) feed.close();
  }
}

async function read(feed: ChangeFeed, count: number): Promise<string[]> {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const { done, value } = await feed.next();
    if (done) lines.push("end");
    else if (value.type === "complete") lines.push(`complete ${value.vni}`);
    else lines.push(`${value.type} ${formatRoute(value.route)}`);
  }
  return lines;
}

const added = (route: Route) => `added ${formatRoute(route)}`;
const removed = (route: Route) => `removed ${formatRoute(route)}`;

describe("a feed", () => {
  test("begins with what is there, and goes on with each change", async () => {
    const view = new View();
    const feed = new ChangeFeed(view);
    view.toggle(R1, R2);
    expect(await read(feed, 2)).toEqual([added(R1), added(R2)]);
    const waiting = read(feed, 2);
    view.toggle(R3, R1);
    expect(await waiting).toEqual([added(R3), removed(R1)]);
  });

  test("walks no further than it is read, and what changes meanwhile is told once", async () => {
    const view = new View();
    view.toggle(R1, R2, R3);
    const feed = new ChangeFeed(view);
    expect([await read(feed, 1), view.walked]).toEqual([[added(R1)], 1]);
    // Not come to yet; come to; put in again, where the walk comes to it a second time.
    view.toggle(R2, R1, R1);
    view.toggle(R3, R3, R2);
    const last = read(feed, 3);
    view.toggle(R1);
    expect(await last).toEqual([added(R3), added(R2), removed(R1)]);
  });

  test("serves reads that wait in their order", async () => {
    const view = new View();
    const feed = new ChangeFeed(view);
    const reads = [read(feed, 1), read(feed, 1)];
    view.toggle(R1, R2);
    expect(await Promise.all(reads)).toEqual([[added(R1)], [added(R2)]]);
  });

  test("does not mention what came and went while nobody read", async () => {
    const view = new View();
    const feed = new ChangeFeed(view);
    view.toggle(R1);
    expect(await read(feed, 1)).toEqual([added(R1)]);
    view.toggle(R1, R2, R1, R3, R2);
    expect(await read(feed, 1)).toEqual([added(R3)]);
  });

  test("is unknown to its client until it is read, and when it was left", async () => {
    const view = new View();
    const feed = new ChangeFeed(view);
    expect(view.feeds.size).toBe(0);
    view.toggle(R1);
    for await (const change of feed) {
      expect([view.feeds.size, change]).toEqual([1, { type: "added", route: R1 }]);
      break;
    }
    expect(view.feeds.size).toBe(0);
    expect(await read(feed, 2)).toEqual(["end", "end"]);
  });

  test("gives out what is known when its client closes, and ends", async () => {
    const view = new View();
    const [behind, waiting, late] = [new ChangeFeed(view), new ChangeFeed(view), new ChangeFeed(view)];
    const reads = read(waiting, 3);
    view.toggle(R1, R2);
    await read(behind, 1);
    view.close();
    expect(await reads).toEqual([added(R1), added(R2), "end"]);
    expect(await read(behind, 3)).toEqual([added(R2), "end", "end"]);
    expect(await read(late, 3)).toEqual([added(R1), added(R2), "end"]);
  });

  test("walks on at its reader's pace when its client closes, and is known to nobody then", async () => {
    const view = new View();
    view.toggle(R1, R2, R3);
    const feed = new ChangeFeed(view);
    expect(await read(feed, 1)).toEqual([added(R1)]);
    view.close();
    expect([view.walked, view.feeds.size]).toEqual([1, 0]);
    expect(await read(feed, 4)).toEqual([added(R2), added(R3), "end", "end"]);
  });

  test("after its client has closed it still ends at once when it is left, or its signal aborts", async () => {
    const view = new View();
    view.toggle(R1, R2, R3);
    const controller = new AbortController();
    const feeds = [new ChangeFeed(view), new ChangeFeed(view, controller.signal)];
    for (const feed of feeds) await read(feed, 1);
    view.close();
    await feeds[0]?.return();
    controller.abort();
    for (const feed of feeds) expect(await read(feed, 1)).toEqual(["end"]);
    expect(view.walked).toBe(2);
  });

  test("tells that a VNI is complete after all of its routes, and once", async () => {
    const view = new View();
    view.toggle(R1, R2);
    view.completed(100);
    const feed = new ChangeFeed(view);
    expect(await read(feed, 1)).toEqual([added(R1)]);
    view.completed(100);
    view.toggle(R3);
    expect(await read(feed, 3)).toEqual([added(R3), added(R2), "complete 100"]);
    const waiting = read(feed, 1);
    view.completed(200);
    expect(await waiting).toEqual(["complete 200"]);
    view.completed(300);
    view.toggle(R3);
    view.close();
    expect(await read(feed, 3)).toEqual(["complete 300", removed(R3), "end"]);
  });

  test("does not tell of a VNI that is unsubscribed before that is read", async () => {
    const view = new View();
    view.toggle(R1);
    view.completed(100);
    const feed = new ChangeFeed(view);
    await read(feed, 1);
    view.completed(200);
    feed.incomplete(200);
    view.close();
    expect(await read(feed, 2)).toEqual(["complete 100", "end"]);
  });

  test("tells of wanted VNIs only", async () => {
    const view = new View();
    view.complete.add(100);
    const feed = new ChangeFeed(view, undefined, new Set([200]));
    const waiting = read(feed, 1);
    view.toggle(R1, R3);
    expect(await waiting).toEqual([added(R3)]);
    view.completed(100);
    view.completed(200);
    view.close();
    expect(await read(feed, 2)).toEqual(["complete 200", "end"]);
  });

  test("ends at once when its signal aborts, also a read that waits", async () => {
    const view = new View();
    view.toggle(R1, R2);
    const controller = new AbortController();
    const feed = new ChangeFeed(view, controller.signal);
    expect(await read(feed, 1)).toEqual([added(R1)]);
    controller.abort();
    expect(await read(feed, 1)).toEqual(["end"]);
    expect(await read(new ChangeFeed(view, controller.signal), 1)).toEqual(["end"]);
    const other = new AbortController();
    const waiting = new ChangeFeed(view, other.signal);
    await read(waiting, 2);
    const last = read(waiting, 1);
    other.abort();
    expect([await last, view.feeds.size]).toEqual([["end"], 0]);
  });

  test("is not known to its signal before it is read, nor when it has ended", async () => {
    const { signal } = new AbortController();
    const listeners = { count: 0 };
    const count = (by: number) => (): void => {
      listeners.count += by;
    };
    spyOn(signal, "addEventListener").mockImplementation(count(1));
    spyOn(signal, "removeEventListener").mockImplementation(count(-1));
    const view = new View();
    view.toggle(R1);
    const feed = new ChangeFeed(view, signal);
    expect(listeners.count).toBe(0);
    await read(feed, 1);
    expect(listeners.count).toBe(1);
    await feed.return();
    expect(listeners.count).toBe(0);
  });

  test("its changes add up to the view, each is one, and what waits is no more than the difference", async () => {
    const step = fc.oneof(
      fc.constantFrom(...ROUTES).map((route) => ({ route })),
      fc.constant("read" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const view = new View();
        const feed = new ChangeFeed(view);
        const known = new Set<Route>();
        const take = async (): Promise<boolean> => {
          const { done, value } = await feed.next();
          if (done || value.type === "complete") return false;
          if (value.type === "added") expect(known.has(value.route)).toBe(false);
          else expect(known.has(value.route)).toBe(true);
          if (value.type === "added") known.add(value.route);
          else known.delete(value.route);
          return true;
        };
        for (const each of steps) {
          if (each !== "read") view.toggle(each.route);
          // A read without anything to read would wait.
          else if (known.symmetricDifference(view.routes).size > 0) expect(await take()).toBe(true);
        }
        const difference = known.symmetricDifference(view.routes).size;
        let rest = 0;
        view.close();
        while (await take()) rest++;
        expect([rest, known]).toEqual([difference, view.routes]);
      }),
    );
  });
});
