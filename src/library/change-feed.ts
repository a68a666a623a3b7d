/**
 * The view and its changes as an async iterator, at the reader's pace: first the routes that are there, as added, then
 * each change, without a gap between the two.
 *
 * A slow reader costs a bounded memory, for what it has not read yet is kept by route: a route comes and goes in turn,
 * so a second change takes the first one back. One that came and went meanwhile is not mentioned, nor one that went and
 * came back; and a destination that moves has a hop all the time (see ordered-changes.ts). So what waits is at most the
 * difference between the view that the reader knows and the present one.
 *
 * The routes that are there are walked one destination per read, so that a large view holds nobody up, neither at the first
 * read nor when the client closes. What changes meanwhile is told as any change, unless the walk has not come to the route
 * yet; which it has come to is known by key.
 *
 * That the view of a VNI is complete is told after all of its routes that are there; so during the walk it waits for the end.
 */

import { announcementKey } from "../client/link/client-intent.ts";
import { OrderedChanges } from "../route/ordered-changes.ts";
import type { Route } from "../route/route.ts";

/** A route came into view, or left it. */
export interface RouteChange {
  readonly type: "added" | "removed";
  readonly route: Route;
}

/** All routes of a subscribed VNI have come, for the first time since it was subscribed. */
export interface ViewComplete {
  readonly type: "complete";
  readonly vni: number;
}

/** What a reader of the changes is told. */
export type ViewEvent = RouteChange | ViewComplete;

/**
 * A view's changes, to be read once, by one reader: `for await (const event of client.changes())`. Who reads by
 * `next` calls `return` at the end, or aborts the signal.
 */
export interface RouteChanges extends AsyncIterableIterator<ViewEvent, undefined, void>, AsyncDisposable {
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
  /** The VNIs whose view is complete now. */
  completeVnis(): Iterable<number>;
  ended(feed: ChangeFeed): void;
}

type Result = IteratorResult<ViewEvent, undefined>;
const END: Result = { done: true, value: undefined };

export class ChangeFeed implements RouteChanges {
  readonly #source: FeedSource;
  readonly #signal: AbortSignal | undefined;
  readonly #wanted: ReadonlySet<number> | null;
  /** Not read yet, in order, by {@link announcementKey}. */
  readonly #unread = new OrderedChanges<CompleteVni>();
  /** During the walk: VNIs that are complete, to be told at its end. */
  readonly #complete = new Set<number>();
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
  /** No more changes come; what is known is still given out. */
  #isClosed = false;
  /** Nothing more is given out. */
  #isEnded = false;

  /** `wanted`: the VNIs whose changes are told; null: all. */
  constructor(source: FeedSource, signal?: AbortSignal, wanted: ReadonlySet<number> | null = null) {
    this.#source = source;
    this.#signal = signal;
    this.#wanted = wanted;
  }

  next(): Promise<Result> {
    this.#start();
    const event = this.#takeFirst();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#isClosed) this.#end();
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
    if (this.#wanted !== null && !this.#wanted.has(route.vni)) return;
    this.#changed(type, route);
  }

  /** The view of the VNI is complete. */
  complete(vni: number): void {
    if (this.#wanted !== null && !this.#wanted.has(vni)) return;
    if (this.#existing !== null) {
      this.#complete.add(vni);
      return;
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) reader({ done: false, value: { type: "complete", vni } });
    else this.#appendComplete(vni);
  }

  /** It is not complete any more, since it is not subscribed any more. */
  incomplete(vni: number): void {
    this.#complete.delete(vni);
    this.#unread.delete(completeKey(vni));
  }

  #appendComplete(vni: number): void {
    this.#unread.delete(completeKey(vni));
    this.#unread.appendOther(completeKey(vni), `${vni}`);
  }

  #changed(type: RouteChange["type"], route: Route): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: { type, route } });
      return;
    }
    const key = announcementKey(route);
    if (this.#existing !== null && !this.#isNews(type, key)) return;
    if (!this.#unread.delete(key)) this.#unread.append(key, route, type === "added");
  }

  /**
   * The client was closed: what is known is still given out, at the reader's pace, then the end. What leaves the view
   * meanwhile, and was not read, is not mentioned.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.ended(this);
    // Reads wait only when there is nothing left to give out.
    for (const reader of this.#readers.splice(0)) reader(END);
  }

  #start(): void {
    if (this.#isStarted || this.#isEnded) return;
    this.#isStarted = true;
    if (this.#signal?.aborted) {
      this.#end();
      return;
    }
    // Not before: one that nobody reads is not to stay for as long as the signal.
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    this.#existing = this.#source.started(this)[Symbol.iterator]();
    for (const vni of this.#source.completeVnis()) this.complete(vni);
    if (this.#source.isClosed()) this.close();
  }

  /** Takes up the next destination. False: that was all. */
  #walkOn(): boolean {
    const next = this.#existing?.next();
    if (next === undefined || next.done) {
      if (this.#existing !== null) this.#walkEnded();
      return false;
    }
    for (const route of next.value) this.#changed("added", route);
    return true;
  }

  #walkEnded(): void {
    this.#existing = null;
    this.#told.clear();
    for (const vni of this.#complete) this.#appendComplete(vni);
    this.#complete.clear();
  }

  /** During the walk. False: the reader knows it already, or will never have known of the route. */
  #isNews(type: RouteChange["type"], key: string): boolean {
    if (type === "removed") return this.#told.delete(key);
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }

  #takeFirst(): ViewEvent | undefined {
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
    if (typeof change === "string") return { type: "complete", vni: Number(change) };
    return { type: change.isAdded ? "added" : "removed", route: change.route };
  }

  readonly #abort = (): void => {
    this.#unread.clear();
    this.#existing = null;
    this.#complete.clear();
    this.#end();
  };

  #end(): void {
    if (this.#isEnded) return;
    this.close();
    this.#isEnded = true;
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}

/** In {@link OrderedChanges}: the VNI that is complete. */
type CompleteVni = `${number}`;

/** No route has such a key. */
function completeKey(vni: number): string {
  return `complete ${vni}`;
}
