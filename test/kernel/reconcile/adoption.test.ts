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
  const bench = await InstallerUnderTest.started();
  await bench.add(...VIEW);
  bench.kernel.takeCounts();
  await bench.restart();
  return bench;
}

describe("after a restart", () => {
  test("what is wanted stays untouched, however slowly the view fills", async () => {
    const bench = await restarted();
    for (const text of VIEW.toReversed()) {
      await bench.add(text);
      await bench.advance(2_000);
    }
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({});
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.drift).toMatchObject({ routeExtra: 0, nexthopExtra: 0 });
  });

  test("what is not wanted goes when the view is complete, not before", async () => {
    const bench = await restarted();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({});
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(bench.kernel.ourNexthops()).toHaveLength(1);
    expect(bench.kernel.takeCounts()).toEqual({ "replace-route": 1, "delete-route": 2, "delete-nexthop": 2 });
  });

  test("what the reading at the start has missed is found by another one", async () => {
    const bench = await InstallerUnderTest.started();
    await bench.add(...VIEW);
    bench.kernel.missNext = 1;
    await bench.restart();
    await bench.add(...VIEW);
    await bench.complete(100);
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.table(100).ipv6).toMatchObject({ installed: 1, collided: 0 });
  });

  test("what has moved to another hop moves at once", async () => {
    const bench = await restarted();
    await bench.add(`100 10.0.2.0/24 via ${C}`);
    expect(bench.kernel.find(100, "10.0.2.0/24")?.nexthopId).toBe(FIRST_ID + 3);
  });

  test("what the view brought and withdrew goes when it is complete: another server may have it", async () => {
    const bench = await restarted();
    await bench.add(`100 10.0.2.0/24 via ${A}`);
    await bench.remove(`100 10.0.2.0/24 via ${A}`);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({});
    await bench.complete(100);
    expect(bench.kernel.find(100, "10.0.2.0/24")).toBeUndefined();
  });

  test("a hop that the view withdrew goes at once, while others are left", async () => {
    const bench = await restarted();
    await bench.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    await bench.remove(`100 10.0.1.0/24 via ${B}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, ...ROUTES.slice(1)]);
  });

  test("what we announce ourselves goes at once", async () => {
    const bench = await restarted();
    await bench.announce(`100 10.0.2.0/24 via ${C}`);
    expect(bench.kernel.find(100, "10.0.2.0/24")).toBeUndefined();
  });

  test("a table waits for all its VNIs", async () => {
    const mappings = [100, 200].map((vni) => ({ vni, table: 100 }));
    const bench = await restarted();
    await bench.restart({ mappings });
    await bench.complete(200);
    expect(bench.table(100).isSettled).toBe(false);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    await bench.complete(100);
    expect(bench.kernel.ours()).toEqual([]);
  });

  test("a VNI has no say in a shared table before those that win over it are complete", async () => {
    const bench = await restarted();
    await bench.restart({ mappings: [100, 200].map((vni) => ({ vni, table: 100 })) });
    await bench.add(`200 10.0.2.0/24 via ${B}`);
    await bench.announce(`200 fd00::/64 via ${C}`);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({});
    await bench.complete(100);
    await bench.add(`200 10.0.1.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([ROUTES[0], `100 10.0.2.0/24 via ${B}`].map(String));
  });

  test("a table that is no longer mapped goes when all mapped VNIs are complete", async () => {
    const bench = await restarted();
    await bench.restart({ mappings: [{ vni: 200, table: 200 }] });
    await bench.add(`200 10.0.1.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([...ROUTES, `200 10.0.1.0/24 via ${A}`]);
    await bench.complete(200);
    expect(bench.kernel.ours()).toEqual([`200 10.0.1.0/24 via ${A}`]);
  });

  test("routes of ours with a priority that we do not use go too", async () => {
    const bench = await restarted();
    const odd = { ...bench.kernel.ourRoute(100, prefix("10.0.2.0/24"), FIRST_ID), priority: 50 };
    bench.kernel.foreignRoute(odd);
    await bench.restart();
    await bench.add(...VIEW);
    await bench.complete(100);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.takeCounts()).toEqual({ "delete-route": 1 });
  });

  test("objects for another device are of no use: routes move away, then they go", async () => {
    const bench = await restarted();
    bench.kernel.nexthops.forEach((nexthop, id) => {
      if (nexthop.members === null) bench.kernel.nexthops.set(id, { ...nexthop, linkIndex: 77 });
    });
    await bench.restart();
    await bench.add(...VIEW);
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.ourNexthops().map(({ linkIndex }) => linkIndex)).not.toContain(77);
    expect(bench.kernel.takeCounts()).toMatchObject({ "replace-route": 3, "delete-nexthop": 3 });
  });

  test("a group of other weights is of no use", async () => {
    const bench = await restarted();
    await bench.restart({ preferredNetworks: [{ prefix: prefix(`${A}/128`), weight: 9 }] });
    await bench.add(...VIEW);
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}*9 ${B}`, ...ROUTES.slice(1)]);
    expect(bench.kernel.ourNexthops()).toHaveLength(3);
  });

  test("two objects of one address: one is used, the other goes", async () => {
    const bench = await restarted();
    bench.kernel.foreignNexthop(bench.kernel.ourNexthop(FIRST_ID + 50, address(A), 5));
    await bench.restart();
    await bench.add(...VIEW);
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({ "delete-nexthop": 1 });
    expect(bench.kernel.ours()).toEqual(ROUTES);
  });
});

