/**
 * Keeps our nexthop objects and groups, as they are observed in the kernel.
 *
 * With an object the kernel deletes all routes that name it, foreign ones, too. So an object is deleted only when nothing
 * names it: no route and no group of ours, no desired set that waits for its turn, and nothing foreign that was found
 * (`isPinned`). One that was there before us stays also until the servers have sent all their routes.
 *
 * A plain group is immutable, and shared by all destinations with its set. A resilient one belongs to the one destination
 * whose route names it: when the destination's set changes, the group is replaced in place, and each flow whose hop is in
 * both sets keeps it, which neither another group nor one shared with destinations that have not changed could do. It
 * costs 13 KB of the kernel's memory, and each replace 0.2 to 3 ms, for the kernel waits until no packet is using the old
 * members (synchronize_net in net/ipv4/nexthop.c): so there are at most {@link MAX_RESILIENT_GROUPS}, and further
 * destinations have plain ones. A group with a single hop left stays for a while, so that flows by that hop keep it when
 * others come back; a destination that has never had several hops has none. Groups of the other type, left by a predecessor, serve until
 * their routes have moved.
 */

import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import type { HopSets } from "../desired/hop-sets.ts";
import type { EcmpMode } from "../desired/settings.ts";
import type { GroupMember } from "../kernel.ts";
import { IDS_PER_PROTOCOL, IdBlock } from "./nexthop-ids.ts";

export const MAX_RESILIENT_GROUPS = 1_024;
/** A resilient group with a single member is no longer used after the second scan that finds it so. */
const SCANS_WITH_SINGLE_MEMBER = 2;

export class FibNexthops {
  readonly #hops: HopSets;
  /** Which type of group destinations are to have. */
  readonly #ecmp: EcmpMode;
  readonly block: IdBlock;
  readonly #byId = new Map<number, FibNexthop>();
  /** Ids of our block that other programs use. */
  readonly #foreignIds = new Set<number>();
  /** Per id of our block without an object of ours (deleted, or replaced by another program): how many routes of ours name it. */
  readonly #strayRoutes = new Map<number, number>();
  /** Nexthops that are perhaps no longer needed. */
  readonly #gcCandidates = new Set<FibNexthop>();
  /** Those that were there before us, which are candidates when the servers have sent all their routes. */
  readonly #adoptedGcCandidates = new Set<FibNexthop>();
  #mayDeleteAdopted = false;
  #lastId: number;
  #groupCount = 0;
  #resilientCount = 0;
  #scans = 0;

  constructor(protocol: number, hops: HopSets, ecmp: EcmpMode = "plain") {
    this.#hops = hops;
    this.#ecmp = ecmp;
    this.block = new IdBlock(protocol);
    this.#lastId = this.block.last;
  }

  get objectCount(): number {
    return this.#byId.size - this.#groupCount;
  }

  get groupCount(): number {
    return this.#groupCount;
  }

  /** How many of the groups are resilient. */
  get resilientCount(): number {
    return this.#resilientCount;
  }

  /** Whether so many more resilient groups may be made. */
  hasRoomForResilient(more = 1): boolean {
    return this.#resilientCount + more <= MAX_RESILIENT_GROUPS;
  }

  /** Whether a destination with that set is to have a resilient group of its own, if there is room. */
  wantsResilient(set: HopSet): boolean {
    return this.#ecmp === "resilient" && set.hops.length > 1;
  }

