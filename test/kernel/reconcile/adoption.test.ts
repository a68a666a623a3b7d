/** A start on a kernel that is not empty: what the run before left, what predecessors left, and what is foreign. */
import { describe, expect, test } from "bun:test";
import { KernelError } from "../../../src/kernel/kernel.ts";
import { FIRST_ID, InstallerUnderTest, prefix, route } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const A = "2001:db8::a";
const B = "2001:db8::b";
const C = "2001:db8::c";

const VIEW = [
  `100 10.0.1.0/24 via ${A}`,
  `100 10.0.1.0/24 via ${B}`,
  `100 10.0.2.0/24 via ${A}`,
  `100 fd00::/64 via ${B}`,
];
const ROUTES = [`100 10.0.1.0/24 via ${A} ${B}`, `100 10.0.2.0/24 via ${A}`, `100 fd00::/64 via ${B}`];

/** After a run that had all of VIEW. */
async function restarted(): Promise<InstallerUnderTest> {
  const rig = await InstallerUnderTest.started();
  await rig.add(...VIEW);
  rig.kernel.takeCounts();
  await rig.restart();
  return rig;
}

describe("after a restart", () => {
  test("what is wanted stays untouched, however slowly the view fills", async () => {
    const rig = await restarted();
    for (const text of VIEW.toReversed()) {
      await rig.add(text);
      await rig.advance(2_000);
    }
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({});
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.drift).toMatchObject({ routeExtra: 0, nexthopExtra: 0 });
  });

  test("what is not wanted goes when the view is complete, not before", async () => {
    const rig = await restarted();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(rig.kernel.ourNexthops()).toHaveLength(1);
    expect(rig.kernel.takeCounts()).toEqual({ "replace-route": 1, "delete-route": 2, "delete-nexthop": 2 });
  });

  test("what the scan at the start has missed is found by another one", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(...VIEW);
    rig.kernel.missNext = 1;
    await rig.restart();
    await rig.add(...VIEW);
    await rig.complete(100);
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.table(100).ipv6).toMatchObject({ installed: 1, collided: 0 });
  });

  test("what has moved to another hop moves at once", async () => {
    const rig = await restarted();
    await rig.add(`100 10.0.2.0/24 via ${C}`);
    expect(rig.kernel.find(100, "10.0.2.0/24")?.nexthopId).toBe(FIRST_ID + 3);
  });

  test("what the view brought and withdrew goes when it is complete: another server may have it", async () => {
    const rig = await restarted();
    await rig.add(`100 10.0.2.0/24 via ${A}`);
    await rig.remove(`100 10.0.2.0/24 via ${A}`);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.complete(100);
    expect(rig.kernel.find(100, "10.0.2.0/24")).toBeUndefined();
  });

  test("a hop that the view withdrew goes at once, while others are left", async () => {
    const rig = await restarted();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    await rig.remove(`100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, ...ROUTES.slice(1)]);
  });

  test("what we announce ourselves goes at once", async () => {
    const rig = await restarted();
    await rig.announce(`100 10.0.2.0/24 via ${C}`);
    expect(rig.kernel.find(100, "10.0.2.0/24")).toBeUndefined();
  });

  test("a table waits for all its VNIs", async () => {
    const mappings = [100, 200].map((vni) => ({ vni, table: 100 }));
    const rig = await restarted();
    await rig.restart({ mappings });
    await rig.complete(200);
    expect(rig.table(100).isSettled).toBe(false);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    await rig.complete(100);
    expect(rig.kernel.ours()).toEqual([]);
  });

  test("a VNI has no say in a shared table before those that win over it are complete", async () => {
    const rig = await restarted();
    await rig.restart({ mappings: [100, 200].map((vni) => ({ vni, table: 100 })) });
    await rig.add(`200 10.0.2.0/24 via ${B}`);
    await rig.announce(`200 fd00::/64 via ${C}`);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.complete(100);
    await rig.add(`200 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([ROUTES[0], `100 10.0.2.0/24 via ${B}`].map(String));
  });

  test("a table that is no longer mapped goes when all mapped VNIs are complete", async () => {
    const rig = await restarted();
    await rig.restart({ mappings: [{ vni: 200, table: 200 }] });
    await rig.add(`200 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([...ROUTES, `200 10.0.1.0/24 via ${A}`]);
    await rig.complete(200);
    expect(rig.kernel.ours()).toEqual([`200 10.0.1.0/24 via ${A}`]);
  });

  test("routes of ours with a priority that we do not use go too", async () => {
    const rig = await restarted();
    const odd = { ...rig.kernel.ourRoute(100, prefix("10.0.2.0/24"), FIRST_ID), priority: 50 };
    rig.kernel.foreignRoute(odd);
    await rig.restart();
    await rig.add(...VIEW);
    await rig.complete(100);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.takeCounts()).toEqual({ "delete-route": 1 });
  });

  test("objects for another device are of no use: routes move away, then they go", async () => {
    const rig = await restarted();
    rig.kernel.nexthops.forEach((nexthop, id) => {
      if (nexthop.members === null) rig.kernel.nexthops.set(id, { ...nexthop, linkIndex: 77 });
    });
    await rig.restart();
    await rig.add(...VIEW);
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.ourNexthops().map(({ linkIndex }) => linkIndex)).not.toContain(77);
    expect(rig.kernel.takeCounts()).toMatchObject({ "replace-route": 3, "delete-nexthop": 3 });
  });

  test("a group of other weights is of no use", async () => {
    const rig = await restarted();
    await rig.restart({ preferredNetworks: [{ prefix: prefix(`${A}/128`), weight: 9 }] });
    await rig.add(...VIEW);
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}*9 ${B}`, ...ROUTES.slice(1)]);
    expect(rig.kernel.ourNexthops()).toHaveLength(3);
  });

  test("two objects of one address: one is used, the other goes", async () => {
    const rig = await restarted();
    rig.kernel.foreignNexthop(rig.kernel.ourNexthop(FIRST_ID + 50, address(A), 5));
    await rig.restart();
    await rig.add(...VIEW);
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({ "delete-nexthop": 1 });
    expect(rig.kernel.ours()).toEqual(ROUTES);
  });
});

