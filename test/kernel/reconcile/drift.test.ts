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
  const rig = await InstallerUnderTest.started({ reconcileIntervalSeconds });
  await rig.add(...VIEW);
  await rig.complete(100);
  await rig.advance(5_000);
  rig.kernel.takeCounts();
  rig.takeWarnings();
  return rig;
}

describe("another program", () => {
  test("deletes a route of ours: it is put back at once, without a scan", async () => {
    const rig = await installed();
    rig.kernel.deleteRoute(({ destination }) => destination.lengthBits === 24);
    await rig.settle();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.takeCounts()).toEqual({ "add-route": 1 });
    expect(rig.status).toMatchObject({ scans: 1, drift: { routeMissing: 1 } });
    expect(rig.takeWarnings()).toEqual([
      "one of our routes was deleted by another program; it will be restored",
    ]);
  });

  test("replaces a route of ours: it is a collision then, until it goes", async () => {
    const rig = await installed();
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await rig.add(`100 10.0.2.0/24 via ${B}`);
    await rig.advance(1_000);
    expect(rig.kernel.violations).toEqual([]);
    expect(rig.table(100).ipv4).toMatchObject({ collided: 1, installed: 1 });
    rig.kernel.deleteRoute(({ protocol }) => protocol === 3);
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([ROUTES[0], `100 10.0.2.0/24 via ${A} ${B}`, ROUTES[2]].map(String));
  });

  test("replaces a route of ours in the very moment when we would change it: its notification is handled before", async () => {
    const rig = await installed();
    rig.kernel.isBusy = true;
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await rig.add(`100 10.0.2.0/24 via ${B}`);
    await rig.advance(3_000);
    expect(rig.kernel.violations).toEqual([]);
    expect(rig.table(100).ipv4).toMatchObject({ collided: 1, installed: 1 });
  });

  test("deletes an object of ours: its routes and groups are made again", async () => {
    const rig = await installed();
    rig.kernel.deleteNexthop(FIRST_ID);
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.drift).toMatchObject({ nexthopMissing: 1, nexthopChanged: 1 });
    expect(rig.takeWarnings()).toEqual([
      "one of our nexthops was deleted by another program; its routes will be restored",
      "one of our nexthops was changed by another program; its routes will use a new one",
    ]);
    expect(rig.status.scans).toBe(1);
    expect(rig.kernel.ourNexthops()).toHaveLength(3);
  });

  test("deletes a group of ours", async () => {
    const rig = await installed();
    const group = rig.kernel.ourNexthops().find(({ members }) => members !== null);
    rig.kernel.deleteNexthop(group?.id ?? 0);
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
  });

  test("deletes groups again and again within a moment: routes are back each time, without a scan", async () => {
    const rig = await installed();
    for (let round = 1; round <= 50; round++) {
      for (const { id, members } of rig.kernel.ourNexthops()) {
        if (members !== null) rig.kernel.deleteNexthop(id);
      }
      expect(rig.kernel.ours()).toHaveLength(2);
      // No time passes.
      await rig.settle();
      expect(rig.kernel.ours()).toEqual(ROUTES);
      expect(rig.status).toMatchObject({
        scans: 1,
        drift: { nexthopMissing: round, routeMissing: round },
      });
    }
    expect(rig.takeWarnings()).toHaveLength(10);
  });

  test("deletes a group while routes are added by it: they follow at once, without waiting for a retry", async () => {
    const rig = await installed();
    let isOnce = true;
    rig.kernel.onOperation = ({ type }) => {
      if (type !== "add-route" || !isOnce) return;
      isOnce = false;
      const group = rig.kernel.ourNexthops().find(({ members }) => members !== null);
      // Word of it comes later.
      rig.kernel.isBusy = true;
      rig.kernel.deleteNexthop(group?.id ?? 0);
    };
    for (const hop of [A, B]) rig.added(route(`100 10.0.7.0/24 via ${hop}`));
    await rig.settle();
    rig.kernel.isBusy = false;
    rig.kernel.poll();
    // No time passes.
    await rig.settle();
    expect(rig.kernel.ours()).toContain(`100 10.0.7.0/24 via ${A} ${B}`);
    expect(rig.kernel.ours()).toContain(`100 10.0.1.0/24 via ${A} ${B}`);
    expect(rig.status.scans).toBe(1);
  });

  test("deletes an object that was made before a group with a lower id: its id is not used again", async () => {
    const rig = await InstallerUnderTest.started();
    const texts = [A, B].map((hop) => `100 10.0.1.0/24 via ${hop}`);
    for (const text of [...texts, "100 10.0.3.0/24 via 2001:db8::c"]) rig.added(route(text));
    await rig.settle();
    const group = rig.kernel.ourNexthops().find(({ members }) => members !== null)?.id ?? 0;
    const { nexthopId = 0 } = rig.kernel.find(100, "10.0.3.0/24") ?? {};
    expect(nexthopId).toBeGreaterThan(group);
    rig.kernel.deleteNexthop(nexthopId);
    await rig.settle();
    expect(rig.kernel.find(100, "10.0.3.0/24")?.nexthopId).toBeGreaterThan(nexthopId);
  });

  test("deletes a nexthop of ours by which a foreign route stood in our way: ours follows at once", async () => {
    const rig = await installed();
    const { nexthopId = 0 } = rig.kernel.find(100, "fd00::/64") ?? {};
    const destination = prefix("fd07::/64");
    rig.kernel.foreignRoute({ ...FOREIGN, priority: 1024, destination, nexthopId });
    await rig.add(`100 fd07::/64 via ${A}`);
    expect(rig.table(100).ipv6).toMatchObject({ collided: 1 });
    rig.kernel.deleteNexthop(nexthopId);
    // No time passes.
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([...ROUTES, `100 fd07::/64 via ${A}`]);
    expect(rig.table(100).ipv6).toMatchObject({ collided: 0 });
  });

  test("deletes a group with thousands of routes: all are put back in slices, without a scan", async () => {
    const rig = await installed();
    const routes = Array.from({ length: 5_000 }, (_, n) => `10.${64 + (n >> 8)}.${n & 255}.0/24`);
    for (const hop of [A, B]) for (const to of routes) rig.added(route(`100 ${to} via ${hop}`));
    await rig.settle();
    rig.kernel.takeCounts();
    const group = rig.kernel.ourNexthops().find(({ members }) => members !== null);
    rig.kernel.deleteNexthop(group?.id ?? 0);
    await rig.settle();
    expect(rig.kernel.ours()).toHaveLength(5_003);
    expect(rig.kernel.takeCounts()).toEqual({ "add-group": 1, "add-route": 5_001 });
    expect(rig.status.scans).toBe(1);
  });

  test("deletes a route each time that it is put back: that is done less and less often, and said once", async () => {
    const rig = await installed();
    let isFighting = true;
    const deleteIt = () => {
      rig.kernel.deleteRoute(({ destination }) => formatPrefix(destination) === "10.0.2.0/24");
    };
    const { apply } = rig.kernel;
    rig.kernel.apply = (operations, linkIndex) => {
      const failures = apply.call(rig.kernel, operations, linkIndex);
      for (const operation of operations) {
        if (!isFighting || operation.type !== "add-route") continue;
        queueMicrotask(deleteIt);
      }
      return failures;
    };
    const isLess = "another program removes our routes again and again; they are restored less often";
    deleteIt();
    await rig.advance(600_000);
    const { done } = rig.status.operations["add-route"];
    // At once up to a limit, then after 1, 2, 4 … 64 seconds.
    expect(done).toBeGreaterThan(60);
    expect(done).toBeLessThan(90);
    expect(rig.takeWarnings().filter((line) => line === isLess)).toHaveLength(1);
    expect(rig.installer.faults(9)).toMatchObject([{ table: 100, code: "REMOVED_BY_OTHERS" }]);
    isFighting = false;
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.installer.faults(9)).toEqual([]);
    // Left alone for some time, it is put back at once as before.
    await rig.advance(200_000);
    deleteIt();
    await rig.settle();
    expect(rig.kernel.ours()).toEqual(ROUTES);
  });

  test("replaces an object of ours again and again: its routes move each time, in a bounded log", async () => {
    const rig = await installed();
    const foreign: number[] = [];
    for (let round = 0; round < 40; round++) {
      const { nexthopId = 0 } = rig.kernel.find(100, "10.0.2.0/24") ?? {};
      foreign.push(nexthopId);
      rig.kernel.replaceNexthop({ ...rig.kernel.ourNexthop(nexthopId, address(A), 5), protocol: 11 });
      await rig.settle();
      expect(rig.kernel.ours()).toEqual(ROUTES);
    }
    await rig.rest();
    expect(new Set(foreign).size).toBe(40);
    expect(rig.kernel.foreign()).toHaveLength(40);
    expect(rig.kernel.ourNexthops()).toHaveLength(3);
    expect(rig.kernel.violations).toEqual([]);
    expect(rig.takeWarnings().length).toBeLessThan(15);
  });

  test("takes the foreign object away to which routes of ours were led: they are missing", async () => {
    const rig = await installed();
    const { nexthopId = 0 } = rig.kernel.find(100, "fd00::/64") ?? {};
    rig.kernel.isMuted = true;
    rig.kernel.replaceNexthop({ ...rig.kernel.ourNexthop(nexthopId, address(B), 5), protocol: 11 });
    rig.kernel.isMuted = false;
    // While the device is down, the scan cannot be followed by repairs.
    rig.kernel.deleteNexthop(nexthopId);
    await rig.settle();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.scans).toBe(1);
  });

  test("takes an IPv4 address away: only where there are plain routes, the kernel is read, once for many", async () => {
    const rig = await installed();
    rig.kernel.notifyAddress(address("192.0.2.1"), true);
    await rig.advance(3_000);
    expect(rig.status.scans).toBe(1);
    const plain = rig.kernel.ourRoute(100, prefix("10.0.9.0/24"), 0);
    const other = await InstallerUnderTest.started();
    other.kernel.foreignRoute(plain);
    await other.restart();
    expect(other.table(100).ipv4.installed).toBe(1);
    const { scans } = other.status;
    other.kernel.isMuted = true;
    other.kernel.deleteRoute(({ nexthopId }) => nexthopId === 0);
    other.kernel.isMuted = false;
    for (let n = 1; n <= 20; n++) other.kernel.notifyAddress(address(`192.0.2.${n}`), true);
    await other.advance(3_000);
    expect(other.table(100).ipv4.installed).toBe(0);
    expect(other.status.scans).toBe(scans + 1);
  });

  test("makes objects and routes of our protocol in our block: they go", async () => {
    const rig = await installed();
    rig.kernel.foreignNexthop(rig.kernel.ourNexthop(FIRST_ID + 99, address("fd00::9"), 5));
    rig.kernel.foreignRoute(rig.kernel.ourRoute(7, prefix("10.7.0.0/16"), FIRST_ID + 99));
    await rig.advance(5_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.ourNexthops()).toHaveLength(3);
  });

  test("deletes a route that we have just replaced: the late notification changes nothing", async () => {
    const rig = await installed();
    const before = rig.kernel.find(100, "10.0.2.0/24");
    await rig.add(`100 10.0.2.0/24 via ${B}`);
    if (before !== undefined)
      rig.kernel.notify({ type: "route", isDeleted: true, isReplacing: false, route: before });
    await rig.advance(3_000);
    expect(rig.kernel.takeCounts()).toEqual({ "replace-route": 1 });
    expect(rig.status.scans).toBe(1);
  });

  test("is said to have deleted a route that is there: a scan settles it", async () => {
    const rig = await installed();
    const there = rig.kernel.find(100, "10.0.2.0/24");
    if (there !== undefined)
      rig.kernel.notify({ type: "route", isDeleted: true, isReplacing: false, route: there });
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 2, collided: 0, failed: 0 });
    expect(rig.status.scans).toBe(2);
  });
});

