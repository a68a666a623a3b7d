/*
 * The long list of the origins of a route that very many peers announce. It consists of three lists:
 *
 *     CLIENTS   ─▶ origin 7 ─▶ origin 2 ─▶ …      they count for every peer
 *     SERVERS   ─▶ origin 5 ─▶ …                  they count for clients
 *     ASIDE     ─▶ origin 9 ─▶ …                  they do not count: origins of leaving peers that were found so far
 *
 * So the first origin of a list shows whether the route is in a peer's view, or the second one if the first is the
 * peer's own. When a peer leaves, that holds for all of its routes at once: its origins stay in their lists, and each
 * is moved to ASIDE when it is found there.
 */
import { LongListIndex } from "./long-list-index.ts";
import { type OriginRows, Standing } from "./origin-rows.ts";
import { NIL, RowPool } from "./row-pool.ts";

// The first word of each list, by standing.
const LISTS = 3;
const COUNT = 3;
const EPOCH = 4;
const ROW_WORDS = 5;

export class LongOriginLists {
  readonly #origins: OriginRows;
  readonly #rows: RowPool;
  /** The members by route and peer. */
  readonly #index: LongListIndex;
  /** How many members have been moved to ASIDE. */
  setAside = 0;

  constructor(origins: OriginRows, seed: number, maxWords: number | undefined) {
    this.#origins = origins;
    this.#rows = new RowPool(ROW_WORDS, maxWords);
    this.#index = new LongListIndex(seed, maxWords);
  }

  get bytes(): number {
    return this.#rows.bytes + this.#index.bytes;
  }

  /** @throws CapacityError */
  reserve(longLists: number, members: number): void {
    this.#rows.reserve(longLists);
    this.#index.reserve(members);
  }

  countOf(longList: number): number {
    return this.#rows.words[longList * ROW_WORDS + COUNT] as number;
  }

  has(route: number, peer: number): boolean {
    return this.#index.find(route, peer) !== NIL;
  }

  /** Makes a long list of a short one. */
  make(first: number): number {
    const longList = this.#rows.allocate();
    const at = longList * ROW_WORDS;
    this.#rows.words.fill(NIL, at, at + LISTS);
    this.#rows.words[at + COUNT] = 0;
    this.#rows.words[at + EPOCH] = NIL;
    for (let origin = first; origin !== NIL; ) {
      const next = this.#origins.nextOfRoute(origin);
      this.add(longList, origin);
      origin = next;
    }
    return longList;
  }

  /** Makes a short list of a long one, and returns its first origin. */
  dissolve(longList: number): number {
    let first = NIL;
    this.forEach(longList, (origin) => {
      this.#index.remove(this.#index.find(this.#origins.routeOf(origin), this.#origins.peerOf(origin)));
      this.#origins.setNextOfRoute(origin, first);
      first = origin;
    });
    this.#rows.release(longList);
    return first;
  }

  /** Calls `take` for each origin, which it may also free. */
  forEach(longList: number, take: (origin: number) => void): void {
    for (let list = 0; list < LISTS; list++) {
      let origin = this.#rows.words[longList * ROW_WORDS + list] as number;
      while (origin !== NIL) {
        const next = this.#origins.nextOfRoute(origin);
        take(origin);
        origin = next;
      }
    }
  }

  add(longList: number, origin: number): void {
    const peer = this.#origins.peerOf(origin);
    const { words } = this.#rows;
    const at = longList * ROW_WORDS;
    words[at + COUNT] = (words[at + COUNT] as number) + 1;
    this.#index.add(this.#origins.routeOf(origin), peer, origin, NIL);
    this.#prepend(at + this.#origins.standingOf(peer), origin);
  }

  /** Removes the peer's origin and returns it; NIL if there is none. */
  remove(longList: number, route: number, peer: number): number {
    const entry = this.#index.find(route, peer);
    if (entry === NIL) return NIL;
    const origin = this.#index.memberOf(entry);
    this.#unlink(longList * ROW_WORDS, origin, this.#index.previousOf(entry));
    this.#index.remove(entry);
    const at = longList * ROW_WORDS + COUNT;
    this.#rows.words[at] = (this.#rows.words[at] as number) - 1;
    return origin;
  }

  isInView(longList: number, peer: number, isServer: boolean): boolean {
    if (this.#hasOther(longList, Standing.CLIENT, peer)) return true;
    return !isServer && this.#hasOther(longList, Standing.SERVER, peer);
  }

  isNewTo(longList: number, epoch: number): boolean {
    const at = longList * ROW_WORDS + EPOCH;
    if (this.#rows.words[at] === epoch) return false;
    this.#rows.words[at] = epoch;
    return true;
  }

  /**
   * Returns true if the list has an origin of another peer that is not leaving. It moves origins of leaving peers to
   * ASIDE.
   */
  #hasOther(longList: number, list: number, peer: number): boolean {
    const origins = this.#origins;
    const at = longList * ROW_WORDS;
    let origin = this.#rows.words[at + list] as number;
    while (origin !== NIL) {
      const next = origins.nextOfRoute(origin);
      const announcer = origins.peerOf(origin);
      if (origins.standingOf(announcer) === Standing.LEAVING) {
        const entry = this.#index.find(origins.routeOf(origin), announcer);
        this.#unlink(at, origin, this.#index.previousOf(entry));
        this.#prepend(at + Standing.LEAVING, origin);
        this.setAside++;
      } else if (announcer !== peer) return true;
      origin = next;
    }
    return false;
  }

  #prepend(head: number, origin: number): void {
    const { words } = this.#rows;
    const next = words[head] as number;
    this.#origins.setNextOfRoute(origin, next);
    if (next !== NIL) this.#setPrevious(next, origin);
    this.#setPrevious(origin, NIL);
    words[head] = origin;
  }

  /** Removes an origin from the list that it is in. */
  #unlink(at: number, origin: number, previous: number): void {
    const { words } = this.#rows;
    const next = this.#origins.nextOfRoute(origin);
    if (next !== NIL) this.#setPrevious(next, previous);
    if (previous !== NIL) {
      this.#origins.setNextOfRoute(previous, next);
      return;
    }
    for (let list = 0; list < LISTS; list++) if (words[at + list] === origin) words[at + list] = next;
  }

  #setPrevious(origin: number, previous: number): void {
    this.#index.setPrevious(this.#origins.routeOf(origin), this.#origins.peerOf(origin), previous);
  }
}
