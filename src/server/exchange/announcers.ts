import { Standing } from "../../route/table/origin-rows.ts";
import type { Origins } from "../../route/table/origins.ts";
import { Change } from "../../route/table/route-table.ts";

/**
 * Peers as announcers: their numbers in the route table, and whose word counts for whom. A number outlives its peer
 * until the last of its announcements is gone.
 */
export class Announcers {
  readonly #origins: Origins;
  #numbers = 0;
  #leaving = 0;
  #servers = 0;
  /** Of peers that are gone: how many announcements are kept for them. */
  readonly #retained: number[] = [];
  #retainedPeers = 0;
  /** How often announcements were kept for somebody, ever. */
  retentions = 0;
  readonly #free: number[] = [];

  constructor(origins: Origins) {
    this.#origins = origins;
  }

  join(isServer: boolean): number {
    const number = this.#free.pop() ?? this.#numbers++;
    this.#origins.setStanding(number, isServer ? Standing.SERVER : Standing.CLIENT);
    if (isServer) this.#servers++;
    return number;
  }

  /** Its announcements count no more, and are about to be removed. */
  leave(number: number): void {
    if (this.#origins.standingOf(number) === Standing.SERVER) this.#servers--;
    this.#leaving++;
    this.#origins.setStanding(number, Standing.LEAVING);
  }

  /** Nothing names it any more. */
  release(number: number): void {
    this.#leaving--;
    this.#free.push(number);
  }

  retain(number: number, count: number): void {
    this.#retained[number] = count;
    this.#retainedPeers++;
    this.retentions++;
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
