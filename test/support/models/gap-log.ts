import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";
import { ViewLog } from "./view-log.ts";

/** A log of a client's events that tells of each moment at which a destination that had a hop is left without any. */
export class GapLog extends ViewLog {
  readonly #gap: (destination: string) => void;
  readonly #hops = new Map<string, Set<string>>();

  /** @param gap is told "100 10.0.1.0/24" */
  constructor(gap: (destination: string) => void) {
    super();
    this.#gap = gap;
  }

  /** What goes now goes by its owner's will. */
  forget(): void {
    this.#hops.clear();
  }

  override routeAdded(route: Route): void {
    super.routeAdded(route);
    const [destination, hop] = partsOf(route);
    this.#hops.getOrInsertComputed(destination, () => new Set()).add(hop);
  }

  override routeRemoved(route: Route): void {
    super.routeRemoved(route);
    const [destination, hop] = partsOf(route);
    const hops = this.#hops.get(destination);
    if (hops?.delete(hop) && hops.size === 0) this.#gap(destination);
  }
}

function partsOf(route: Route): [destination: string, hop: string] {
  const [destination = "", hop = ""] = formatRoute(route).split(" via ");
  return [destination, hop];
}
