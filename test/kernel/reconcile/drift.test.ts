/** What others do to our routes, the device, and failures: everything leads back to what is wanted. */
import { describe, expect, test } from "bun:test";
import { KernelError } from "../../../src/kernel/kernel.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { FIRST_ID, InstallerUnderTest, prefix, route } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const A = "2001:db8::a";
const B = "2001:db8::b";
const VIEW = [
  `100 10.0.1.0/24 via ${A}`,
  `100 10.0.1.0/24 via ${B}`,
  `100 10.0.2.0/24 via ${A}`,
  `100 fd00::/64 via ${B}`,
];
const ROUTES = [`100 10.0.1.0/24 via ${A} ${B}`, `100 10.0.2.0/24 via ${A}`, `100 fd00::/64 via ${B}`];
const FOREIGN = { protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, table: 100 };

async function installed(reconcileIntervalSeconds = 0): Promise<InstallerUnderTest> {
  const bench = await InstallerUnderTest.started({ reconcileIntervalSeconds });
  await bench.add(...VIEW);
  await bench.complete(100);
  await bench.advance(5_000);
  bench.kernel.takeCounts();
  bench.takeWarnings();
  return bench;
}

describe("somebody else", () => {
  test("deletes a route of ours: it is put back at once, without a reading", async () => {
    const bench = await installed();
    bench.kernel.deleteRoute(({ destination }) => destination.lengthBits === 24);
    await bench.settle();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.takeCounts()).toEqual({ "add-route": 1 });
    expect(bench.status).toMatchObject({ readings: 1, drift: { routeMissing: 1 } });
    expect(bench.takeWarnings()).toEqual([
      "one of our routes was deleted by another program; it will be restored",
    ]);
  });

  test("replaces a route of ours: it is a collision then, until it goes", async () => {
    const bench = await installed();
    bench.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await bench.add(`100 10.0.2.0/24 via ${B}`);
    await bench.advance(1_000);
    expect(bench.kernel.violations).toEqual([]);
    expect(bench.table(100).ipv4).toMatchObject({ collided: 1, installed: 1 });
    bench.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await bench.settle();
    expect(bench.kernel.ours()).toEqual([ROUTES[0], `100 10.0.2.0/24 via ${A} ${B}`, ROUTES[2]].map(String));
  });

  test("replaces a route of ours in the very moment when we would change it: that is heard of before", async () => {
    const bench = await installed();
    bench.kernel.isBusy = true;
    bench.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await bench.add(`100 10.0.2.0/24 via ${B}`);
    await bench.advance(3_000);
    expect(bench.kernel.violations).toEqual([]);
    expect(bench.table(100).ipv4).toMatchObject({ collided: 1, installed: 1 });
  });

  test("deletes an object of ours: its routes and groups are made again", async () => {
    const bench = await installed();
    bench.kernel.deleteNexthop(FIRST_ID);
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.drift).toMatchObject({ nexthopMissing: 1, nexthopChanged: 1 });
    expect(bench.takeWarnings()).toEqual([
      "one of our nexthops was deleted by another program; its routes will be restored",
      "one of our nexthops was changed by another program; its routes will use a new one",
    ]);
    expect(bench.status.readings).toBe(1);
    expect(bench.kernel.ourNexthops()).toHaveLength(3);
  });

  test("deletes a group of ours", async () => {
    const bench = await installed();
    const group = bench.kernel.ourNexthops().find(({ members }) => members !== null);
    bench.kernel.deleteNexthop(group?.id ?? 0);
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
  });

  test("deletes groups again and again within a moment: routes are back each time, without a reading", async () => {
    const bench = await installed();
    for (let round = 1; round <= 50; round++) {
      for (const { id, members } of bench.kernel.ourNexthops()) {
        if (members !== null) bench.kernel.deleteNexthop(id);
      }
      expect(bench.kernel.ours()).toHaveLength(2);
      // No time passes.
      await bench.settle();
      expect(bench.kernel.ours()).toEqual(ROUTES);
      expect(bench.status).toMatchObject({
        readings: 1,
        drift: { nexthopMissing: round, routeMissing: round },
      });
    }
    expect(bench.takeWarnings()).toHaveLength(10);
  });

  test("deletes a group while routes are added by it: they follow at once, without waiting for a retry", async () => {
    const bench = await installed();
    let isOnce = true;
    bench.kernel.onOperation = ({ type }) => {
      if (type !== "add-route" || !isOnce) return;
      isOnce = false;
      const group = bench.kernel.ourNexthops().find(({ members }) => members !== null);
      // Word of it comes later.
      bench.kernel.isBusy = true;
      bench.kernel.deleteNexthop(group?.id ?? 0);
    };
    for (const hop of [A, B]) bench.installer.added(route(`100 10.0.7.0/24 via ${hop}`));
    await bench.settle();
    bench.kernel.isBusy = false;
    bench.kernel.poll();
    // No time passes.
    await bench.settle();
    expect(bench.kernel.ours()).toContain(`100 10.0.7.0/24 via ${A} ${B}`);
    expect(bench.kernel.ours()).toContain(`100 10.0.1.0/24 via ${A} ${B}`);
    expect(bench.status.readings).toBe(1);
  });

  test("deletes an object that was made before a group with a lower id: its id is not used again", async () => {
    const bench = await InstallerUnderTest.started();
    const texts = [A, B].map((hop) => `100 10.0.1.0/24 via ${hop}`);
    for (const text of [...texts, "100 10.0.3.0/24 via 2001:db8::c"]) bench.installer.added(route(text));
    await bench.settle();
    const group = bench.kernel.ourNexthops().find(({ members }) => members !== null)?.id ?? 0;
    const { nexthopId = 0 } = bench.kernel.find(100, "10.0.3.0/24") ?? {};
    expect(nexthopId).toBeGreaterThan(group);
    bench.kernel.deleteNexthop(nexthopId);
    await bench.settle();
    expect(bench.kernel.find(100, "10.0.3.0/24")?.nexthopId).toBeGreaterThan(nexthopId);
  });

  test("deletes a nexthop of ours by which a foreign route stood in our way: ours follows at once", async () => {
    const bench = await installed();
    const { nexthopId = 0 } = bench.kernel.find(100, "fd00::/64") ?? {};
    const destination = prefix("fd07::/64");
    bench.kernel.foreignRoute({ ...FOREIGN, priority: 1024, destination, nexthopId });
    await bench.add(`100 fd07::/64 via ${A}`);
    expect(bench.table(100).ipv6).toMatchObject({ collided: 1 });
    bench.kernel.deleteNexthop(nexthopId);
    // No time passes.
    await bench.settle();
    expect(bench.kernel.ours()).toEqual([...ROUTES, `100 fd07::/64 via ${A}`]);
    expect(bench.table(100).ipv6).toMatchObject({ collided: 0 });
  });

  test("deletes a group with thousands of routes: all are put back in slices, without a reading", async () => {
    const bench = await installed();
    const routes = Array.from({ length: 5_000 }, (_, n) => `10.${64 + (n >> 8)}.${n & 255}.0/24`);
    for (const hop of [A, B]) for (const to of routes) bench.installer.added(route(`100 ${to} via ${hop}`));
    await bench.settle();
    bench.kernel.takeCounts();
    const group = bench.kernel.ourNexthops().find(({ members }) => members !== null);
    bench.kernel.deleteNexthop(group?.id ?? 0);
    await bench.settle();
    expect(bench.kernel.ours()).toHaveLength(5_003);
    expect(bench.kernel.takeCounts()).toEqual({ "add-group": 1, "add-route": 5_001 });
    expect(bench.status.readings).toBe(1);
  });

  test("deletes a route each time that it is put back: that is done less and less often, and said once", async () => {
    const bench = await installed();
    let isFighting = true;
    const deleteIt = () => {
      bench.kernel.deleteRoute(({ destination }) => formatPrefix(destination) === "10.0.2.0/24");
    };
    const { apply } = bench.kernel;
    bench.kernel.apply = (operations, linkIndex) => {
      const failures = apply.call(bench.kernel, operations, linkIndex);
      for (const operation of operations) {
        if (!isFighting || operation.type !== "add-route") continue;
        queueMicrotask(deleteIt);
      }
      return failures;
    };
    const isLess = "another program removes our routes again and again; they are restored less often";
    deleteIt();
    await bench.advance(600_000);
    const { done } = bench.status.operations["add-route"];
    // At once up to a limit, then after 1, 2, 4 … 64 seconds.
    expect(done).toBeGreaterThan(60);
    expect(done).toBeLessThan(90);
    expect(bench.takeWarnings().filter((line) => line === isLess)).toHaveLength(1);
    expect(bench.installer.faults(9)).toMatchObject([{ table: 100, code: "REMOVED_BY_OTHERS" }]);
    isFighting = false;
    await bench.rest();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.installer.faults(9)).toEqual([]);
    // Left alone for some time, it is put back at once as before.
    await bench.advance(200_000);
    deleteIt();
    await bench.settle();
    expect(bench.kernel.ours()).toEqual(ROUTES);
  });

  test("replaces an object of ours again and again: its routes move each time, in a bounded log", async () => {
    const bench = await installed();
    const foreign: number[] = [];
    for (let round = 0; round < 40; round++) {
      const { nexthopId = 0 } = bench.kernel.find(100, "10.0.2.0/24") ?? {};
      foreign.push(nexthopId);
      bench.kernel.replaceNexthop({ ...bench.kernel.ourNexthop(nexthopId, address(A), 5), protocol: 11 });
      await bench.settle();
      expect(bench.kernel.ours()).toEqual(ROUTES);
    }
    await bench.rest();
    expect(new Set(foreign).size).toBe(40);
    expect(bench.kernel.foreign()).toHaveLength(40);
    expect(bench.kernel.ourNexthops()).toHaveLength(3);
    expect(bench.kernel.violations).toEqual([]);
    expect(bench.takeWarnings().length).toBeLessThan(15);
  });

  test("takes the foreign object away to which routes of ours were led: they are missing", async () => {
    const bench = await installed();
    const { nexthopId = 0 } = bench.kernel.find(100, "fd00::/64") ?? {};
    bench.kernel.isDeaf = true;
    bench.kernel.replaceNexthop({ ...bench.kernel.ourNexthop(nexthopId, address(B), 5), protocol: 11 });
    bench.kernel.isDeaf = false;
    // While the device is down, the reading cannot be followed by repairs.
    bench.kernel.deleteNexthop(nexthopId);
    await bench.settle();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.readings).toBe(1);
  });

  test("takes an IPv4 address away: only where there are plain routes, the kernel is read, once for many", async () => {
    const bench = await installed();
    bench.kernel.tellAddress(address("192.0.2.1"), true);
    await bench.advance(3_000);
    expect(bench.status.readings).toBe(1);
    const plain = bench.kernel.ourRoute(100, prefix("10.0.9.0/24"), 0);
    const other = await InstallerUnderTest.started();
    other.kernel.foreignRoute(plain);
    await other.restart();
    expect(other.table(100).ipv4.installed).toBe(1);
    const { readings } = other.status;
    other.kernel.isDeaf = true;
    other.kernel.deleteRoute(({ nexthopId }) => nexthopId === 0);
    other.kernel.isDeaf = false;
    for (let n = 1; n <= 20; n++) other.kernel.tellAddress(address(`192.0.2.${n}`), true);
    await other.advance(3_000);
    expect(other.table(100).ipv4.installed).toBe(0);
    expect(other.status.readings).toBe(readings + 1);
  });

  test("makes objects and routes of our protocol in our block: they go", async () => {
    const bench = await installed();
    bench.kernel.foreignNexthop(bench.kernel.ourNexthop(FIRST_ID + 99, address("fd00::9"), 5));
    bench.kernel.foreignRoute(bench.kernel.ourRoute(7, prefix("10.7.0.0/16"), FIRST_ID + 99));
    await bench.advance(5_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.ourNexthops()).toHaveLength(3);
  });

  test("deletes a route that we have just replaced: the late word does no harm", async () => {
    const bench = await installed();
    const before = bench.kernel.find(100, "10.0.2.0/24");
    await bench.add(`100 10.0.2.0/24 via ${B}`);
    if (before !== undefined)
      bench.kernel.tell({ type: "route", isDeleted: true, isReplacing: false, route: before });
    await bench.advance(3_000);
    expect(bench.kernel.takeCounts()).toEqual({ "replace-route": 1 });
    expect(bench.status.readings).toBe(1);
  });

  test("is said to have deleted a route that is there: a reading settles it", async () => {
    const bench = await installed();
    const there = bench.kernel.find(100, "10.0.2.0/24");
    if (there !== undefined)
      bench.kernel.tell({ type: "route", isDeleted: true, isReplacing: false, route: there });
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 2, collided: 0, failed: 0 });
    expect(bench.status.readings).toBe(2);
  });
});

