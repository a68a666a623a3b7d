/** Formats operations as iproute2 commands, for `--dry-run` and the log. */

import { formatAddress } from "../net/address.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { GroupMember, Operation } from "./kernel.ts";
import { RESILIENT_GROUP } from "./kernel.ts";

/** Returns text such as "ip route add 10.0.1.0/24 table 100 nhid 1340080129 proto 254" */
export function formatOperation(operation: Operation, protocol: number, device: string): string {
  switch (operation.type) {
    case "add-nexthop": {
      const { id, address } = operation;
      // Without -6 it would be an object that no IPv6 route can name.
      return `ip -6 nexthop add id ${id} encap ip6 dst ${formatAddress(address)} dev ${device} proto ${protocol}`;
    }
    case "add-group":
      return `ip nexthop add id ${operation.id} ${group(operation)} proto ${protocol}`;
    case "add-resilient-group":
      return `ip nexthop add id ${operation.id} ${group(operation)} type resilient buckets ${BUCKETS} ${IDLE} proto ${protocol}`;
    case "replace-resilient-group":
      return `ip nexthop replace id ${operation.id} ${group(operation)} type resilient ${IDLE} proto ${protocol}`;
    case "delete-nexthop":
      return `ip nexthop del id ${operation.id}`;
    case "add-route":
      return `${routeCommand("add", operation)} nhid ${operation.nexthopId} proto ${protocol}`;
    case "replace-route": {
      // iproute2's name for a replace without create.
      const { priority, nexthopId } = operation;
      return `${routeCommand("change", operation)}${metric(priority)} nhid ${nexthopId} proto ${protocol}`;
    }
    case "delete-route": {
      const nexthop = operation.nexthopId === 0 ? "" : ` nhid ${operation.nexthopId}`;
      return `${routeCommand("del", operation)}${metric(operation.priority)}${nexthop} proto ${protocol}`;
    }
  }
}

const BUCKETS = RESILIENT_GROUP.buckets;
const IDLE = `idle_timer ${RESILIENT_GROUP.idleTimerSeconds}`;

function group({ members }: { readonly members: readonly GroupMember[] }): string {
  const texts = members.map(({ id, weight }) => (weight === 1 ? `${id}` : `${id},${weight}`));
  return `group ${texts.join("/")}`;
}

type OperationOnRoute = Extract<Operation, { destination: unknown }>;

function routeCommand(verb: string, { destination, table }: OperationOnRoute): string {
  const family = destination.family === 6 ? "-6 " : "";
  return `ip ${family}route ${verb} ${formatPrefix(destination)} table ${table}`;
}

/** The metric, unless it is 0, the default of IPv4 routes. */
function metric(priority: number): string {
  return priority === 0 ? "" : ` metric ${priority}`;
}
