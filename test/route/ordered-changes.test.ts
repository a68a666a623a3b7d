import { expect, test } from "bun:test";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { OrderedChanges } from "../../src/route/ordered-changes.ts";
import { routeKey } from "../../src/route/route-key.ts";
import { routeOfText } from "../support/models/frame-text.ts";

/** Changes told as "+ DESTINATION HOP", each of which takes an opposite one back; and what is left, in order. */
function left(...changes: readonly string[]): string[] {
  const ordered = new OrderedChanges();
  for (const change of changes) {
    const [sign, vni, destination, hop] = change.split(" ");
    const route = routeOfText(`${vni} ${destination} via 2001:db8::${hop}`);
    const key = routeKey(route);
    if (!ordered.delete(key)) ordered.append(key, route, sign === "+");
  }
  return Array.from(ordered.entries(), ([, { route, isAdded }]) => {
    return `${isAdded ? "+" : "-"} ${formatRoute(route).replace("via 2001:db8::", "")}`;
  });
}

const [D, E] = ["100 10.0.1.0/24", "100 10.0.2.0/24"];

test("in order, and what is taken back is nothing", () => {
  expect(left(`+ ${D} 1`, `- ${E} 2`, `+ ${E} 3`, `- ${D} 1`)).toEqual([`+ ${E} 3`, `- ${E} 2`]);
});

test("a destination that moves on is added before it is removed", () => {
  expect(left(`+ ${D} 2`, `- ${D} 1`, `+ ${D} 3`, `- ${D} 2`)).toEqual([`+ ${D} 3`, `- ${D} 1`]);
});

test("others do not wait for it", () => {
  expect(left(`- ${D} 1`, `- ${E} 1`, `+ ${D} 2`)).toEqual([`- ${E} 1`, `+ ${D} 2`, `- ${D} 1`]);
  expect(left(`- ${D} 1`, "+ 200 10.0.1.0/24 2")).toEqual([`- ${D} 1`, "+ 200 10.0.1.0/24 2"]);
});

test("a removal that was taken back is no longer in anybody's way", () => {
  expect(left(`- ${D} 1`, `+ ${D} 1`, `+ ${D} 2`)).toEqual([`+ ${D} 2`]);
});