describe("the device", () => {
  test("goes down and up: nothing is tried while it is down, everything is rebuilt when it is up", async () => {
    const bench = await installed();
    bench.kernel.setLink({ isUp: false });
    // Of IPv6 routes the kernel tells that they went.
    const route = bench.kernel.ourRoute(100, prefix("fd00::/64"), FIRST_ID + 1);
    bench.kernel.tell({ type: "route", isDeleted: true, isReplacing: false, route });
    await bench.rest();
    await bench.add(`100 10.0.3.0/24 via ${A}`);
    expect(bench.kernel.log).toEqual([]);
    expect(bench.takeWarnings()).toEqual(["the tunnel device is not up; the kernel has removed its routes"]);
    expect(bench.status.isUp).toBe(false);
    bench.kernel.setLink({ isUp: true });
    await bench.advance(1_500);
    expect(bench.kernel.ours()).toEqual([
      ...ROUTES.slice(0, 2),
      `100 10.0.3.0/24 via ${A}`,
      ...ROUTES.slice(2),
    ]);
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 2, "add-group": 1, "add-route": 4 });
  });

  test.each([
    ["is down", { isUp: false }],
    ["is gone", null],
  ])(
    "%s: a second later it is known what is left, and all is rebuilt at once when it is back",
    async (_, away) => {
      const bench = await installed();
      bench.kernel.setLink(away);
      await bench.advance(1_500);
      const { ipv4, ipv6 } = bench.table(100);
      expect([ipv4.wanted, ipv4.installed, ipv4.pending]).toEqual([2, 0, 2]);
      expect([ipv6.wanted, ipv6.installed, ipv6.pending]).toEqual([1, 0, 1]);
      expect([bench.status.objects, bench.status.groups]).toEqual([0, 0]);
      const { readings } = bench.status;
      await bench.rest();
      expect(bench.status.readings).toBe(readings);
      bench.installer.reconcile();
      await bench.advance(1_500);
      bench.kernel.setLink({ isUp: true });
      await bench.settle();
      expect(bench.kernel.ours()).toEqual(ROUTES);
      expect(bench.table(100).ipv4).toMatchObject({ installed: 2, pending: 0 });
      expect(bench.takeWarnings()).toHaveLength(1);
    },
  );

  test("is gone, and what is left cannot be read at first: that is tried again", async () => {
    const bench = await installed();
    const { eachRoute } = bench.kernel;
    bench.kernel.eachRoute = () => Promise.reject(new KernelError("SOCKET_FAILED", "no buffer space"));
    bench.kernel.setLink(null);
    await bench.advance(1_500);
    expect(bench.table(100).ipv4.installed).toBe(2);
    bench.kernel.eachRoute = eachRoute;
    await bench.advance(3_000);
    expect(bench.table(100).ipv4.installed).toBe(0);
    expect(bench.takeWarnings()).toContain("netlink failed; it is tried again");
  });

  test("flaps faster than the kernel is read", async () => {
    const bench = await installed();
    for (let i = 0; i < 20; i++) {
      bench.kernel.setLink({ isUp: false });
      bench.kernel.setLink({ isUp: true });
      await bench.advance(100);
    }
    await bench.rest();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.readings).toBeLessThan(6);
  });

  test("comes up before the pause between readings is over: everything is rebuilt at once", async () => {
    const bench = await installed();
    bench.kernel.setLink({ isUp: false });
    await bench.settle();
    bench.kernel.setLink({ isUp: true });
    await bench.settle();
    expect(bench.kernel.ours()).toEqual(ROUTES);
  });

  test("is given another name: its routes stay, and change", async () => {
    const bench = await installed();
    bench.kernel.setLink({ name: "old" });
    await bench.rest();
    await bench.remove(`100 10.0.2.0/24 via ${A}`);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual(ROUTES.filter((line) => !line.startsWith("100 10.0.2.0/24")));
    expect(bench.takeWarnings()).toEqual(["the tunnel device was renamed; its routes stay on it"]);
  });

  test("is made anew, with another index", async () => {
    const bench = await installed();
    bench.kernel.setLink(null);
    await bench.rest();
    bench.kernel.setLink({ index: 9 });
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status).toMatchObject({ linkIndex: 9, isUp: true });
    expect(new Set(bench.kernel.ourNexthops().map(({ linkIndex }) => linkIndex))).toEqual(new Set([9, 0]));
  });
});

