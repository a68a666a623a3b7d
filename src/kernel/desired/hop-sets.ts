/**
 * Sets of hypervisors. A destination's next hops are a set of addresses, and thousands of destinations share one:
 *
 *     HopSet { a }        in the kernel: the object that encapsulates to a
 *     HopSet { a, b, c }  in the kernel: a group of the objects of { a }, { b } and { c }
 *
 * A set is kept while a destination names it or the kernel has something for it, an address while a set names it. Of
 * resilient groups each belongs to one destination (fib-nexthops.ts): a set is only kept while there are any. A
 * destination wants the set that it names, unless it is not to be installed at all (underlay.ts).
 */

import { compareAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import type { FibNexthop, Hop, HopSet } from "./hop-set.ts";

export class HopSets {
  readonly #weightOf: (address: IpAddress) => number;
  /** Its `isUsed` has changed. */
  readonly #noteUse: (hop: Hop) => void;
  readonly #hops = new Map<string, Hop>();
  readonly #sets = new Map<string, HopSet>();
  /** By number; 0 is none. */
  readonly #byNumber: (HopSet | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  #nextHopNumber = 0;
  /** Made to be looked at, perhaps not to be used. */
  readonly #new: HopSet[] = [];
  #localKeys: ReadonlySet<string> = new Set();
  #localVersion = 0;

  constructor(weightOf: (address: IpAddress) => number, noteUse: (hop: Hop) => void) {
    this.#weightOf = weightOf;
    this.#noteUse = noteUse;
  }

  /** Sets that are kept. */
  get size(): number {
    return this.#sets.size;
  }

  get(number: number): HopSet | null {
    return this.#byNumber[number] ?? null;
  }

  /** The hop with that address, new or known. */
  hopOf(address: IpAddress): Hop {
    const key = addressKey(address);
    const known = this.#hops.get(key);
    if (known !== undefined) return known;
    const number = this.#nextHopNumber++;
    const hops: Hop[] = [];
    const singleton = this.#make(`${number}`, hops);
    const isLocal = this.#localKeys.has(key);
    const weight = this.#weightOf(address);
    const hop: Hop = { number, address, weight, isLocal, singleton, sets: 1, isUsed: false };
    hops.push(hop);
    this.#hops.set(key, hop);
    return hop;
  }

  /** The set of these hops, at least one and none twice, in any order; new or known. */
  setOf(hops: readonly Hop[]): HopSet {
    const [first, second] = hops;
    if (first === undefined) throw new Error("a hop set has a hop");
    if (second === undefined) return first.singleton;
    const key = hops
      .map((hop) => hop.number)
      .sort((a, b) => a - b)
      .join();
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    for (const hop of hops) hop.sets++;
    return this.#make(key, hops.toSorted(byAddress));
  }

  /** A destination's next hops are these. */
  name(set: HopSet): void {
    if (set.namedBy++ === 0) this.#countMembers(set, 1);
  }

  /** They are no longer. */
  unname(set: HopSet): void {
    if (--set.namedBy > 0) return;
    this.#countMembers(set, -1);
    this.disposeUnused(set);
  }

  /** They are to be installed. */
  want(set: HopSet): void {
    if (set.desiredBy++ > 0 || set.hops.length === 1) return;
    for (const hop of set.hops) hop.singleton.desiredBy++;
  }

  /** They are not, or no longer. */
  undesire(set: HopSet): void {
    if (--set.desiredBy > 0 || set.hops.length === 1) return;
    for (const hop of set.hops) hop.singleton.desiredBy--;
  }

  /** The kernel has this for the set now; null: nothing any more. */
  setNexthop(set: HopSet, nexthop: FibNexthop | null): void {
    set.nexthop = nexthop;
    const [first] = set.hops;
    if (first?.singleton === set) this.#judgeUse(first);
  }

  /** A resilient group has these members now (`by` = 1), or no longer (-1). */
  countResilientGroup(set: HopSet, by: 1 | -1): void {
    set.resilientGroups += by;
    this.disposeUnused(set);
  }

  /** Forgets what was made since the last call and is not used. */
  disposeUnusedNew(): void {
    for (const set of this.#new.splice(0)) this.disposeUnused(set);
  }

  /** Forgets the set unless it is named or in the kernel, and its hops with the last set. */
  disposeUnused(set: HopSet): void {
    if (set.namedBy > 0 || set.nexthop !== null || set.resilientGroups > 0) return;
    if (this.#byNumber[set.number] !== set) return;
    const [first] = set.hops;
    if (set.hops.length === 1) {
      if (first === undefined || first.sets > 1) return;
      this.#hops.delete(addressKey(first.address));
    }
    this.#sets.delete(set.key);
    this.#byNumber[set.number] = undefined;
    this.#freeNumbers.push(set.number);
    if (set.hops.length === 1) return;
    for (const hop of set.hops) {
      hop.sets--;
      this.disposeUnused(hop.singleton);
    }
  }

  /** It is one of the machine's addresses, as far as was told. */
  isLocal(address: IpAddress): boolean {
    return this.#localKeys.has(addressKey(address));
  }

  /** Changes with the machine's addresses. */
  get localVersion(): number {
    return this.#localVersion;
  }

  /** The machine's addresses are these now. True: a known hop has become local, or is no longer. */
  setLocalAddresses(addresses: readonly IpAddress[]): boolean {
    this.#localKeys = new Set(addresses.map(addressKey));
    this.#localVersion++;
    let isChanged = false;
    for (const [key, hop] of this.#hops) {
      const isLocal = this.#localKeys.has(key);
      if (hop.isLocal !== isLocal) isChanged = true;
      hop.isLocal = isLocal;
    }
    return isChanged;
  }

  /** The set has become named, or is no longer. */
  #countMembers(set: HopSet, by: 1 | -1): void {
    for (const hop of set.hops) {
      if (hop.singleton !== set) hop.singleton.namedBy += by;
      this.#judgeUse(hop);
    }
  }

  #judgeUse(hop: Hop): void {
    const isUsed = hop.singleton.namedBy > 0 || hop.singleton.nexthop !== null;
    if (hop.isUsed === isUsed) return;
    hop.isUsed = isUsed;
    this.#noteUse(hop);
  }

  #make(key: string, hops: readonly Hop[]): HopSet {
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    const set: HopSet = { number, hops, key, nexthop: null, desiredBy: 0, namedBy: 0, resilientGroups: 0 };
    this.#byNumber[number] = set;
    this.#sets.set(key, set);
    this.#new.push(set);
    return set;
  }
}

function byAddress(a: Hop, b: Hop): number {
  return compareAddress(a.address, b.address);
}

function addressKey({ family, w0, w1, w2, w3 }: IpAddress): string {
  return `${family} ${w0} ${w1} ${w2} ${w3}`;
}
