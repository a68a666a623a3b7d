/**
 * Defines what the installer needs of a kernel: its links, nexthop objects and routes, batches of changes to them, and notifications
 * of other programs' changes. The real one uses rtnetlink (netlink/netlink-kernel.ts); tests have one in memory.
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
  /** Whether it has IFF_UP and a carrier: without either the kernel drops its nexthop objects, and accepts none. */
  readonly isUp: boolean;
  /** IFLA_INFO_KIND, as "ip6tnl"; null if it has none. */
  readonly kind: string | null;
  /** Whether it takes the tunnel's ends from the route (`external`); null if this kind has no such setting. */
  readonly isExternal: boolean | null;
  /** IFLA_MTU. */
  readonly mtuBytes: number;
  /** Whether IPv6 works on it: "off" by the sysctl disable_ipv6; "none" where the kernel has no IPv6 state for it. */
  readonly ipv6: "on" | "off" | "none";
}

export interface GroupMember {
  readonly id: number;
  /** In our groups 1 to 255: before Linux 6.12 the kernel refuses more (net/ipv4/nexthop.c). Others may have up to 65536. */
  readonly weight: number;
}

/** A nexthop object or group as the kernel has it, whosever it is. */
export interface FoundNexthop {
  readonly id: number;
  readonly protocol: number;
  /** The members of a group; null if it is none. */
  readonly members: readonly GroupMember[] | null;
  /** Whether it is a group whose buckets keep their members while those stay (Linux ≥ 5.13): NEXTHOP_GRP_TYPE_RES. */
  readonly isResilient: boolean;
  /** The device of an object; 0: none. */
  readonly linkIndex: number;
  /** The destination of its encapsulation (IPv6 in LWTUNNEL_ENCAP_IP6); null if it has none, or one of another type. */
  readonly encapAddress: IpAddress | null;
  /** Whether it has something that ours never have: a gateway, a blackhole, fdb, another family. */
  readonly isOdd: boolean;
}

/** A route as the kernel has it, whosever it is. */
export interface FoundRoute {
  readonly table: number;
  readonly destination: Prefix;
  readonly protocol: number;
  /** RTA_PRIORITY, the metric. By default the kernel gives 1024 to IPv6 routes, 0 to IPv4 routes. */
  readonly priority: number;
  readonly tos: number;
  /** RTN_UNICAST and so on. */
  readonly type: number;
  /** 0: it names no object. */
  readonly nexthopId: number;
  /** The first hop's device, if the route names no object; 0: none. */
  readonly linkIndex: number;
}

/** One change. The netlink flags of each are part of its meaning. */
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
  /** CREATE|EXCL: fails with EEXIST if there is a route to the destination with that priority, whosever it is. */
  | {
      readonly type: "add-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly nexthopId: number;
    }
  /** REPLACE without CREATE, of the route with that priority: only if it is known to be ours. */
  | {
      readonly type: "replace-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly priority: number;
      readonly nexthopId: number;
    }
  /** Deletes the route with our protocol, the priority, and the object that it names (0: any). */
  | {
      readonly type: "delete-route";
      readonly table: number;
      readonly destination: Prefix;
      readonly priority: number;
      readonly nexthopId: number;
    };

export interface OperationFailure {
  /** The operation's index in its batch. */
  readonly index: number;
  /** As "EEXIST"; "E123" if the number has no name. */
  readonly code: string;
  /** The kernel's text (extended ACK), or the error's usual text. */
  readonly message: string;
}

/** A change by another program; our own operations are not reported. */
export type KernelEvent =
  /** A link came, changed or went (`link` is then null). */
  | { readonly type: "link"; readonly index: number; readonly link: Link | null }
  | {
      readonly type: "route";
      readonly isDeleted: boolean;
      /** Whether it has taken the place of the first one with its destination, metric and TOS. */
      readonly isReplacing: boolean;
      readonly route: FoundRoute;
    }
  | { readonly type: "nexthop"; readonly isDeleted: boolean; readonly nexthop: FoundNexthop }
  /** An IPv4 or IPv6 address of a link. It may be reported again, and another link may have it, too. */
  | {
      readonly type: "address";
      readonly isDeleted: boolean;
      readonly linkIndex: number;
      readonly address: IpAddress;
    }
  /** IPv6 was switched on or off on a link, or its IPv6 settings have changed. */
  | { readonly type: "ipv6"; readonly linkIndex: number }
  /** Notifications were lost: anything may have changed. */
  | { readonly type: "overrun" };

