/**
 * Routes as one knows them who only reads a server's history from its first entry on. Throws where the history contradicts
 * itself: an origin that comes twice, goes without having come, or an existence that does not fit.
 */
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { type History, HistoryEntry, HistoryKind } from "../../../src/route/history.ts";
import { destinationOf, nextHopOf } from "../../../src/wire/codec.ts";

export class ReplayedRoutes {
  readonly #origins = new Map<string, Set<number>>();
  readonly #entry = new HistoryEntry();
  #next = 0;

  follow(history: History): void {
    for (; this.#next < history.next; this.#next++) {
      if (!history.read(this.#next, this.#entry)) throw new Error(`entry ${this.#next} is forgotten`);
      const { kind, isExistence, source, vni } = this.#entry;
      if (kind !== HistoryKind.ADD && kind !== HistoryKind.REMOVE) continue;
      const route = formatRoute({
        vni,
        destination: destinationOf(this.#entry),
        nextHop: nextHopOf(this.#entry),
      });
      const origins = this.#origins.getOrInsertComputed(route, () => new Set());
      if (origins.has(source) === (kind === HistoryKind.ADD))
        throw new Error(`entry ${this.#next}: ${route}`);
      if (kind === HistoryKind.ADD) origins.add(source);
      else origins.delete(source);
      if (isExistence !== (origins.size === (kind === HistoryKind.ADD ? 1 : 0)))
        throw new Error(`entry ${this.#next}: existence of ${route}`);
    }
  }

  routes(): string[] {
    return Array.from(this.#origins)
      .filter(([, origins]) => origins.size > 0)
      .map(([route]) => route)
      .sort();
  }

  /** The names of the sources that have a route. */
  namesOf(route: string, history: History): string[] {
    const origins = this.#origins.get(route) ?? new Set();
    return Array.from(origins, (source) => history.sourceOf(source).name).sort();
  }
}
