/**
 * What the installer needs of a kernel: its links, nexthop objects and routes, batches of changes to them, and word
 * of what others change. The real one speaks rtnetlink (netlink-kernel.ts); tests have one in memory.
 *
 * How a tenant's route looks in the kernel (Linux ≥ 5.3):
 *
 *     nexthop object, one per hypervisor     id A: encap ip6 dst 2001:db8::1 dev ip6tnl0    (AF_INET6, no gateway)
 *                                            id B: encap ip6 dst 2001:db8::2 dev ip6tnl0
 *     group object, one per ECMP set         id G: group A/B                                (immutable, shared)
 *     or one per destination                 id G: group A/B type resilient                 (replaced in place)
 *     route, IPv4 or IPv6                    10.0.1.0/24 table 100 nhid G
 *
 * Objects are AF_INET6 for both families: the kernel refuses an AF_INET object under an IPv6 route, not the other way
 * round. Go's form, a route with the hops written out (RTA_MULTIPATH), is refused by the kernel for IPv6.
 */
import { BunBondError } from "../base/bunbond-error.ts";
import type { IpAddress, Prefix } from "../net/ip.ts";

export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFF_UP, and with a carrier: without either the kernel drops the nexthop objects, and takes none. */
  readonly isUp: boolean;
  /** IFLA_INFO_KIND, as "ip6tnl"; null: none is given. */
  readonly kind: string | null;
  /** Takes the tunnel's ends from the route (`external`); null: the kernel does not say for this kind. */
  readonly isExternal: boolean | null;
  /** IFLA_MTU. */
  readonly mtuBytes: number;
  /** Whether IPv6 works on it: "off" by the sysctl disable_ipv6; "none" where the kernel has no IPv6 state for it. */
  readonly ipv6: "on" | "off" | "none";
}

export interface GroupMember {
  readonly id: number;
  /** Ours 1 to 255: before Linux 6.12 the kernel refuses more (net/ipv4/nexthop.c). Others may have up to 65536. */
  readonly weight: number;
}

/** A nexthop object as the kernel has it, anybody's. */
export interface FoundNexthop {
  readonly id: number;
  readonly protocol: number;
  /** Null: it is no group. */
  readonly members: readonly GroupMember[] | null;
  /** A group whose buckets keep their members while those stay (Linux ≥ 5.13): NEXTHOP_GRP_TYPE_RES. */
  readonly isResilient: boolean;
  /** 0: none. */
  readonly linkIndex: number;
  /** Where it encapsulates to (IPv6 in LWTUNNEL_ENCAP_IP6); null: it does not, or in another way. */
  readonly encapAddress: IpAddress | null;
  /** It has something that ours never have: a gateway, a blackhole, fdb, another family. */
  readonly isOdd: boolean;
}

/** A route as the kernel has it, anybody's. */
export interface FoundRoute {
  readonly table: number;
  readonly destination: Prefix;
  readonly protocol: number;
  /** RTA_PRIORITY, the metric: the kernel gives IPv6 routes 1024 where none is asked for, IPv4 routes 0. */
  readonly priority: number;
  readonly tos: number;
  /** RTN_UNICAST and so on. */
  readonly type: number;
  /** 0: it names no object. */
  readonly nexthopId: number;
  /** Of a route that names none: the first hop's device; 0: none. */
  readonly linkIndex: number;
}

/** One change. Which netlink flags each takes is part of its meaning. */
export type Operation =
  /** CREATE|EXCL: an object that encapsulates to the address and leaves by the tunnel device. */
  | { readonly type: "add-nexthop"; readonly id: number; readonly address: IpAddress }
  /** CREATE|EXCL. */
  | { readonly type: "add-group"; readonly id: number; readonly members: readonly GroupMember[] }
  /** CREATE|EXCL: a group that moves no flow whose member stays, when it is replaced by the next one. */
  | {
      readonly type: "add-resilient-group";
      readonly id: number;
      readonly members: readonly GroupMember[];
    }
  /** REPLACE without CREATE, of a resilient group that is ours: the routes that name it follow. */
  | {
      readonly type: "replace-resilient-group";
      readonly id: number;
      readonly members: readonly GroupMember[];
    }
  /** An object or a group. The kernel takes the routes that name it along. */
  | { readonly type: "delete-nexthop"; readonly id: number }
  /** CREATE|EXCL: fails with EEXIST where anybody has a route to the destination with that priority. */
  | {
      readonly type: "add-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly nexthopId: number;
    }
  /** REPLACE without CREATE, of the route with that priority: only for one known to be ours. */
  | {
      readonly type: "replace-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly priority: number;
      readonly nexthopId: number;
    }
  /** With our protocol, the priority, and the object it names (0: whichever). */
  | {
      readonly type: "delete-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly priority: number;
      readonly nexthopId: number;
    };

