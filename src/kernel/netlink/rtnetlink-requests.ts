/**
 * Writes our requests to rtnetlink: the operations of kernel.ts, and dumps.
 *
 * | operation               | message        | flags        |                                                       |
 * | ----------------------- | -------------- | ------------ | ----------------------------------------------------- |
 * | add-nexthop             | RTM_NEWNEXTHOP | CREATE, EXCL | family inet6, protocol; id, device, encap ip6         |
 * | add-group               | RTM_NEWNEXTHOP | CREATE, EXCL | no family, protocol; id, members                      |
 * | add-resilient-group     | RTM_NEWNEXTHOP | CREATE, EXCL | as add-group; type, buckets, timers                   |
 * | replace-resilient-group | RTM_NEWNEXTHOP | REPLACE      | as add-resilient-group, without the buckets           |
 * | delete-nexthop          | RTM_DELNEXTHOP |              | id only: the kernel refuses more                      |
 * | add-route               | RTM_NEWROUTE   | CREATE, EXCL | no priority: the kernel gives its default (0 or 1024) |
 * | replace-route           | RTM_NEWROUTE   | REPLACE      | the one with this priority                            |
 * | delete-route            | RTM_DELROUTE   |              | any scope; protocol, priority and object must fit     |
 */

import type { Prefix } from "../../net/ip.ts";
import type { GroupMember, KernelIdentity, Operation } from "../kernel.ts";
import { RESILIENT_GROUP } from "../kernel.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFADDRMSG_BYTES,
  IFINFOMSG_BYTES,
  IFLA_EXT_MASK,
  LWTUNNEL_ENCAP_IP6,
  LWTUNNEL_IP6_DST,
  NEXTHOP_GRP_TYPE_RES,
  NHA_ENCAP,
  NHA_ENCAP_TYPE,
  NHA_GROUP,
  NHA_GROUP_TYPE,
  NHA_ID,
  NHA_OIF,
  NHA_RES_GROUP,
  NHA_RES_GROUP_BUCKETS,
  NHA_RES_GROUP_IDLE_TIMER,
  NHA_RES_GROUP_UNBALANCED_TIMER,
  NHMSG_BYTES,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  NLMSG_NOOP,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_NH_ID,
  RTA_PRIORITY,
  RTA_TABLE,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELNEXTHOP,
  RTM_DELROUTE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEXTHOP,
  RTM_GETNEXTHOPBUCKET,
  RTM_GETROUTE,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
  RTN_UNICAST,
} from "./netlink-constants.ts";
import type { NetlinkWriter } from "./netlink-writer.ts";

/** USER_HZ. */
const CLOCK_T_PER_SECOND = 100;

/** What all operations of one batch have in common. */
export interface OperationContext extends KernelIdentity {
  /** The tunnel device. */
  readonly linkIndex: number;
}

/** Writes an operation, as a request that is answered only when it fails. */
export function putOperation(
  writer: NetlinkWriter,
  operation: Operation,
  sequence: number,
  { protocol, linkIndex }: OperationContext,
): void {
  const create = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
  switch (operation.type) {
    case "add-nexthop":
      beginNexthop(writer, RTM_NEWNEXTHOP, create, sequence, AF_INET6, protocol, operation.id);
      writer.attributeU32(NHA_OIF, linkIndex);
      writer.attributeU16(NHA_ENCAP_TYPE, LWTUNNEL_ENCAP_IP6);
      {
        const encap = writer.beginNested(NHA_ENCAP);
        writer.attributeAddress(LWTUNNEL_IP6_DST, operation.address);
        writer.endAttribute(encap);
      }
      break;
    case "add-group":
      beginNexthop(writer, RTM_NEWNEXTHOP, create, sequence, AF_UNSPEC, protocol, operation.id);
      putMembers(writer, operation.members);
      break;
    case "add-resilient-group":
      beginNexthop(writer, RTM_NEWNEXTHOP, create, sequence, AF_UNSPEC, protocol, operation.id);
      putMembers(writer, operation.members);
      putResilience(writer, RESILIENT_GROUP.buckets);
      break;
    case "replace-resilient-group": {
      const replace = NLM_F_REQUEST | NLM_F_REPLACE;
      beginNexthop(writer, RTM_NEWNEXTHOP, replace, sequence, AF_UNSPEC, protocol, operation.id);
      putMembers(writer, operation.members);
      putResilience(writer, null);
      break;
    }
    case "delete-nexthop":
      beginNexthop(writer, RTM_DELNEXTHOP, NLM_F_REQUEST, sequence, AF_UNSPEC, 0, operation.id);
      break;
    case "add-route":
      beginRoute(writer, RTM_NEWROUTE, create, sequence, protocol, operation.destination, operation.table);
      writer.attributeU32(RTA_NH_ID, operation.nexthopId);
      break;
    case "replace-route": {
      const { destination, table } = operation;
      beginRoute(writer, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_REPLACE, sequence, protocol, destination, table);
      writer.attributeU32(RTA_PRIORITY, operation.priority);
      writer.attributeU32(RTA_NH_ID, operation.nexthopId);
      break;
    }
    case "delete-route": {
      const { destination, table, priority, nexthopId } = operation;
      beginRoute(writer, RTM_DELROUTE, NLM_F_REQUEST, sequence, protocol, destination, table);
      writer.attributeU32(RTA_PRIORITY, priority);
      if (nexthopId !== 0) writer.attributeU32(RTA_NH_ID, nexthopId);
      break;
    }
  }
  writer.end();
}

