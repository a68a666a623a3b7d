/*
 * Who announced what: one row per (route, peer), in two lists at once.
 *
 *     word               list
 *     PEER
 *     ROUTE
 *     NEXT_OF_ROUTE      the route's origins, from its ORIGIN word on: seldom more than two
 *     NEXT_OF_PEER       the peer's announcements, so that all of a lost peer's go without
 *     PREVIOUS_OF_PEER   looking at anybody else's
 */
import { GrowingWords } from "./growing-words.ts";
import { NIL } from "./route-rows.ts";

const PEER = 0;
const ROUTE = 1;
const NEXT_OF_ROUTE = 2;
const NEXT_OF_PEER = 3;
const PREVIOUS_OF_PEER = 4;
const ROW_WORDS = 5;

export class Origins {
  readonly #store = new GrowingWords();
  #rowCount = 0;
  #free = NIL;
  #used = 0;
  /** Per peer its newest announcement. */
  readonly #firstOfPeer: number[] = [];

  /** Origins of all routes. */
  get used(): number {
    return this.#used;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  peerOf(origin: number): number {
    return this.#store.words[origin * ROW_WORDS + PEER] as number;
  }

  routeOf(origin: number): number {
    return this.#store.words[origin * ROW_WORDS + ROUTE] as number;
  }

  nextOfRoute(origin: number): number {
    return this.#store.words[origin * ROW_WORDS + NEXT_OF_ROUTE] as number;
  }

  /** The peer's newest announcement, or NIL. */
  firstOfPeer(peer: number): number {
    return this.#firstOfPeer[peer] ?? NIL;
  }

  /** Puts a new origin before those from `nextOfRoute` on. */
  add(route: number, peer: number, nextOfRoute: number): number {
    let origin = this.#free;
    if (origin !== NIL) this.#free = this.nextOfRoute(origin);
    else origin = this.#rowCount++;
    const at = origin * ROW_WORDS;
    const words = this.#store.reserve(at + ROW_WORDS);
    const next = this.firstOfPeer(peer);
    words[at + PEER] = peer;
    words[at + ROUTE] = route;
    words[at + NEXT_OF_ROUTE] = nextOfRoute;
    words[at + NEXT_OF_PEER] = next;
    words[at + PREVIOUS_OF_PEER] = NIL;
    if (next !== NIL) words[next * ROW_WORDS + PREVIOUS_OF_PEER] = origin;
    this.#firstOfPeer[peer] = origin;
    this.#used++;
    return origin;
  }

  /** Takes out the peer's origin of those from `first` on, where it stands, and returns the first one then. */
  remove(first: number, peer: number): number {
    const words = this.#store.words;
    let before = NIL;
    let origin = first;
    while (origin !== NIL && words[origin * ROW_WORDS + PEER] !== peer) {
      before = origin;
      origin = words[origin * ROW_WORDS + NEXT_OF_ROUTE] as number;
    }
    if (origin === NIL) return first;
    const at = origin * ROW_WORDS;
    const nextOfRoute = words[at + NEXT_OF_ROUTE] as number;
    if (before !== NIL) words[before * ROW_WORDS + NEXT_OF_ROUTE] = nextOfRoute;
    this.#unlinkFromPeer(at, peer);
    words[at + NEXT_OF_ROUTE] = this.#free;
    this.#free = origin;
    this.#used--;
    return before === NIL ? nextOfRoute : first;
  }

  #unlinkFromPeer(at: number, peer: number): void {
    const words = this.#store.words;
    const next = words[at + NEXT_OF_PEER] as number;
    const previous = words[at + PREVIOUS_OF_PEER] as number;
    if (next !== NIL) words[next * ROW_WORDS + PREVIOUS_OF_PEER] = previous;
    if (previous !== NIL) words[previous * ROW_WORDS + NEXT_OF_PEER] = next;
    else this.#firstOfPeer[peer] = next;
  }
}