export interface OperationFailure {
  /** Of the operation in its batch. */
  readonly index: number;
  /** As "EEXIST"; "E123" where we have no name for it. */
  readonly code: string;
  /** The kernel's words (extended ACK), or the error's usual text. */
  readonly message: string;
}

/** What somebody else changed; our own operations are not reported. */
export type KernelEvent =
  /** A link came, changed or went (`link` is then null). */
  | { readonly type: "link"; readonly index: number; readonly link: Link | null }
  | {
      readonly type: "route";
      readonly isDeleted: boolean;
      /** It has taken the place of the first one with its destination, metric and TOS. */
      readonly isReplacing: boolean;
      readonly route: FoundRoute;
    }
  | { readonly type: "nexthop"; readonly isDeleted: boolean; readonly nexthop: FoundNexthop }
  /** An IPv4 or IPv6 address of a link. It may be told again, and another link may have it too. */
  | {
      readonly type: "address";
      readonly isDeleted: boolean;
      readonly linkIndex: number;
      readonly address: IpAddress;
    }
  /** IPv6 was switched on or off on a link, or something of its settings there has changed. */
  | { readonly type: "ipv6"; readonly linkIndex: number }
  /** Notifications were lost: anything may have changed. */
  | { readonly type: "overrun" };

/** What the operations of one installer have in common. */
export interface KernelIdentity {
  /** RTA protocol of our routes and objects, 1 to 255. */
  readonly protocol: number;
}

/** What is known of ours: it is asked for apart where the kernel's dumps of everything end too early. */
export interface KnownOfOurs {
  /** The tunnel device; -1: there is none. */
  readonly linkIndex: number;
  /** Objects and groups that the book has. */
  readonly nexthopIds: readonly number[];
  /** Tables in which there are, or may be, routes of ours. */
  readonly tables: readonly number[];
}

export interface Kernel {
  /** All links of this network namespace. */
  links(): Promise<Link[]>;
  /** All local addresses. */
  localAddresses(): Promise<IpAddress[]>;
  /**
   * What the hop of a group is chosen by (sysctl fib_multipath_hash_policy; 0: without a packet's ports); null: it cannot be
   * read.
   */
  multipathHashPolicy(family: 4 | 6): number | null;
  /**
   * Calls `visit` for each nexthop object. In slices: other work has its turn meanwhile. False: the kernel could not tell all;
   * those in `ours` that are there, and all objects for the link, were visited.
   */
  eachNexthop(ours: KnownOfOurs, visit: (nexthop: FoundNexthop) => void): Promise<boolean>;
  /**
   * Calls `visit` for each route of both families, without those of the table "local" and cached ones. In slices. False: the
   * kernel could not tell all, or there is no proof that it did; all of our protocol were visited, as far as it can tell.
   */
  eachRoute(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<boolean>;
  /** Likewise for those of our protocol alone, by dumps of another kind. */
  eachRouteOfOurs(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<void>;
  /** Calls `visit` for each route of one table and family, anybody's, as far as the kernel can tell them. In slices. */
  eachRouteIn(table: number, family: 4 | 6, visit: (route: FoundRoute) => void): Promise<void>;
  /**
   * Carries out the operations in their order, one batch (some hundred) in one go, and gives back those that failed;
   * the others are done. A failed one holds up none of the others.
   * @throws KernelError when the socket itself fails
   */
  apply(operations: readonly Operation[], linkIndex: number): OperationFailure[];
  /** Reports what others change, from now on, until `close`. */
  watch(listener: (event: KernelEvent) => void): void;
  /**
   * Reports at once what others have changed up to now. A route that came in place of ours this very moment would be hit
   * by a replace that was decided upon before it was heard of. False: there is more than can be reported in one go.
   */
  poll(): boolean;
  close(): void;
}

/** Why the kernel cannot be had. */
export type KernelErrorCode =
  | "LIBNL_MISSING"
  | "JIT_OFF"
  | "NO_CAP_NET_ADMIN"
  | "NO_NEXTHOP_OBJECTS"
  | "NO_RESILIENT_GROUPS"
  | "DEVICE_MISSING"
  | "PROTOCOL_IN_USE"
  | "SOCKET_FAILED";

/** The kernel cannot be had, or not spoken to: the message says what is missing and what to do. */
export class KernelError extends BunBondError {
  readonly code: KernelErrorCode;
  constructor(code: KernelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = "KernelError";
  }
}

/**
 * A resilient group's table of buckets. A member that comes gets only buckets without a packet for the time of the idle
 * timer, however long the shares stay uneven by that (no unbalanced timer): a flow in use never moves.
 */
export const RESILIENT_GROUP = { buckets: 256, idleTimerSeconds: 10 } as const;
