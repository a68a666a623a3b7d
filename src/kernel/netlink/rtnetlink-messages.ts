/** Reads rtnetlink's messages about links, addresses, nexthop objects and routes, in dumps and notifications alike. */
import type { IpAddress } from "../../net/ip.ts";
import type { FoundNexthop, FoundRoute, GroupMember, Link } from "../kernel.ts";
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  DEVCONF_DISABLE_IPV6,
  IFA_ADDRESS,
  IFA_LOCAL,
  IFADDRMSG_BYTES,
  IFF_LOWER_UP,
  IFF_UP,
  IFINFOMSG_BYTES,
  IFLA_AF_SPEC,
  IFLA_GENEVE_COLLECT_METADATA,
  IFLA_GRE_COLLECT_METADATA,
  IFLA_IFNAME,
  IFLA_INET6_CONF,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_IPTUN_COLLECT_METADATA,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_VXLAN_COLLECT_METADATA,
  LITTLE_ENDIAN,
  LWTUNNEL_ENCAP_IP6,
  LWTUNNEL_IP6_DST,
  NEXTHOP_GRP_BYTES,
  NEXTHOP_GRP_TYPE_MPATH,
  NEXTHOP_GRP_TYPE_RES,
  NHA_BLACKHOLE,
  NHA_ENCAP,
  NHA_ENCAP_TYPE,
  NHA_FDB,
  NHA_GATEWAY,
  NHA_GROUP,
  NHA_GROUP_TYPE,
  NHA_ID,
  NHA_OIF,
  NHMSG_BYTES,
  RT_TABLE_LOCAL,
  RTA_DST,
  RTA_MULTIPATH,
  RTA_NH_ID,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTM_F_CLONED,
  RTMSG_BYTES,
} from "./netlink-constants.ts";
import { Attributes, type NetlinkReader } from "./netlink-reader.ts";

/** The attribute in IFLA_INFO_DATA that says `external`, and whether it is a flag or has a value. */
const COLLECT_METADATA: ReadonlyMap<string, { readonly type: number; readonly isFlag: boolean }> = new Map([
  ...["ipip", "sit", "ip6tnl"].map(
    (kind) => [kind, { type: IFLA_IPTUN_COLLECT_METADATA, isFlag: true }] as const,
  ),
  ...["gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan"].map(
    (kind) => [kind, { type: IFLA_GRE_COLLECT_METADATA, isFlag: true }] as const,
  ),
  ["geneve", { type: IFLA_GENEVE_COLLECT_METADATA, isFlag: true }],
  ["vxlan", { type: IFLA_VXLAN_COLLECT_METADATA, isFlag: false }],
]);

const IS_UP = IFF_UP | IFF_LOWER_UP;

const linkAttributes = new Attributes(IFLA_AF_SPEC);
const linkFamilies = new Attributes(AF_INET6);
const linkIpv6 = new Attributes(IFLA_INET6_CONF);
const linkInfo = new Attributes(IFLA_INFO_DATA);
const linkData = new Attributes(IFLA_VXLAN_COLLECT_METADATA);

/** Reads an RTM_NEWLINK or RTM_DELLINK that is about a link's IPv6 alone: the link's index; null if it is not. */
export function readIpv6Link(message: NetlinkReader): number | null {
  if (!message.holds(IFINFOMSG_BYTES)) return null;
  const { view, start } = message;
  return view.getUint8(start) === AF_INET6 ? view.getInt32(start + 4, LITTLE_ENDIAN) : null;
}

/** Reads an RTM_NEWLINK or RTM_DELLINK; null if it is about a bridge's port, or one address family, not about a link. */
export function readLink(message: NetlinkReader): Link | null {
  if (!message.holds(IFINFOMSG_BYTES)) return null;
  const { view, start } = message;
  // The bridge reports a port that leaves it as RTM_DELLINK, though the link stays.
  const family = view.getUint8(start);
  if (family === AF_BRIDGE || family === AF_INET6) return null;
  linkAttributes.read(view, start + IFINFOMSG_BYTES, message.end);
  linkAttributes.nested(IFLA_LINKINFO, linkInfo);
  const kind = linkInfo.text(IFLA_INFO_KIND);
  return {
    index: view.getInt32(start + 4, LITTLE_ENDIAN),
    name: linkAttributes.text(IFLA_IFNAME) ?? "",
    isUp: (view.getUint32(start + 8, LITTLE_ENDIAN) & IS_UP) === IS_UP,
    kind,
    isExternal: isExternal(kind),
    mtuBytes: linkAttributes.u32(IFLA_MTU),
    ipv6: linkIpv6State(),
  };
}