describe("the device", () => {
  test("goes down and up: nothing is tried while it is down, everything is rebuilt when it is up", async () => {
    const rig = await installed();
    rig.kernel.setLink({ isUp: false });
    // The kernel notifies that IPv6 routes have gone.
    const route = rig.kernel.ourRoute(100, prefix("fd00::/64"), FIRST_ID + 1);
    rig.kernel.notify({ type: "route", isDeleted: true, isReplacing: false, route });
    await rig.rest();
    await rig.add(`100 10.0.3.0/24 via ${A}`);
    expect(rig.kernel.log).toEqual([]);
    expect(rig.takeWarnings()).toEqual(["the tunnel device is not up; the kernel has removed its routes"]);
    expect(rig.status.isUp).toBe(false);
    rig.kernel.setLink({ isUp: true });
    await rig.advance(1_500);
    expect(rig.kernel.ours()).toEqual([
      ...ROUTES.slice(0, 2),
      `100 10.0.3.0/24 via ${A}`,
      ...ROUTES.slice(2),
    ]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 2, "add-group": 1, "add-route": 4 });
  });

  test.each([
    ["is down", { isUp: false }],
    ["is gone", null],
  ])(
    "%s: a second later it is known what is left, and all is rebuilt at once when it is back",
    async (_, away) => {
      const rig = await installed();
      rig.kernel.setLink(away);
      await rig.advance(1_500);
      const { ipv4, ipv6 } = rig.table(100);
      expect([ipv4.wanted, ipv4.installed, ipv4.pending]).toEqual([2, 0, 2]);
      expect([ipv6.wanted, ipv6.installed, ipv6.pending]).toEqual([1, 0, 1]);
      expect([rig.status.objects, rig.status.groups]).toEqual([0, 0]);
      const { scans } = rig.status;
      await rig.rest();
      expect(rig.status.scans).toBe(scans);
      rig.installer.reconcile();
      await rig.advance(1_500);
      rig.kernel.setLink({ isUp: true });
      await rig.settle();
      expect(rig.kernel.ours()).toEqual(ROUTES);
      expect(rig.table(100).ipv4).toMatchObject({ installed: 2, pending: 0 });
      expect(rig.takeWarnings()).toHaveLength(1);
    },
  );

  test("is gone, and what is left cannot be read at first: that is tried again", async () => {
    const rig = await installed();
    const { eachRoute } = rig.kernel;
    rig.kernel.eachRoute = () => Promise.reject(new KernelError("SOCKET_FAILED", "no buffer space"));
    rig.kernel.setLink(null);
    await rig.advance(1_500);
    expect(rig.table(100).ipv4.installed).toBe(2);
    rig.kernel.eachRoute = eachRoute;
    await rig.advance(3_000);
    expect(rig.table(100).ipv4.installed).toBe(0);
    expect(rig.takeWarnings()).toContain("netlink failed; it is tried again");
  });

  test("flaps faster than the kernel is read", async () => {
    const rig = await installed();
    for (let i = 0; i < 20; i++) {
      rig.kernel.setLink({ isUp: false });
      rig.kernel.setLink({ isUp: true });
      await rig.advance(100);
    }
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.scans).toBeLessThan(6);
  });

  test("comes up before the pause between scans is over: everything is rebuilt at once", async () => {
    const rig = await installed();
    rig.kernel.setLink({ isUp: false });
    await rig.settle();
    rig.kernel.setLink({ isUp: true });
    await rig.settle();
    expect(rig.kernel.ours()).toEqual(ROUTES);
  });

  test("is given another name: its routes stay, and change", async () => {
    const rig = await installed();
    rig.kernel.setLink({ name: "old" });
    await rig.rest();
    await rig.remove(`100 10.0.2.0/24 via ${A}`);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(ROUTES.filter((line) => !line.startsWith("100 10.0.2.0/24")));
    expect(rig.takeWarnings()).toEqual(["the tunnel device was renamed; its routes stay on it"]);
  });

  test("is made anew, with another index", async () => {
    const rig = await installed();
    rig.kernel.setLink(null);
    await rig.rest();
    rig.kernel.setLink({ index: 9 });
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status).toMatchObject({ linkIndex: 9, isUp: true });
    expect(new Set(rig.kernel.ourNexthops().map(({ linkIndex }) => linkIndex))).toEqual(new Set([9, 0]));
  });
});

