import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import {
  addressFromBytes,
  addressToBytes,
  compareAddress,
  formatAddress,
  parseAddress,
  sameAddress,
} from "../../src/net/address.ts";
import { address, addressToNumber, anyAddress, anyAddressOf } from "./model.ts";

describe("parseAddress", () => {
  const WORDS = [
    ["0.0.0.0", 4, [0, 0, 0, 0]],
    ["10.1.2.3", 4, [0x0a010203, 0, 0, 0]],
    ["255.255.255.255", 4, [-1, 0, 0, 0]],
    ["::", 6, [0, 0, 0, 0]],
    ["::1", 6, [0, 0, 0, 1]],
    ["2001:DB8::8000:0:ffff", 6, [0x20010db8, 0, 0x8000, 0xffff]],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, [-1, -1, -1, -1]],
    ["::ffff:192.0.2.1", 6, [0, 0, 0xffff, 0xc0000201 | 0]],
    ["64:ff9b::192.0.2.33", 6, [0x0064ff9b, 0, 0, 0xc0000221 | 0]],
  ] as const;

  test.each(WORDS)("%s", (text, family, [w0, w1, w2, w3]) => {
    expect(parseAddress(text)).toEqual({ family, w0, w1, w2, w3 });
  });

  const REFUSED = [
    "",
    " ",
    "10.0.0",
    "10.0.0.1.2",
    "10.0.0.256",
    "10.0.0.-1",
    "10.0.0.01",
    "010.0.0.1",
    "0x0a.0.0.1",
    "0x0a000001",
    "167772161",
    "10.0.0.1/32",
    "10.0.0.1 ",
    " 10.0.0.1",
    "10.0.0.1\n",
    "10.0.0.1%eth0",
    "１０.0.0.1",
    ":",
    ":::",
    "::1::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8:9",
    "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7",
    "::12345",
    "::g",
    "fe80::1%eth0",
    "fe80::1%",
    "2001:db8::/32",
    "[::1]",
    "::1\n",
    "::ffff:1.2.3",
    "::ffff:1.2.3.04",
    "::ffff:1.2.3.256",
    "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "localhost",
  ];

  test.each(REFUSED)("refuses %j", (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  test("takes what Node's isIP takes, and nothing else", () => {
    const scrap = fc.constantFrom(
      "",
      "0",
      "1",
      "25",
      "255",
      "256",
      "01",
      "a",
      "FF",
      "12345",
      ".",
      ":",
      "::",
      " ",
    );
    const scraps = fc.array(scrap, { maxLength: 9 }).map((parts) => parts.join(""));
    const spoiled = fc.tuple(anyAddress, fc.nat(40), fc.nat(2), scrap).map(([a, at, cut, inserted]) => {
      const text = formatAddress(a);
      return text.slice(0, at) + inserted + text.slice(at + cut);
    });
    fc.assert(
      fc.property(fc.oneof(scraps, spoiled), (text) => {
        expect(parseAddress(text)?.family ?? 0).toBe(isIP(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("formatAddress", () => {
  /** RFC 5952, sections 1, 2, 4 and 5: many spellings, one text. */
  const CANONICAL = [
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"],
    ["::1:0:0:0", "::1:0:0:0"],
    ["0:0:0:0:1:0:0:0", "::1:0:0:0"],
    ["0:0:1:0:0:0:0:1", "0:0:1::1"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
    ["::FFFF:0:0", "::ffff:0.0.0.0"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["255.254.128.0", "255.254.128.0"],
  ] as const;

  test.each(CANONICAL)("%s is %s", (text, canonical) => {
    expect(formatAddress(address(text))).toBe(canonical);
  });

  test("writes IPv4 as ip-address does", () => {
    fc.assert(
      fc.property(anyAddressOf(4), (a) => {
        expect(formatAddress(a)).toBe(Address4.fromBigInt(addressToNumber(a)).correctForm());
      }),
    );
  });

  test("writes IPv6 as ip-address does", () => {
    fc.assert(
      fc.property(anyAddressOf(6), (a) => {
        const oracle = Address6.fromBigInt(addressToNumber(a));
        expect(formatAddress(a)).toBe(oracle.isMapped4() ? oracle.to4in6() : oracle.correctForm());
      }),
      { numRuns: 1000 },
    );
  });

  test("is undone by parseAddress", () => {
    fc.assert(
      fc.property(anyAddress, (a) => {
        expect(parseAddress(formatAddress(a))).toEqual(a);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("bytes", () => {
  test("are in network order", () => {
    const out = new Uint8Array(16);
    addressToBytes(address("2001:db8::ff00:42:8329"), out, 0);
    expect(out.toHex()).toBe("20010db8000000000000ff0000428329");
  });

  test("go and come back at any offset of any view, and touch nothing else", () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(9), fc.nat(9), (a, viewStart, offset) => {
        const whole = new Uint8Array(40).fill(0xee);
        const view = whole.subarray(viewStart);
        addressToBytes(a, view, offset);
        expect(addressFromBytes(view, offset, a.family)).toEqual(a);
        const start = viewStart + offset;
        const length = a.family === 4 ? 4 : 16;
        const around = [...whole.subarray(0, start), ...whole.subarray(start + length)];
        expect(around).toEqual(Array(40 - length).fill(0xee));
      }),
    );
  });

  test("beyond the end of the view are refused", () => {
    const view = new Uint8Array(32).subarray(0, 16);
    expect(() => addressFromBytes(view, 1, 6)).toThrow(RangeError);
    expect(() => addressFromBytes(view, 13, 4)).toThrow(RangeError);
    expect(() => addressToBytes(address("::1"), view, 1)).toThrow(RangeError);
    expect(() => addressToBytes(address("10.0.0.1"), view, 13)).toThrow(RangeError);
  });
});

describe("order", () => {
  test("is by family, then by number", () => {
    const sorted = [
      "0.0.0.0",
      "10.0.0.2",
      "10.0.0.10",
      "128.0.0.0",
      "255.255.255.255",
      "::",
      "::8000:0",
      "::1:0:0",
      "8000::",
    ];
    const shuffled = sorted.toReversed().map(address);
    expect(shuffled.sort(compareAddress).map(formatAddress)).toEqual(sorted);
  });

  test("agrees with whole numbers and with sameAddress", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        const difference = BigInt(a.family - b.family) || addressToNumber(a) - addressToNumber(b);
        expect(Math.sign(compareAddress(a, b))).toBe(Math.sign(Number(difference)));
        expect(sameAddress(a, b)).toBe(difference === 0n);
        expect(sameAddress(a, { ...a })).toBe(true);
      }),
    );
  });

  test.each(["::1", "::1:0:0", "0:0:0:1::", "1::"])("sees %s differ from :: in one word", (text) => {
    expect(sameAddress(address(text), address("::"))).toBe(false);
    expect(compareAddress(address(text), address("::"))).toBeGreaterThan(0);
  });
});
