/**
 * Defines the records of next hops, which refer to one another: a hypervisor, a set of hypervisors, and the nexthop object or group that
 * the kernel has for a set. hop-sets.ts keeps the first two, fib/nexthops.ts the third.
 */
import type { IpAddress } from "../../net/ip.ts";
import type { GroupMember } from "../kernel.ts";

export interface Hop {
  readonly number: number;
  readonly address: IpAddress;
  /** The hop's share in a group, 1 to 255. */
  readonly weight: number;
  /** Whether it is an address of this machine. */
  isLocal: boolean;
  /** The set that has this hop only. */
  readonly singleton: HopSet;
  /** How many sets have it. */
  sets: number;
  /** Whether a destination names it, or the kernel has an object for it. */
  isUsed: boolean;
}

export interface HopSet {
  readonly number: number;
  /** The hops, in the order of their addresses. */
  readonly hops: readonly Hop[];
  readonly key: string;
  /** The object or plain group that the kernel has for it; null if there is none. */
  nexthop: FibNexthop | null;
  /** How many destinations desire it; for a singleton, desired larger sets with its hop count, too. */
  desiredBy: number;
  /** How many destinations name it; for a singleton, named larger sets with its hop count, too. */
  namedBy: number;
  /** How many resilient groups have exactly these members. */
  resilientGroups: number;
}

export interface FibNexthop {
  readonly id: number;
  /**
   * The hop set that it stands for; null if none: it is an object for another device, a group with other members or weights
   * than any that we make, or the second one for its set.
   */
  set: HopSet | null;
  /** The members of a group; null if it is an object. */
  members: readonly GroupMember[] | null;
  readonly isResilient: boolean;
  /** If a group has a single member: how many scans there had been when that began; null if it has more. */
  singleMemberSince: number | null;
  /** How many routes of ours name it. */
  routes: number;
  /** How many groups of ours name it. */
  groups: number;
  /** Whether something foreign names it. */
  isPinned: boolean;
  /** Whether a scan has found it: routes that the servers have not sent yet may need it. */
  isAdopted: boolean;
}
