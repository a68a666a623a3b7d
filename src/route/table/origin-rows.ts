/*
 * The rows of `origins.ts`: one per (route, peer), each in two lists at once.
 *
 *     word               list
 *     PEER
 *     ROUTE
 *     NEXT_OF_ROUTE      the route's origins: seldom more than two
 *     NEXT_OF_PEER       the peer's announcements, so that those of a lost peer are removed without
 *     PREVIOUS_OF_PEER   a search among those of others
 *     SINCE              -                                   when it was announced, by the owner's clock (`now`)
 */
import { NIL, RowPool } from "./row-pool.ts";

export const PEER = 0;
export const ROUTE = 1;
export const NEXT_OF_ROUTE = 2;
const NEXT_OF_PEER = 3;
const PREVIOUS_OF_PEER = 4;
const SINCE = 5;
export const ROW_WORDS = 6;

/** The kind of a peer, which decides to which peers its announcements count. */
export const Standing = {
  CLIENT: 0,
  /** The peer is another server: its routes are not sent to servers. */
  SERVER: 1,
  /** The peer has left, and its announcements are being removed: they no longer count. */
  LEAVING: 2,
} as const;
export type Standing = (typeof Standing)[keyof typeof Standing];

export class OriginRows {
  protected readonly rows: RowPool;
  /** The newest announcement of each peer. */
  readonly #firstOfPeer: number[] = [];
  protected readonly standings: Standing[] = [];
  /** Changes with every change of a peer's standing. */
  standingsVersion = 0;
  /** The time for new rows, a 32-bit integer in the owner's unit; the owner sets it before it adds. */
  now = 0;

  constructor(maxWords: number | undefined) {
    this.rows = new RowPool(ROW_WORDS, maxWords);
  }

  /** How many origins all routes have. */
  get used(): number {
    return this.rows.used;
  }

  peerOf(origin: number): number {
    return this.rows.words[origin * ROW_WORDS + PEER] as number;
  }

  routeOf(origin: number): number {
    return this.rows.words[origin * ROW_WORDS + ROUTE] as number;
  }

  nextOfRoute(origin: number): number {
    return this.rows.words[origin * ROW_WORDS + NEXT_OF_ROUTE] as number;
  }

  setNextOfRoute(origin: number, next: number): void {
    this.rows.words[origin * ROW_WORDS + NEXT_OF_ROUTE] = next;
  }

  /** Returns when the peer announced the route, by the owner's clock. */
  sinceOf(origin: number): number {
    return this.rows.words[origin * ROW_WORDS + SINCE] as number;
  }

  setSince(origin: number, since: number): void {
    this.rows.words[origin * ROW_WORDS + SINCE] = since;
  }

  /** Returns the peer's newest announcement, or NIL. */
  firstOfPeer(peer: number): number {
    return this.#firstOfPeer[peer] ?? NIL;
  }

  standingOf(peer: number): Standing {
    return this.standings[peer] ?? Standing.CLIENT;
  }

  /** Sets the standing of a peer, which holds at once for everything that it announces. */
  setStanding(peer: number, standing: Standing): void {
    while (this.standings.length <= peer) this.standings.push(Standing.CLIENT);
    this.standings[peer] = standing;
    this.standingsVersion++;
  }

  protected make(route: number, peer: number, nextOfRoute: number): number {
    const origin = this.rows.allocate();
    const { words } = this.rows;
    const at = origin * ROW_WORDS;
    const next = this.firstOfPeer(peer);
    words[at + PEER] = peer;
    words[at + ROUTE] = route;
    words[at + NEXT_OF_ROUTE] = nextOfRoute;
    words[at + NEXT_OF_PEER] = next;
    words[at + PREVIOUS_OF_PEER] = NIL;
    words[at + SINCE] = this.now;
    if (next !== NIL) words[next * ROW_WORDS + PREVIOUS_OF_PEER] = origin;
    this.#firstOfPeer[peer] = origin;
    return origin;
  }

  /** Frees the row of an origin that is no longer in a list of its route. */
  protected free(origin: number, peer: number): void {
    const { words } = this.rows;
    const at = origin * ROW_WORDS;
    const next = words[at + NEXT_OF_PEER] as number;
    const previous = words[at + PREVIOUS_OF_PEER] as number;
    if (next !== NIL) words[next * ROW_WORDS + PREVIOUS_OF_PEER] = previous;
    if (previous !== NIL) words[previous * ROW_WORDS + NEXT_OF_PEER] = next;
    else this.#firstOfPeer[peer] = next;
    this.rows.release(origin);
  }
}
