/** With `ecmp` "resilient" a destination has a group of its own, which is changed in place: its flows keep their hops. */
import { describe, expect, test } from "bun:test";
import type { EcmpMode } from "../../../src/kernel/desired/settings.ts";
import { MAX_RESILIENT_GROUPS } from "../../../src/kernel/fib/nexthops.ts";
import { InstallerUnderTest, route } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"] as const;
const via = (destination: string, ...hops: readonly string[]) =>
  hops.map((hop) => `100 ${destination} via ${hop}`);
const X = "10.0.1.0/24";
const Y = "10.0.2.0/24";

async function started(ecmp: EcmpMode = "resilient"): Promise<InstallerUnderTest> {
  const rig = await InstallerUnderTest.started({ ecmp });
  await rig.complete(100);
  return rig;
}

const groupOf = (rig: InstallerUnderTest, destination: string) =>
  rig.kernel.nexthops.get(rig.kernel.find(100, destination)?.nexthopId ?? 0);

describe("a destination's group", () => {
  test("is its own, and replaced in place when its hops change", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B), ...via(Y, A, B));
    expect(rig.kernel.takeCounts()).toMatchObject({ "add-nexthop": 2, "add-route": 2 });
    const [x, y] = [groupOf(rig, X), groupOf(rig, Y)];
    expect([x?.isResilient, y?.isResilient, x?.id === y?.id]).toEqual([true, true, false]);
    await rig.rest();
    rig.kernel.takeCounts();

    await rig.add(...via(X, C));
    await rig.remove(...via(X, B));
    expect(rig.kernel.ours()).toEqual([`100 ${X} via ${A} ${C}`, `100 ${Y} via ${A} ${B}`]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-resilient-group": 2 });
    expect([groupOf(rig, X)?.id, groupOf(rig, Y)]).toEqual([x?.id, y]);
    expect(rig.status).toMatchObject({ groups: 2, resilientGroups: 2 });
  });

  test("stays with a single hop, for those that come back, until it was read twice", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    const id = groupOf(rig, X)?.id;
    rig.kernel.takeCounts();
    for (let times = 0; times < 2; times++) {
      await rig.remove(...via(X, B));
      rig.installer.reconcile();
      await rig.advance(1_500);
      expect([groupOf(rig, X)?.id, rig.kernel.ours()]).toEqual([id, [`100 ${X} via ${A}`]]);
      await rig.add(...via(X, B));
      expect([groupOf(rig, X)?.id, rig.kernel.ours()]).toEqual([id, [`100 ${X} via ${A} ${B}`]]);
    }
    await rig.remove(...via(X, B));
    for (let times = 0; times < 2; times++) {
      rig.installer.reconcile();
      await rig.advance(1_500);
    }
    expect(groupOf(rig, X)?.members).toBeNull();
    await rig.rest();
    expect(rig.kernel.ourNexthops()).toHaveLength(1);
  });

  test("is one of few that are replaced in one go, for each replace takes milliseconds", async () => {
    const rig = await started();
    const destinations = Array.from({ length: 50 }, (_, n) => `10.0.${n}.0/24`);
    await rig.add(...destinations.flatMap((destination) => via(destination, A, B)));
    const replaced: number[] = [];
    const apply = rig.kernel.apply.bind(rig.kernel);
    rig.kernel.apply = (operations, linkIndex) => {
      replaced.push(operations.filter(({ type }) => type === "replace-resilient-group").length);
      return apply(operations, linkIndex);
    };
    for (const text of destinations.flatMap((destination) => via(destination, B))) {
      rig.removed(route(text));
    }
    await rig.settle();
    expect(Math.max(...replaced)).toBeLessThan(10);
    expect(rig.kernel.ours()).toEqual(destinations.map((to) => `100 ${to} via ${A}`).sort());
  });

  test("goes with its route", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    await rig.remove(...via(X, A, B));
    await rig.rest();
    expect([rig.kernel.nexthops.size, rig.status.resilientGroups, rig.clock.pendingTimers]).toEqual([
      0, 0, 0,
    ]);
  });

  test("goes with a cleanup", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B), ...via(Y, A, B));
    const stopped = rig.installer.stop({ cleanup: true });
    await rig.advance(1_000);
    await stopped;
    expect([rig.kernel.routes.size, rig.kernel.nexthops.size]).toEqual([0, 0]);
    expect(rig.kernel.violations).toEqual([]);
  });

  test("that could get no route goes, and so does each of the next attempts", async () => {
    const rig = await started();
    rig.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "no memory"] : null);
    await rig.add(...via(X, A, B));
    await rig.advance(30_000);
    expect(rig.status.resilientGroups).toBeLessThan(2);
    rig.kernel.refuse = () => null;
    await rig.rest();
    expect([rig.kernel.ours(), rig.status.groups]).toEqual([[`100 ${X} via ${A} ${B}`], 1]);
  });

  test("is left alone where a foreign route names it, too", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    const found = rig.kernel.find(100, X);
    if (found === undefined) throw new Error("no route");
    rig.kernel.foreignRoute({ ...found, protocol: 3, table: 7 });
    await rig.settle();
    await rig.add(...via(X, C));
    expect(rig.kernel.ours()).toEqual([`100 ${X} via ${A} ${B} ${C}`]);
    expect(groupOf(rig, X)?.id).not.toBe(found.nexthopId);
    expect(rig.kernel.violations).toEqual([]);
  });

  test("is repaired in place when another program deletes the object of a hop", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    const id = groupOf(rig, X)?.id;
    rig.kernel.deleteNexthop(groupOf(rig, X)?.members?.[0]?.id ?? 0);
    await rig.settle();
    expect([groupOf(rig, X)?.id, rig.kernel.ours()]).toEqual([id, [`100 ${X} via ${A} ${B}`]]);
  });

  test("that the kernel refuses to change is tried again, and named", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    rig.kernel.refuse = ({ type }) => (type === "replace-resilient-group" ? ["ENOMEM", "no memory"] : null);
    await rig.add(...via(X, C));
    expect(rig.installer.faults(9)).toMatchObject([{ code: "ENOMEM", message: "no memory", attempts: 1 }]);
    expect(rig.takeWarnings()).toContain("the kernel refused an operation; it is tried again");
    rig.kernel.refuse = () => null;
    await rig.rest();
    expect([rig.kernel.ours(), rig.installer.faults(9)]).toEqual([[`100 ${X} via ${A} ${B} ${C}`], []]);
  });

  test("whose new hop is refused waits for that", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    rig.kernel.refuse = ({ type }) => (type === "add-nexthop" ? ["ENODEV", "no device"] : null);
    await rig.add(...via(X, C));
    const message = "its nexthop could not be made: no device";
    expect(rig.installer.faults(9)).toMatchObject([{ code: "ENODEV", message }]);
    rig.kernel.refuse = () => null;
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 ${X} via ${A} ${B} ${C}`]);
  });

  test("is one of at most so many: the destinations beyond have plain groups, and move up", async () => {
    const rig = await started();
    const beyond = ["10.255.0.0/32", "10.255.0.1/32"];
    for (let n = 0; n < MAX_RESILIENT_GROUPS; n++) {
      for (const text of via(`10.0.${n >> 8}.${n & 255}/32`, A, B)) rig.added(route(text));
    }
    await rig.settle();
    await rig.add(...beyond.flatMap((destination) => via(destination, A, B)));
    await rig.rest();
    const status = { groups: MAX_RESILIENT_GROUPS + 1, resilientGroups: MAX_RESILIENT_GROUPS };
    expect(rig.status).toMatchObject(status);
    expect(beyond.map((destination) => groupOf(rig, destination)?.isResilient)).toEqual([false, false]);

    await rig.remove(...via("10.0.0.0/32", A, B));
    await rig.rest();
    rig.installer.reconcile();
    await rig.rest();
    expect(rig.status).toMatchObject(status);
    const areResilient = beyond.map((destination) => groupOf(rig, destination)?.isResilient);
    expect(areResilient.toSorted()).toEqual([false, true]);
  });
});

describe("at a start", () => {
  test("a predecessor's groups serve as they are, and are changed in place", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B), ...via(Y, A, B));
    await rig.remove(...via(Y, B));
    await rig.rest();
    rig.kernel.takeCounts();
    await rig.restart();
    await rig.add(...via(X, A));
    await rig.add(...via(X, B), ...via(Y, A));
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.add(...via(X, C), ...via(Y, C));
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-resilient-group": 2 });
  });

  test.each<[from: EcmpMode, to: EcmpMode]>([
    ["plain", "resilient"],
    ["resilient", "plain"],
  ])("after %s groups, routes move to %s ones, and are there all the time", async (from, to) => {
    const rig = await started(from);
    await rig.add(...via(X, A, B), ...via(Y, A, B), ...via("10.0.3.0/24", A));
    await rig.rest();
    rig.kernel.takeCounts();
    await rig.restart({ ecmp: to });
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.add(...via(X, A, B), ...via(Y, A, B), ...via("10.0.3.0/24", A));
    await rig.complete(100);
    await rig.rest();
    const added = to === "plain" ? { "add-group": 1 } : { "add-resilient-group": 2 };
    const deleted = { "delete-nexthop": to === "plain" ? 2 : 1 };
    expect(rig.kernel.takeCounts()).toEqual({ ...added, ...deleted, "replace-route": 2 });
    expect(groupOf(rig, X)?.isResilient).toBe(to === "resilient");
    expect(rig.kernel.violations).toEqual([]);
  });

  test("a group that two routes name is left for two of their own", async () => {
    const rig = await started();
    const ids = [1, 2].map((n) => 0x40000000 + 254 * 2 ** 20 + n);
    for (const [index, hop] of [A, B].entries()) {
      rig.kernel.foreignNexthop(rig.kernel.ourNexthop(ids[index] ?? 0, address(hop), 5));
    }
    const group = 0x40000000 + 254 * 2 ** 20 + 3;
    const members = ids.map((id) => ({ id, weight: 1 }));
    rig.kernel.foreignNexthop(rig.kernel.ourGroup(group, members, true));
    for (const text of [X, Y]) {
      const { destination } = route(`100 ${text} via ${A}`);
      rig.kernel.foreignRoute(rig.kernel.ourRoute(100, destination, group));
    }
    await rig.restart();
    await rig.add(...via(X, A, B), ...via(Y, A, B));
    await rig.complete(100);
    await rig.rest();
    expect(rig.kernel.ours()).toEqual([`100 ${X} via ${A} ${B}`, `100 ${Y} via ${A} ${B}`]);
    expect(groupOf(rig, X)?.id).not.toBe(groupOf(rig, Y)?.id);
  });
});

describe("a hash policy of 0", () => {
  const problem = (...names: readonly string[]) =>
    `of several next hops, one is chosen by a packet's addresses (IPv6: and its flow label), not by its ports, so connections may share one: sysctl -w ${names.join(" ")}`;
  const [V4, V6] = ["net.ipv4.fib_multipath_hash_policy=1", "net.ipv6.fib_multipath_hash_policy=1"];

  test.each<EcmpMode>(["plain", "resilient"])("is named once there are groups (%s)", async (ecmp) => {
    const rig = await started(ecmp);
    rig.kernel.hashPolicy = { 4: 0, 6: 0 };
    await rig.add(...via(X, A));
    expect([rig.takeWarnings(), rig.status.ecmpProblem]).toEqual([[], null]);
    await rig.add(...via(X, B));
    expect([rig.takeWarnings(), rig.status.ecmpProblem]).toEqual([[problem(V4)], problem(V4)]);
    await rig.add(...via("fd00::/64", A, B));
    expect([rig.takeWarnings(), rig.status.ecmpProblem]).toEqual([[problem(V4, V6)], problem(V4, V6)]);
    rig.installer.reconcile();
    await rig.advance(2_000);
    expect(rig.takeWarnings()).toEqual([]);
    rig.kernel.hashPolicy = { 4: 1, 6: null };
    expect(rig.status.ecmpProblem).toBeNull();
  });

  test("that comes back is named again by the next scan", async () => {
    const rig = await started();
    await rig.add(...via(X, A, B));
    expect(rig.takeWarnings()).toEqual([]);
    rig.kernel.hashPolicy = { 4: 0, 6: 1 };
    rig.installer.reconcile();
    await rig.advance(2_000);
    expect(rig.takeWarnings()).toEqual([problem(V4)]);
  });
});
