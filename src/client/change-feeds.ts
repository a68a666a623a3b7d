/** All who read a client's changes, each at its own pace. */
import type { Route } from "../route/route.ts";
import { ChangeFeed, type RouteChange, type RouteChanges } from "./change-feed.ts";

export class ChangeFeeds {
  readonly #feeds = new Set<ChangeFeed>();
  #isClosed = false;

  /** `view` walks the routes that are there, those of one destination at a time. */
  constructor(private readonly view: () => Iterable<readonly Route[]>) {}

  /** A new one. It is known here from its first read until it has ended. */
  open(signal?: AbortSignal): RouteChanges {
    const source = {
      isClosed: () => this.#isClosed,
      started: (feed: ChangeFeed) => {
        this.#feeds.add(feed);
        return this.view();
      },
      ended: (feed: ChangeFeed) => this.#feeds.delete(feed),
    };
    return new ChangeFeed(source, signal);
  }

  changed(type: RouteChange["type"], route: Route): void {
    for (const feed of this.#feeds) feed.changed(type, route);
  }

  /** Nothing changes any more. */
  close(): void {
    this.#isClosed = true;
    for (const feed of this.#feeds) feed.close();
  }
}
