/**
 * The numbers of netlink and rtnetlink, under the names of the kernel's headers (include/uapi/linux/…). This file
 * has only those that are used.
 *
 * A netlink datagram is a row of messages, each a header, the fixed part of its type and attributes; attributes may
 * hold attributes. Every part starts at a multiple of 4 bytes, and all numbers are in the processor's own order, which
 * is little endian on x64 and arm64; addresses are in network order. As example the message that adds the route
 * 10.0.1.0/24 to table 100, by the group object 0x4fe00001:
 *
 *      0        2        4        6        8                 12                16
 *     +-----------------+--------+--------+-----------------+-----------------+
 *     | length 52       | type 24| flags  | sequence number | port id 0       |  nlmsghdr
 *     +----+----+----+----+----+----+----+----+---------------+---------------+
 *     |  2 | 24 |  0 |  0 |  0 |254 |  0 |  1 | flags 0       |                  rtmsg: family, destination and
 *     +----+----+----+----+----+----+----+----+---------------+                  source length, TOS, table, protocol,
 *     | length 8, type RTA_DST  1  | 10.0.1.0   |                                 scope, type
 *     | length 8, type RTA_TABLE 15| 100        |
 *     | length 8, type RTA_NH_ID 30| 0x4fe00001 |
 *     +----------------------------+------------+
 */

/** Argument of DataView: the byte order of x64 and arm64, for which this program is built. Addresses are in network order. */
export const LITTLE_ENDIAN = true;

// netlink.h
export const NETLINK_ROUTE = 0;
export const NLMSG_HDRLEN = 16;
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** Flag of an NLMSG_ERROR: it has the request's header, without the payload. */
export const NLM_F_CAPPED = 0x100;
/** Flag of an NLMSG_ERROR: attributes (NLMSGERR_ATTR_…) follow. */
export const NLM_F_ACK_TLVS = 0x200;
export const NLMSGERR_ATTR_MSG = 1;
export const NLA_HDRLEN = 4;
export const NLA_F_NESTED = 0x8000;
/** Takes NLA_F_NESTED and NLA_F_NET_BYTEORDER away. */
export const NLA_TYPE_MASK = 0x3fff;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

// socket.h, asm-generic/socket.h
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

// rtnetlink.h
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEXTHOP = 104;
export const RTM_DELNEXTHOP = 105;
export const RTM_GETNEXTHOP = 106;
export const RTM_GETNEXTHOPBUCKET = 118;
export const RTNLGRP_LINK = 1;
export const RTNLGRP_IPV4_IFADDR = 5;
export const RTNLGRP_IPV4_ROUTE = 7;
export const RTNLGRP_IPV6_IFADDR = 9;
export const RTNLGRP_IPV6_ROUTE = 11;
/** RTM_NEWLINK of the family AF_INET6: what IPv6 has for a link. */
export const RTNLGRP_IPV6_IFINFO = 12;
export const RTNLGRP_NEXTHOP = 32;
export const RTMSG_BYTES = 12;
export const RTN_UNICAST = 1;
export const RTN_BLACKHOLE = 6;
export const RT_SCOPE_UNIVERSE = 0;
/** Scope of a delete: a route of any scope. */
export const RT_SCOPE_NOWHERE = 255;
/** Value of rtm_table: RTA_TABLE has the table, with 32 bits. */
export const RT_TABLE_UNSPEC = 0;
/** The table with which look-ups end if no other has a route. */
export const RT_TABLE_DEFAULT = 253;
/** The table in which the host looks up its own packets, including those of the tunnel. */
export const RT_TABLE_MAIN = 254;
/** The table of this machine's addresses. */
export const RT_TABLE_LOCAL = 255;
/** A cached route, such as one with a path's MTU. */
export const RTM_F_CLONED = 0x200;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_PRIORITY = 6;
export const RTA_MULTIPATH = 9;
export const RTA_TABLE = 15;
export const RTA_NH_ID = 30;
/** Leaves the counters out of a dump of links. */
export const RTEXT_FILTER_SKIP_STATS = 8;

// nexthop.h
export const NHMSG_BYTES = 8;
export const NEXTHOP_GRP_BYTES = 8;
export const NEXTHOP_GRP_TYPE_MPATH = 0;
export const NEXTHOP_GRP_TYPE_RES = 1;
export const NHA_ID = 1;
export const NHA_GROUP = 2;
export const NHA_GROUP_TYPE = 3;
export const NHA_BLACKHOLE = 4;
export const NHA_OIF = 5;
export const NHA_GATEWAY = 6;
export const NHA_ENCAP_TYPE = 7;
export const NHA_ENCAP = 8;
export const NHA_FDB = 11;
export const NHA_RES_GROUP = 12;
export const NHA_RES_GROUP_BUCKETS = 1;
/** The idle timer in clock_t, hundredths of a second, like the next one. */
export const NHA_RES_GROUP_IDLE_TIMER = 2;
export const NHA_RES_GROUP_UNBALANCED_TIMER = 3;

// lwtunnel.h
export const LWTUNNEL_ENCAP_IP6 = 4;
export const LWTUNNEL_IP6_DST = 2;

// if_link.h, if.h, if_tunnel.h
export const IFINFOMSG_BYTES = 16;
export const IFF_UP = 1;
/** The link has a carrier. */
export const IFF_LOWER_UP = 0x10000;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINKINFO = 18;
/** What each address family has for a link, by its number. */
export const IFLA_AF_SPEC = 26;
/** Attribute in IFLA_AF_SPEC's AF_INET6: an array of 32-bit settings. */
export const IFLA_INET6_CONF = 2;
/** Index in IFLA_INET6_CONF (linux/ipv6.h). */
export const DEVCONF_DISABLE_IPV6 = 26;
export const IFLA_EXT_MASK = 29;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
/** Attribute of ipip, sit and ip6tnl. */
export const IFLA_IPTUN_COLLECT_METADATA = 19;
/** Attribute of gre, gretap, ip6gre, ip6gretap, erspan and ip6erspan. */
export const IFLA_GRE_COLLECT_METADATA = 18;
export const IFLA_VXLAN_COLLECT_METADATA = 25;
export const IFLA_GENEVE_COLLECT_METADATA = 6;

// if_addr.h
export const IFADDRMSG_BYTES = 8;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;

// bpf_common.h, filter.h
/** BPF_LD | BPF_W | BPF_ABS: loads the 32-bit word at an offset, in network order. */
export const BPF_LD_W_ABS = 0x20;
/** BPF_JMP | BPF_JEQ | BPF_K */
export const BPF_JMP_JEQ_K = 0x15;
/** BPF_RET | BPF_K: this many bytes pass, 0 drops. */
export const BPF_RET_K = 0x06;
