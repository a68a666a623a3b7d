import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { formatAddress } from "../../src/net/address.ts";
import {
  addressCount,
  broadcastAddress,
  contains,
  covers,
  firstHost,
  lastAddress,
  lastHost,
  netmask,
  networkAddress,
  overlaps,
  wildcard,
} from "../../src/net/cidr.ts";
import { familyBits } from "../../src/net/ip.ts";
import { formatPrefix, maskPrefix } from "../../src/net/prefix.ts";
import {
  address,
  addressToNumber,
  anyPrefix,
  blockBounds,
  numberToAddress,
  prefix,
  prefixAndNearAddress,
} from "./model.ts";

describe("what a block spans", () => {
  const BLOCKS = [
    {
      block: "192.0.2.0/24",
      ends: ["192.0.2.0", "192.0.2.255"],
      broadcast: "192.0.2.255",
      hosts: ["192.0.2.1", "192.0.2.254"],
      masks: ["255.255.255.0", "0.0.0.255"],
      count: 256n,
    },
    {
      block: "10.64.0.0/10",
      ends: ["10.64.0.0", "10.127.255.255"],
      broadcast: "10.127.255.255",
      hosts: ["10.64.0.1", "10.127.255.254"],
      masks: ["255.192.0.0", "0.63.255.255"],
      count: 4194304n,
    },
    {
      block: "0.0.0.0/0",
      ends: ["0.0.0.0", "255.255.255.255"],
      broadcast: "255.255.255.255",
      hosts: ["0.0.0.1", "255.255.255.254"],
      masks: ["0.0.0.0", "255.255.255.255"],
      count: 4294967296n,
    },
    {
      block: "192.0.2.4/30",
      ends: ["192.0.2.4", "192.0.2.7"],
      broadcast: "192.0.2.7",
      hosts: ["192.0.2.5", "192.0.2.6"],
      masks: ["255.255.255.252", "0.0.0.3"],
      count: 4n,
    },
    {
      // RFC 3021: both addresses are hosts.
      block: "192.0.2.6/31",
      ends: ["192.0.2.6", "192.0.2.7"],
      broadcast: null,
      hosts: ["192.0.2.6", "192.0.2.7"],
      masks: ["255.255.255.254", "0.0.0.1"],
      count: 2n,
    },
    {
      block: "192.0.2.7/32",
      ends: ["192.0.2.7", "192.0.2.7"],
      broadcast: null,
      hosts: ["192.0.2.7", "192.0.2.7"],
      masks: ["255.255.255.255", "0.0.0.0"],
      count: 1n,
    },
    {
      block: "2001:db8::/32",
      ends: ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
      broadcast: null,
      hosts: ["2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
      masks: ["ffff:ffff::", "::ffff:ffff:ffff:ffff:ffff:ffff"],
      count: 79228162514264337593543950336n,
    },
    {
      block: "2001:db8:0:1::/64",
      ends: ["2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff"],
      broadcast: null,
      hosts: ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"],
      masks: ["ffff:ffff:ffff:ffff::", "::ffff:ffff:ffff:ffff"],
      count: 18446744073709551616n,
    },
    {
      block: "::/0",
      ends: ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
      broadcast: null,
      hosts: ["::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
      masks: ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
      count: 340282366920938463463374607431768211456n,
    },
    {
      block: "2001:db8::4/126",
      ends: ["2001:db8::4", "2001:db8::7"],
      broadcast: null,
      hosts: ["2001:db8::5", "2001:db8::7"],
      masks: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc", "::3"],
      count: 4n,
    },
    {
      // RFC 6164: both addresses are hosts.
      block: "2001:db8::6/127",
      ends: ["2001:db8::6", "2001:db8::7"],
      broadcast: null,
      hosts: ["2001:db8::6", "2001:db8::7"],
      masks: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "::1"],
      count: 2n,
    },
    {
      block: "2001:db8::7/128",
      ends: ["2001:db8::7", "2001:db8::7"],
      broadcast: null,
      hosts: ["2001:db8::7", "2001:db8::7"],
      masks: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"],
      count: 1n,
    },
  ];

  test.each(BLOCKS)("$block", ({ block, ends, broadcast, hosts, masks, count }) => {
    const p = prefix(block);
    const broadcastFound = broadcastAddress(p);
    expect([networkAddress(p), lastAddress(p)].map(formatAddress)).toEqual(ends);
    expect(broadcastFound && formatAddress(broadcastFound)).toBe(broadcast);
    expect([firstHost(p), lastHost(p)].map(formatAddress)).toEqual(hosts);
    expect([netmask(p), wildcard(p)].map(formatAddress)).toEqual(masks);
    expect(addressCount(p)).toBe(count);
  });

  test("agrees with ip-address and with whole numbers", () => {
    fc.assert(
      fc.property(anyPrefix, (p) => {
        const oracle = new (p.family === 4 ? Address4 : Address6)(formatPrefix(p));
        const { first, last } = blockBounds(p);
        const wholeBlockIsHosts = last - first <= 1n;
        const found = [networkAddress(p), lastAddress(p), firstHost(p), lastHost(p), netmask(p), wildcard(p)];
        const expected = [
          first,
          oracle.endAddress().bigInt(),
          wholeBlockIsHosts ? first : first + 1n,
          wholeBlockIsHosts || p.family === 6 ? last : last - 1n,
          oracle.subnetMaskAddress().bigInt(),
          oracle.wildcardMask().bigInt(),
        ];
        expect(found).toEqual(expected.map((number) => numberToAddress(number, p.family)));
        expect(addressCount(p)).toBe(last - first + 1n);
      }),
      { numRuns: 500 },
    );
  });
});

describe("containment", () => {
  const BLOCKS = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "192.0.2.4/30",
    "192.0.2.7/32",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/63",
    "2001:db8::/65",
    "2001:db8::7/128",
  ];

  test.each(BLOCKS)("%s holds its own ends, and not what is beside them", (text) => {
    const block = prefix(text);
    const { first, last } = blockBounds(block);
    const inside = [networkAddress(block), lastAddress(block)];
    expect(inside.map((a) => contains(block, a))).toEqual([true, true]);
    const beside = [first - 1n, last + 1n].map((n) => BigInt.asUintN(block.family === 4 ? 32 : 128, n));
    const everything = block.lengthBits === 0;
    expect(beside.map((n) => contains(block, numberToAddress(n, block.family)))).toEqual([
      everything,
      everything,
    ]);
  });

  test("is being between a block's first and last address", () => {
    fc.assert(
      fc.property(prefixAndNearAddress, ({ block, near }) => {
        const { first, last } = blockBounds(block);
        const number = addressToNumber(near);
        expect(contains(block, near)).toBe(first <= number && number <= last);
      }),
      { numRuns: 1000 },
    );
  });

  test("of blocks is that of their ends", () => {
    fc.assert(
      fc.property(prefixAndNearAddress, fc.nat(128), ({ block: a, near }, bits) => {
        const b = maskPrefix(near, Math.min(bits, familyBits(near.family)));
        const [boundsA, boundsB] = [blockBounds(a), blockBounds(b)];
        expect(covers(a, b)).toBe(boundsA.first <= boundsB.first && boundsB.last <= boundsA.last);
        expect(overlaps(a, b)).toBe(boundsA.first <= boundsB.last && boundsB.first <= boundsA.last);
        expect(overlaps(b, a)).toBe(overlaps(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  test("never crosses families", () => {
    const [all4, all6] = [prefix("0.0.0.0/0"), prefix("::/0")];
    expect(contains(all4, address("::"))).toBe(false);
    expect(contains(all6, address("0.0.0.0"))).toBe(false);
    expect(contains(prefix("::ffff:0:0/96"), address("10.0.0.1"))).toBe(false);
    expect(covers(all4, all6) || covers(all6, all4) || overlaps(all4, all6)).toBe(false);
  });
});
