import { describe, expect, test } from "bun:test";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { BadRouteError, checkRoute, makeRoute, type RouteParts } from "../../src/route/make-route.ts";
import type { Route } from "../../src/route/route.ts";
import { NextHopType } from "../../src/wire/protocol.ts";

const PARTS: RouteParts = { vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" };

describe("made from text and numbers", () => {
  test.each<[Partial<RouteParts>, string]>([
    [{}, "100 10.0.1.0/24 via 2001:db8::1"],
    [{ vni: 4294967295, destination: "::/0" }, "4294967295 ::/0 via 2001:db8::1"],
    [{ destination: "10.0.1.7/24", nextHop: "192.0.2.1" }, "100 10.0.1.0/24 via 192.0.2.1"],
    [{ natPorts: [1024, 2047] }, "100 10.0.1.0/24 via 2001:db8::1 type nat ports 1024-2047"],
    [{ type: NextHopType.NAT }, "100 10.0.1.0/24 via 2001:db8::1 type nat"],
    [{ type: NextHopType.LOADBALANCER_TARGET }, "100 10.0.1.0/24 via 2001:db8::1 type lb"],
    [{ targetVni: 7 }, "100 10.0.1.0/24 via 2001:db8::1 target-vni 7"],
  ])("%j", (parts, line) => {
    expect(formatRoute(makeRoute({ ...PARTS, ...parts }))).toBe(line);
  });

  test.each<[Partial<RouteParts>, string]>([
    [{ vni: -1 }, "BAD_VNI"],
    [{ vni: 4294967296 }, "BAD_VNI"],
    [{ vni: 1.5 }, "BAD_VNI"],
    [{ vni: Number.NaN }, "BAD_VNI"],
    [{ destination: "10.0.1.0" }, "BAD_DESTINATION"],
    [{ destination: "10.0.1.0/33" }, "BAD_DESTINATION"],
    [{ nextHop: "hypervisor-1" }, "BAD_NEXT_HOP"],
    [{ natPorts: [2, 1] }, "BAD_PORTS"],
    [{ natPorts: [1, 65536] }, "BAD_PORTS"],
    [{ targetVni: -1 }, "BAD_TARGET_VNI"],
  ])("not %j", (parts, code) => {
    expect(() => makeRoute({ ...PARTS, ...parts })).toThrow(
      expect.objectContaining({ name: "BadRouteError", code }),
    );
  });
});

describe("made of what is none of it", () => {
  test.each<[unknown, string]>([
    [null, "BAD_ROUTE"],
    ["100#10.0.1.0/24@2001:db8::1", "BAD_ROUTE"],
    [{}, "BAD_DESTINATION"],
    [{ ...PARTS, destination: 10 }, "BAD_DESTINATION"],
    [{ ...PARTS, nextHop: null }, "BAD_NEXT_HOP"],
    [{ ...PARTS, nextHop: Symbol("hop") }, "BAD_NEXT_HOP"],
    [{ ...PARTS, natPorts: 1024 }, "BAD_PORTS"],
    [{ ...PARTS, natPorts: [Symbol("port")] }, "BAD_PORTS"],
    [{ ...PARTS, vni: "100" }, "BAD_VNI"],
    [{ ...PARTS, vni: Symbol("vni") }, "BAD_VNI"],
  ])("%p", (parts, code) => {
    expect(() => makeRoute(parts as RouteParts)).toThrow(
      expect.objectContaining({ name: "BadRouteError", code }),
    );
  });
});

describe("made by hand", () => {
  const good = makeRoute(PARTS);
  const { destination, nextHop } = good;
  const { address } = nextHop;

  test("is taken as it is", () => {
    expect(() => checkRoute(good)).not.toThrow();
  });

  test.each<[string, Route, string]>([
    ["host bits set", { ...good, destination: { ...destination, w0: -1 } }, "BAD_DESTINATION"],
    ["a length of no bits", { ...good, destination: { ...destination, lengthBits: -1 } }, "BAD_DESTINATION"],
    [
      "an unsigned word",
      { ...good, nextHop: { ...nextHop, address: { ...address, w0: 2 ** 31 } } },
      "BAD_NEXT_HOP",
    ],
    [
      "an IPv4 address with more words",
      { ...good, nextHop: { ...nextHop, address: { ...address, family: 4 } } },
      "BAD_NEXT_HOP",
    ],
    // A program in JavaScript can say anything.
    ["an unknown type", { ...good, nextHop: { ...nextHop, type: 9 as NextHopType } }, "BAD_TYPE"],
    [
      "a word that is no number",
      { ...good, destination: { ...destination, w0: 1n as unknown as number } },
      "BAD_DESTINATION",
    ],
    ["no destination", { ...good, destination: null as unknown as Route["destination"] }, "BAD_DESTINATION"],
    ["no next hop", { ...good, nextHop: null as unknown as Route["nextHop"] }, "BAD_NEXT_HOP"],
    [
      "a next hop without address",
      { ...good, nextHop: { ...nextHop, address: undefined as unknown as typeof address } },
      "BAD_NEXT_HOP",
    ],
  ])("%s", (_, route, code) => {
    expect(() => checkRoute(route)).toThrow(BadRouteError);
    expect(() => checkRoute(route)).toThrow(expect.objectContaining({ code }));
  });
});