describe("a predecessor's plain routes", () => {
  async function withPlain(table: number): Promise<InstallerUnderTest> {
    const rig = new InstallerUnderTest();
    for (const text of ["10.0.1.0/24", "10.0.9.0/24", "fd00::/64"]) {
      rig.kernel.foreignRoute({ ...rig.kernel.ourRoute(table, prefix(text), 0), linkIndex: 5 });
    }
    await rig.start();
    return rig;
  }

  test("are taken over by replace, and go when they are not wanted", async () => {
    const rig = await withPlain(100);
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 fd00::/64 via ${A}`);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-route": 2 });
    expect(rig.kernel.ours()).toContain("100 10.0.9.0/24 via plain");
    await rig.complete(100);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 fd00::/64 via ${A}`]);
    expect(rig.kernel.takeCounts()).toEqual({ "delete-route": 1 });
  });

  test("are foreign in other tables", async () => {
    const rig = await withPlain(254);
    await rig.complete(100);
    expect(rig.kernel.log).toEqual([]);
  });

  test("are seen when their table is mapped later", async () => {
    const rig = await withPlain(7);
    await rig.complete(100, 200);
    rig.installer.setMappings([{ vni: 200, table: 7 }]);
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([]);
  });
});

describe("foreign", () => {
  const FOREIGN = { protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1 };

  test("routes in the way are reported, counted and left alone, until they go", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    const before = rig.kernel.foreign();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${A}`]);
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 2, installed: 1, collided: 1, failed: 0 });
    expect(rig.takeWarnings()).toEqual(["an object of another program is in the way; it is not changed"]);
    expect(rig.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 1 }]);
    await rig.rest();
    expect(rig.kernel.foreign()).toEqual(before);
    expect(rig.status.scans).toBe(1);
    rig.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`]);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 2, collided: 0 });
  });

  test("routes in the way are tried again with back-off", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.advance(16_000);
    // At 0, 1, 3, 7 and 15 s.
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-route EEXIST": 5 });
  });

  test("routes of another priority are not in the way", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.foreignRoute({ ...FOREIGN, table: 100, priority: 10, destination: prefix("10.0.1.0/24") });
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("routes beside ours survive its change: it makes room instead of hitting them", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    // As "ip route prepend" does.
    rig.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    const key = [...rig.kernel.routes.keys()][0] ?? "";
    rig.kernel.routes.get(key)?.reverse();
    await rig.advance(1_000);
    // The kernel may take that one: it is not seen from what is installed.
    const warned = "another program has a route with the same metric as one of ours; it is not changed";
    expect(rig.takeWarnings()).toEqual([warned]);
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 1, installed: 1, collided: 1 });
    expect(rig.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 0 }]);
    rig.installer.reconcile();
    await rig.advance(2_000);
    expect(rig.takeWarnings()).toEqual([]);
    await rig.add(`100 10.0.1.0/24 via ${B}`);
    await rig.rest();
    expect(rig.kernel.violations).toEqual([]);
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 0, collided: 1 });
  });

  test("routes beside ours are counted no more when they are gone", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    rig.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    await rig.advance(1_000);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 1, collided: 1 });
    rig.kernel.deleteRoute(({ protocol }) => protocol === FOREIGN.protocol);
    await rig.advance(2_000);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 1, collided: 0 });
    expect(rig.installer.faults(9)).toEqual([]);
  });

  test("routes beside a predecessor's plain one stop it from being taken over, which is reported", async () => {
    const rig = new InstallerUnderTest();
    const plain = rig.kernel.ourRoute(100, prefix("10.0.1.0/24"), 0);
    rig.kernel.foreignRoute(plain);
    rig.kernel.foreignRoute({ ...plain, protocol: 3 });
    await rig.start();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1 });
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 1, installed: 1, collided: 1 });
    expect(rig.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 1 }]);
    expect(rig.takeWarnings()).toEqual(["a destination cannot be repaired"]);
    rig.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 1, collided: 0 });
  });

  test("ids in our block are stepped over", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.foreignNexthop({ ...rig.kernel.ourNexthop(FIRST_ID, address(A), 5), protocol: 3 });
    rig.kernel.foreignNexthop({ ...rig.kernel.ourNexthop(FIRST_ID + 1, address(A), 5), isOdd: true });
    await rig.start();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A} ${B}`]);
    expect(rig.kernel.find(100, "10.0.1.0/24")?.nexthopId).toBe(FIRST_ID + 4);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 2, "add-group": 1, "add-route": 1 });
  });

  test("ids that were taken unseen are reported, and others are used", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.isMuted = true;
    rig.kernel.foreignNexthop({ ...rig.kernel.ourNexthop(FIRST_ID, address(A), 5), protocol: 3 });
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A} ${B}`]);
    expect(rig.takeWarnings()).toContain("an object of another program is in the way; it is not changed");
  });

  test.each(["route", "group"])("a %s that names our object keeps it", async (what) => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    const isGroup = what === "group";
    const members = [{ id: FIRST_ID, weight: 1 }];
    if (isGroup) rig.kernel.foreignNexthop({ ...rig.kernel.ourGroup(9, members), protocol: 3 });
    else
      rig.kernel.foreignRoute({
        ...FOREIGN,
        table: 9,
        destination: prefix("10.9.0.0/16"),
        nexthopId: FIRST_ID,
      });
    await rig.restart();
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.kernel.ourNexthops()).toHaveLength(1);
    expect(rig.takeWarnings()).toContain(
      "one of our nexthops is kept, because foreign routes or groups use it",
    );
    if (isGroup) rig.kernel.deleteNexthop(9);
    else rig.kernel.deleteRoute(({ table }) => table === 9);
    rig.installer.reconcile();
    await rig.rest();
    expect(rig.kernel.ourNexthops()).toEqual([]);
  });
});

describe("the device", () => {
  test("must be there at the start", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.setLink(null);
    const error = await rig.start().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(KernelError);
    expect(error).toMatchObject({ code: "DEVICE_MISSING" });
  });

  test("may be down at the start", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.setLink({ isUp: false });
    await rig.start();
    expect(rig.takeWarnings()).toEqual([
      "tun is down or without a carrier, so the kernel takes no routes by it: ip link set tun up",
    ]);
    rig.added(route(`100 10.0.1.0/24 via ${A}`));
    await rig.rest();
    expect(rig.kernel.log).toEqual([]);
    rig.kernel.setLink({ isUp: true });
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });
});
