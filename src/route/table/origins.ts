/*
 * The origins of a route are the peers that announce it. The ORIGIN word of a route holds:
 *
 *     below -1           the route is a tombstone (route-rows.ts)
 *     -1                 the route has no origin
 *     0 to 2^30 - 1      its newest origin, the first of a short list (origin-rows.ts)
 *     from 2^30 on       2^30 + the number of its long list, if it has many (long-origin-lists.ts)
 */
import { LongOriginLists } from "./long-origin-lists.ts";
import { NEXT_OF_ROUTE, OriginRows, PEER, ROW_WORDS, Standing } from "./origin-rows.ts";
import { NIL } from "./row-pool.ts";

/** ORIGIN words from here on name a long list: no array can have this many origins. */
export const LONG_LIST = 1 << 30;

export interface OriginsOptions {
  readonly seed: number;
  /** A route with more origins than this has a long list of them; Infinity for no long lists. */
  readonly longListFrom: number;
  readonly maxWords?: number | undefined;
}

export class Origins extends OriginRows {
  readonly #longLists: LongOriginLists;
  readonly #longListFrom: number;

  constructor({ seed, longListFrom, maxWords }: OriginsOptions) {
    super(maxWords);
    this.#longLists = new LongOriginLists(this, seed, maxWords);
    this.#longListFrom = longListFrom;
  }

  get bytes(): number {
    return this.rows.bytes + this.#longLists.bytes;
  }

  /** How many origins of leaving peers were found in long lists. Each is found once. */
  get setAside(): number {
    return this.#longLists.setAside;
  }

  /**
   * Makes room for this many more origins: adding them does not throw, even if each makes a long list.
   * @throws CapacityError
   */
  reserve(origins: number): void {
    this.rows.reserve(origins);
    if (this.#longListFrom !== Number.POSITIVE_INFINITY) {
      this.#longLists.reserve(origins, origins * (this.#longListFrom + 1));
    }
  }

  /** Returns true if the peer is one of the origins of this ORIGIN word. */
  has(first: number, route: number, peer: number): boolean {
    if (first >= LONG_LIST) return this.#longLists.has(route, peer);
    for (let origin = first; origin >= 0; origin = this.nextOfRoute(origin)) {
      if (this.peerOf(origin) === peer) return true;
    }
    return false;
  }

  /** Returns true if there are at least two origins. */
  areSeveral(first: number): boolean {
    return first >= 0 && (first >= LONG_LIST || this.nextOfRoute(first) !== NIL);
  }

  /** Writes all origins to `peers`, in no particular order. It takes one step for each. */
  peersOf(first: number, peers: number[]): void {
    peers.length = 0;
    if (first >= LONG_LIST)
      this.#longLists.forEach(first - LONG_LIST, (origin) => peers.push(this.peerOf(origin)));
    else for (let at = first; at >= 0; at = this.nextOfRoute(at)) peers.push(this.peerOf(at));
  }

  /** Puts the origins' rows into `rows`, in no particular order: as many steps as there are. */
  rowsOf(first: number, rows: number[]): void {
    rows.length = 0;
    if (first >= LONG_LIST) this.#longLists.forEach(first - LONG_LIST, (origin) => rows.push(origin));
    else for (let at = first; at >= 0; at = this.nextOfRoute(at)) rows.push(at);
  }

  /** Adds the peer, for which there is room, and returns the new ORIGIN word; NIL if the peer is an origin already. */
  add(first: number, route: number, peer: number): number {
    if (first >= LONG_LIST) {
      if (this.#longLists.has(route, peer)) return NIL;
      this.#longLists.add(first - LONG_LIST, this.make(route, peer, NIL));
      return first;
    }
    let count = 1;
    for (let origin = first; origin !== NIL; origin = this.nextOfRoute(origin)) {
      if (this.peerOf(origin) === peer) return NIL;
      count++;
    }
    const origin = this.make(route, peer, first);
    return count > this.#longListFrom ? LONG_LIST + this.#longLists.make(origin) : origin;
  }

  /** Removes the peer, if it is an origin, and returns the new ORIGIN word. */
  remove(first: number, route: number, peer: number): number {
    if (first >= LONG_LIST) {
      const longList = first - LONG_LIST;
      const found = this.#longLists.remove(longList, route, peer);
      if (found === NIL) return first;
      this.free(found, peer);
      return this.#longLists.countOf(longList) * 2 > this.#longListFrom
        ? first
        : this.#longLists.dissolve(longList);
    }
    const { words } = this.rows;
    let before = NIL;
    let origin = first;
    while (origin !== NIL && words[origin * ROW_WORDS + PEER] !== peer) {
      before = origin;
      origin = words[origin * ROW_WORDS + NEXT_OF_ROUTE] as number;
    }
    if (origin === NIL) return first;
    const nextOfRoute = words[origin * ROW_WORDS + NEXT_OF_ROUTE] as number;
    if (before !== NIL) words[before * ROW_WORDS + NEXT_OF_ROUTE] = nextOfRoute;
    this.free(origin, peer);
    return before === NIL ? nextOfRoute : first;
  }

  /**
   * Returns true if the route is in the peer's view: it has an origin other than the peer itself that counts for the
   * peer. This takes a few steps, and one more for each leaving member of a long list that is found for the first time.
   */
  isInView(first: number, peer: number, isServer: boolean): boolean {
    if (first >= LONG_LIST) return this.#longLists.isInView(first - LONG_LIST, peer, isServer);
    const { words } = this.rows;
    for (let at = first; at >= 0; at = words[at * ROW_WORDS + NEXT_OF_ROUTE] as number) {
      const announcer = words[at * ROW_WORDS + PEER] as number;
      const standing = this.standings[announcer];
      if (standing === Standing.LEAVING || announcer === peer) continue;
      if (!isServer || standing !== Standing.SERVER) return true;
    }
    return false;
  }

  /** Returns the only origin, if it counts for every other peer; NIL if {@link isInView} has to be called. */
  onlyClient(first: number): number {
    if (first >= LONG_LIST || this.nextOfRoute(first) !== NIL) return NIL;
    const peer = this.peerOf(first);
    return this.standings[peer] === Standing.CLIENT ? peer : NIL;
  }

  /**
   * Returns true if the origins must be searched for changes up to `epoch`; then they count as searched from now on.
   * Short lists are searched each time.
   */
  isNewTo(first: number, epoch: number): boolean {
    return first < LONG_LIST || this.#longLists.isNewTo(first - LONG_LIST, epoch);
  }
}
