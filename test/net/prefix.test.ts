import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { formatAddress } from "../../src/net/address.ts";
import { familyBits } from "../../src/net/ip.ts";
import {
  comparePrefix,
  formatPrefix,
  maskPrefix,
  maskWord,
  parsePrefix,
  samePrefix,
} from "../../src/net/prefix.ts";
import { address, addressToNumber, anyAddress, anyPrefix, prefix } from "./model.ts";

describe("parsePrefix", () => {
  const ACCEPTED = [
    ["0.0.0.0/0", "0.0.0.0/0", false],
    ["10.0.1.0/24", "10.0.1.0/24", false],
    ["10.0.1.1/24", "10.0.1.0/24", true],
    ["255.255.255.255/1", "128.0.0.0/1", true],
    ["10.0.1.1/32", "10.0.1.1/32", false],
    ["::/0", "::/0", false],
    ["2001:DB8:0::/32", "2001:db8::/32", false],
    ["2001:db8::1/32", "2001:db8::/32", true],
    ["2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65", false],
    ["2001:db8:0:0:8000::/64", "2001:db8::/64", true],
    ["::1/128", "::1/128", false],
    ["::ffff:10.0.1.1/120", "::ffff:10.0.1.0/120", true],
  ] as const;

  test.each(ACCEPTED)("%s is %s", (text, canonical, hostBitsMasked) => {
    const parsed = parsePrefix(text);
    expect(parsed && formatPrefix(parsed.prefix)).toBe(canonical);
    expect(parsed?.hostBitsMasked).toBe(hostBitsMasked);
  });

  const REFUSED = [
    "",
    "/",
    "/8",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/00",
    "10.0.0.0/-1",
    "10.0.0.0/+8",
    "10.0.0.0/8.0",
    "10.0.0.0/1e1",
    "10.0.0.0/0x8",
    "10.0.0.0/ 8",
    "10.0.0.0/8 ",
    "10.0.0.0 /8",
    "10.0.0.0/8\n",
    "10.0.0.0/8/8",
    "10.0.0.0//8",
    "10.0.0.0/255.0.0.0",
    "10.0/16",
    "010.0.0.0/8",
    "2001:db8::",
    "2001:db8::/129",
    "2001:db8::/1000",
    "2001:db8::/032",
    "fe80::1%eth0/64",
    "[2001:db8::]/32",
  ];

  test.each(REFUSED)("refuses %j", (text) => {
    expect(parsePrefix(text)).toBeNull();
  });

  test("undoes formatPrefix", () => {
    fc.assert(
      fc.property(anyPrefix, (p) => {
        expect(parsePrefix(formatPrefix(p))).toEqual({ prefix: p, hostBitsMasked: false });
      }),
    );
  });
});

describe("masks", () => {
  test("are those of whole numbers, for every length", () => {
    for (let lengthBits = 0; lengthBits <= 128; lengthBits++) {
      const netmask = ((1n << BigInt(lengthBits)) - 1n) << BigInt(128 - lengthBits);
      for (let wordIndex = 0; wordIndex < 4; wordIndex++) {
        const word = BigInt.asIntN(32, netmask >> BigInt(96 - 32 * wordIndex));
        expect([lengthBits, wordIndex, maskWord(lengthBits, wordIndex)]).toEqual([
          lengthBits,
          wordIndex,
          Number(word),
        ]);
      }
    }
  });

  test("cut an address as ip-address does, and leave signed words", () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(128), (a, bits) => {
        const lengthBits = Math.min(bits, familyBits(a.family));
        const oracle = new (a.family === 4 ? Address4 : Address6)(`${formatAddress(a)}/${lengthBits}`);
        const masked = maskPrefix(a, lengthBits);
        expect(addressToNumber(masked)).toBe(oracle.startAddress().bigInt());
        expect({ ...masked }).toEqual({
          ...masked,
          w0: masked.w0 | 0,
          w1: masked.w1 | 0,
          w2: masked.w2 | 0,
          w3: masked.w3 | 0,
        });
        expect(masked.family).toBe(a.family);
        expect(masked.lengthBits).toBe(lengthBits);
      }),
    );
  });

  test("leave the address that they cut unchanged", () => {
    const a = address("10.1.2.3");
    maskPrefix(a, 8);
    expect(a).toEqual(address("10.1.2.3"));
  });
});

describe("order", () => {
  test("is by address, a covering prefix before what it covers", () => {
    const sorted = [
      "0.0.0.0/0",
      "0.0.0.0/8",
      "10.0.0.0/8",
      "10.0.0.0/9",
      "10.128.0.0/9",
      "192.0.2.0/24",
      "::/0",
      "::/128",
      "2001:db8::/32",
      "ffff::/16",
    ];
    expect(sorted.toReversed().map(prefix).sort(comparePrefix).map(formatPrefix)).toEqual(sorted);
  });

  test("has only same prefixes at the same place", () => {
    const fewPrefixes = fc
      .constantFrom("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "::/0", "::/8", "::1/128")
      .map(prefix);
    fc.assert(
      fc.property(fc.oneof(fewPrefixes, anyPrefix), fewPrefixes, (a, b) => {
        expect(samePrefix(a, b)).toBe(formatPrefix(a) === formatPrefix(b));
        expect(comparePrefix(a, b) === 0).toBe(samePrefix(a, b));
        expect(Math.sign(comparePrefix(a, b))).toBe(-Math.sign(comparePrefix(b, a)) + 0);
      }),
    );
  });
});
