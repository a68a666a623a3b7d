/**
 * The view and its changes as an async iterator, at the reader's pace: first the routes in view, as added, then each change,
 * without a gap between the two.
 *
 * A slow reader costs bounded memory, since unread changes are kept by route: a route comes and goes in turn, so a second change
 * cancels the first. A route that came and went in the meantime is not mentioned, nor one that went and came back; and a destination
 * that moves always has a hop (see ordered-changes.ts). So what waits is at most the difference between the view that the reader
 * knows and the present one.
 *
 * The routes in view are walked one destination per read, so that a large view delays nothing, neither at the first read nor when
 * the client closes. A change during the walk is reported like any other, unless the walk has not reached the route yet; which
 * routes it has reached is known by their keys.
 *
 * The event that the view of a VNI is complete follows all of its routes; so during the walk it waits for the end.
 */

import { OrderedChanges } from "../route/ordered-changes.ts";
import type { Route } from "../route/route.ts";
import { routeKey } from "../route/route-key.ts";

/** An event: a route came into view, or left it. */
export interface RouteChange {
  readonly type: "added" | "removed";
  readonly route: Route;
}

/** An event: all routes of a subscribed VNI have come, for the first time since it was subscribed. */
export interface ViewComplete {
  readonly type: "complete";
  readonly vni: number;
}

/** An event of a view. */
export type ViewEvent = RouteChange | ViewComplete;

/**
 * The changes of a view, to be read once, by one reader: `for await (const event of client.changes())`. A reader that calls
 * `next` itself calls `return` at the end, or aborts the signal.
 */
export interface RouteChanges extends AsyncIterableIterator<ViewEvent, undefined, void>, AsyncDisposable {
  [Symbol.asyncIterator](): RouteChanges;
}

/** What a feed needs of its client. */
export interface FeedSource {
  /** Returns true if the view will not change any more. */
  isClosed(): boolean;
  /**
   * Called at the first read: from now on the feed gets the changes to the returned routes. These come one destination at a time,
   * and are walked slowly: a route that is in view all the time must come, one that comes and goes in the meantime may.
   */
  started(feed: ChangeFeed): Iterable<readonly Route[]>;
  /** Returns the VNIs whose view is complete now. */
  completeVnis(): Iterable<number>;
  ended(feed: ChangeFeed): void;
}

type Result = IteratorResult<ViewEvent, undefined>;
const END: Result = { done: true, value: undefined };

export class ChangeFeed implements RouteChanges {
  readonly #source: FeedSource;
  readonly #signal: AbortSignal | undefined;
  readonly #wanted: ReadonlySet<number> | null;
  /** The changes that were not read yet, in order, by {@link routeKey}. */
  readonly #unread = new OrderedChanges<CompleteVni>();
  /** During the walk: VNIs that are complete, to be reported at its end. */
  readonly #complete = new Set<number>();
  /** Stands before the first unread event, or at the end. A new iterator per event would pass the places of all that were read. */
  #cursor = this.#unread.entries();
  /** The walk through the routes that were in view at the first read; null before and after it. */
  #existing: Iterator<readonly Route[]> | null = null;
  /** During the walk: the keys of the routes that the reader will know after it has read everything. */
  readonly #known = new Set<string>();
  /** Reads that wait for a change: there is none during the walk. */
  readonly #readers: ((result: Result) => void)[] = [];
  #isStarted = false;
  /** No more changes come; the known ones can still be read. */
  #isClosed = false;
  /** Nothing more can be read. */
  #isEnded = false;

  /** @param wanted the VNIs whose changes are read; null means all */
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

  /** Ends the feed, as `for await` does when it is left: nothing more comes, and reads that wait end. */
  return(): Promise<Result> {
    this.#abort();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the feed at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort();
  }

  /** Records that a route came into view, or left it. */
  changed(type: RouteChange["type"], route: Route): void {
    if (this.#wanted !== null && !this.#wanted.has(route.vni)) return;
    this.#changed(type, route);
  }

  /** Records that the view of the VNI is complete. */
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

  /** Records that the view of the VNI is not complete any more, since the subscription has ended. */
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
    const key = routeKey(route);
    if (this.#existing !== null && !this.#isNews(type, key)) return;
    if (!this.#unread.delete(key)) this.#unread.append(key, route, type === "added");
  }

  /**
   * Ends the changes, since the client was closed: the known ones can still be read, then the end follows. A route that leaves the
   * view in the meantime, and was not read, is not mentioned.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.ended(this);
    // Reads wait only when nothing is left to be read.
    for (const reader of this.#readers.splice(0)) reader(END);
  }

  #start(): void {
    if (this.#isStarted || this.#isEnded) return;
    this.#isStarted = true;
    if (this.#signal?.aborted) {
      this.#end();
      return;
    }
    // Not before: a feed that is never read must not live as long as the signal.
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    this.#existing = this.#source.started(this)[Symbol.iterator]();
    for (const vni of this.#source.completeVnis()) this.complete(vni);
    if (this.#source.isClosed()) this.close();
  }

  /** Takes up the next destination. Returns false if there is none. */
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
    this.#known.clear();
    for (const vni of this.#complete) this.#appendComplete(vni);
    this.#complete.clear();
  }

  /** During the walk: returns false if the change makes no difference to the reader, who knows it or will never know the route. */
  #isNews(type: RouteChange["type"], key: string): boolean {
    if (type === "removed") return this.#known.delete(key);
    if (this.#known.has(key)) return false;
    this.#known.add(key);
    return true;
  }

  #takeFirst(): ViewEvent | undefined {
    while (this.#walkOn() && this.#unread.size === 0);
    if (this.#unread.size === 0) return undefined;
    let first = this.#cursor.next();
    if (first.done) {
      // An iterator that was at the end stays there.
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

/** An entry of {@link OrderedChanges}: the VNI that is complete. */
type CompleteVni = `${number}`;

/** Returns a key that no route has. */
function completeKey(vni: number): string {
  return `complete ${vni}`;
}
