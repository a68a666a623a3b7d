import type { FoundRoute } from "../kernel.ts";
import type { NetlinkReader } from "./netlink-reader.ts";
import { isLocalRoute, ROUTE_WORDS, readRouteInto, routeAt } from "./rtnetlink-messages.ts";

/** Routes per block: 40 KB. */
const BLOCK_SHIFT = 10;
const BLOCK_MASK = (1 << BLOCK_SHIFT) - 1;

/**
 * Keeps the routes of a dump, 40 bytes each: objects are made of them one by one, when the dump is known to be complete.
 * They are kept in blocks: nothing is copied while they become many, and the collection after a scan frees all of them.
 */
export class FoundRoutes {
  readonly #blocks: Int32Array[] = [];
  #length = 0;
  /** Whether the last message was about a route of the table "local". */
  endsWithLocal = false;

  /** Adds the message's route, unless {@link readRouteInto} skips it. */
  add(message: NetlinkReader): void {
    this.endsWithLocal = isLocalRoute(message);
    const number = this.#length >> BLOCK_SHIFT;
    let block = this.#blocks[number];
    if (block === undefined) {
      block = new Int32Array(ROUTE_WORDS << BLOCK_SHIFT);
      this.#blocks[number] = block;
    }
    if (readRouteInto(message, block, (this.#length & BLOCK_MASK) * ROUTE_WORDS)) this.#length++;
  }

  get length(): number {
    return this.#length;
  }

  /** Returns a route. `index`: 0 to length - 1. */
  at(index: number): FoundRoute {
    const block = this.#blocks[index >> BLOCK_SHIFT];
    if (block === undefined) throw new RangeError(`no route ${index} of ${this.#length}`);
    return routeAt(block, (index & BLOCK_MASK) * ROUTE_WORDS);
  }
}