describe("a predecessor's plain routes", () => {
  async function withPlain(table: number): Promise<InstallerUnderTest> {
    const bench = new InstallerUnderTest();
    for (const text of ["10.0.1.0/24", "10.0.9.0/24", "fd00::/64"]) {
      bench.kernel.foreignRoute({ ...bench.kernel.ourRoute(table, prefix(text), 0), linkIndex: 5 });
    }
    await bench.start();
    return bench;
  }

  test("are taken over by replace, and go when they are not wanted", async () => {
    const bench = await withPlain(100);
    await bench.add(`100 10.0.1.0/24 via ${A}`, `100 fd00::/64 via ${A}`);
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-route": 2 });
    expect(bench.kernel.ours()).toContain("100 10.0.9.0/24 via plain");
    await bench.complete(100);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 fd00::/64 via ${A}`]);
    expect(bench.kernel.takeCounts()).toEqual({ "delete-route": 1 });
  });

  test("are foreign in other tables", async () => {
    const bench = await withPlain(254);
    await bench.complete(100);
    expect(bench.kernel.log).toEqual([]);
  });

  test("are seen when their table is mapped later", async () => {
    const bench = await withPlain(7);
    await bench.complete(100, 200);
    bench.installer.setMappings([{ vni: 200, table: 7 }]);
    await bench.advance(1_000);
    expect(bench.kernel.ours()).toEqual([]);
  });
});

describe("foreign", () => {
  const FOREIGN = { protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1 };

  test("routes in the way are reported, counted and left alone, until they go", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    const before = bench.kernel.foreign();
    await bench.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${A}`]);
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 2, installed: 1, collided: 1, failed: 0 });
    expect(bench.takeWarnings()).toEqual(["an object of another program is in the way; it is not changed"]);
    expect(bench.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 1 }]);
    await bench.rest();
    expect(bench.kernel.foreign()).toEqual(before);
    expect(bench.status.readings).toBe(1);
    bench.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await bench.settle();
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`]);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 2, collided: 0 });
  });

  test("routes in the way are tried again with back-off", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    await bench.advance(16_000);
    // At 0, 1, 3, 7 and 15 s.
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-route EEXIST": 5 });
  });

  test("routes of another priority are not in the way", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.foreignRoute({ ...FOREIGN, table: 100, priority: 10, destination: prefix("10.0.1.0/24") });
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("routes beside ours survive its change: it makes room instead of hitting them", async () => {
    const bench = await InstallerUnderTest.started();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    // As "ip route prepend" does.
    bench.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    const key = [...bench.kernel.routes.keys()][0] ?? "";
    bench.kernel.routes.get(key)?.reverse();
    await bench.advance(1_000);
    // The kernel may take that one: nobody can see it from what is installed.
    const warned = "another program has a route with the same metric as one of ours; it is not changed";
    expect(bench.takeWarnings()).toEqual([warned]);
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 1, installed: 1, collided: 1 });
    expect(bench.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 0 }]);
    bench.installer.reconcile();
    await bench.advance(2_000);
    expect(bench.takeWarnings()).toEqual([]);
    await bench.add(`100 10.0.1.0/24 via ${B}`);
    await bench.rest();
    expect(bench.kernel.violations).toEqual([]);
    expect(bench.kernel.ours()).toEqual([]);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 0, collided: 1 });
  });

  test("routes beside ours are counted no more when they are gone", async () => {
    const bench = await InstallerUnderTest.started();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    bench.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix("10.0.1.0/24") });
    await bench.advance(1_000);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 1, collided: 1 });
    bench.kernel.deleteRoute(({ protocol }) => protocol === FOREIGN.protocol);
    await bench.advance(2_000);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 1, collided: 0 });
    expect(bench.installer.faults(9)).toEqual([]);
  });

  test("routes beside a predecessor's plain one stop it from being taken over, which is reported", async () => {
    const bench = new InstallerUnderTest();
    const plain = bench.kernel.ourRoute(100, prefix("10.0.1.0/24"), 0);
    bench.kernel.foreignRoute(plain);
    bench.kernel.foreignRoute({ ...plain, protocol: 3 });
    await bench.start();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 1 });
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 1, installed: 1, collided: 1 });
    expect(bench.installer.faults(9)).toMatchObject([{ table: 100, code: "EEXIST", attempts: 1 }]);
    expect(bench.takeWarnings()).toEqual(["a destination cannot be repaired"]);
    bench.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 1, collided: 0 });
  });

  test("ids in our block are stepped over", async () => {
    const bench = new InstallerUnderTest();
    bench.kernel.foreignNexthop({ ...bench.kernel.ourNexthop(FIRST_ID, address(A), 5), protocol: 3 });
    bench.kernel.foreignNexthop({ ...bench.kernel.ourNexthop(FIRST_ID + 1, address(A), 5), isOdd: true });
    await bench.start();
    await bench.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A} ${B}`]);
    expect(bench.kernel.find(100, "10.0.1.0/24")?.nexthopId).toBe(FIRST_ID + 4);
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 2, "add-group": 1, "add-route": 1 });
  });

  test("ids that were taken unseen are reported, and others are used", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.isDeaf = true;
    bench.kernel.foreignNexthop({ ...bench.kernel.ourNexthop(FIRST_ID, address(A), 5), protocol: 3 });
    await bench.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A} ${B}`]);
    expect(bench.takeWarnings()).toContain("an object of another program is in the way; it is not changed");
  });

  test.each(["route", "group"])("a %s that names our object keeps it", async (what) => {
    const bench = await InstallerUnderTest.started();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    const isGroup = what === "group";
    const members = [{ id: FIRST_ID, weight: 1 }];
    if (isGroup) bench.kernel.foreignNexthop({ ...bench.kernel.ourGroup(9, members), protocol: 3 });
    else
      bench.kernel.foreignRoute({
        ...FOREIGN,
        table: 9,
        destination: prefix("10.9.0.0/16"),
        nexthopId: FIRST_ID,
      });
    await bench.restart();
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([]);
    expect(bench.kernel.ourNexthops()).toHaveLength(1);
    expect(bench.takeWarnings()).toContain(
      "one of our nexthops is kept, because foreign routes or groups use it",
    );
    if (isGroup) bench.kernel.deleteNexthop(9);
    else bench.kernel.deleteRoute(({ table }) => table === 9);
    bench.installer.reconcile();
    await bench.rest();
    expect(bench.kernel.ourNexthops()).toEqual([]);
  });
});

describe("the device", () => {
  test("must be there at the start", async () => {
    const bench = new InstallerUnderTest();
    bench.kernel.setLink(null);
    const error = await bench.start().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(KernelError);
    expect(error).toMatchObject({ code: "DEVICE_MISSING" });
  });

  test("may be down at the start", async () => {
    const bench = new InstallerUnderTest();
    bench.kernel.setLink({ isUp: false });
    await bench.start();
    expect(bench.takeWarnings()).toEqual([
      "tun is down or without a carrier, so the kernel takes no routes by it: ip link set tun up",
    ]);
    bench.installer.added(route(`100 10.0.1.0/24 via ${A}`));
    await bench.rest();
    expect(bench.kernel.log).toEqual([]);
    bench.kernel.setLink({ isUp: true });
    await bench.advance(1_000);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });
});