describe("scans", () => {
  test("find silent drift on their interval, repair it, count it and say so", async () => {
    const rig = await installed(60);
    rig.kernel.isMuted = true;
    rig.kernel.deleteRoute(({ destination }) => destination.family === 6);
    rig.kernel.foreignRoute(rig.kernel.ourRoute(100, prefix("10.0.2.0/24"), FIRST_ID + 1), "replace");
    rig.kernel.foreignRoute(rig.kernel.ourRoute(100, prefix("10.0.8.0/24"), FIRST_ID + 1));
    await rig.advance(61_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.drift).toMatchObject({ routeMissing: 1, routeChanged: 1, routeExtra: 1 });
    expect(rig.takeWarnings()).toEqual(["the kernel's routes had drifted; ours will be repaired"]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-route": 1, "replace-route": 1, "delete-route": 1 });
  });

  test("come as often as they are asked for, and not at all without an interval", async () => {
    const rig = await installed(60);
    await rig.advance(300_000);
    expect(rig.status.scans).toBe(6);
    expect(rig.status.lastScanForMs).toBeLessThan(60_000);
    expect(rig.kernel.takeCounts()).toEqual({});
    const without = await installed(0);
    await without.advance(300_000);
    expect(without.status.scans).toBe(1);
  });

  test("that miss routes which are there take a second look, and nothing is repaired", async () => {
    const rig = await installed();
    rig.kernel.missNext = 1;
    rig.installer.reconcile();
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.takeCounts()).toEqual({});
    expect(rig.takeWarnings()).toEqual([]);
    expect(rig.status.drift.routeMissing).toBe(0);
  });

  test("that are not whole take nothing away: what was not met is added, which shows whether it is there", async () => {
    const rig = await installed();
    rig.kernel.isMuted = true;
    rig.kernel.deleteRoute(({ destination }) => destination.family === 6);
    rig.kernel.isMuted = false;
    rig.kernel.cutAfter = 1;
    rig.installer.reconcile();
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.kernel.takeCounts()).toEqual({ "add-route": 1, "add-route EEXIST": 1 });
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 2, installed: 2, collided: 0, failed: 0 });
    expect(rig.status.drift.routeMissing).toBe(1);
    expect(rig.takeWarnings()).toHaveLength(1);
    // Moved, and withdrawn, as the model has it; what is not needed any more stays.
    await rig.remove(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`, `100 fd00::/64 via ${B}`]);
    expect(rig.kernel.ourNexthops()).toHaveLength(3);
    rig.kernel.cutAfter = Number.POSITIVE_INFINITY;
    rig.installer.reconcile();
    await rig.rest();
    expect(rig.kernel.ourNexthops()).toHaveLength(1);
    expect(rig.kernel.violations).toEqual([]);
  });

  test("keep no more events than they need: a flood of them is answered by another scan", async () => {
    const rig = await installed();
    const { eachRoute } = rig.kernel;
    const flood = { ...FOREIGN, table: 9, destination: prefix("192.0.2.0/24") };
    rig.kernel.eachRoute = (ours, visit) => {
      rig.kernel.eachRoute = eachRoute;
      rig.kernel.deleteRoute(({ destination }) => destination.family === 6);
      for (let i = 0; i < 20_000; i++)
        rig.kernel.notify({ type: "route", isDeleted: false, isReplacing: false, route: flood });
      return eachRoute.call(rig.kernel, ours, visit);
    };
    rig.installer.reconcile();
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toEqual(ROUTES);
    expect(rig.status.scans).toBe(3);
  });

  test("come at most once a second in a storm of events, and nothing is done blindly", async () => {
    const rig = await installed();
    for (let i = 0; i < 50; i++) {
      rig.kernel.notify({ type: "overrun" });
      await rig.advance(100);
    }
    expect(rig.status.scans).toBeLessThan(8);
    rig.kernel.notify({ type: "overrun" });
    rig.kernel.isMuted = true;
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace");
    await rig.add(`100 10.0.2.0/24 via ${B}`);
    await rig.rest();
    expect(rig.kernel.violations).toEqual([]);
    expect(rig.table(100).ipv4.collided).toBe(1);
  });

  test("that fail are tried again", async () => {
    const rig = await installed();
    const { eachRoute } = rig.kernel;
    rig.kernel.eachRoute = () => Promise.reject(new KernelError("SOCKET_FAILED", "no buffer space"));
    rig.installer.reconcile();
    await rig.advance(3_000);
    expect(rig.takeWarnings()).toContain("netlink failed; it is tried again");
    rig.kernel.eachRoute = eachRoute;
    await rig.add(`100 10.0.3.0/24 via ${A}`);
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toHaveLength(4);
  });
});

describe("failures", () => {
  test("of one route hold up no other, and are tried again with back-off", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.refuse = (operation) =>
      operation.type === "add-route" && operation.destination.lengthBits === 25
        ? ["EINVAL", "Invalid prefix"]
        : null;
    await rig.add(`100 10.0.1.0/25 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${A}`]);
    expect(rig.lines.find(({ level }) => level === "warn")).toMatchObject({
      message: "the kernel refused an operation; it is tried again",
      fields: {
        operation: `ip route add 10.0.1.0/25 table 100 nhid ${FIRST_ID} proto 254`,
        code: "EINVAL",
        message: "Invalid prefix",
      },
    });
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 2, installed: 1, failed: 1 });
    rig.kernel.takeCounts();
    await rig.advance(8_000);
    expect(rig.kernel.takeCounts()["add-route EINVAL"]).toBeLessThanOrEqual(4);
    // One to see whether the object is there; more would not help.
    expect(rig.status.scans).toBe(2);
    rig.kernel.refuse = () => null;
    await rig.rest();
    expect(rig.kernel.ours()).toHaveLength(2);
    expect(rig.table(100).ipv4).toMatchObject({ installed: 2, failed: 0 });
  });

  test("of an object leave its destinations as they are", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    rig.kernel.refuse = ({ type }) => (type === "add-nexthop" ? ["ENOMEM", "Cannot allocate memory"] : null);
    await rig.add(`100 10.0.1.0/24 via ${B}`, `100 10.0.2.0/24 via ${B}`, `100 10.0.3.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.3.0/24 via ${A}`]);
    expect(rig.table(100).ipv4.failed).toBe(2);
    const reason = "its nexthop could not be made: Cannot allocate memory";
    expect(rig.installer.faults(9)).toMatchObject([
      { code: "ENOMEM", message: reason },
      { code: "ENOMEM", message: reason },
    ]);
    // The object's failure is a warning; that of what needs it is logged at debug level.
    expect(rig.takeWarnings()).toEqual(["the kernel refused an operation; it is tried again"]);
    rig.kernel.refuse = () => null;
    await rig.advance(2_000);
    expect(rig.kernel.ours()).toContain(`100 10.0.1.0/24 via ${A} ${B}`);
    expect(rig.kernel.ours()).toContain(`100 10.0.2.0/24 via ${B}`);
    expect(rig.table(100).ipv4.failed).toBe(0);
  });

  test("of a route that is not wanted any more are forgotten", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "Cannot allocate memory"] : null);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.remove(`100 10.0.1.0/24 via ${A}`);
    await rig.rest();
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 0, failed: 0 });
    expect(rig.kernel.ourNexthops()).toEqual([]);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("of the socket are answered by a scan", async () => {
    const rig = await installed();
    const apply = rig.kernel.apply;
    rig.kernel.apply = () => {
      throw new KernelError("SOCKET_FAILED", "no buffer space");
    };
    await rig.add(`100 10.0.3.0/24 via ${A}`);
    rig.kernel.apply = apply;
    await rig.advance(3_000);
    expect(rig.kernel.ours()).toContain(`100 10.0.3.0/24 via ${A}`);
  });

  test("are logged ten times a minute, not a thousand", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "Cannot allocate memory"] : null);
    for (let i = 0; i < 100; i++) rig.added(route(`100 10.0.${i}.0/24 via ${A}`));
    await rig.settle();
    expect(rig.takeWarnings()).toHaveLength(10);
  });
});

test("notifications that came before a scan are handled before it, and not as if the device had gone down afterwards", async () => {
  const rig = await InstallerUnderTest.started();
  await rig.add("100 10.0.1.0/24 via 2001:db8::1");
  await rig.rest();
  rig.kernel.isBusy = true;
  rig.kernel.setLink(null);
  rig.kernel.setLink({ index: 9, isUp: false });
  rig.kernel.setLink({ isUp: true });
  rig.installer.reconcile();
  // No time passes: there is no second scan, which has to wait for a second.
  await rig.settle();
  expect(rig.kernel.ours()).toEqual(["100 10.0.1.0/24 via 2001:db8::1"]);
});
