/**
 * Keeps the next hops of a destination that has many of them in the order of preference, so that a change of one hop
 * costs a search instead of a walk through all:
 *
 *     the heavier first, then by address:   h0 h1 h2 … h255 | h256 … h4095
 *                                           chosen            skipped
 *
 * Every client of a network sees the same hops and so chooses the same. A change after the last chosen one leaves the
 * choice as it is.
 */

import { compareAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import type { Hop, HopSet } from "./hop-set.ts";
import type { HopSets } from "./hop-sets.ts";

/** The most hops of a group. The kernel's limit is higher, but a dump's record has to fit into its buffer. */
export const MAX_GROUP_HOPS = 256;

/** Which hops of a destination are used. */
export interface HopChoice {
  /** Null if no hop can be used. */
  readonly set: HopSet | null;
  /** How many routes go to hops that are addresses of this machine, among those that were looked at. */
  readonly localRoutes: number;
  /** How many distinct hops do not fit into the set. */
  readonly skippedHops: number;
}

interface RankedHop {
  readonly address: IpAddress;
  readonly weight: number;
  /** How many routes have this hop: they differ in type or ports. */
  routes: number;
}

export class RankedHops {
  readonly #weightOf: (address: IpAddress) => number;
  readonly #ranked: RankedHop[] = [];
  #choice: HopChoice | null = null;
  /** How many hops, from the first, were looked at for the choice. */
  #looked = 0;
  /** {@link HopSets.localVersion} at that time. */
  #localVersion = -1;

  constructor(weightOf: (address: IpAddress) => number) {
    this.#weightOf = weightOf;
  }

  /** Adds a route with the hop. */
  add(address: IpAddress): void {
    const weight = this.#weightOf(address);
    const at = this.#find(weight, address);
    const found = this.#ranked[at];
    if (found !== undefined && compare(found, weight, address) === 0) {
      found.routes++;
      return;
    }
    this.#ranked.splice(at, 0, { address, weight, routes: 1 });
    this.#changed(at, 1);
  }

  /** Removes a route with the hop. */
  remove(address: IpAddress): void {
    const weight = this.#weightOf(address);
    const at = this.#find(weight, address);
    const found = this.#ranked[at];
    if (found === undefined || compare(found, weight, address) !== 0 || --found.routes > 0) return;
    this.#ranked.splice(at, 1);
    this.#changed(at, -1);
  }

  /** Returns the hops to use. `lookedAt` is called with the number of hops looked at, if the choice was made anew. */
  choose(hops: HopSets, lookedAt: (count: number) => void): HopChoice {
    const known = this.#choice;
    if (known !== null && this.#localVersion === hops.localVersion) {
      // A set that nothing named was disposed of.
      if (known.set === null || hops.get(known.set.number) === known.set) return known;
    }
    const chosen: Hop[] = [];
    let localRoutes = 0;
    let looked = 0;
    for (const { address, routes } of this.#ranked) {
      if (chosen.length === MAX_GROUP_HOPS) break;
      looked++;
      if (hops.isLocal(address)) localRoutes += routes;
      else chosen.push(hops.hopOf(address));
    }
    lookedAt(looked);
    this.#looked = looked;
    this.#localVersion = hops.localVersion;
    const skippedHops = this.#ranked.length - looked;
    this.#choice = { set: chosen.length === 0 ? null : hops.setOf(chosen), localRoutes, skippedHops };
    return this.#choice;
  }

  /** Updates the choice after a hop was inserted (1) or removed (-1) at that index. */
  #changed(at: number, by: 1 | -1): void {
    const choice = this.#choice;
    if (choice === null) return;
    const isAfterChoice = at >= this.#looked && (choice.set?.hops.length ?? 0) === MAX_GROUP_HOPS;
    this.#choice = isAfterChoice ? { ...choice, skippedHops: choice.skippedHops + by } : null;
  }

  /** The index at which the hop is, or would be. */
  #find(weight: number, address: IpAddress): number {
    let [from, to] = [0, this.#ranked.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const hop = this.#ranked[middle];
      if (hop !== undefined && compare(hop, weight, address) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** Returns a negative number if `a` is preferred to the hop with that weight and address. */
function compare(a: RankedHop, weight: number, address: IpAddress): number {
  return weight - a.weight || compareAddress(a.address, address);
}
