/**
 * The options of routes in the kernel, of `bunbond client` and of `KernelRoutes.open`; option.ts says what the fields mean. Numbers are
 * those of include/uapi/linux/rtnetlink.h.
 */
import { NEXT_HOP_TYPE_NAMES } from "../route/next-hop-type.ts";
import type { Catalogue } from "./option.ts";
import { SHARED_OBJECTS } from "./shared-options.ts";

/** The default weight of a next hop in a preferred network. Other next hops have weight 1. */
export const DEFAULT_PREFERRED_WEIGHT = 100;
/** The largest weight: more is refused before Linux 6.12. */
export const MAX_WEIGHT = 255;
/** RTPROT_RA: the kernel's own for routes from router advertisements. */
const PROTOCOL_RA = 9;
/** RTA_TABLE has 32 bits. */
export const MAX_TABLE = 0xffffffff;
/** Lower protocols are the kernel's own and those of routes that people add, which must not count as ours. */
const LEAST_PROTOCOL = 5;
/** A route protocol has 8 bits. */
const MOST_PROTOCOL = 255;

export const KERNEL_OPTIONS = {
  installRoutes: {
    flag: "install-routes",
    takesEffect: "at a reload",
    library: "mappings",
    libraryValue: "list of `{ vni, table }`",
    libraryDefault: "required",
    type: "list",
    valueHint: "VNI#TABLE",
    example: "100#100",
    help: `Subscribe to this virtual network, and install its routes in this routing table of the kernel: 1 to ${MAX_TABLE}, except 253 and 255.`,
    libraryHelp: `The routing table of the kernel for each VNI's routes: 1 to ${MAX_TABLE}, except 253 and 255. If several VNIs share a table, the first one wins a destination.`,
  },
  tunnelDevice: {
    flag: "tun",
    takesEffect: "at next start",
    library: "device",
    libraryDefault: "required",
    type: "text",
    valueHint: "DEVICE",
    example: "ip6tnl0",
    default: "ip6tnl0",
    help: "The tunnel device of these routes. It must be of type ip6tnl, mode any, external.",
  },
  ipv4Only: {
    flag: "ipv4-only",
    takesEffect: "at next start",
    library: "ipv4Only",
    type: "switch",
    default: false,
    help: "Install only routes to IPv4 destinations in the kernel.",
  },
  cleanup: {
    flag: "cleanup",
    takesEffect: "at a reload",
    type: "switch",
    default: false,
    help: "Remove BunBond's routes from the kernel at the end. Without this flag they stay, and the next start takes them over.",
  },
  routeProtocol: {
    flag: "route-protocol",
    takesEffect: "at next start",
    library: "protocol",
    type: "count",
    unit: "protocol number",
    least: LEAST_PROTOCOL,
    most: MOST_PROTOCOL,
    exception: {
      value: PROTOCOL_RA,
      reason: `${PROTOCOL_RA} is reserved for the kernel: use another number`,
    },
    // That of Go's client.
    default: 254,
    example: "200",
    help: `Mark BunBond's routes in the kernel with this protocol number, ${LEAST_PROTOCOL} to ${MOST_PROTOCOL} except ${PROTOCOL_RA}; the other numbers belong to the kernel and to routes made by hand. A network namespace can have one client per number.`,
  },
  dryRun: {
    flag: "dry-run",
    takesEffect: "at next start",
    type: "switch",
    default: false,
    help: "Change nothing in the kernel. Print the ip commands that would make the changes, instead of the changes of routes.",
  },
  allowMainTable: {
    flag: "allow-main-table",
    takesEffect: "at a reload",
    type: "switch",
    default: false,
    help: "Allow --install-routes to name the host's own table, main: 254, or 0 as with Go's client.",
  },
  preferNetworks: {
    flag: "prefer-network",
    takesEffect: "at next start",
    library: "preferredNetworks",
    libraryValue: "list of `{ prefix, weight }`",
    type: "list",
    valueHint: "PREFIX[=WEIGHT]",
    example: "2001:db8:a::/48=10",
    help: `If a destination has several next hops, give those in this IPv6 network the weight WEIGHT, 1 to ${MAX_WEIGHT}, or ${DEFAULT_PREFERRED_WEIGHT} if it is left out. The other next hops have weight 1.`,
    libraryHelp: `If a destination has several next hops, give those in this IPv6 network this weight, 1 to ${MAX_WEIGHT}. The other next hops have weight 1.`,
  },
  excludeTypes: {
    flag: "exclude-type",
    takesEffect: "at next start",
    library: "excludedTypes",
    libraryValue: "list of `NextHopType`",
    type: "list",
    valueHint: NEXT_HOP_TYPE_NAMES.join("|"),
    example: "lb",
    help: "Do not install next hops of this type in the kernel.",
  },
  ecmp: {
    flag: "ecmp",
    takesEffect: "at next start",
    library: "ecmp",
    type: "word",
    words: ["plain", "resilient"],
    default: "plain",
    example: "resilient",
    help: "How the connections to a destination are spread over several next hops. plain: when one next hop comes or goes, some connections through the others move, too. resilient (Linux 5.13 or newer): connections through the others stay.",
  },
  reconcileSeconds: {
    flag: "reconcile-interval",
    takesEffect: "at next start",
    library: "reconcileIntervalSeconds",
    type: "seconds",
    least: 0,
    default: 300,
    example: "300",
    help: "Compare the kernel's tables with the desired routes this often, and repair them; 0: never. Changes that the kernel reports are repaired at once.",
  },
  installNat: {
    flag: "install-nat",
    takesEffect: "at next start",
    library: "nat",
    type: "word",
    words: ["plain", "skip"],
    default: "plain",
    example: "skip",
    help: "How NAT next hops are installed in the kernel. plain: without their ports, which a route cannot express. skip: not at all.",
  },
  commandPrinter: {
    library: "dryRun",
    type: "object",
    libraryValue: "function",
    help: "Called with each change as an ip command, instead of making it in the kernel.",
  },
  optionNames: {
    library: "optionNames",
    type: "object",
    libraryValue: "`{ device, protocol, ecmp }`",
    libraryDefault: "as here",
    help: "The names of some options in errors and warnings, for programs that set them by other names.",
  },
  logger: SHARED_OBJECTS.logger,
} as const satisfies Catalogue;

/** Of `KernelRoutes.close`. */
export const KERNEL_CLOSE_OPTIONS = {
  cleanup: {
    library: "cleanup",
    type: "switch",
    default: false,
    help: "Whether the routes are removed. Otherwise they stay, and the next `KernelRoutes` takes them over.",
  },
} as const satisfies Catalogue;
