/** The readers of a client's changes, each at its own pace. */
import type { Route } from "../route/route.ts";
import { ChangeFeed, type RouteChange, type RouteChanges } from "./change-feed.ts";

export class ChangeFeeds {
  readonly #view: (vnis: ReadonlySet<number> | null) => Iterable<readonly Route[]>;
  readonly #completeVnis: () => Iterable<number>;
  readonly #feeds = new Set<ChangeFeed>();
  #isClosed = false;

  /**
   * @param view returns the routes in view of these VNIs, or of all for null, one destination at a time
   * @param completeVnis returns the VNIs whose view is complete
   */
  constructor(
    view: (vnis: ReadonlySet<number> | null) => Iterable<readonly Route[]>,
    completeVnis: () => Iterable<number>,
  ) {
    this.#view = view;
    this.#completeVnis = completeVnis;
  }

  /** Returns a new feed of these VNIs, or of all for null. It gets changes from its first read until it has ended. */
  open(vnis: ReadonlySet<number> | null, signal?: AbortSignal): RouteChanges {
    const source = {
      isClosed: () => this.#isClosed,
      started: (feed: ChangeFeed) => {
        this.#feeds.add(feed);
        return this.#view(vnis);
      },
      completeVnis: this.#completeVnis,
      ended: (feed: ChangeFeed) => this.#feeds.delete(feed),
    };
    return new ChangeFeed(source, signal, vnis);
  }

  changed(type: RouteChange["type"], route: Route): void {
    for (const feed of this.#feeds) feed.changed(type, route);
  }

  complete(vni: number): void {
    for (const feed of this.#feeds) feed.complete(vni);
  }

  incomplete(vni: number): void {
    for (const feed of this.#feeds) feed.incomplete(vni);
  }

  /** Closes all feeds, since nothing changes any more. */
  close(): void {
    this.#isClosed = true;
    for (const feed of this.#feeds) feed.close();
  }
}
