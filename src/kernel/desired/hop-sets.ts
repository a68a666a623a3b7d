/**
 * Keeps sets of hypervisors. A destination's next hops are a set of addresses, and thousands of destinations share one:
 *
 *     HopSet { a }        in the kernel: the object that encapsulates to a
 *     HopSet { a, b, c }  in the kernel: a group of the objects of { a }, { b } and { c }
 *
 * A set is kept while a destination names it or the kernel has something for it, an address while a set has it. A
 * resilient group belongs to one destination (fib/nexthops.ts): its set is kept while there are any. A destination desires
 * the set that it names, unless it is not to be installed at all (underlay.ts).
 */

import { compareAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import type { FibNexthop, Hop, HopSet } from "./hop-set.ts";

export class HopSets {
  readonly #weightOf: (address: IpAddress) => number;
  /** Called when the hop's `isUsed` has changed. */
  readonly #noteUse: (hop: Hop) => void;
  readonly #hops = new Map<string, Hop>();
  readonly #sets = new Map<string, HopSet>();
  /** Sets by number; 0 stands for none. */
  readonly #byNumber: (HopSet | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  #nextHopNumber = 0;
  /** Sets made since the last call of `disposeUnusedNew`, which are perhaps not used. */
  readonly #new: HopSet[] = [];
  #localKeys: ReadonlySet<string> = new Set();
  #localVersion = 0;

  constructor(weightOf: (address: IpAddress) => number, noteUse: (hop: Hop) => void) {
    this.#weightOf = weightOf;
    this.#noteUse = noteUse;
  }

  /** How many sets are kept. */
  get size(): number {
    return this.#sets.size;
  }

  get(number: number): HopSet | null {
    return this.#byNumber[number] ?? null;
  }

  /** Returns the hop with that address, new or known. */
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

  /** Returns the set of these hops, new or known. They are at least one and none twice, in any order. */
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

  /** Records that a destination's next hops are this set. */
  name(set: HopSet): void {
    if (set.namedBy++ === 0) this.#countMembers(set, 1);
  }

  /** Records that a destination's next hops are no longer this set. */
  unname(set: HopSet): void {
    if (--set.namedBy > 0) return;
    this.#countMembers(set, -1);
    this.disposeUnused(set);
  }

  /** Records that a destination desires the set. */
  want(set: HopSet): void {
    if (set.desiredBy++ > 0 || set.hops.length === 1) return;
    for (const hop of set.hops) hop.singleton.desiredBy++;
  }

  /** Records that a destination no longer desires the set. */
  undesire(set: HopSet): void {
    if (--set.desiredBy > 0 || set.hops.length === 1) return;
    for (const hop of set.hops) hop.singleton.desiredBy--;
  }

  /** Records what the kernel has for the set now; null: nothing. */
  setNexthop(set: HopSet, nexthop: FibNexthop | null): void {
    set.nexthop = nexthop;
    const [first] = set.hops;
    if (first?.singleton === set) this.#judgeUse(first);
  }

  /** Records that a resilient group has these members now (`by` = 1), or no longer (-1). */
  countResilientGroup(set: HopSet, by: 1 | -1): void {
    set.resilientGroups += by;
    this.disposeUnused(set);
  }

  /** Forgets the sets that were made since the last call and are not used. */
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

  /** Whether it is one of the machine's addresses, as they were last read. */
  isLocal(address: IpAddress): boolean {
    return this.#localKeys.has(addressKey(address));
  }

  /** A number that changes with the machine's addresses. */
  get localVersion(): number {
    return this.#localVersion;
  }

  /** Replaces the machine's addresses. Returns true if a known hop has become local, or is no longer. */
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

  /** Counts in its hops that the set has become named, or is no longer. */
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
