import { Standing } from "../../route/table/origin-rows.ts";
import type { Origins } from "../../route/table/origins.ts";
import { Change } from "../../route/table/route-table.ts";

/**
 * Announcers keeps the peers' numbers in the route table, and decides to which peers an announcement counts. A number
 * stays in use after its peer has left, until the last of the peer's announcements has been removed.
 */
export class Announcers {
  readonly #origins: Origins;
  #numbers = 0;
  #leaving = 0;
  #servers = 0;
  /** How many announcements of a lost peer are retained, by the peer's number. */
  readonly #retained: number[] = [];
  #retainedPeers = 0;
  /** How many times announcements of a peer have been retained so far. */
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

  /** Notes that the peer's announcements no longer count, and will be removed. */
  leave(number: number): void {
    if (this.#origins.standingOf(number) === Standing.SERVER) this.#servers--;
    this.#leaving++;
    this.#origins.setStanding(number, Standing.LEAVING);
  }

  /** Frees the number, which nothing may refer to any more. */
  release(number: number): void {
    this.#leaving--;
    this.#free.push(number);
  }

  retain(number: number, count: number): void {
    this.#retained[number] = count;
    this.#retainedPeers++;
    this.retentions++;
  }

  /** Ends the retention of a peer's announcements, and returns how many were left. */
  endRetention(number: number): number {
    const left = this.#retained[number] ?? 0;
    this.#retainedPeers--;
    this.#retained[number] = 0;
    return left;
  }

  get anyRetained(): boolean {
    return this.#retainedPeers > 0;
  }

  /** How many announcements of lost peers are retained. */
  get retainedAnnouncements(): number {
    return this.#retained.reduce((sum, count) => sum + count, 0);
  }

  /** Returns how many of a lost peer's announcements are retained. */
  retainedOf(number: number): number {
    return this.#retained[number] ?? 0;
  }

  /** Ends the retention of one of the peer's announcements. Returns false if none is retained. */
  takeRetained(number: number): boolean {
    const retained = this.#retained[number] ?? 0;
    if (retained === 0) return false;
    this.#retained[number] = retained - 1;
    return true;
  }

  /**
   * Returns true if the change is visible to no subscriber, as when a third origin is added. That holds only while all
   * origins count: a server does not see other servers' routes, no peer sees origins that are being removed, and
   * retained ones may be taken over.
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
