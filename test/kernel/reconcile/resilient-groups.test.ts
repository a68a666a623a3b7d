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
  const bench = await InstallerUnderTest.started({ ecmp });
  await bench.complete(100);
  return bench;
}

const groupOf = (bench: InstallerUnderTest, destination: string) =>
  bench.kernel.nexthops.get(bench.kernel.find(100, destination)?.nexthopId ?? 0);

describe("a destination's group", () => {
  test("is its own, and replaced in place when its hops change", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B), ...via(Y, A, B));
    expect(bench.kernel.takeCounts()).toMatchObject({ "add-nexthop": 2, "add-route": 2 });
    const [x, y] = [groupOf(bench, X), groupOf(bench, Y)];
    expect([x?.isResilient, y?.isResilient, x?.id === y?.id]).toEqual([true, true, false]);
    await bench.rest();
    bench.kernel.takeCounts();

    await bench.add(...via(X, C));
    await bench.remove(...via(X, B));
    expect(bench.kernel.ours()).toEqual([`100 ${X} via ${A} ${C}`, `100 ${Y} via ${A} ${B}`]);
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-resilient-group": 2 });
    expect([groupOf(bench, X)?.id, groupOf(bench, Y)]).toEqual([x?.id, y]);
    expect(bench.status).toMatchObject({ groups: 2, resilientGroups: 2 });
  });

  test("stays with a single hop, for those that come back, until it was read twice", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    const id = groupOf(bench, X)?.id;
    bench.kernel.takeCounts();
    for (let times = 0; times < 2; times++) {
      await bench.remove(...via(X, B));
      bench.installer.reconcile();
      await bench.advance(1_500);
      expect([groupOf(bench, X)?.id, bench.kernel.ours()]).toEqual([id, [`100 ${X} via ${A}`]]);
      await bench.add(...via(X, B));
      expect([groupOf(bench, X)?.id, bench.kernel.ours()]).toEqual([id, [`100 ${X} via ${A} ${B}`]]);
    }
    await bench.remove(...via(X, B));
    for (let times = 0; times < 2; times++) {
      bench.installer.reconcile();
      await bench.advance(1_500);
    }
    expect(groupOf(bench, X)?.members).toBeNull();
    await bench.rest();
    expect(bench.kernel.ourNexthops()).toHaveLength(1);
  });

  test("is one of few that are replaced in one go, for each replace takes milliseconds", async () => {
    const bench = await started();
    const destinations = Array.from({ length: 50 }, (_, n) => `10.0.${n}.0/24`);
    await bench.add(...destinations.flatMap((destination) => via(destination, A, B)));
    const replaced: number[] = [];
    const apply = bench.kernel.apply.bind(bench.kernel);
    bench.kernel.apply = (operations, linkIndex) => {
      replaced.push(operations.filter(({ type }) => type === "replace-resilient-group").length);
      return apply(operations, linkIndex);
    };
    for (const text of destinations.flatMap((destination) => via(destination, B))) {
      bench.installer.removed(route(text));
    }
    await bench.settle();
    expect(Math.max(...replaced)).toBeLessThan(10);
    expect(bench.kernel.ours()).toEqual(destinations.map((to) => `100 ${to} via ${A}`).sort());
  });

  test("goes with its route", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    await bench.remove(...via(X, A, B));
    await bench.rest();
    expect([bench.kernel.nexthops.size, bench.status.resilientGroups, bench.clock.pendingTimers]).toEqual([
      0, 0, 0,
    ]);
  });

  test("goes with a cleanup", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B), ...via(Y, A, B));
    const stopped = bench.installer.stop({ cleanup: true });
    await bench.advance(1_000);
    await stopped;
    expect([bench.kernel.routes.size, bench.kernel.nexthops.size]).toEqual([0, 0]);
    expect(bench.kernel.violations).toEqual([]);
  });

  test("that could get no route goes, and so does each of the next attempts", async () => {
    const bench = await started();
    bench.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "no memory"] : null);
    await bench.add(...via(X, A, B));
    await bench.advance(30_000);
    expect(bench.status.resilientGroups).toBeLessThan(2);
    bench.kernel.refuse = () => null;
    await bench.rest();
    expect([bench.kernel.ours(), bench.status.groups]).toEqual([[`100 ${X} via ${A} ${B}`], 1]);
  });

  test("is left alone where a foreign route names it, too", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    const found = bench.kernel.find(100, X);
    if (found === undefined) throw new Error("no route");
    bench.kernel.foreignRoute({ ...found, protocol: 3, table: 7 });
    await bench.settle();
    await bench.add(...via(X, C));
    expect(bench.kernel.ours()).toEqual([`100 ${X} via ${A} ${B} ${C}`]);
    expect(groupOf(bench, X)?.id).not.toBe(found.nexthopId);
    expect(bench.kernel.violations).toEqual([]);
  });

  test("is repaired in place when somebody deletes the object of a hop", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    const id = groupOf(bench, X)?.id;
    bench.kernel.deleteNexthop(groupOf(bench, X)?.members?.[0]?.id ?? 0);
    await bench.settle();
    expect([groupOf(bench, X)?.id, bench.kernel.ours()]).toEqual([id, [`100 ${X} via ${A} ${B}`]]);
  });

  test("that the kernel refuses to change is tried again, and named", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    bench.kernel.refuse = ({ type }) => (type === "replace-resilient-group" ? ["ENOMEM", "no memory"] : null);
    await bench.add(...via(X, C));
    expect(bench.installer.faults(9)).toMatchObject([{ code: "ENOMEM", message: "no memory", attempts: 1 }]);
    expect(bench.takeWarnings()).toContain("the kernel refused an operation; it is tried again");
    bench.kernel.refuse = () => null;
    await bench.rest();
    expect([bench.kernel.ours(), bench.installer.faults(9)]).toEqual([[`100 ${X} via ${A} ${B} ${C}`], []]);
  });

  test("whose new hop is refused waits for that", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    bench.kernel.refuse = ({ type }) => (type === "add-nexthop" ? ["ENODEV", "no device"] : null);
    await bench.add(...via(X, C));
    const message = "its nexthop could not be made: no device";
    expect(bench.installer.faults(9)).toMatchObject([{ code: "ENODEV", message }]);
    bench.kernel.refuse = () => null;
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 ${X} via ${A} ${B} ${C}`]);
  });

  test("is one of at most so many: the destinations beyond have plain groups, and move up", async () => {
    const bench = await started();
    const beyond = ["10.255.0.0/32", "10.255.0.1/32"];
    for (let n = 0; n < MAX_RESILIENT_GROUPS; n++) {
      for (const text of via(`10.0.${n >> 8}.${n & 255}/32`, A, B)) bench.installer.added(route(text));
    }
    await bench.settle();
    await bench.add(...beyond.flatMap((destination) => via(destination, A, B)));
    await bench.rest();
    const status = { groups: MAX_RESILIENT_GROUPS + 1, resilientGroups: MAX_RESILIENT_GROUPS };
    expect(bench.status).toMatchObject(status);
    expect(beyond.map((destination) => groupOf(bench, destination)?.isResilient)).toEqual([false, false]);

    await bench.remove(...via("10.0.0.0/32", A, B));
    await bench.rest();
    bench.installer.reconcile();
    await bench.rest();
    expect(bench.status).toMatchObject(status);
    const areResilient = beyond.map((destination) => groupOf(bench, destination)?.isResilient);
    expect(areResilient.toSorted()).toEqual([false, true]);
  });
});

describe("at a start", () => {
  test("a predecessor's groups serve as they are, and are changed in place", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B), ...via(Y, A, B));
    await bench.remove(...via(Y, B));
    await bench.rest();
    bench.kernel.takeCounts();
    await bench.restart();
    await bench.add(...via(X, A));
    await bench.add(...via(X, B), ...via(Y, A));
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.takeCounts()).toEqual({});
    await bench.add(...via(X, C), ...via(Y, C));
    expect(bench.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "replace-resilient-group": 2 });
  });

  test.each<[from: EcmpMode, to: EcmpMode]>([
    ["plain", "resilient"],
    ["resilient", "plain"],
  ])("after %s groups, routes move to %s ones, and are there all the time", async (from, to) => {
    const bench = await started(from);
    await bench.add(...via(X, A, B), ...via(Y, A, B), ...via("10.0.3.0/24", A));
    await bench.rest();
    bench.kernel.takeCounts();
    await bench.restart({ ecmp: to });
    expect(bench.kernel.takeCounts()).toEqual({});
    await bench.add(...via(X, A, B), ...via(Y, A, B), ...via("10.0.3.0/24", A));
    await bench.complete(100);
    await bench.rest();
    const added = to === "plain" ? { "add-group": 1 } : { "add-resilient-group": 2 };
    const deleted = { "delete-nexthop": to === "plain" ? 2 : 1 };
    expect(bench.kernel.takeCounts()).toEqual({ ...added, ...deleted, "replace-route": 2 });
    expect(groupOf(bench, X)?.isResilient).toBe(to === "resilient");
    expect(bench.kernel.violations).toEqual([]);
  });

  test("a group that two routes name is left for two of their own", async () => {
    const bench = await started();
    const ids = [1, 2].map((n) => 0x40000000 + 254 * 2 ** 20 + n);
    for (const [index, hop] of [A, B].entries()) {
      bench.kernel.foreignNexthop(bench.kernel.ourNexthop(ids[index] ?? 0, address(hop), 5));
    }
    const group = 0x40000000 + 254 * 2 ** 20 + 3;
    const members = ids.map((id) => ({ id, weight: 1 }));
    bench.kernel.foreignNexthop(bench.kernel.ourGroup(group, members, true));
    for (const text of [X, Y]) {
      const { destination } = route(`100 ${text} via ${A}`);
      bench.kernel.foreignRoute(bench.kernel.ourRoute(100, destination, group));
    }
    await bench.restart();
    await bench.add(...via(X, A, B), ...via(Y, A, B));
    await bench.complete(100);
    await bench.rest();
    expect(bench.kernel.ours()).toEqual([`100 ${X} via ${A} ${B}`, `100 ${Y} via ${A} ${B}`]);
    expect(groupOf(bench, X)?.id).not.toBe(groupOf(bench, Y)?.id);
  });
});

describe("a hash policy of 0", () => {
  const problem = (...names: readonly string[]) =>
    `of several next hops, one is chosen by a packet's addresses (IPv6: and its flow label), not by its ports, so connections may share one: sysctl -w ${names.join(" ")}`;
  const [V4, V6] = ["net.ipv4.fib_multipath_hash_policy=1", "net.ipv6.fib_multipath_hash_policy=1"];

  test.each<EcmpMode>(["plain", "resilient"])("is named once there are groups (%s)", async (ecmp) => {
    const bench = await started(ecmp);
    bench.kernel.hashPolicy = { 4: 0, 6: 0 };
    await bench.add(...via(X, A));
    expect([bench.takeWarnings(), bench.status.ecmpProblem]).toEqual([[], null]);
    await bench.add(...via(X, B));
    expect([bench.takeWarnings(), bench.status.ecmpProblem]).toEqual([[problem(V4)], problem(V4)]);
    await bench.add(...via("fd00::/64", A, B));
    expect([bench.takeWarnings(), bench.status.ecmpProblem]).toEqual([[problem(V4, V6)], problem(V4, V6)]);
    bench.installer.reconcile();
    await bench.advance(2_000);
    expect(bench.takeWarnings()).toEqual([]);
    bench.kernel.hashPolicy = { 4: 1, 6: null };
    expect(bench.status.ecmpProblem).toBeNull();
  });

  test("that comes back is named again by the next reading", async () => {
    const bench = await started();
    await bench.add(...via(X, A, B));
    expect(bench.takeWarnings()).toEqual([]);
    bench.kernel.hashPolicy = { 4: 0, 6: 1 };
    bench.installer.reconcile();
    await bench.advance(2_000);
    expect(bench.takeWarnings()).toEqual([problem(V4)]);
  });
});