/** The IPv6 state of the link in `linkAttributes`. */
function linkIpv6State(): Link["ipv6"] {
  linkAttributes.nested(IFLA_AF_SPEC, linkFamilies);
  if (!linkFamilies.has(AF_INET6)) return "none";
  linkFamilies.nested(AF_INET6, linkIpv6);
  const at = 4 * DEVCONF_DISABLE_IPV6;
  if (!linkIpv6.has(IFLA_INET6_CONF) || linkIpv6.byteLength(IFLA_INET6_CONF) < at + 4) return "on";
  return linkIpv6.view.getInt32(linkIpv6.offset(IFLA_INET6_CONF) + at, LITTLE_ENDIAN) === 0 ? "on" : "off";
}

/** Whether the link in `linkInfo` is external; null if its kind has no such setting. */
function isExternal(kind: string | null): boolean | null {
  const attribute = COLLECT_METADATA.get(kind ?? "");
  if (attribute === undefined) return null;
  linkInfo.nested(IFLA_INFO_DATA, linkData);
  return attribute.isFlag ? linkData.has(attribute.type) : linkData.u8(attribute.type) !== 0;
}

const addressAttributes = new Attributes(IFA_LOCAL);

/** Reads the address on our side of an RTM_NEWADDR or RTM_DELADDR; null if it has none of a known family. */
export function readAddress(message: NetlinkReader): IpAddress | null {
  if (!message.holds(IFADDRMSG_BYTES)) return null;
  addressAttributes.read(message.view, message.start + IFADDRMSG_BYTES, message.end);
  // Where there is IFA_LOCAL too, IFA_ADDRESS is the other end of a point-to-point link.
  return addressAttributes.address(IFA_LOCAL) ?? addressAttributes.address(IFA_ADDRESS);
}

/** Reads the index of the link of a message from which {@link readAddress} has read an address. */
export function readAddressLink({ view, start }: NetlinkReader): number {
  return view.getInt32(start + 4, LITTLE_ENDIAN);
}

const nexthopAttributes = new Attributes(NHA_FDB);
const encapAttributes = new Attributes(15);

/** Reads an RTM_NEWNEXTHOP or RTM_DELNEXTHOP; null if it is too short. */
export function readNexthop(message: NetlinkReader): FoundNexthop | null {
  if (!message.holds(NHMSG_BYTES)) return null;
  const { view, start } = message;
  const family = view.getUint8(start);
  const attributes = nexthopAttributes.read(view, start + NHMSG_BYTES, message.end);
  const members = attributes.has(NHA_GROUP) ? readMembers(attributes) : null;
  const encapAddress = readEncapAddress(attributes);
  const groupType = attributes.u16(NHA_GROUP_TYPE);
  const isResilient = members !== null && groupType === NEXTHOP_GRP_TYPE_RES;
  return {
    id: attributes.u32(NHA_ID),
    protocol: view.getUint8(start + 2),
    members,
    isResilient,
    linkIndex: attributes.u32(NHA_OIF),
    encapAddress,
    isOdd:
      family !== (members === null ? AF_INET6 : AF_UNSPEC) ||
      (groupType !== NEXTHOP_GRP_TYPE_MPATH && !isResilient) ||
      attributes.has(NHA_BLACKHOLE) ||
      attributes.has(NHA_GATEWAY) ||
      attributes.has(NHA_FDB) ||
      (attributes.has(NHA_ENCAP) && !isPlainEncap()),
  };
}

/** Reads an array of struct nexthop_grp: id, weight - 1 (since Linux 6.12 its high byte follows), reserved bytes. */
function readMembers(attributes: Attributes): GroupMember[] {
  const members: GroupMember[] = [];
  const at = attributes.offset(NHA_GROUP);
  for (
    let offset = 0;
    offset + NEXTHOP_GRP_BYTES <= attributes.byteLength(NHA_GROUP);
    offset += NEXTHOP_GRP_BYTES
  ) {
    const id = attributes.view.getUint32(at + offset, LITTLE_ENDIAN);
    members.push({ id, weight: attributes.view.getUint16(at + offset + 4, LITTLE_ENDIAN) + 1 });
  }
  return members;
}

/** Reads the encapsulation's attributes into `encapAttributes`, and returns its IPv6 destination; null if it has none. */
function readEncapAddress(attributes: Attributes): IpAddress | null {
  attributes.nested(NHA_ENCAP, encapAttributes);
  if (attributes.u16(NHA_ENCAP_TYPE) !== LWTUNNEL_ENCAP_IP6) return null;
  const address = encapAttributes.address(LWTUNNEL_IP6_DST);
  return address?.family === 6 ? address : null;
}

