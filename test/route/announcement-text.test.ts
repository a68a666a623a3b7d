import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { markedText } from "../../src/base/marked-text.ts";
import {
  AnnouncementError,
  type AnnouncementErrorCode,
  formatAnnouncement,
  formatRoute,
  parseAnnouncementText,
} from "../../src/route/announcement-text.ts";
import type { Route } from "../../src/route/route.ts";
import { NextHopType } from "../../src/wire/protocol.ts";
import { address, anyAddress, anyPrefix, prefix } from "../net/model.ts";

const { STANDARD, NAT, LOADBALANCER_TARGET } = NextHopType;

function refusal(text: string): AnnouncementError {
  try {
    parseAnnouncementText(text);
  } catch (error) {
    if (error instanceof AnnouncementError) return error;
    throw error;
  }
  throw new Error(`taken: ${text}`);
}

describe("parseAnnouncementText", () => {
  /** Text → VNI, destination, hop, type, ports; without warnings. */
  const TAKEN = [
    ["100#10.0.1.0/24@2001:db8::1", 100, "10.0.1.0/24", "2001:db8::1", STANDARD, 0, 0],
    ["100#10.0.1.0/24@2001:db8::1#std", 100, "10.0.1.0/24", "2001:db8::1", STANDARD, 0, 0],
    ["100#10.0.1.0/24@2001:db8::1#lb", 100, "10.0.1.0/24", "2001:db8::1", LOADBALANCER_TARGET, 0, 0],
    ["100#10.0.1.0/24@2001:db8::1#nat", 100, "10.0.1.0/24", "2001:db8::1", NAT, 0, 0],
    ["100#10.0.1.7/32@2001:db8::1#nat#1024#2048", 100, "10.0.1.7/32", "2001:db8::1", NAT, 1024, 2048],
    ["100#10.0.1.7/32@2001:db8::1#NAT#1#65535", 100, "10.0.1.7/32", "2001:db8::1", NAT, 1, 65535],
    ["100#10.0.1.7/32@2001:db8::1#Nat#80#80", 100, "10.0.1.7/32", "2001:db8::1", NAT, 80, 80],
    ["23#2001:db8:1::/48#2001:db8::1", 23, "2001:db8:1::/48", "2001:db8::1", STANDARD, 0, 0],
    ["23#2001:DB8:1::/48#2001:DB8::1#STD", 23, "2001:db8:1::/48", "2001:db8::1", STANDARD, 0, 0],
    ["23#10.0.23.0/24#2001:db8::1#LB", 23, "10.0.23.0/24", "2001:db8::1", LOADBALANCER_TARGET, 0, 0],
    ["23#10.0.23.0/24#2001:db8::1#NAT#1024#2048", 23, "10.0.23.0/24", "2001:db8::1", NAT, 1024, 2048],
    ["0#0.0.0.0/0@2001:db8::1", 0, "0.0.0.0/0", "2001:db8::1", STANDARD, 0, 0],
    ["4294967295#::/0@2001:db8::1", 4294967295, "::/0", "2001:db8::1", STANDARD, 0, 0],
  ] as const;

  test.each(TAKEN)("takes %s", (text, vni, destination, hop, type, natPortFrom, natPortTo) => {
    expect(parseAnnouncementText(text)).toEqual({
      route: {
        vni,
        destination: prefix(destination),
        nextHop: { address: address(hop), targetVni: 0, type, natPortFrom, natPortTo },
      },
      warnings: [],
    });
  });

  /** Text, what it is taken for, a part of each warning. */
  const WARNED: [string, string, string[]][] = [
    ["1#10.0.1.7/24@fd00::1", "1 10.0.1.0/24 via fd00::1", ["10.0.1.7/24 has host bits set"]],
    ["1#2001:db8::1/32#2001:db8::1#LB", "1 2001:db8::/32 via 2001:db8::1 type lb", ["used as 2001:db8::/32"]],
    ["1#10.0.1.0/24@::", "1 10.0.1.0/24 via ::", ["the next hop :: is the unspecified address"]],
    ["1#10.0.1.0/24@::1", "1 10.0.1.0/24 via ::1", ["the next hop ::1 is the loopback address"]],
    ["1#10.0.1.0/24@fe80::1", "1 10.0.1.0/24 via fe80::1", ["fe80::1 is a link-local address"]],
    ["1#10.0.1.0/24@ff02::1", "1 10.0.1.0/24 via ff02::1", ["ff02::1 is a multicast address"]],
    ["1#10.0.1.0/24@100::1", "1 10.0.1.0/24 via 100::1", ["discarded"]],
    ["1#10.0.1.0/24@192.0.2.1", "1 10.0.1.0/24 via 192.0.2.1", ["the next hop 192.0.2.1 is an IPv4 address"]],
    ["1#10.0.1.7/24@192.0.2.1", "1 10.0.1.0/24 via 192.0.2.1", ["10.0.1.7/24", "rustbond"]],
  ];

  test.each(WARNED)("takes %s with a warning", (text, taken, parts) => {
    const { route, warnings } = parseAnnouncementText(text);
    expect(formatRoute(route)).toBe(taken);
    expect(warnings).toEqual(parts.map((part) => expect.stringContaining(part)));
  });

  /** Text, and under it the caret; code; a part of the message. */
  const REFUSED: [string, string, AnnouncementErrorCode, string][] = [
    ["", "^", "BAD_VNI", "from 0 to 4294967295"],
    ["#10.0.0.0/8@::1", "^", "BAD_VNI", "VNI"],
    ["0x10#10.0.0.0/8@::1", "^~~~", "BAD_VNI", "VNI"],
    ["-1#10.0.0.0/8@::1", "^~", "BAD_VNI", "VNI"],
    ["+1#10.0.0.0/8@::1", "^~", "BAD_VNI", "VNI"],
    ["1e3#10.0.0.0/8@::1", "^~~", "BAD_VNI", "VNI"],
    [" 1#10.0.0.0/8@::1", "^~", "BAD_VNI", "VNI"],
    [
      "1 10.0.0.0/8 via ::1",
      "^~~~~~~~~~~~~~~~~~~~",
      "BAD_VNI",
      "an announcement has the form VNI#PREFIX@HOP: 1#10.0.0.0/8@::1",
    ],
    ["1 ::/0 ::1", "^~~~~~~~~~", "BAD_VNI", "VNI#PREFIX@HOP: 1#::/0@::1"],
    ["1 ::/0 via ::1 type lb", "^~~~~~~~~~~~~~~~~~~~~~", "BAD_VNI", "1#::/0@::1#lb"],
    [
      "1 ::/0 via ::1 type nat ports 1-9",
      "^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
      "BAD_VNI",
      "1#::/0@::1#nat#1#9",
    ],
    ["1 ::/0 via", "^~~~~~~~~~", "BAD_VNI", "the VNI must be a number"],
    ["٣#10.0.0.0/8@::1", "^", "BAD_VNI", "VNI"],
    ["4294967296#10.0.0.0/8@::1", "^~~~~~~~~~", "BAD_VNI", "VNI"],
    ["1@10.0.0.0/8@::1", "^~~~~~~~~~~~~~~~", "BAD_VNI", "VNI"],
    ["100", "   ^", "MISSING_PREFIX", "prefix"],
    ["100#", "    ^", "BAD_PREFIX", "needs an IPv4 or IPv6 address"],
    ["100#@::1", "    ^", "BAD_PREFIX", "needs an IPv4 or IPv6 address"],
    ["100#ten/8@::1", "    ^~~", "BAD_PREFIX", "needs an IPv4 or IPv6 address"],
    ["100#10.0.0.256/8@::1", "    ^~~~~~~~~~", "BAD_PREFIX", "needs an IPv4 or IPv6 address"],
    ["100#10.0.0.1@::1", "            ^", "BAD_PREFIX", "from 0 to 32"],
    ["100#2001:db8::@::1", "              ^", "BAD_PREFIX", "from 0 to 128"],
    ["100#10.0.0.0/33@::1", "             ^~", "BAD_PREFIX", "from 0 to 32"],
    ["100#10.0.0.0/@::1", "             ^", "BAD_PREFIX", "from 0 to 32"],
    ["100#2001:db8::/129#::1", "               ^~~", "BAD_PREFIX", "from 0 to 128"],
    ["100#10.0.0.0/8", "              ^", "MISSING_HOP", "next hop"],
    ["100#10.0.0.0/8@", "               ^", "BAD_NEXT_HOP", "must be an IPv6 address"],
    ["100#10.0.0.0/8@2001:db8::zz", "               ^~~~~~~~~~~~", "BAD_NEXT_HOP", "must be an IPv6 address"],
    ["100#10.0.0.0/8@hop.example", "               ^~~~~~~~~~~", "BAD_NEXT_HOP", "must be an IPv6 address"],
    ["100#10.0.0.0/8@::1@lb", "               ^~~~~~", "BAD_NEXT_HOP", "must be an IPv6 address"],
    ["100#10.0.0.0/8@::1/128", "                  ^~~~", "BAD_NEXT_HOP", "without a length or zone"],
    [
      "100#10.0.0.0/8@fe80::1%eth0",
      "                      ^~~~~",
      "BAD_NEXT_HOP",
      "without a length or zone",
    ],
    ["100#10.0.0.0/8@::1#", "                   ^", "BAD_TYPE", "std, lb or nat"],
    ["100#10.0.0.0/8@::1#snat", "                   ^~~~", "BAD_TYPE", "std, lb or nat"],
    ["100#10.0.0.0/8@::1#lb#1#2", "                      ^~~", "PORTS_WITHOUT_NAT", "type nat"],
    ["100#10.0.0.0/8#::1#STD#1", "                       ^", "PORTS_WITHOUT_NAT", "type nat"],
    ["100#10.0.0.0/8@::1#nat#", "                       ^", "BAD_PORT", "from 1 to 65535"],
    ["100#10.0.0.0/8@::1#nat#1024", "                           ^", "MISSING_PORT", "last port"],
    ["100#10.0.0.0/8@::1#nat#0#9", "                       ^", "BAD_PORT", "from 1 to 65535"],
    ["100#10.0.0.0/8@::1#nat#1#65536", "                         ^~~~~", "BAD_PORT", "from 1 to 65535"],
    ["100#10.0.0.0/8@::1#nat#1-9#9", "                       ^~~", "BAD_PORT", "from 1 to 65535"],
    ["100#10.0.0.0/8@::1#nat#9#1", "                       ^~~", "BAD_PORT_RANGE", "greater"],
    [
      "100#10.0.0.0/8@::1#nat#1#9#x#y",
      "                           ^~~",
      "TRAILING_TEXT",
      "nothing may follow",
    ],
  ];

  test.each(REFUSED)("refuses %p", (text, caretLine, code, part) => {
    const error = refusal(text);
    expect(error.code).toBe(code);
    expect(error.message).toContain(part);
    expect(markedText(text, error)).toBe(`${text}\n${caretLine}`);
  });

  test("gives a route or an AnnouncementError within the text, whatever the input", () => {
    const pieces = fc.constantFrom(
      "#",
      "@",
      "/",
      "1",
      "99999",
      "10.0.0.0/8",
      "::1",
      "nat",
      "lb",
      ":",
      " ",
      "é",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        try {
          parseAnnouncementText(text);
        } catch (error) {
          if (!(error instanceof AnnouncementError)) throw error;
          expect(error.start).toBeGreaterThanOrEqual(0);
          expect(error.end).toBeGreaterThanOrEqual(error.start);
          expect(error.end).toBeLessThanOrEqual(text.length);
        }
      }),
    );
  });
});

