/**
 * This class keeps the changes of routes that are still to be sent, in their order, at most one for each route.
 *
 * It makes before it breaks: when a route is added, removals of other routes to the same destination move after it. A
 * destination that moves from hop A to B to C is added at each hop before it is removed from the previous one. But if
 * B's two changes have cancelled each other, A's removal would come before C's addition without this rule.
 */
import type { Route } from "./route.ts";

export interface OrderedChange {
  readonly route: Route;
  readonly isAdded: boolean;
}

/** `Other` is anything else that is sent in the same order. */
export class OrderedChanges<Other extends string = never> {
  /** Changes by the caller's key of a route. */
  readonly #changes = new Map<string, OrderedChange | Other>();
  /** The keys of removals, by destination. */
  readonly #removals = new Map<string, Set<string>>();

  get size(): number {
    return this.#changes.size;
  }

  /** Appends a change. There must be none with this key. */
  append(key: string, route: Route, isAdded: boolean): void {
    this.#changes.set(key, { route, isAdded });
    if (!isAdded) this.#removals.getOrInsertComputed(destinationKey(route), () => new Set()).add(key);
    else if (this.#removals.size > 0) this.#postponeRemovals(destinationKey(route));
  }

  /** Appends something that is not a change of a route. */
  appendOther(key: string, other: Other): void {
    this.#changes.set(key, other);
  }

  /** Removes a change. Returns false if there is none. */
  delete(key: string): boolean {
    const change = this.#changes.get(key);
    if (change === undefined) return false;
    this.#changes.delete(key);
    if (typeof change === "string" || change.isAdded) return true;
    const destination = destinationKey(change.route);
    const removals = this.#removals.get(destination);
    removals?.delete(key);
    if (removals?.size === 0) this.#removals.delete(destination);
    return true;
  }

  clear(): void {
    this.#changes.clear();
    this.#removals.clear();
  }

  /** Iterates in order, also over changes that are appended during the iteration. */
  entries(): MapIterator<[string, OrderedChange | Other]> {
    return this.#changes.entries();
  }

  #postponeRemovals(destination: string): void {
    for (const key of this.#removals.get(destination) ?? []) {
      const change = this.#changes.get(key);
      if (change === undefined) continue;
      this.#changes.delete(key);
      this.#changes.set(key, change);
    }
  }
}

function destinationKey({ vni, destination: { family, w0, w1, w2, w3, lengthBits } }: Route): string {
  return `${vni} ${family} ${w0} ${w1} ${w2} ${w3} ${lengthBits}`;
}
