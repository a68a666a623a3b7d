import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress } from "../../../src/net/address.ts";
import { familyBits } from "../../../src/net/ip.ts";
import { maskPrefix } from "../../../src/net/prefix.ts";
import {
  formsInIpv6,
  formsOfIpv4,
  ipv4InNat64,
  NAT64_LENGTHS,
  nat64Address,
} from "../../../src/tools/ip/embedded-addresses.ts";
import { address, anyAddressOf, prefix } from "../../net/model.ts";

/** RFC 6052, section 2.4, for 192.0.2.33. */
const RFC_6052_EXAMPLES = [
  ["2001:db8::/32", "2001:db8:c000:221::"],
  ["2001:db8:100::/40", "2001:db8:1c0:2:21::"],
  ["2001:db8:122::/48", "2001:db8:122:c000:2:2100::"],
  ["2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"],
  ["2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"],
  ["2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"],
  ["64:ff9b::/96", "64:ff9b::192.0.2.33"],
] as const;

describe("RFC 6052", () => {
  test.each(RFC_6052_EXAMPLES)("192.0.2.33 under %s is %s", (under, ipv6) => {
    expect(nat64Address(prefix(under), address("192.0.2.33"))).toEqual(address(ipv6));
    expect(ipv4InNat64(prefix(under), address(ipv6))).toEqual(address("192.0.2.33"));
  });

  test("an address with another byte than 0 in bits 64 to 71 is not one of them", () => {
    expect(ipv4InNat64(prefix("2001:db8::/32"), address("2001:db8:c000:221:100::"))).toBeNull();
  });

  test("what was translated comes back", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NAT64_LENGTHS),
        anyAddressOf(6),
        anyAddressOf(4),
        (length, any, ipv4) => {
          const under = { ...maskPrefix({ ...any, w2: any.w2 & 0xffffff }, length) };
          expect(ipv4InNat64(under, nat64Address(under, ipv4))).toEqual(ipv4);
        },
      ),
    );
  });
});

/** The form, the address, what is in it. */
const INSIDE = [
  ["IPv4-mapped", "::ffff:192.0.2.33", { ipv4: "192.0.2.33" }],
  ["6to4", "2002:c000:221:1::1", { ipv4: "192.0.2.33" }],
  ["NAT64", "64:ff9b::c000:221", { ipv4: "192.0.2.33" }],
  [
    "Teredo",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    { server: "65.54.227.120", client: "192.0.2.45", port: 40000, flags: "0x8000" },
  ],
  ["ISATAP", "fe80::5efe:c000:221", { ipv4: "192.0.2.33" }],
  ["ISATAP", "2001:db8::200:5efe:808:808", { ipv4: "8.8.8.8" }],
  // RFC 4291, appendix A: the MAC 34-56-78-9a-bc-de.
  ["EUI-64", "fe80::3656:78ff:fe9a:bcde", { mac: "34:56:78:9a:bc:de" }],
  ["EUI-64", "2001:db8::5054:ff:fe12:3456", { mac: "52:54:00:12:34:56" }],
] as const;

test.each(INSIDE)("%s in %s", (form, text, values) => {
  expect(formsInIpv6(address(text), familyBits(6), null)).toEqual([
    { form, rfc: expect.any(String), values },
  ]);
});

const NOTHING_INSIDE = [
  "2001:db8::1",
  "::1",
  "ff02::1:ff12:3456",
  "ff02::5efe:c000:221",
  "ff02::3656:78ff:fe9a:bcde",
  "64:ff9b:1::c000:221",
];

test.each(NOTHING_INSIDE)("there is nothing in %s", (text) => {
  expect(formsInIpv6(address(text), familyBits(6), null)).toEqual([]);
});

test("of a block, only what its known bits say", () => {
  expect(formsInIpv6(prefix("2002:c000:221::/48"), 48, null)).toEqual([
    { form: "6to4", rfc: "RFC 3056", values: { ipv4: "192.0.2.33" } },
  ]);
  expect(formsInIpv6(prefix("2002:c000::/32"), 32, null)).toEqual([]);
  expect(formsInIpv6(prefix("64:ff9b::/96"), 96, null)).toEqual([]);
});

test("the forms of an IPv4 address", () => {
  const forms = formsOfIpv4(address("192.0.2.33"), prefix("2001:db8:122:344::/64"));
  expect(forms.map(({ form, values }) => [form, Object.values(values)[0]])).toEqual([
    ["IPv4-mapped", "::ffff:192.0.2.33"],
    ["6to4", "2002:c000:221::/48"],
    ["NAT64", "64:ff9b::c000:221"],
    ["NAT64 2001:db8:122:344::/64", formatAddress(address("2001:db8:122:344:c0:2:2100::"))],
  ]);
});