describe("readings", () => {
  test("find silent drift on their interval, repair it, count it and say so", async () => {
    const bench = await installed(60);
    bench.kernel.isDeaf = true;
    bench.kernel.deleteRoute(({ destination }) => destination.family === 6);
    bench.kernel.foreignRoute(bench.kernel.ourRoute(100, prefix("10.0.2.0/24"), FIRST_ID + 1), "replace");
    bench.kernel.foreignRoute(bench.kernel.ourRoute(100, prefix("10.0.8.0/24"), FIRST_ID + 1));
    await bench.advance(61_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.drift).toMatchObject({ routeMissing: 1, routeChanged: 1, routeExtra: 1 });
    expect(bench.takeWarnings()).toEqual(["the kernel's routes had drifted; ours will be repaired"]);
    expect(bench.kernel.takeCounts()).toEqual({ "add-route": 1, "replace-route": 1, "delete-route": 1 });
  });

  test("come as often as they are asked for, and not at all without an interval", async () => {
    const bench = await installed(60);
    await bench.advance(300_000);
    expect(bench.status.readings).toBe(6);
    expect(bench.status.lastReadForMs).toBeLessThan(60_000);
    expect(bench.kernel.takeCounts()).toEqual({});
    const without = await installed(0);
    await without.advance(300_000);
    expect(without.status.readings).toBe(1);
  });

  test("that miss routes which are there take a second look, and nothing is repaired", async () => {
    const bench = await installed();
    bench.kernel.missNext = 1;
    bench.installer.reconcile();
    await bench.rest();
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.takeCounts()).toEqual({});
    expect(bench.takeWarnings()).toEqual([]);
    expect(bench.status.drift.routeMissing).toBe(0);
  });

  test("that are not whole take nothing away: what was not met is added, which shows whether it is there", async () => {
    const bench = await installed();
    bench.kernel.isDeaf = true;
    bench.kernel.deleteRoute(({ destination }) => destination.family === 6);
    bench.kernel.isDeaf = false;
    bench.kernel.cutAfter = 1;
    bench.installer.reconcile();
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.kernel.takeCounts()).toEqual({ "add-route": 1, "add-route EEXIST": 1 });
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 2, installed: 2, collided: 0, failed: 0 });
    expect(bench.status.drift.routeMissing).toBe(1);
    expect(bench.takeWarnings()).toHaveLength(1);
    // Moved, and withdrawn, as the book has it; what is not needed any more stays.
    await bench.remove(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`, `100 fd00::/64 via ${B}`]);
    expect(bench.kernel.ourNexthops()).toHaveLength(3);
    bench.kernel.cutAfter = Number.POSITIVE_INFINITY;
    bench.installer.reconcile();
    await bench.rest();
    expect(bench.kernel.ourNexthops()).toHaveLength(1);
    expect(bench.kernel.violations).toEqual([]);
  });

  test("keep no more events than they need: a flood of them is answered by another reading", async () => {
    const bench = await installed();
    const { eachRoute } = bench.kernel;
    const flood = { ...FOREIGN, table: 9, destination: prefix("192.0.2.0/24") };
    bench.kernel.eachRoute = (ours, visit) => {
      bench.kernel.eachRoute = eachRoute;
      bench.kernel.deleteRoute(({ destination }) => destination.family === 6);
      for (let i = 0; i < 20_000; i++)
        bench.kernel.tell({ type: "route", isDeleted: false, isReplacing: false, route: flood });
      return eachRoute.call(bench.kernel, ours, visit);
    };
    bench.installer.reconcile();
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toEqual(ROUTES);
    expect(bench.status.readings).toBe(3);
  });

  test("come at most once a second in a storm of events, and nothing is done blindly", async () => {
    const bench = await installed();
    for (let i = 0; i < 50; i++) {
      bench.kernel.tell({ type: "overrun" });
      await bench.advance(100);
    }
    expect(bench.status.readings).toBeLessThan(8);
    bench.kernel.tell({ type: "overrun" });
    bench.kernel.isDeaf = true;
    bench.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await bench.add(`100 10.0.2.0/24 via ${B}`);
    await bench.rest();
    expect(bench.kernel.violations).toEqual([]);
    expect(bench.table(100).ipv4.collided).toBe(1);
  });

  test("that fail are tried again", async () => {
    const bench = await installed();
    const { eachRoute } = bench.kernel;
    bench.kernel.eachRoute = () => Promise.reject(new KernelError("SOCKET_FAILED", "no buffer space"));
    bench.installer.reconcile();
    await bench.advance(3_000);
    expect(bench.takeWarnings()).toContain("netlink failed; it is tried again");
    bench.kernel.eachRoute = eachRoute;
    await bench.add(`100 10.0.3.0/24 via ${A}`);
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toHaveLength(4);
  });
});

describe("failures", () => {
  test("of one route hold up no other, and are tried again with back-off", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.refuse = (operation) =>
      operation.type === "add-route" && operation.destination.lengthBits === 25
        ? ["EINVAL", "Invalid prefix"]
        : null;
    await bench.add(`100 10.0.1.0/25 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${A}`]);
    expect(bench.lines.find(({ level }) => level === "warn")).toMatchObject({
      message: "the kernel refused an operation; it is tried again",
      fields: {
        operation: `ip route add 10.0.1.0/25 table 100 nhid ${FIRST_ID} proto 254`,
        code: "EINVAL",
        message: "Invalid prefix",
      },
    });
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 2, installed: 1, failed: 1 });
    bench.kernel.takeCounts();
    await bench.advance(8_000);
    expect(bench.kernel.takeCounts()["add-route EINVAL"]).toBeLessThanOrEqual(4);
    // One to see whether the object is there; more would not help.
    expect(bench.status.readings).toBe(2);
    bench.kernel.refuse = () => null;
    await bench.rest();
    expect(bench.kernel.ours()).toHaveLength(2);
    expect(bench.table(100).ipv4).toMatchObject({ installed: 2, failed: 0 });
  });

  test("of an object leave its destinations as they are", async () => {
    const bench = await InstallerUnderTest.started();
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    bench.kernel.refuse = ({ type }) =>
      type === "add-nexthop" ? ["ENOMEM", "Cannot allocate memory"] : null;
    await bench.add(`100 10.0.1.0/24 via ${B}`, `100 10.0.2.0/24 via ${B}`, `100 10.0.3.0/24 via ${A}`);
    expect(bench.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.3.0/24 via ${A}`]);
    expect(bench.table(100).ipv4.failed).toBe(2);
    const reason = "its nexthop could not be made: Cannot allocate memory";
    expect(bench.installer.faults(9)).toMatchObject([
      { code: "ENOMEM", message: reason },
      { code: "ENOMEM", message: reason },
    ]);
    // The object's failure is told; that of what needs it, only to who hunts a fault.
    expect(bench.takeWarnings()).toEqual(["the kernel refused an operation; it is tried again"]);
    bench.kernel.refuse = () => null;
    await bench.advance(2_000);
    expect(bench.kernel.ours()).toContain(`100 10.0.1.0/24 via ${A} ${B}`);
    expect(bench.kernel.ours()).toContain(`100 10.0.2.0/24 via ${B}`);
    expect(bench.table(100).ipv4.failed).toBe(0);
  });

  test("of a route that is not wanted any more are forgotten", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "Cannot allocate memory"] : null);
    await bench.add(`100 10.0.1.0/24 via ${A}`);
    await bench.remove(`100 10.0.1.0/24 via ${A}`);
    await bench.rest();
    expect(bench.table(100).ipv4).toMatchObject({ wanted: 0, failed: 0 });
    expect(bench.kernel.ourNexthops()).toEqual([]);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test("of the socket are answered by a reading", async () => {
    const bench = await installed();
    const apply = bench.kernel.apply;
    bench.kernel.apply = () => {
      throw new KernelError("SOCKET_FAILED", "no buffer space");
    };
    await bench.add(`100 10.0.3.0/24 via ${A}`);
    bench.kernel.apply = apply;
    await bench.advance(3_000);
    expect(bench.kernel.ours()).toContain(`100 10.0.3.0/24 via ${A}`);
  });

  test("are told ten times a minute, not a thousand", async () => {
    const bench = await InstallerUnderTest.started();
    bench.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "Cannot allocate memory"] : null);
    for (let i = 0; i < 100; i++) bench.installer.added(route(`100 10.0.${i}.0/24 via ${A}`));
    await bench.settle();
    expect(bench.takeWarnings()).toHaveLength(10);
  });
});