/** Begins a message with struct nhmsg and NHA_ID. */
function beginNexthop(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  sequence: number,
  family: number,
  protocol: number,
  id: number,
): void {
  writer.begin(type, flags, sequence);
  writer.u8(family);
  writer.u8(0); // scope: the kernel decides it
  writer.u8(protocol);
  writer.u8(0);
  writer.u32(0); // flags
  writer.attributeU32(NHA_ID, id);
}

/** Writes NHA_GROUP: an array of struct nexthop_grp. */
function putMembers(writer: NetlinkWriter, members: readonly GroupMember[]): void {
  const group = writer.beginAttribute(NHA_GROUP);
  for (const { id, weight } of members) {
    writer.u32(id);
    writer.u8(weight - 1);
    writer.u8(0);
    writer.u16(0);
  }
  writer.endAttribute(group);
}

/** Writes NHA_GROUP_TYPE and NHA_RES_GROUP. `buckets` null: their number stays, for the kernel refuses to change it. */
function putResilience(writer: NetlinkWriter, buckets: number | null): void {
  writer.attributeU16(NHA_GROUP_TYPE, NEXTHOP_GRP_TYPE_RES);
  const resilience = writer.beginNested(NHA_RES_GROUP);
  if (buckets !== null) writer.attributeU16(NHA_RES_GROUP_BUCKETS, buckets);
  writer.attributeU32(NHA_RES_GROUP_IDLE_TIMER, RESILIENT_GROUP.idleTimerSeconds * CLOCK_T_PER_SECOND);
  writer.attributeU32(NHA_RES_GROUP_UNBALANCED_TIMER, 0);
  writer.endAttribute(resilience);
}

/** Begins a message with struct rtmsg, RTA_DST and RTA_TABLE. The default route has no RTA_DST. */
function beginRoute(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  sequence: number,
  protocol: number,
  destination: Prefix,
  table: number,
): void {
  writer.begin(type, flags, sequence);
  writer.u8(destination.family === 4 ? AF_INET : AF_INET6);
  writer.u8(destination.lengthBits);
  writer.u8(0); // source length
  writer.u8(0); // TOS
  writer.u8(RT_TABLE_UNSPEC);
  writer.u8(protocol);
  writer.u8(type === RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE);
  writer.u8(RTN_UNICAST);
  writer.u32(0); // flags
  if (destination.lengthBits > 0) writer.attributeAddress(RTA_DST, destination);
  writer.attributeU32(RTA_TABLE, table);
}

/** What a dump reads. */
export type Dump =
  | { readonly what: "links" | "addresses" }
  /** `linkIndex`: only objects for that device, and no groups; 0: all. */
  | { readonly what: "nexthops"; readonly linkIndex: number }
  /** Routes of one family. `protocol` 0: of all protocols. `table` 0: of all tables. */
  | {
      readonly what: "routes";
      readonly family: 4 | 6;
      readonly protocol: number;
      readonly table: number;
    };

export function putDumpRequest(writer: NetlinkWriter, dump: Dump, sequence: number): void {
  const flags = NLM_F_REQUEST | NLM_F_DUMP;
  switch (dump.what) {
    case "links":
      writer.begin(RTM_GETLINK, flags, sequence);
      putZeros(writer, IFINFOMSG_BYTES);
      writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
      break;
    case "addresses":
      writer.begin(RTM_GETADDR, flags, sequence);
      putZeros(writer, IFADDRMSG_BYTES);
      break;
    case "nexthops":
      writer.begin(RTM_GETNEXTHOP, flags, sequence);
      putZeros(writer, NHMSG_BYTES);
      if (dump.linkIndex !== 0) writer.attributeU32(NHA_OIF, dump.linkIndex);
      break;
    case "routes":
      writer.begin(RTM_GETROUTE, flags, sequence);
      writer.u32(dump.family === 4 ? AF_INET : AF_INET6);
      writer.u8(RT_TABLE_UNSPEC);
      writer.u8(dump.protocol);
      writer.u16(0);
      writer.u32(0); // flags: no RTM_F_CLONED, thus no cached ones
      if (dump.table !== 0) writer.attributeU32(RTA_TABLE, dump.table);
      break;
  }
  writer.end();
}

/** Writes a request for one nexthop object or group. */
export function putNexthopRequest(writer: NetlinkWriter, id: number, sequence: number): void {
  writer.begin(RTM_GETNEXTHOP, NLM_F_REQUEST, sequence);
  putZeros(writer, NHMSG_BYTES);
  writer.attributeU32(NHA_ID, id);
  writer.end();
}

/** Writes a request that does nothing, and is acknowledged. */
export function putNoOperation(writer: NetlinkWriter, sequence: number): void {
  writer.begin(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, sequence);
  writer.end();
}

/**
 * Writes a change that cannot succeed: the deletion of an object without its id. The answer is EPERM if this process may not
 * change anything, EOPNOTSUPP if the kernel has no nexthop objects, else EINVAL.
 */
export function putProbe(writer: NetlinkWriter, sequence: number): void {
  writer.begin(RTM_DELNEXTHOP, NLM_F_REQUEST | NLM_F_ACK, sequence);
  putZeros(writer, NHMSG_BYTES);
  writer.end();
}

/**
 * Writes a request that cannot succeed, and needs no rights: for a bucket of no group. The answer is EOPNOTSUPP if the
 * kernel has no resilient groups (before Linux 5.13), else EINVAL.
 */
export function putResilienceProbe(writer: NetlinkWriter, sequence: number): void {
  writer.begin(RTM_GETNEXTHOPBUCKET, NLM_F_REQUEST | NLM_F_ACK, sequence);
  putZeros(writer, NHMSG_BYTES);
  writer.end();
}

/** Writes zeros. `byteLength`: a multiple of 4. */
function putZeros(writer: NetlinkWriter, byteLength: number): void {
  for (let i = 0; i < byteLength; i += 4) writer.u32(0);
}
