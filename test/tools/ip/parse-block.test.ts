import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { markedText } from "../../../src/base/marked-text.ts";
import { formatAddress, parseAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { isFault, parseAddressOrBlock } from "../../../src/tools/ip/parse-block.ts";
import { anyAddress } from "../../net/model.ts";

const GOOD = [
  ["192.0.2.7", "192.0.2.7", null],
  ["192.0.2.7/24", "192.0.2.7", "192.0.2.0/24"],
  ["192.0.2.7/255.255.255.0", "192.0.2.7", "192.0.2.0/24"],
  ["10.0.0.0/0.0.0.0", "10.0.0.0", "0.0.0.0/0"],
  ["10.0.0.1/255.255.255.255", "10.0.0.1", "10.0.0.1/32"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1", null],
  ["2001:db8::1/64", "2001:db8::1", "2001:db8::/64"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1", null],
] as const;

test.each(GOOD)("%s", (text, address, block) => {
  const parsed = parseAddressOrBlock(text);
  if (isFault(parsed)) throw new Error(parsed.reason);
  expect(formatAddress(parsed.address)).toBe(address);
  expect(parsed.block && formatPrefix(parsed.block)).toBe(block);
});

/** The text, the carets under it, and why. */
const WRONG = [
  ["10.0.0.256", "       ^~~", "the number must not be over 255"],
  ["10.0.0.256/24", "       ^~~", "the number must not be over 255"],
  ["10.0.0", "      ^", "an IPv4 address has four numbers, not 3"],
  ["10.0.0.1.2", "         ^", "an IPv4 address has four numbers"],
  ["10.0..1", "     ^", "a number from 0 to 255 is needed"],
  ["10.0.0.x", "       ^", "a number from 0 to 255 is needed"],
  ["10.0.0.01", "       ^~", "a leading zero is refused: some programs read octal numbers after it"],
  ["host.example", "^~~~~~~~~~~~", "not an IP address: 192.0.2.1 and 2001:db8::1 are"],
  [
    "10.0.0.0/33",
    "         ^~",
    "the prefix length must be a number from 0 to 32, or a netmask as 255.255.255.0",
  ],
  [
    "10.0.0.0/08",
    "         ^~",
    "the prefix length must be a number from 0 to 32, or a netmask as 255.255.255.0",
  ],
  [
    "10.0.0.0/",
    "         ^",
    "the prefix length must be a number from 0 to 32, or a netmask as 255.255.255.0",
  ],
  [
    "10.0.0.0/255.0.255.0",
    "         ^~~~~~~~~~~",
    "not a netmask: in 32 bits, all ones must come before all zeros",
  ],
  ["2001:db8::/129", "           ^~~", "the prefix length must be a number from 0 to 128"],
  ["2001:db8::/ffff::", "           ^~~~~~", "the prefix length must be a number from 0 to 128"],
  ["2001:db8::g", "          ^", "an IPv6 address has only hexadecimal digits and colons"],
  ["2001:db8::12345", "          ^~~~~", "a group has at most four hexadecimal digits"],
  ["2001::db8::1", "         ^~", `"::" may stand only once`],
  ["2001:::1", "    ^~~", `"::" has two colons`],
  [":1:2:3:4:5:6:7:8", "^", `a single colon cannot be first; "::" can`],
  ["1:2:3:4:5:6:7:", "             ^", `a single colon cannot be last; "::" can`],
  ["1:2:3", "     ^", `an IPv6 address has eight groups, not 3; "::" stands for groups of zeros`],
  [
    "1:2:3:4:5:6:7:8:9",
    "                 ^",
    `an IPv6 address has eight groups, not 9; "::" stands for groups of zeros`,
  ],
  ["1:2:3:4::5:6:7:8", "       ^~", `"::" stands for nothing: there are 8 groups beside it`],
  ["::ffff:192.0.2.256", "               ^~~", "the number must not be over 255"],
  ["::ffff:192.0.2", "              ^", "an IPv4 address has four numbers, not 3"],
  ["[::1]:4711", "^", "the address stands alone here, without brackets and port"],
  ["fe80::1%eth0", "       ^~~~~", "an interface is not part of an address: leave it out"],
  ["", "^", "the address is missing"],
] as const;

describe("what is wrong with", () => {
  test.each(WRONG)("%s", (text, carets, reason) => {
    const parsed = parseAddressOrBlock(text);
    if (!isFault(parsed)) throw new Error("it is taken for right");
    expect(parsed.reason).toBe(reason);
    expect(markedText(text, parsed).split("\n")[1]).toBe(carets);
  });

  test("a text one character away from an address is a range inside the text", () => {
    fc.assert(
      fc.property(
        anyAddress,
        fc.nat(),
        fc.constantFrom("", ":", ".", "g", "9", "/", "%", "["),
        (a, at, change) => {
          const right = formatAddress(a);
          const place = at % (right.length + 1);
          const text = right.slice(0, place) + change + right.slice(place + 1);
          const parsed = parseAddressOrBlock(text);
          if (!isFault(parsed)) return;
          expect(parsed.start).toBeGreaterThanOrEqual(0);
          expect(parsed.end).toBeLessThanOrEqual(text.length);
          expect(parsed.start).toBeLessThanOrEqual(parsed.end);
          expect(parseAddress(text)).toBeNull();
        },
      ),
      { numRuns: 1000 },
    );
  });
});