/** Whether nothing but the destination differs from zero in `encapAttributes`: no key, source, hop limit, flags … */
function isPlainEncap(): boolean {
  for (let type = 0; type <= encapAttributes.maxType; type++) {
    if (type === LWTUNNEL_IP6_DST || !encapAttributes.has(type)) continue;
    const at = encapAttributes.offset(type);
    for (let i = 0; i < encapAttributes.byteLength(type); i++) {
      if (encapAttributes.view.getUint8(at + i) !== 0) return false;
    }
  }
  return true;
}

/**
 * A route is kept in a typed array, so that a dump of all routes makes no objects before it is known to be complete:
 *
 *      0    1    2    3      4                5      6        7           8      9
 *     +----+----+----+----+----------------+-------+----------+------------+-----+------+
 *     | address, 4 words  | family, length,| table | priority | nexthop id | TOS | link |
 *     |                   | protocol, type |       |          |            |     |      |
 *     +----+----+----+----+----------------+-------+----------+------------+-----+------+
 *                           a byte each, from the lowest
 */
export const ROUTE_WORDS = 10;

/** Whether the message is about a route of the table "local". Tables beyond 255 have another number in rtm_table. */
export function isLocalRoute(message: NetlinkReader): boolean {
  return message.holds(RTMSG_BYTES) && message.view.getUint8(message.start + 4) === RT_TABLE_LOCAL;
}

const routeAttributes = new Attributes(RTA_NH_ID);

/**
 * Reads an RTM_NEWROUTE or RTM_DELROUTE into {@link ROUTE_WORDS} words from `row` on. Returns false, and writes nothing, if
 * it is not IPv4 or IPv6, a cached route, or one of the table "local".
 */
export function readRouteInto(message: NetlinkReader, rows: Int32Array, row: number): boolean {
  if (!message.holds(RTMSG_BYTES)) return false;
  const { view, start } = message;
  const family = view.getUint8(start);
  if (family !== AF_INET && family !== AF_INET6) return false;
  if ((view.getUint32(start + 8, LITTLE_ENDIAN) & RTM_F_CLONED) !== 0) return false;
  const attributes = routeAttributes.read(view, start + RTMSG_BYTES, message.end);
  const table = attributes.has(RTA_TABLE) ? attributes.u32(RTA_TABLE) : view.getUint8(start + 4);
  if (table === RT_TABLE_LOCAL) return false;

  const addressAt = attributes.offset(RTA_DST);
  const words = family === AF_INET ? 1 : 4;
  const isWhole = addressAt !== 0 && attributes.byteLength(RTA_DST) >= 4 * words;
  for (let i = 0; i < 4; i++) rows[row + i] = isWhole && i < words ? view.getInt32(addressAt + 4 * i) : 0;
  const lengthBits = view.getUint8(start + 1);
  const protocol = view.getUint8(start + 5);
  const type = view.getUint8(start + 7);
  const nexthopId = attributes.u32(RTA_NH_ID);
  rows[row + 4] = (words === 1 ? 4 : 6) | (lengthBits << 8) | (protocol << 16) | (type << 24);
  rows[row + 5] = table;
  rows[row + 6] = attributes.u32(RTA_PRIORITY);
  rows[row + 7] = nexthopId;
  rows[row + 8] = view.getUint8(start + 3);
  rows[row + 9] = nexthopId === 0 ? firstLinkIndex(attributes) : 0;
  return true;
}

/** The first hop's link: with RTA_MULTIPATH, the last word of its first struct rtnexthop. */
function firstLinkIndex(attributes: Attributes): number {
  if (!attributes.has(RTA_MULTIPATH)) return attributes.u32(RTA_OIF);
  if (attributes.byteLength(RTA_MULTIPATH) < 8) return 0;
  return attributes.view.getInt32(attributes.offset(RTA_MULTIPATH) + 4, LITTLE_ENDIAN);
}

export function routeAt(rows: Int32Array, row: number): FoundRoute {
  const word = (index: number) => rows[row + index] ?? 0;
  const packed = word(4);
  return {
    table: word(5) >>> 0,
    destination: {
      family: (packed & 0xff) === 4 ? 4 : 6,
      w0: word(0),
      w1: word(1),
      w2: word(2),
      w3: word(3),
      lengthBits: (packed >>> 8) & 0xff,
    },
    protocol: (packed >>> 16) & 0xff,
    priority: word(6) >>> 0,
    tos: word(8),
    type: packed >>> 24,
    nexthopId: word(7) >>> 0,
    linkIndex: word(9),
  };
}

const singleRow = new Int32Array(ROUTE_WORDS);

/** Reads a single route as {@link readRouteInto} does; null where that returns false. */
export function readRoute(message: NetlinkReader): FoundRoute | null {
  return readRouteInto(message, singleRow, 0) ? routeAt(singleRow, 0) : null;
}
