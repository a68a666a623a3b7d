/** Cleanup leaves nothing, with and without a daemon; a dry run changes nothing; one client per protocol. */

import { describe, expect, test } from "bun:test";
import { kernelOptionNames } from "../../../src/cli/flags/kernel-flags.ts";
import { dryRunKernel } from "../../../src/kernel/dry-run-kernel.ts";
import { formatOperation } from "../../../src/kernel/format-operation.ts";
import { KernelError, type Operation } from "../../../src/kernel/kernel.ts";
import { lockProtocol } from "../../../src/kernel/lock.ts";
import { cleanUp } from "../../../src/kernel/reconcile/cleanup.ts";
import { Installer } from "../../../src/kernel/reconcile/installer.ts";
import { SystemClock } from "../../../src/transport/schedule/system-clock.ts";
import {
  FIRST_ID,
  InstallerUnderTest,
  PROTOCOL,
  prefix,
  route,
} from "../../support/kernel/installer-under-test.ts";
import { address, MemoryKernel } from "../../support/kernel/memory-kernel.ts";
import { DestinationViews } from "../../support/models/destination-views.ts";

const A = "2001:db8::a";
const B = "2001:db8::b";
const FOREIGN = { protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, table: 100 };

/** On the system's clock: what is awaited below comes by itself. */
async function installed(): Promise<InstallerUnderTest> {
  const rig = await InstallerUnderTest.started();
  await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`, `100 fd00::/64 via ${A}`);
  return rig;
}

/** A copy of the kernel on the system's clock. */
function copyOf({ kernel }: InstallerUnderTest): MemoryKernel {
  const copy = new MemoryKernel(PROTOCOL, new SystemClock());
  for (const [id, nexthop] of kernel.nexthops) copy.nexthops.set(id, nexthop);
  for (const [key, routes] of kernel.routes) copy.routes.set(key, [...routes]);
  return copy;
}

describe("stop", () => {
  test("leaves everything in the kernel", async () => {
    const rig = await installed();
    const before = rig.kernel.ours();
    await rig.installer.stop({ cleanup: false });
    rig.removed(route(`100 10.0.1.0/24 via ${A}`));
    await rig.rest();
    expect(rig.kernel.ours()).toEqual(before);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("with cleanup removes all of ours, and nothing else", async () => {
    const rig = await installed();
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.3.0.0/16") });
    const foreign = rig.kernel.foreign();
    const stopped = rig.installer.stop({ cleanup: true });
    await rig.advance(1_000);
    await stopped;
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.kernel.ourNexthops()).toEqual([]);
    expect(rig.kernel.foreign()).toEqual(foreign);
    expect(rig.kernel.violations).toEqual([]);
  });
});

describe("cleaning up without a daemon", () => {
  test("reports where a predecessor's route cannot be distinguished from another's", async () => {
    const kernel = new MemoryKernel(PROTOCOL, new SystemClock());
    const plain = kernel.ourRoute(100, prefix("10.0.1.0/24"), 0);
    kernel.foreignRoute(plain);
    kernel.foreignRoute({ ...plain, protocol: 3 });
    const result = await cleanUp({ kernel, protocol: PROTOCOL, tables: [100], clock: new SystemClock() });
    expect(result).toMatchObject({ routes: 0, failures: [{ code: "EEXIST" }] });
    expect(kernel.log).toEqual([]);
  });

  test("removes routes, groups and objects, in whichever table", async () => {
    const kernel = copyOf(await installed());
    const result = await cleanUp({ kernel, protocol: PROTOCOL, clock: new SystemClock() });
    expect(result).toEqual({ routes: 2, nexthops: 3, kept: 0, failures: [] });
    expect(kernel.routes.size + kernel.nexthops.size).toBe(0);
    expect(kernel.log.map(({ operation }) => operation.type)).toEqual([
      "delete-route",
      "delete-route",
      "delete-nexthop",
      "delete-nexthop",
      "delete-nexthop",
    ]);
    expect(kernel.violations).toEqual([]);
  });

  test("removes a predecessor's plain routes in named tables only", async () => {
    const kernel = new MemoryKernel(PROTOCOL, new SystemClock());
    for (const table of [7, 8]) kernel.foreignRoute(kernel.ourRoute(table, prefix("10.0.1.0/24"), 0));
    await cleanUp({ kernel, protocol: PROTOCOL, tables: [7], clock: new SystemClock() });
    expect(kernel.ours()).toEqual(["8 10.0.1.0/24 via plain"]);
  });

  test("keeps what something foreign names, and says so", async () => {
    const kernel = copyOf(await installed());
    kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.3.0.0/16"), nexthopId: FIRST_ID });
    const foreign = kernel.foreign();
    const result = await cleanUp({ kernel, protocol: PROTOCOL, clock: new SystemClock() });
    expect(result).toMatchObject({ routes: 2, nexthops: 2, kept: 1 });
    expect(kernel.foreign()).toEqual(foreign);
  });

  test("reports what it could not remove", async () => {
    const kernel = copyOf(await installed());
    kernel.refuse = ({ type }) => (type === "delete-route" ? ["EPERM", "Operation not permitted"] : null);
    const { routes, failures } = await cleanUp({ kernel, protocol: PROTOCOL, clock: new SystemClock() });
    expect(routes).toBe(0);
    expect(failures.map(({ operation, message }) => `${operation.type}: ${message}`)).toEqual(
      Array(2).fill("delete-route: Operation not permitted"),
    );
  });

  test("does not touch another protocol's", async () => {
    const kernel = copyOf(await installed());
    await cleanUp({ kernel, protocol: 253, clock: new SystemClock() });
    expect(kernel.log).toEqual([]);
  });
});

describe("a dry run", () => {
  test("prints the plan as iproute2 commands and changes nothing", async () => {
    const rig = new InstallerUnderTest();
    const lines: string[] = [];
    const installer = new Installer({
      kernel: dryRunKernel(rig.kernel, PROTOCOL, "tun", (line) => lines.push(line)),
      protocol: PROTOCOL,
      device: "tun",
      mappings: [{ vni: 100, table: 100 }],
      clock: rig.clock,
    });
    const view = new DestinationViews();
    installer.follow(view);
    void installer.start();
    await rig.settle();
    for (const hop of [A, B]) {
      view.add(route(`100 10.0.1.0/24 via ${hop}`));
      installer.added(route(`100 10.0.1.0/24 via ${hop}`));
    }
    await rig.settle();
    view.remove(route(`100 10.0.1.0/24 via ${A}`));
    installer.removed(route(`100 10.0.1.0/24 via ${A}`));
    await rig.settle();
    expect(lines).toEqual([
      `ip -6 nexthop add id ${FIRST_ID} encap ip6 dst ${A} dev tun proto 254`,
      `ip -6 nexthop add id ${FIRST_ID + 1} encap ip6 dst ${B} dev tun proto 254`,
      `ip nexthop add id ${FIRST_ID + 2} group ${FIRST_ID}/${FIRST_ID + 1} proto 254`,
      `ip route add 10.0.1.0/24 table 100 nhid ${FIRST_ID + 2} proto 254`,
      `ip route change 10.0.1.0/24 table 100 nhid ${FIRST_ID + 1} proto 254`,
    ]);
    expect(rig.kernel.log).toEqual([]);
  });

  const destination = prefix("fd00::/64");
  const rows: [Operation, string][] = [
    [
      { type: "add-nexthop", id: 1, address: address(A) },
      `ip -6 nexthop add id 1 encap ip6 dst ${A} dev tun proto 254`,
    ],
    [
      { type: "add-group", id: 3, members: [1, 2].map((id) => ({ id, weight: id })) },
      "ip nexthop add id 3 group 1/2,2 proto 254",
    ],
    [{ type: "delete-nexthop", id: 3 }, "ip nexthop del id 3"],
    [
      { type: "add-route", table: 7, destination, nexthopId: 3 },
      "ip -6 route add fd00::/64 table 7 nhid 3 proto 254",
    ],
    [
      { type: "replace-route", table: 7, destination, priority: 1024, nexthopId: 3 },
      "ip -6 route change fd00::/64 table 7 metric 1024 nhid 3 proto 254",
    ],
    [
      { type: "delete-route", table: 7, destination, priority: 1024, nexthopId: 3 },
      "ip -6 route del fd00::/64 table 7 metric 1024 nhid 3 proto 254",
    ],
    [
      { type: "delete-route", table: 7, destination: prefix("10.0.0.0/8"), priority: 0, nexthopId: 0 },
      "ip route del 10.0.0.0/8 table 7 proto 254",
    ],
  ];
  test.each(rows)("%j reads %p", (operation, line) => {
    expect(formatOperation(operation, 254, "tun")).toBe(line);
  });
});

describe("the lock of a protocol", () => {
  // Far from what a client on this machine might use.
  const protocol = 1_000_000 + process.pid;

  test("is had by one at a time, and names the way out", () => {
    const lock = lockProtocol(protocol);
    expect(() => lockProtocol(protocol)).toThrow(KernelError);
    expect(() => lockProtocol(protocol)).toThrow(
      / or set protocol to another number \('ss -xlp src @bunbond-fib-\d+' shows it\)$/,
    );
    expect(() => lockProtocol(protocol, kernelOptionNames)).toThrow(/ or set --route-protocol to another/);
    lockProtocol(protocol + 1).release();
    lock.release();
    lockProtocol(protocol).release();
  });
});
