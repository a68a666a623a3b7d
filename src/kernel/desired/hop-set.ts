/**
 * The records of next hops that name one another: a hypervisor, a set of hypervisors, and the nexthop object or group that
 * the kernel has for a set. hop-sets.ts keeps the first two, fib/nexthops.ts the third.
 */
import type { IpAddress } from "../../net/ip.ts";
import type { GroupMember } from "../kernel.ts";

export interface Hop {
  readonly number: number;
  readonly address: IpAddress;
  /** Its share in a group, 1 to 255. */
  readonly weight: number;
  /** It is an address of this machine. */
  isLocal: boolean;
  /** The set of it alone. */
  readonly singleton: HopSet;
  /** Sets that name it. */
  sets: number;
  /** A destination names it, or the kernel has an object for it. */
  isUsed: boolean;
}

export interface HopSet {
  readonly number: number;
  /** By address. */
  readonly hops: readonly Hop[];
  readonly key: string;
  /** What the kernel has for it; null: nothing yet. */
  nexthop: FibNexthop | null;
  /** Destinations that want it, and of a set of one also the larger wanted sets that name its hop. */
  desiredBy: number;
  /** Destinations that name it, and of a set of one also the larger named sets that have its hop. */
  namedBy: number;
  /** Resilient groups that have exactly these members. */
  resilientGroups: number;
}

export interface FibNexthop {
  readonly id: number;
  /**
   * What it stands for; null: it is no use, being an object for another device, a group of other members or weights
   * than any that we make, or the second of its kind.
   */
  set: HopSet | null;
  /** Of a group; null: it is an object. */
  members: readonly GroupMember[] | null;
  readonly isResilient: boolean;
  /** Of a group that has a single member: how many readings there had been when that began; null: it has more. */
  singleMemberSince: number | null;
  /** Routes of ours that name it. */
  routes: number;
  /** Groups of ours that name it. */
  groups: number;
  /** Something foreign names it. */
  isPinned: boolean;
  /** A reading has found it: routes that nobody has told us of yet may want it. */
  isAdopted: boolean;
}
