import { describe, expect, test } from "bun:test";
import { parseAnnouncement } from "../../src/route/printable-announcement.ts";
import { printableRoute } from "../../src/route/printable-route.ts";
import { routeOfText } from "../support/models/frame-text.ts";

const LINE = "200 192.0.2.7/32 via 2001:db8::2 type nat ports 1024-2047";
const plain = routeOfText(LINE);
const route = printableRoute(plain);

describe("a route", () => {
  test("as text is its line, and its parts are theirs", () => {
    const { destination, nextHop } = route;
    expect(`${route}`).toBe(LINE);
    expect([`${destination}`, `${nextHop}`, `${nextHop.address}`]).toEqual([
      "192.0.2.7/32",
      "2001:db8::2 type nat ports 1024-2047",
      "2001:db8::2",
    ]);
  });

  test("as JSON is what a client prints", () => {
    expect(JSON.parse(JSON.stringify(route))).toEqual({
      vni: 200,
      destination: "192.0.2.7/32",
      nextHop: { address: "2001:db8::2", targetVni: 0, type: "NAT", natPortFrom: 1024, natPortTo: 2047 },
    });
    expect(JSON.stringify([route.destination, route.nextHop.address])).toBe('["192.0.2.7/32","2001:db8::2"]');
  });

  test("is shown on the console", () => {
    expect(Bun.inspect(route)).toBe(`Route(${LINE})`);
    expect(Bun.inspect({ hop: route.nextHop })).toContain("2001:db8::2 type nat ports 1024-2047");
    expect(Bun.inspect(route.destination)).toBe("192.0.2.7/32");
  });

  test("is a copy with the same fields and no more", () => {
    expect(route).toEqual(plain);
    expect(route.nextHop.address).not.toBe(plain.nextHop.address);
    expect(Object.keys(printableRoute({ ...plain, row: 7 } as typeof plain))).toEqual([
      "vni",
      "destination",
      "nextHop",
    ]);
  });

  test("from an announcement prints, too", () => {
    expect(`${parseAnnouncement("100#10.0.1.0/24@2001:db8::1").route}`).toBe(
      "100 10.0.1.0/24 via 2001:db8::1",
    );
  });
});