  /**
   * The resilient group that a route which names `id` keeps when it is to have that set; null if there is none, or another
   * route names it, too.
   */
  ownResilient(set: HopSet, id: number): FibNexthop | null {
    if (this.#ecmp === "plain") return null;
    const group = this.#byId.get(id);
    if (!group?.isResilient || group.routes !== 1 || group.isPinned) return null;
    const { singleMemberSince } = group;
    const isOver = singleMemberSince !== null && this.#scans - singleMemberSince >= SCANS_WITH_SINGLE_MEMBER;
    return isOver && set.hops.length === 1 ? null : group;
  }

  /** Whether the group that such a route keeps is to get other members. */
  replacesGroup(set: HopSet, id: number): boolean {
    const own = this.ownResilient(set, id);
    return own !== null && own.set !== set;
  }

  /** Whether a route to a destination with that set may go on naming `id`. */
  isRight(set: HopSet, id: number): boolean {
    const own = this.ownResilient(set, id);
    if (own !== null) return own.set === set;
    if (set.nexthop?.id !== id) return false;
    return !this.wantsResilient(set) || !this.hasRoomForResilient();
  }

  get hasGcCandidates(): boolean {
    return this.#gcCandidates.size > 0;
  }

  get(id: number): FibNexthop | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<FibNexthop> {
    return this.#byId.values();
  }

  /**
   * An id that no program uses; 0 if there is none. For several ids, each call gets the id of the call before as `after`, and
   * the number of calls before as `promised`.
   */
  freeId(after = this.#lastId, promised = 0): number {
    if (this.#byId.size + this.#foreignIds.size + promised >= IDS_PER_PROTOCOL) return 0;
    return this.block.nextFree(
      after,
      (id) => this.#byId.has(id) || this.#foreignIds.has(id) || this.#strayRoutes.has(id),
    );
  }

  /** How many routes of ours name the id, as far as is observed. */
  routesOf(id: number): number {
    return this.#byId.get(id)?.routes ?? this.#strayRoutes.get(id) ?? 0;
  }

  /** Records whether another program uses the id. */
  setForeign(id: number, isForeign: boolean): void {
    if (isForeign && this.block.has(id)) this.#foreignIds.add(id);
    else this.#foreignIds.delete(id);
  }

  isForeign(id: number): boolean {
    return this.#foreignIds.has(id);
  }

  beginScan(): void {
    this.#scans++;
    this.#foreignIds.clear();
  }

  /** Records that the kernel has the nexthop now. */
  add(id: number, members: readonly GroupMember[] | null, isResilient = false): FibNexthop {
    const routes = this.#strayRoutes.get(id) ?? 0;
    const nexthop: FibNexthop = {
      id,
      set: null,
      members: null,
      isResilient,
      singleMemberSince: null,
      routes,
      groups: 0,
      isPinned: false,
      isAdopted: false,
    };
    this.#strayRoutes.delete(id);
    this.#byId.set(id, nexthop);
    this.#advanceTo(id);
    if (members !== null) {
      this.#groupCount++;
      if (isResilient) this.#resilientCount++;
      this.setMembers(nexthop, members);
    }
    return nexthop;
  }

  /** Records that the kernel's group has these members now. */
  setMembers(group: FibNexthop, members: readonly GroupMember[]): void {
    this.#countGroup(group, -1);
    group.members = members;
    group.singleMemberSince = members.length === 1 ? (group.singleMemberSince ?? this.#scans) : null;
    this.#countGroup(group, 1);
  }

  /** Records the hop set that the nexthop stands for. If the set has another nexthop already, it keeps that. */
  setMeaning(nexthop: FibNexthop, set: HopSet | null): void {
    const before = nexthop.set;
    if (before === set) return;
    if (nexthop.isResilient) {
      nexthop.set = set;
      if (set !== null) this.#hops.countResilientGroup(set, 1);
      if (before !== null) this.#hops.countResilientGroup(before, -1);
      return;
    }
    nexthop.set = null;
    if (before !== null) {
      this.#hops.setNexthop(before, null);
      this.#hops.disposeUnused(before);
    }
    if (set === null || set.nexthop !== null) return;
    nexthop.set = set;
    this.#hops.setNexthop(set, nexthop);
  }

  /** Records that the kernel has it no longer, or that it is not ours any more. Routes may still name its id. */
  delete(nexthop: FibNexthop): void {
    this.#byId.delete(nexthop.id);
    if (nexthop.routes > 0) this.#strayRoutes.set(nexthop.id, nexthop.routes);
    this.#gcCandidates.delete(nexthop);
    this.#adoptedGcCandidates.delete(nexthop);
    if (nexthop.members !== null) {
      this.#groupCount--;
      if (nexthop.isResilient) this.#resilientCount--;
      this.#countGroup(nexthop, -1);
    }
    this.setMeaning(nexthop, null);
  }

  /** Records that a route of ours names it now (`by` = 1) or no longer (-1). */
  countRoute(id: number, by: 1 | -1): void {
    const nexthop = this.#byId.get(id);
    if (nexthop === undefined) {
      this.#countStray(id, by);
      return;
    }
    nexthop.routes += by;
    if (by < 0) this.addGcCandidate(nexthop);
  }

  /** Makes the nexthop a candidate for deletion, unless it is needed. */
  addGcCandidate(nexthop: FibNexthop): void {
    if (this.isNeeded(nexthop)) return;
    if (nexthop.isAdopted && !this.#mayDeleteAdopted) this.#adoptedGcCandidates.add(nexthop);
    else this.#gcCandidates.add(nexthop);
  }

  /** Sets whether nexthops that were there before us may be deleted: the servers have sent all their routes. */
  setMayDeleteAdopted(may: boolean): void {
    this.#mayDeleteAdopted = may;
    if (!may) return;
    for (const nexthop of this.#adoptedGcCandidates) this.#gcCandidates.add(nexthop);
    this.#adoptedGcCandidates.clear();
  }

  /** Takes up to `limit` nexthops that perhaps nothing needs any more: see {@link isNeeded} and `isPinned`. */
  takeGcCandidates(limit: number): FibNexthop[] {
    const taken: FibNexthop[] = [];
    for (const nexthop of this.#gcCandidates) {
      if (taken.length === limit) break;
      this.#gcCandidates.delete(nexthop);
      taken.push(nexthop);
    }
    return taken;
  }

  /** Whether a route or a group of ours names it, or a destination may come to. */
  isNeeded({ routes, groups, set, isResilient }: FibNexthop): boolean {
    if (routes > 0 || groups > 0) return true;
    // Destinations with such a set have other groups than this one.
    if (set === null || isResilient || this.wantsResilient(set)) return false;
    return set.desiredBy > 0;
  }

  /** An id that was deleted is not to be used again at once; of ids made together the last one is not always the highest. */
  #advanceTo(id: number): void {
    const ahead = (id - this.#lastId + IDS_PER_PROTOCOL) % IDS_PER_PROTOCOL;
    if (ahead < IDS_PER_PROTOCOL / 2) this.#lastId = id;
  }

  #countStray(id: number, by: 1 | -1): void {
    const routes = (this.#strayRoutes.get(id) ?? 0) + by;
    if (routes > 0) this.#strayRoutes.set(id, routes);
    else this.#strayRoutes.delete(id);
  }

  #countGroup(group: FibNexthop, by: 1 | -1): void {
    for (const { id } of group.members ?? []) {
      const member = this.#byId.get(id);
      if (member === undefined) continue;
      member.groups += by;
      if (by < 0) this.addGcCandidate(member);
    }
  }
}

export function sameMembers(a: readonly GroupMember[], b: readonly GroupMember[]): boolean {
  const inB = new Map(b.map(({ id, weight }) => [id, weight]));
  return a.length === b.length && a.every(({ id, weight }) => inB.get(id) === weight);
}