/** What the operations of one installer have in common. */
export interface KernelIdentity {
  /** RTA protocol of our routes and objects, 1 to 255. */
  readonly protocol: number;
}

/** What is known to be ours: it is requested separately if the kernel's dumps of everything end too early. */
export interface KnownOfOurs {
  /** The tunnel device; -1 if there is none. */
  readonly linkIndex: number;
  /** Ids of objects and groups that the FIB model has. */
  readonly nexthopIds: readonly number[];
  /** Tables in which there are, or may be, routes of ours. */
  readonly tables: readonly number[];
}

export interface Kernel {
  /** Returns all links of this network namespace. */
  links(): Promise<Link[]>;
  /** Returns all local addresses. */
  localAddresses(): Promise<IpAddress[]>;
  /**
   * Returns by what the kernel chooses a hop of a group (sysctl fib_multipath_hash_policy; 0: without a packet's ports); null
   * if it cannot be read.
   */
  multipathHashPolicy(family: 4 | 6): number | null;
  /**
   * Calls `visit` for each nexthop object, in slices: other work has its turn meanwhile. Returns false if the dump was
   * incomplete; then those in `ours` that are there, and all objects for the link, were visited.
   */
  eachNexthop(ours: KnownOfOurs, visit: (nexthop: FoundNexthop) => void): Promise<boolean>;
  /**
   * Calls `visit` for each route of both families, without those of the table "local" and cached ones, in slices. Returns false
   * if a dump was incomplete, or cannot be proven complete; then all of our protocol were visited, as far as the kernel sends
   * them.
   */
  eachRoute(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<boolean>;
  /** Calls `visit` for each route of our protocol, by dumps of another kind. In slices. */
  eachRouteOfOurs(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<void>;
  /** Calls `visit` for each route of one table and family, as far as the kernel sends them. In slices. */
  eachRouteIn(table: number, family: 4 | 6, visit: (route: FoundRoute) => void): Promise<void>;
  /**
   * Carries out the operations in their order, in batches of some hundred, and returns those that failed; the others are
   * done. A failed one stops none of the others.
   * @throws KernelError when the socket itself fails
   */
  apply(operations: readonly Operation[], linkIndex: number): OperationFailure[];
  /** Reports what other programs change, from now on, until `close`. */
  watch(listener: (event: KernelEvent) => void): void;
  /**
   * Reports at once what other programs have changed up to now: otherwise a replace that was planned before could hit a route
   * that has just come in place of ours. Returns false if there is more than can be reported at once.
   */
  poll(): boolean;
  /** Ends the reports, and closes the sockets. */
  close(): void;
}

/** Why the kernel cannot be used. */
export type KernelErrorCode =
  | "LIBNL_MISSING"
  | "JIT_OFF"
  | "NO_CAP_NET_ADMIN"
  | "NO_NEXTHOP_OBJECTS"
  | "NO_RESILIENT_GROUPS"
  | "DEVICE_MISSING"
  | "PROTOCOL_IN_USE"
  /** An event came from elsewhere than a client that has the kernel routes as a handler. */
  | "NO_CLIENT"
  | "SOCKET_FAILED";

/** Thrown if the kernel cannot be used, or its socket fails: the message says what is missing and what to do. */
export class KernelError extends BunBondError {
  readonly code: KernelErrorCode;
  constructor(code: KernelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = "KernelError";
  }
}

/**
 * The table of buckets of a resilient group. A new member gets only buckets that had no packet for the time of the idle
 * timer, however long the shares stay uneven by that (no unbalanced timer): a flow in use never moves.
 */
export const RESILIENT_GROUP = { buckets: 256, idleTimerSeconds: 10 } as const;
