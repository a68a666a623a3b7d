/** What is in the way of a route is named, however many are, and by as few searches as may be. */
import { describe, expect, test } from "bun:test";
import { formatFoundRoute } from "../../../src/kernel/format-route.ts";
import { InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";

const A = "2001:db8::a";
const FOREIGN = { protocol: 4, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, table: 100 };
const IN_THE_WAY = "an object of another program is in the way; it is not changed";

/** With foreign routes to 10.N.1.0/24, and how often a table was searched. */
async function collided(count: number): Promise<{ rig: InstallerUnderTest; searches: () => number }> {
  const rig = await InstallerUnderTest.started({ reconcileIntervalSeconds: 0 });
  let searches = 0;
  const { eachRouteIn } = rig.kernel;
  rig.kernel.eachRouteIn = (...args) => {
    searches++;
    return eachRouteIn.apply(rig.kernel, args);
  };
  for (let n = 0; n < count; n++) {
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix(`10.${n}.1.0/24`) });
  }
  await rig.add(...Array.from({ length: count }, (_, n) => `100 10.${n}.1.0/24 via ${A}`));
  await rig.advance(0);
  return { rig, searches: () => searches };
}

const messages = (rig: InstallerUnderTest) => rig.installer.faults(99).map(({ message }) => message);

describe("a foreign route in the way", () => {
  test("is named in the log and in the status, with the command that shows it", async () => {
    const { rig } = await collided(1);
    const lines = rig.lines.filter(({ message }) => message === IN_THE_WAY);
    const inTheWay = "10.0.1.0/24 dev if1 proto static metric 0";
    const show = "ip route show table 100 exact 10.0.1.0/24";
    expect(lines.map(({ fields }) => fields)).toMatchObject([{ code: "EEXIST", inTheWay, show }]);
    expect(messages(rig)).toEqual([`File exists: ${inTheWay} (${show})`]);
    // Also when it has failed once more.
    await rig.advance(2_000);
    expect(rig.installer.faults(1)).toMatchObject([{ attempts: 2 }]);
    expect(messages(rig)).toEqual([`File exists: ${inTheWay} (${show})`]);
  });

  test("is one of many: one search names all", async () => {
    const { rig, searches } = await collided(50);
    expect(searches()).toBe(1);
    expect(messages(rig).filter((message) => message.includes("proto static"))).toHaveLength(50);
  });

  test("is another one later: that is named then, and searches are seldom", async () => {
    const { rig, searches } = await collided(1);
    rig.kernel.foreignRoute({ ...FOREIGN, protocol: 12, destination: prefix("10.0.1.0/24") }, "replace");
    await rig.advance(60_000);
    expect(messages(rig).join()).toContain("proto bird");
    expect(searches()).toBeLessThanOrEqual(6);
  });

  test("cannot be looked for: it is reported without its name", async () => {
    const rig = await InstallerUnderTest.started({ reconcileIntervalSeconds: 0 });
    rig.kernel.eachRouteIn = async () => {};
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.1.0/24") });
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.advance(0);
    expect(rig.takeWarnings()).toEqual([IN_THE_WAY]);
    expect(messages(rig)).toEqual(["File exists (ip route show table 100 exact 10.0.1.0/24)"]);
  });
});

test.each([
  [{}, "10.0.1.0/24 dev eth0 proto static metric 0"],
  [{ linkIndex: 9 }, "10.0.1.0/24 dev if9 proto static metric 0"],
  [{ protocol: 99, priority: 1024 }, "10.0.1.0/24 dev eth0 proto 99 metric 1024"],
  [{ nexthopId: 7, linkIndex: 0 }, "10.0.1.0/24 nhid 7 proto static metric 0"],
  [{ type: 7, linkIndex: 0 }, "unreachable 10.0.1.0/24 proto static metric 0"],
])("a route is shown as iproute2 does: %p", (change, text) => {
  const route = { ...FOREIGN, destination: prefix("10.0.1.0/24"), ...change };
  expect(formatFoundRoute(route, new Map([[1, "eth0"]]))).toBe(text);
});
