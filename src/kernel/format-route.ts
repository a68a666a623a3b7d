/** Formats routes as iproute2 shows them, and the commands that show them: for the log and for `status`. */
import type { Prefix } from "../net/ip.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { FoundRoute, Operation } from "./kernel.ts";

/** Types of linux/rtnetlink.h; unicast has no name here, as in iproute2. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [2, "local"],
  [3, "broadcast"],
  [4, "anycast"],
  [5, "multicast"],
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
  [9, "throw"],
]);

/** Protocols of iproute2's rt_protos. */
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "redirect"],
  [2, "kernel"],
  [3, "boot"],
  [4, "static"],
  [9, "ra"],
  [11, "zebra"],
  [12, "bird"],
  [16, "dhcp"],
  [18, "keepalived"],
  [42, "babel"],
  [186, "bgp"],
  [187, "isis"],
  [188, "ospf"],
  [189, "rip"],
  [192, "eigrp"],
]);

/** Returns text such as "unreachable 10.0.1.0/24 dev lo proto static metric 7". `linkNames`: index → name of the links that are known. */
export function formatFoundRoute(
  route: FoundRoute,
  linkNames: ReadonlyMap<number, string> = new Map(),
): string {
  const { destination, type, protocol, priority, nexthopId, linkIndex } = route;
  const words = [TYPES.get(type) ?? "", formatPrefix(destination)];
  if (nexthopId !== 0) words.push(`nhid ${nexthopId}`);
  // iproute2's name for a link that is not known.
  else if (linkIndex !== 0) words.push(`dev ${linkNames.get(linkIndex) ?? `if${linkIndex}`}`);
  words.push(`proto ${PROTOCOLS.get(protocol) ?? protocol}`, `metric ${priority}`);
  return words.filter((word) => word !== "").join(" ");
}

/** The command that shows all routes of the table to exactly this destination. */
export function showRouteCommand(table: number, destination: Prefix): string {
  const family = destination.family === 6 ? "-6 " : "";
  return `ip ${family}route show table ${table} exact ${formatPrefix(destination)}`;
}

/** The command that shows what the operation was to change, or what is there in its place. */
export function showCommand(operation: Operation): string {
  if ("destination" in operation) return showRouteCommand(operation.table, operation.destination);
  return `ip nexthop show id ${operation.id}`;
}
