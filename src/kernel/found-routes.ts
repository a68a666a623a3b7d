import { GrowingWords } from "../route/growing-words.ts";
import type { FoundRoute } from "./kernel.ts";
import type { NetlinkReader } from "./netlink-reader.ts";
import { ROUTE_WORDS, readRouteInto, routeAt } from "./rtnetlink-messages.ts";

/** The routes of a dump, 40 bytes each: objects are made of them one by one, when the dump is known to be whole. */
export class FoundRoutes {
  readonly #rows = new GrowingWords();
  #length = 0;

  /** Takes the message's route, if it is one that counts (see {@link readRouteInto}). */
  add(message: NetlinkReader): void {
    const row = this.#length * ROUTE_WORDS;
    if (readRouteInto(message, this.#rows.reserve(row + ROUTE_WORDS), row)) this.#length++;
  }

  get length(): number {
    return this.#length;
  }

  /** `index`: 0 to length - 1. */
  at(index: number): FoundRoute {
    return routeAt(this.#rows.words, index * ROUTE_WORDS);
  }
}
