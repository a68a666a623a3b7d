import type { Origins } from "../route/origins.ts";
import { Change } from "../route/route-table.ts";
import type { SubscribedPeer } from "./subscription.ts";

/**
 * Peers as announcers: their numbers in the route table, and whose word counts for whom. A number outlives its peer
 * until the last of its announcements is gone.
 */
export class Announcers {
  /** By number. */
  readonly #isServer: boolean[] = [];
  /** Its announcements are being removed, slice by slice: they count no more. */
  readonly #isLeaving: boolean[] = [];
  #leaving = 0;
  #servers = 0;
  /** Of peers that are gone: how many announcements are kept for them. */
  readonly #retained: number[] = [];
  #retainedPeers = 0;
  readonly #free: number[] = [];

  constructor(private readonly origins: Origins) {}

  join(isServer: boolean): number {
    const number = this.#free.pop() ?? this.#isServer.length;
    this.#isServer[number] = isServer;
    if (isServer) this.#servers++;
    return number;
  }

  /** Its announcements are about to be removed. */
  leave(number: number): void {
    if (!this.#isLeaving[number]) this.#leaving++;
    this.#isLeaving[number] = true;
  }

  /** Nothing names it any more. */
  release(number: number): void {
    this.#isLeaving[number] = false;
    this.#leaving--;
    if (this.#isServer[number]) this.#servers--;
    this.#free.push(number);
  }

  retain(number: number, count: number): void {
    this.#retained[number] = count;
    this.#retainedPeers++;
  }

  /** How many announcements are still kept for it, and from now on are not. */
  retainNoLonger(number: number): number {
    const left = this.#retained[number] ?? 0;
    this.#retainedPeers--;
    this.#retained[number] = 0;
    return left;
  }

  get anyRetained(): boolean {
    return this.#retainedPeers > 0;
  }

  /** Announcements kept for peers that are gone. */
  get retainedAnnouncements(): number {
    return this.#retained.reduce((sum, count) => sum + count, 0);
  }

  /** One of the announcements kept for a peer is taken over. False: none is kept for it. */
  takeRetained(number: number): boolean {
    const retained = this.#retained[number] ?? 0;
    if (retained === 0) return false;
    this.#retained[number] = retained - 1;
    return true;
  }

  /** A route with these origins is in the peer's view. */
  isInView(firstOrigin: number, peer: SubscribedPeer): boolean {
    const { origins } = this;
    for (let origin = firstOrigin; origin >= 0; origin = origins.nextOfRoute(origin)) {
      const announcer = origins.peerOf(origin);
      if (this.#isLeaving[announcer]) continue;
      if (announcer !== peer.number && !(peer.isServer && this.#isServer[announcer])) return true;
    }
    return false;
  }

  /**
   * A third origin more or less is no news to anybody. Unless not all origins count: to servers those that are
   * servers do not, to everybody those that are just being removed, and stale ones are about to be taken over.
   */
  changesNoView(change: Change): boolean {
    return (
      change === Change.FURTHER_ORIGIN &&
      this.#servers === 0 &&
      this.#leaving === 0 &&
      this.#retainedPeers === 0
    );
  }
}
