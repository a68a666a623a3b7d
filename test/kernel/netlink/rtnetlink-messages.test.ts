import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FoundNexthop, FoundRoute, Link } from "../../../src/kernel/kernel.ts";
import { NLMSG_DONE, RTM_DELLINK, RTM_NEWLINK } from "../../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkReader, readDone } from "../../../src/kernel/netlink/netlink-reader.ts";
import { readEvent } from "../../../src/kernel/netlink/netlink-watch.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";
import {
  readAddress,
  readLink,
  readNexthop,
  readRoute,
} from "../../../src/kernel/netlink/rtnetlink-messages.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import vectors from "../../vectors/netlink-dumps.json" with { type: "json" };

/** Each with its addresses as text. */
const READERS: Readonly<Record<string, (message: NetlinkReader) => unknown>> = {
  links: readLink,
  addresses: (message) => {
    const address = readAddress(message);
    return address === null ? null : formatAddress(address);
  },
  nexthops: (message) => {
    const nexthop: FoundNexthop | null = readNexthop(message);
    const { encapAddress = null } = nexthop ?? {};
    return nexthop && { ...nexthop, encapAddress: encapAddress && formatAddress(encapAddress) };
  },
  routes4: routeText,
  routes6: routeText,
};

function routeText(message: NetlinkReader): unknown {
  const route: FoundRoute | null = readRoute(message);
  return route && { ...route, destination: formatPrefix(route.destination) };
}

function messages(bytes: Uint8Array): NetlinkReader {
  return new NetlinkReader(bytes);
}

describe("captured dumps", () => {
  test.each(vectors.dumps)("$name", ({ name, datagrams, found }) => {
    const read: unknown[] = [];
    const ends: number[] = [];
    for (const datagram of datagrams) {
      const message = messages(Uint8Array.fromHex(datagram));
      while (message.next()) {
        if (message.type === NLMSG_DONE) ends.push(readDone(message));
        else read.push(READERS[name]?.(message));
      }
    }
    expect(read.filter((record) => record !== null)).toEqual(found);
    expect(ends).toEqual([0]);
  });

  test("damaged anywhere are read without leaving the datagram", () => {
    const all = vectors.dumps.flatMap(({ name, datagrams }) => datagrams.map((hex) => ({ name, hex })));
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
        fc.nat(),
        ({ name, hex }, changes, cut) => {
          const whole = Uint8Array.fromHex(hex);
          for (const [at, byte] of changes) whole[at % whole.length] = byte;
          const message = messages(whole.subarray(0, whole.length - (cut % whole.length)));
          while (message.next()) READERS[name]?.(message);
        },
      ),
    );
  });
});

/** A link in the kernel's message. */
function linkMessage(
  type: number,
  family: number,
  kind: string,
  dataAttribute: number | null,
  flags = 0x10041, // IFF_UP | IFF_RUNNING | IFF_LOWER_UP
): NetlinkReader {
  const writer = new NetlinkWriter();
  writer.begin(type, 0, 1);
  writer.u32(family);
  writer.u32(7); // index
  writer.u32(flags);
  writer.u32(0);
  text(writer, 3, "over0"); // IFLA_IFNAME
  const info = writer.beginNested(18); // IFLA_LINKINFO
  text(writer, 1, kind); // IFLA_INFO_KIND
  const data = writer.beginNested(2); // IFLA_INFO_DATA
  writer.attributeU16(8, 0x0103);
  if (dataAttribute !== null) writer.endAttribute(writer.beginAttribute(dataAttribute));
  writer.endAttribute(data);
  writer.endAttribute(info);
  writer.end();
  const message = new NetlinkReader(writer.bytes());
  message.next();
  return message;
}

function text(writer: NetlinkWriter, type: number, value: string): void {
  const start = writer.beginAttribute(type);
  const bytes = new TextEncoder().encode(`${value}\0`);
  for (const byte of bytes) writer.u8(byte);
  writer.endAttribute(start);
  for (let i = bytes.length; i % 4 !== 0; i++) writer.u8(0);
}

describe("a link", () => {
  // Attribute numbers of if_tunnel.h and if_link.h, each a flag.
  test.each([
    ["ip6tnl", 19, true],
    ["ip6tnl", null, false],
    ["ipip", 19, true],
    ["ip6gre", 18, true],
    ["geneve", 6, true],
    ["geneve", null, false],
    ["bridge", 19, null],
  ])("of kind %s with attribute %p is external: %p", (kind, attribute, isExternal) => {
    const ipv6 = { mtuBytes: 0, ipv6: "none" } as const;
    const link: Link = { index: 7, name: "over0", isUp: true, kind, isExternal, ...ipv6 };
    expect(readLink(linkMessage(RTM_NEWLINK, 0, kind, attribute))).toEqual(link);
  });

  test.each([
    ["without a carrier", 0x1],
    ["that is down", 0x10000],
  ])("%s is not up: the kernel keeps no nexthop objects of it", (_, flags) => {
    expect(readLink(linkMessage(RTM_NEWLINK, 0, "vxlan", null, flags))?.isUp).toBe(false);
  });

  test("that leaves a bridge is not gone", () => {
    const AF_BRIDGE = 7;
    expect(readEvent(linkMessage(RTM_DELLINK, AF_BRIDGE, "ip6tnl", 19))).toBeNull();
    expect(readEvent(linkMessage(RTM_DELLINK, 0, "ip6tnl", 19))).toEqual({
      type: "link",
      index: 7,
      link: null,
    });
  });
});
