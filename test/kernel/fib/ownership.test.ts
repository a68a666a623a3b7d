/** Whose a nexthop or a route is. */
import { expect, test } from "bun:test";
import { IdBlock } from "../../../src/kernel/fib/nexthop-ids.ts";
import {
  type NexthopVerdict,
  type RouteContext,
  type RouteVerdict,
  verdictOfNexthop,
  verdictOfRoute,
} from "../../../src/kernel/fib/ownership.ts";
import type { FoundNexthop, FoundRoute } from "../../../src/kernel/kernel.ts";
import { FIRST_ID, PROTOCOL, prefix } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const OURS = { protocol: PROTOCOL, block: new IdBlock(PROTOCOL) };
const OBJECT: FoundNexthop = {
  id: FIRST_ID,
  protocol: PROTOCOL,
  members: null,
  isResilient: false,
  linkIndex: 5,
  encapAddress: address("2001:db8::a"),
  isOdd: false,
};
const members = (...ids: readonly number[]) => ids.map((id) => ({ id, weight: 1 }));
const GROUP: FoundNexthop = { ...OBJECT, linkIndex: 0, encapAddress: null, members: members(FIRST_ID) };

test.each<[what: string, found: FoundNexthop, verdict: NexthopVerdict]>([
  ["an object", OBJECT, "object"],
  ["with the last id of the block", { ...OBJECT, id: FIRST_ID + 2 ** 20 - 1 }, "object"],
  ["for another device", { ...OBJECT, linkIndex: 1 }, "object"],
  ["of another protocol", { ...OBJECT, protocol: 11 }, "foreign"],
  ["below the block", { ...OBJECT, id: FIRST_ID - 1 }, "foreign"],
  ["above the block", { ...OBJECT, id: FIRST_ID + 2 ** 20 }, "foreign"],
  ["with a gateway, or a blackhole", { ...OBJECT, isOdd: true }, "foreign"],
  ["without encapsulation", { ...OBJECT, encapAddress: null }, "foreign"],
  ["with encapsulation in IPv4", { ...OBJECT, encapAddress: address("192.0.2.1") }, "foreign"],
  ["a group", GROUP, "group"],
  ["a group without members", { ...GROUP, members: [] }, "group"],
  [
    "a group whose member is in the block, whosever it is",
    { ...GROUP, members: members(FIRST_ID + 9) },
    "group",
  ],
  ["a group with a member outside of it", { ...GROUP, members: members(FIRST_ID, 7) }, "foreign"],
  ["a group of another protocol", { ...GROUP, protocol: 99 }, "foreign"],
  ["a group of another kind", { ...GROUP, isOdd: true }, "foreign"],
])("nexthop: %s", (_, found, verdict) => {
  expect(verdictOfNexthop(OURS, found)).toBe(verdict);
});

const ROUTE: FoundRoute = {
  table: 100,
  destination: prefix("10.0.1.0/24"),
  protocol: PROTOCOL,
  priority: 0,
  tos: 0,
  type: 1,
  nexthopId: FIRST_ID,
  linkIndex: 0,
};
const ROUTE6 = { ...ROUTE, destination: prefix("2001:db8:1::/48"), priority: 1024 };
const PLAIN = { ...ROUTE, nexthopId: 0, linkIndex: 5 };
const [MAPPED, UNMAPPED] = [{ isMapped: true }, { isMapped: false }];
const REPLACED = { isNexthopOurs: false };

test.each<[what: string, context: Partial<RouteContext>, route: FoundRoute, verdict: RouteVerdict]>([
  ["by an object of ours", MAPPED, ROUTE, "ours"],
  ["IPv6, by an object of ours", MAPPED, ROUTE6, "ours"],
  ["in a table that is not mapped", UNMAPPED, ROUTE, "ours"],
  ["whose object was replaced", { ...MAPPED, ...REPLACED }, ROUTE, "ours"],
  ["IPv6, whose object was replaced", { ...MAPPED, ...REPLACED }, ROUTE6, "ours"],
  ["whose object was replaced by a blackhole", { ...MAPPED, ...REPLACED }, { ...ROUTE, type: 6 }, "ours"],
  ["whose object was replaced, in a table that is not mapped", { ...UNMAPPED, ...REPLACED }, ROUTE, "ours"],
  ["of another protocol, by an object of ours", MAPPED, { ...ROUTE, protocol: 3 }, "foreign"],
  ["by another program's object", { ...MAPPED, ...REPLACED }, { ...ROUTE, nexthopId: 7 }, "foreign"],
  ["with another metric, by an object of ours", MAPPED, { ...ROUTE, priority: 9 }, "misplaced"],
  ["IPv6 with IPv4's metric, by an object of ours", MAPPED, { ...ROUTE6, priority: 0 }, "misplaced"],
  [
    "with another metric, whose object was replaced",
    { ...MAPPED, ...REPLACED },
    { ...ROUTE, priority: 9 },
    "foreign",
  ],
  ["with a TOS", MAPPED, { ...ROUTE, tos: 16 }, "foreign"],
  ["of another type", MAPPED, { ...ROUTE, type: 7 }, "foreign"],
  ["plain", MAPPED, PLAIN, "predecessor"],
  ["plain, in a table that is not mapped", UNMAPPED, PLAIN, "foreign"],
  ["plain, with another metric", MAPPED, { ...PLAIN, priority: 9 }, "foreign"],
  ["plain, of another protocol", MAPPED, { ...PLAIN, protocol: 3 }, "foreign"],
  ["that drops packets", MAPPED, { ...PLAIN, type: 6 }, "foreign"],
])("route: %s", (_, context, route, verdict) => {
  expect(verdictOfRoute({ ...OURS, isMapped: true, isNexthopOurs: true, ...context }, route)).toBe(verdict);
});
