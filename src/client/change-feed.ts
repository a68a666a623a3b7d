/**
 * The view and its changes as an async iterator, at the reader's pace: first the routes that are there, as added, then
 * each change, without a gap between the two.
 *
 * A slow reader costs a bounded memory, for what it has not read yet is kept by route: a route comes and goes in turn,
 * so a second change takes the first one back. One that came and went meanwhile is not mentioned, nor one that went and
 * came back; and a destination that moves has a hop all the time (see ordered-changes.ts). So what waits is at most the
 * difference between the view that the reader knows and the present one.
 *
 * The routes that are there are walked one destination per read, so that a large view holds nobody up. What changes
 * meanwhile is told as any change, unless the walk has not come to the route yet; which it has come to is known by key.
 */
import type { Route } from "../route/route.ts";
import { OrderedChanges } from "./ordered-changes.ts";
import { announcementKey } from "./wanted.ts";

/** A route came into view, or left it. */
export interface RouteChange {
  readonly type: "added" | "removed";
  readonly route: Route;
}

/**
 * A view's changes, to be read once, by one reader: `for await (const { type, route } of client.changes())`. Who reads by
 * `next` calls `return` at the end, or aborts the signal.
 */
export interface RouteChanges extends AsyncIterableIterator<RouteChange, undefined, void>, AsyncDisposable {
  [Symbol.asyncIterator](): RouteChanges;
}

/** What a feed needs of its client. */
export interface FeedSource {
  /** It will not change any more. */
  isClosed(): boolean;
  /**
   * The first read: from now on changes are told, on top of the routes that it gives back, those of one destination at a
   * time. It is walked slowly: what is there all the time must come, what comes and goes meanwhile may.
   */
  started(feed: ChangeFeed): Iterable<readonly Route[]>;
  ended(feed: ChangeFeed): void;
}

type Result = IteratorResult<RouteChange, undefined>;
const END: Result = { done: true, value: undefined };

export class ChangeFeed implements RouteChanges {
  /** Not read yet, in order, by {@link announcementKey}. */
  readonly #unread = new OrderedChanges();
  /**
   * Stands before the first of them, or at the end. One that starts anew for each would pass the places of all that were
   * read before.
   */
  #cursor = this.#unread.entries();
  /** The walk through the routes that were there at the first read; null before and behind it. */
  #existing: Iterator<readonly Route[]> | null = null;
  /** During the walk: the keys of the routes that the reader knows of, once it has read all. */
  readonly #told = new Set<string>();
  /** Reads that wait for a change: there is none during the walk. */
  readonly #readers: ((result: Result) => void)[] = [];
  #isStarted = false;
  /** No more changes come. */
  #isEnded = false;

  constructor(
    private readonly source: FeedSource,
    private readonly signal?: AbortSignal,
  ) {}

  next(): Promise<Result> {
    this.#start();
    const change = this.#takeFirst();
    if (change !== undefined) return Promise.resolve({ done: false, value: change });
    if (this.#isEnded) return Promise.resolve(END);
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#readers.push(resolve);
    return promise;
  }

  /** What `for await` calls when it is left: nothing more comes, and reads that wait end. */
  return(): Promise<Result> {
    this.#abort();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** `for await` does not need it; `await using` does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort();
  }

  /** A route came into view, or left it. */
  changed(type: RouteChange["type"], route: Route): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: { type, route } });
      return;
    }
    const key = announcementKey(route);
    if (this.#existing !== null && !this.#isNews(type, key)) return;
    if (!this.#unread.delete(key)) this.#unread.append(key, route, type === "added");
  }

  /** The client was closed: what is known is still given out, then the end. */
  close(): void {
    while (this.#walkOn());
    this.#end();
  }

  #start(): void {
    if (this.#isStarted || this.#isEnded) return;
    this.#isStarted = true;
    if (this.signal?.aborted) {
      this.#end();
      return;
    }
    // Not before: one that nobody reads is not to stay for as long as the signal.
    this.signal?.addEventListener("abort", this.#abort, { once: true });
    this.#existing = this.source.started(this)[Symbol.iterator]();
    if (this.source.isClosed()) this.close();
  }

  /** Takes up the next destination. False: that was all. */
  #walkOn(): boolean {
    const next = this.#existing?.next();
    if (next === undefined || next.done) {
      this.#existing = null;
      this.#told.clear();
      return false;
    }
    for (const route of next.value) this.changed("added", route);
    return true;
  }

  /** During the walk. False: the reader knows it already, or will never have known of the route. */
  #isNews(type: RouteChange["type"], key: string): boolean {
    if (type === "removed") return this.#told.delete(key);
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }

  #takeFirst(): RouteChange | undefined {
    while (this.#walkOn() && this.#unread.size === 0);
    if (this.#unread.size === 0) return undefined;
    let first = this.#cursor.next();
    if (first.done) {
      // It has been at the end, where an iterator stays.
      this.#cursor = this.#unread.entries();
      first = this.#cursor.next();
    }
    const [key, change] = first.value ?? [];
    if (key === undefined || change === undefined) return undefined;
    this.#unread.delete(key);
    return { type: change.isAdded ? "added" : "removed", route: change.route };
  }

  readonly #abort = (): void => {
    this.#unread.clear();
    this.#existing = null;
    this.#told.clear();
    this.#end();
  };

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.signal?.removeEventListener("abort", this.#abort);
    this.source.ended(this);
    for (const reader of this.#readers.splice(0)) reader(END);
  }
}