describe("formatAnnouncement", () => {
  const ports = fc
    .tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }))
    .map(([a, b]) => ({ natPortFrom: Math.min(a, b), natPortTo: Math.max(a, b) }));
  const noPorts = fc.constant({ natPortFrom: 0, natPortTo: 0 });
  const typeAndPorts = fc.oneof(
    fc.record({ type: fc.constantFrom(STANDARD, NAT, LOADBALANCER_TARGET), ports: noPorts }),
    fc.record({ type: fc.constant(NAT), ports }),
  );
  const anyAnnouncedRoute: fc.Arbitrary<Route> = fc
    .record({
      vni: fc.integer({ min: 0, max: 0xffffffff }),
      destination: anyPrefix,
      address: anyAddress,
      typeAndPorts,
    })
    .map(({ vni, destination, address, typeAndPorts: { type, ports } }) => ({
      vni,
      destination,
      nextHop: { address, targetVni: 0, type, ...ports },
    }));

  test("is read as the same route, in Go's spelling too", () => {
    fc.assert(
      fc.property(anyAnnouncedRoute, (route) => {
        const text = formatAnnouncement(route);
        expect(parseAnnouncementText(text).route).toEqual(route);
        expect(parseAnnouncementText(text.replace("@", "#").toUpperCase()).route).toEqual(route);
      }),
    );
  });

  const SIMPLE = parseAnnouncementText("100#10.0.1.0/24@2001:db8::1").route;
  const UNSPEAKABLE: [string, Partial<Route["nextHop"]>][] = [
    ["a target VNI", { targetVni: 5 }],
    ["ports without NAT", { type: LOADBALANCER_TARGET, natPortFrom: 1, natPortTo: 2 }],
    ["a range from port 0", { type: NAT, natPortTo: 2 }],
    ["a range without end", { type: NAT, natPortFrom: 2 }],
  ];

  test.each(UNSPEAKABLE)("refuses %s", (_name, change) => {
    const route = { ...SIMPLE, nextHop: { ...SIMPLE.nextHop, ...change } };
    expect(() => formatAnnouncement(route)).toThrow(RangeError);
  });
});

describe("formatRoute", () => {
  const HOP = {
    address: address("2001:db8::1"),
    targetVni: 0,
    type: STANDARD as NextHopType,
    natPortFrom: 0,
    natPortTo: 0,
  };
  const LINES: [string, Partial<Route["nextHop"]>][] = [
    ["", {}],
    [" type lb", { type: LOADBALANCER_TARGET }],
    [" type nat", { type: NAT }],
    [" type nat ports 1024-2048", { type: NAT, natPortFrom: 1024, natPortTo: 2048 }],
    [" type nat ports 0-7", { type: NAT, natPortTo: 7 }],
    [" target-vni 4294967295", { targetVni: 4294967295 }],
    [" type nat ports 1-2 target-vni 200", { type: NAT, natPortFrom: 1, natPortTo: 2, targetVni: 200 }],
    [" ports 1-2", { natPortFrom: 1, natPortTo: 2 }],
  ];

  test.each(LINES)("100 10.0.1.0/24 via 2001:db8::1%s", (ending, change) => {
    const route = { vni: 100, destination: prefix("10.0.1.0/24"), nextHop: { ...HOP, ...change } };
    expect(formatRoute(route)).toBe(`100 10.0.1.0/24 via 2001:db8::1${ending}`);
  });
});
