import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { formatAddress } from "../../src/net/address.ts";
import { classifyAddress } from "../../src/net/address-class.ts";
import { contains } from "../../src/net/cidr.ts";
import { familyBits, type IpAddress } from "../../src/net/ip.ts";
import { formatPrefix } from "../../src/net/prefix.ts";
import { address, addressToNumber, anyAddress, numberToAddress } from "./model.ts";

/**
 * Each family's address space laid flat by hand: a range goes from its address up to the next row's. So the
 * ends of all ranges are the first and last addresses of all registry entries, and their neighbours.
 * Of the two Benchmarking or AS112 blocks and the like, the block itself tells which one is meant.
 */
const IPV4_RANGES = [
  ["0.0.0.0", "0.0.0.0/32", "This host on this network", false],
  ["0.0.0.1", "0.0.0.0/8", "This network", false],
  ["1.0.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["10.0.0.0", "10.0.0.0/8", "Private-Use", false],
  ["11.0.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["100.64.0.0", "100.64.0.0/10", "Shared Address Space", false],
  ["100.128.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["127.0.0.0", "127.0.0.0/8", "Loopback", false],
  ["128.0.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["169.254.0.0", "169.254.0.0/16", "Link Local", false],
  ["169.255.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["172.16.0.0", "172.16.0.0/12", "Private-Use", false],
  ["172.32.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.0.0.0", "192.0.0.0/29", "IPv4 Service Continuity Prefix", false],
  ["192.0.0.8", "192.0.0.8/32", "IPv4 dummy address", false],
  ["192.0.0.9", "192.0.0.9/32", "Port Control Protocol Anycast", true],
  ["192.0.0.10", "192.0.0.10/32", "Traversal Using Relays around NAT Anycast", true],
  ["192.0.0.11", "192.0.0.0/24", "IETF Protocol Assignments", false],
  ["192.0.0.170", "192.0.0.170/32", "NAT64/DNS64 Discovery", false],
  ["192.0.0.171", "192.0.0.171/32", "NAT64/DNS64 Discovery", false],
  ["192.0.0.172", "192.0.0.0/24", "IETF Protocol Assignments", false],
  ["192.0.1.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.0.2.0", "192.0.2.0/24", "Documentation (TEST-NET-1)", false],
  ["192.0.3.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.31.196.0", "192.31.196.0/24", "AS112-v4", true],
  ["192.31.197.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.52.193.0", "192.52.193.0/24", "AMT", true],
  ["192.52.194.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.88.99.0", "192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", null],
  ["192.88.99.2", "192.88.99.2/32", "6a44-relay anycast address", false],
  ["192.88.99.3", "192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", null],
  ["192.88.100.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.168.0.0", "192.168.0.0/16", "Private-Use", false],
  ["192.169.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["192.175.48.0", "192.175.48.0/24", "Direct Delegation AS112 Service", true],
  ["192.175.49.0", "0.0.0.0/0", "Global Unicast", true],
  ["198.18.0.0", "198.18.0.0/15", "Benchmarking", false],
  ["198.20.0.0", "0.0.0.0/0", "Global Unicast", true],
  ["198.51.100.0", "198.51.100.0/24", "Documentation (TEST-NET-2)", false],
  ["198.51.101.0", "0.0.0.0/0", "Global Unicast", true],
  ["203.0.113.0", "203.0.113.0/24", "Documentation (TEST-NET-3)", false],
  ["203.0.114.0", "0.0.0.0/0", "Global Unicast", true],
  ["224.0.0.0", "224.0.0.0/4", "Multicast", null],
  ["240.0.0.0", "240.0.0.0/4", "Reserved", false],
  ["255.255.255.255", "255.255.255.255/32", "Limited Broadcast", false],
] as const;

const IPV6_RANGES = [
  ["::", "::/128", "Unspecified Address", false],
  ["::1", "::1/128", "Loopback Address", false],
  ["::2", "::/0", "Reserved by IETF", false],
  ["::ffff:0.0.0.0", "::ffff:0.0.0.0/96", "IPv4-mapped Address", false],
  ["::1:0:0:0", "::/0", "Reserved by IETF", false],
  ["64:ff9b::", "64:ff9b::/96", "IPv4-IPv6 Translation", true],
  ["64:ff9b::1:0:0", "::/0", "Reserved by IETF", false],
  ["64:ff9b:1::", "64:ff9b:1::/48", "IPv4-IPv6 Translation", false],
  ["64:ff9b:2::", "::/0", "Reserved by IETF", false],
  ["100::", "100::/64", "Discard-Only Address Block", false],
  ["100:0:0:1::", "100:0:0:1::/64", "Dummy IPv6 Prefix", false],
  ["100:0:0:2::", "::/0", "Reserved by IETF", false],
  ["2000::", "2000::/3", "Global Unicast", true],
  ["2001::", "2001::/32", "TEREDO", null],
  ["2001:1::", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:1::1", "2001:1::1/128", "Port Control Protocol Anycast", true],
  ["2001:1::2", "2001:1::2/128", "Traversal Using Relays around NAT Anycast", true],
  ["2001:1::3", "2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", true],
  ["2001:1::4", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:2::", "2001:2::/48", "Benchmarking", false],
  ["2001:2:1::", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:3::", "2001:3::/32", "AMT", true],
  ["2001:4::", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:4:112::", "2001:4:112::/48", "AS112-v6", true],
  ["2001:4:113::", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:10::", "2001:10::/28", "Deprecated (previously ORCHID)", null],
  ["2001:20::", "2001:20::/28", "ORCHIDv2", true],
  ["2001:30::", "2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", true],
  ["2001:40::", "2001::/23", "IETF Protocol Assignments", false],
  ["2001:200::", "2000::/3", "Global Unicast", true],
  ["2001:db8::", "2001:db8::/32", "Documentation", false],
  ["2001:db9::", "2000::/3", "Global Unicast", true],
  ["2002::", "2002::/16", "6to4", null],
  ["2003::", "2000::/3", "Global Unicast", true],
  ["2620:4f:8000::", "2620:4f:8000::/48", "Direct Delegation AS112 Service", true],
  ["2620:4f:8001::", "2000::/3", "Global Unicast", true],
  ["3fff::", "3fff::/20", "Documentation", false],
  ["3fff:1000::", "2000::/3", "Global Unicast", true],
  ["4000::", "::/0", "Reserved by IETF", false],
  ["5f00::", "5f00::/16", "Segment Routing (SRv6) SIDs", false],
  ["5f01::", "::/0", "Reserved by IETF", false],
  ["fc00::", "fc00::/7", "Unique-Local", false],
  ["fe00::", "::/0", "Reserved by IETF", false],
  ["fe80::", "fe80::/10", "Link-Local Unicast", false],
  ["fec0::", "::/0", "Reserved by IETF", false],
  ["ff00::", "ff00::/8", "Multicast", null],
] as const;

const RANGES = [IPV4_RANGES, IPV6_RANGES].flatMap((ranges) =>
  ranges.map(([first, block, name, globallyReachable], i) => {
    const next = ranges[i + 1]?.[0];
    return {
      first,
      last: next === undefined ? lastOfAll(first) : below(next),
      block,
      name,
      globallyReachable,
    };
  }),
);

function lastOfAll(text: string): string {
  return text.includes(":") ? "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" : "255.255.255.255";
}

function below(text: string): string {
  const a = address(text);
  return formatAddress(numberToAddress(addressToNumber(a) - 1n, a.family));
}

describe("classifyAddress", () => {
  test.each(RANGES)("$first to $last is $name", ({ first, last, block, name, globallyReachable }) => {
    for (const end of [first, last]) {
      const found = classifyAddress(address(end));
      expect([formatPrefix(found.block), found.name, found.globallyReachable]).toEqual([
        block,
        name,
        globallyReachable,
      ]);
    }
  });

  const SAMPLES = [
    ["8.8.8.8", "Global Unicast", "RFC 4632"],
    ["10.20.30.40", "Private-Use", "RFC 1918"],
    ["100.100.0.1", "Shared Address Space", "RFC 6598"],
    ["127.0.0.1", "Loopback", "RFC 1122"],
    ["169.254.169.254", "Link Local", "RFC 3927"],
    ["239.255.255.250", "Multicast", "RFC 5771"],
    ["2606:4700:4700::1111", "Global Unicast", "RFC 4291"],
    ["::ffff:10.0.0.1", "IPv4-mapped Address", "RFC 4291"],
    ["64:ff9b::192.0.2.33", "IPv4-IPv6 Translation", "RFC 6052"],
    ["64:ff9b:1::192.0.2.33", "IPv4-IPv6 Translation", "RFC 8215"],
    ["fd00:1234::1", "Unique-Local", "RFC 4193"],
    ["fe80::1", "Link-Local Unicast", "RFC 4291"],
    ["3fff:fff::1", "Documentation", "RFC 9637"],
    ["ff02::1", "Multicast", "RFC 4291"],
  ] as const;

  test.each(SAMPLES)("%s is %s, %s", (text, name, rfc) => {
    expect(classifyAddress(address(text))).toMatchObject({ name, rfc });
  });

  const boundaries = RANGES.flatMap(({ first, last }) => [address(first), address(last)]);
  const addressNearABoundary = fc
    .tuple(fc.constantFrom(...boundaries), fc.bigInt(-300n, 300n))
    .map(([a, distance]) => {
      const number = BigInt.asUintN(familyBits(a.family), addressToNumber(a) + distance);
      return numberToAddress(number, a.family);
    });

  test("gives a block that holds the address", () => {
    fc.assert(
      fc.property(fc.oneof(anyAddress, addressNearABoundary), (a) => {
        expect(contains(classifyAddress(a).block, a)).toBe(true);
      }),
    );
  });

  test("agrees with ip-address on what is globally reachable, where the registry says it", () => {
    fc.assert(
      fc.property(fc.oneof(anyAddress, addressNearABoundary), (a) => {
        const { name, globallyReachable } = classifyAddress(a);
        // For these ip-address answers about the IPv4 address inside.
        fc.pre(name !== "IPv4-mapped Address" && name !== "IPv4-IPv6 Translation");
        expect(globallyReachable ?? isGlobal(a)).toBe(isGlobal(a));
      }),
      { numRuns: 500 },
    );
  });
});

function isGlobal(a: IpAddress): boolean {
  return new (a.family === 4 ? Address4 : Address6)(formatAddress(a)).isGlobal();
}
