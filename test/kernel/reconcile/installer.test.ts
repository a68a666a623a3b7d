/** What the installer makes of a view: routes, ECMP sets, what is skipped, and several VNIs in a table. */
import { describe, expect, test } from "bun:test";
import { NextHopType } from "../../../src/wire/protocol.ts";
import { InstallerUnderTest, prefix, route } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const A = "2001:db8::a";
const B = "2001:db8::b";
const C = "2001:db8::c";

describe("routes", () => {
  test("of both families go by an object of the hop, shared", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 fd00:1::/64 via ${A}`, `100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([
      `100 10.0.1.0/24 via ${A}`,
      `100 10.0.2.0/24 via ${A}`,
      `100 fd00:1::/64 via ${A}`,
    ]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-route": 3 });
  });

  test("with the same hops share a group", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    await rig.add(`100 10.0.2.0/24 via ${B}`, `100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A} ${B}`, `100 10.0.2.0/24 via ${A} ${B}`]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 2, "add-group": 1, "add-route": 2 });
  });

  test("move by one replace, and what nothing names any more goes a second later", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    rig.kernel.takeCounts();
    await rig.remove(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`]);
    expect(rig.kernel.takeCounts()).toEqual({ "replace-route": 1 });
    await rig.advance(1_000);
    expect(rig.kernel.takeCounts()).toEqual({ "delete-nexthop": 2 });
    expect(rig.kernel.ourNexthops()).toHaveLength(1);
  });

  test("leave nothing behind", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`, `100 fd00::/64 via ${C}`);
    await rig.remove(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`, `100 fd00::/64 via ${C}`);
    await rig.rest();
    expect(rig.kernel.routes.size + rig.kernel.nexthops.size).toBe(0);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("that flap back and forth cost replaces only", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    await rig.remove(`100 10.0.1.0/24 via ${B}`);
    await rig.add(`100 10.0.1.0/24 via ${B}`);
    await rig.remove(`100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.takeCounts()).toEqual({
      "add-nexthop": 2,
      "add-group": 1,
      "add-route": 1,
      "replace-route": 3,
    });
  });

  test("that changed ten times before their turn are done once", async () => {
    const rig = await started();
    for (let i = 0; i < 5; i++) {
      rig.added(route(`100 10.0.1.0/24 via ${A}`));
      rig.removed(route(`100 10.0.1.0/24 via ${A}`));
    }
    await rig.add(`100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-route": 1 });
  });

  test("of a VNI that is not mapped are left alone", async () => {
    const rig = await started();
    await rig.add(`200 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.log).toEqual([]);
  });
});

describe("what the kernel refused", () => {
  async function refused(): Promise<InstallerUnderTest> {
    const rig = await started();
    rig.kernel.refuse = ({ type }) => (type === "add-nexthop" ? ["ENODEV", "No such device"] : null);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    // Attempts come after 1, 2, 4, 8, 16 and 32 s: the next one is far away.
    await rig.advance(40_000);
    rig.kernel.refuse = () => null;
    return rig;
  }

  test.each<[string, (rig: InstallerUnderTest) => void]>([
    ["IPv6 news of the device", ({ kernel }) => kernel.notify({ type: "ipv6", linkIndex: 5 })],
    ["another MTU of the device", ({ kernel }) => kernel.setLink({ mtuBytes: 1500 })],
    ["a new address", ({ kernel }) => kernel.notifyAddress(address("fe80::1"))],
  ])("is tried again within a second of %s", async (_, happens) => {
    const rig = await refused();
    happens(rig);
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(rig.installer.faults(9)).toEqual([]);
  });

  test("waits for its time when another link changes", async () => {
    const rig = await refused();
    rig.kernel.notify({ type: "ipv6", linkIndex: 6 });
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([]);
  });

  test("is told with its cause and the remedy where it is the device's", async () => {
    const rig = await started();
    rig.kernel.setLink({ ipv6: "off" });
    rig.kernel.refuse = ({ type }) => (type === "add-nexthop" ? ["EACCES", "IPv6 is disabled"] : null);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.advance(2_000);
    const remedy = expect.stringContaining("sysctl -w net.ipv6.conf.all.disable_ipv6=0");
    expect(rig.installer.faults(9)).toMatchObject([{ code: "EACCES", message: remedy }]);
    expect(rig.status.problems).toEqual([remedy]);
    expect(rig.takeWarnings()).toContainEqual(remedy);
  });
});

describe("hops", () => {
  test("of one address count once, whatever their type and ports", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A} nat 1-9`, `100 10.0.1.0/24 via ${A} nat 10-19`);
    await rig.add(`100 10.0.1.0/24 via ${A} lb`);
    await rig.remove(`100 10.0.1.0/24 via ${A} nat 1-9`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(rig.kernel.takeCounts()).toEqual({ "add-nexthop": 1, "add-route": 1 });
    await rig.remove(`100 10.0.1.0/24 via ${A} nat 10-19`, `100 10.0.1.0/24 via ${A} lb`);
    expect(rig.kernel.ours()).toEqual([]);
  });

  test("that are local, IPv4 or IPv4-mapped are not installed, but reported once and counted", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.locals = [address(A)];
    await rig.start();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via 192.0.2.1`);
    await rig.add(`100 10.0.1.0/24 via ::ffff:192.0.2.2`, `100 10.0.1.0/24 via ${B}`);
    await rig.add(`100 10.0.2.0/24 via ${A}`, `100 10.0.2.0/24 via 192.0.2.1`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`]);
    expect(rig.table(100).ipv4.skipped).toMatchObject({ localHop: 2, ipv4Hop: 3 });
    expect(rig.takeWarnings()).toEqual(Array(3).fill("a next hop is not installed"));
    await rig.remove(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via 192.0.2.1`);
    expect(rig.table(100).ipv4.skipped).toMatchObject({ localHop: 1, ipv4Hop: 2 });
  });

  test.each(["::", "::1", "ff02::1", "ffff::1", "fe80::1", "febf::1"])(
    "%s is no address that a tunnel could end at, and not installed",
    async (hop) => {
      const rig = await started();
      await rig.add(`100 10.0.1.0/24 via ${hop}`, `100 fd00::/64 via ${hop}`, `100 10.0.2.0/24 via fec0::1`);
      expect(rig.kernel.ours()).toEqual(["100 10.0.2.0/24 via fec0::1"]);
      expect(rig.table(100).ipv4.skipped).toMatchObject({ unusableHop: 1 });
      expect(rig.takeWarnings()).toEqual(["a next hop is not installed"]);
    },
  );

  test("that become local leave the kernel with the next scan", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.1.0/24 via ${B}`);
    rig.kernel.locals = [address(A)];
    rig.installer.reconcile();
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`]);
  });

  test("that become local leave the kernel at once, and come back when they are not", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${B}`);
    await rig.advance(1_000);
    rig.kernel.notifyAddress(address(A));
    // Not a hop yet.
    rig.kernel.notifyAddress(address("2001:db8::7"));
    await rig.settle();
    await rig.add(`100 10.0.3.0/24 via 2001:db8::7`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${B}`]);
    await rig.advance(1_000);
    rig.kernel.notifyAddress(address(A), true);
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${B}`]);
    expect(rig.status.scans).toBe(1);
  });

  test("that are told to be local once more cost nothing, nor does a storm of addresses", async () => {
    const rig = await started();
    let looks = 0;
    const { localAddresses } = rig.kernel;
    rig.kernel.localAddresses = () => {
      looks++;
      return localAddresses.call(rig.kernel);
    };
    for (let i = 0; i < 50; i++) {
      rig.kernel.notifyAddress(address(`2001:db8::${i}`));
      await rig.advance(100);
    }
    expect(looks).toBeLessThan(8);
    await rig.advance(5_000);
    looks = 0;
    for (let i = 0; i < 50; i++) rig.kernel.notifyAddress(address(`2001:db8::${i}`));
    await rig.advance(5_000);
    expect(looks).toBe(0);
  });

  test("that are no longer local come into the kernel with the next scan", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.locals = [address(A)];
    await rig.start();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    rig.kernel.locals = [];
    rig.installer.reconcile();
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("are 256 of a destination at most: the first by address, on every start", async () => {
    const rig = await started();
    const hops = Array.from({ length: 260 }, (_, i) => `2001:db8::${(260 - i).toString(16)}`);
    await rig.add(...hops.map((hop) => `100 10.0.1.0/24 via ${hop}`));
    const found = rig.kernel.ours()[0]?.split(" ").slice(3) ?? [];
    expect(found).toEqual(hops.slice(4).sort());
    expect(rig.table(100).ipv4.skipped.tooManyHops).toBe(4);
    expect(rig.takeWarnings()).toContain("a destination has more next hops than a group can hold");
  });

  test("in a preferred network have its weight, by the longest match", async () => {
    const rig = await started({
      preferredNetworks: [
        { prefix: prefix("2001:db8::/32"), weight: 10 },
        { prefix: prefix("2001:db8:1::/48"), weight: 200 },
      ],
    });
    await rig.add(
      `100 10.0.1.0/24 via ${A}`,
      `100 10.0.1.0/24 via 2001:db8:1::1`,
      `100 10.0.1.0/24 via fd00::1`,
    );
    await rig.add(`100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([
      `100 10.0.1.0/24 via 2001:db8:1::1*200 ${A}*10 fd00::1`,
      `100 10.0.2.0/24 via ${A}`,
    ]);
  });
});

describe("settings", () => {
  test("--exclude-type leaves routes of the type out", async () => {
    const rig = await started({ excludedTypes: [NextHopType.LOADBALANCER_TARGET] });
    await rig.add(`100 10.0.1.0/24 via ${A} lb`, `100 10.0.1.0/24 via ${B}`, `100 10.0.2.0/24 via ${A} lb`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${B}`]);
    expect(rig.table(100).ipv4.skipped.excludedType).toBe(2);
  });

  test("--install-nat skip leaves NAT hops out", async () => {
    const rig = await started({ nat: "skip" });
    await rig.add(`100 10.0.1.0/24 via ${A} nat 1-9`, `100 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.2.0/24 via ${A}`]);
    expect(rig.table(100).ipv4.skipped.nat).toBe(1);
  });

  test("--ipv4-only leaves IPv6 destinations out", async () => {
    const rig = await started({ ipv4Only: true });
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 fd00::/64 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
    expect(rig.table(100).ipv6.skipped.ipv6Destination).toBe(1);
  });
});

describe("own announcements", () => {
  test("keep received routes to the destination out until they are withdrawn", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    await rig.announce(`100 10.0.1.0/24 via ${B}`);
    await rig.announce(`100 10.0.1.0/24 via ${C}`);
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.table(100).ipv4.skipped.ownAnnouncement).toBe(1);
    await rig.withdraw(`100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([]);
    await rig.withdraw(`100 10.0.1.0/24 via ${C}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("in another VNI do not", async () => {
    const rig = await started();
    await rig.announce(`200 10.0.1.0/24 via ${B}`);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("claim the destination in a shared table", async () => {
    const rig = await started({ mappings: SHARED });
    await rig.add(`200 10.0.1.0/24 via ${A}`);
    await rig.announce(`100 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.table(7).ipv4.shadowed).toBe(1);
  });
});

const SHARED = [
  { vni: 100, table: 7 },
  { vni: 200, table: 7 },
];

describe("several VNIs in a table", () => {
  test("the first mapped wins a destination, the others are reported and counted", async () => {
    const rig = await started({ mappings: SHARED });
    await rig.add(`200 10.0.1.0/24 via ${B}`, `200 10.0.2.0/24 via ${B}`);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`7 10.0.1.0/24 via ${A}`, `7 10.0.2.0/24 via ${B}`]);
    expect(rig.table(7).ipv4.shadowed).toBe(1);
    expect(rig.lines.find(({ level }) => level === "warn")?.fields).toEqual({
      table: 7,
      destination: "10.0.1.0/24",
      winner: 100,
    });
    expect(rig.takeWarnings()).toHaveLength(1);
    await rig.remove(`100 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`7 10.0.1.0/24 via ${B}`, `7 10.0.2.0/24 via ${B}`]);
    expect(rig.table(7).ipv4.shadowed).toBe(0);
  });

  test("one that has no hop for the kernel leaves it to the next", async () => {
    const rig = await started({ mappings: SHARED });
    await rig.add(`100 10.0.1.0/24 via 192.0.2.1`, `200 10.0.1.0/24 via ${B}`);
    expect(rig.kernel.ours()).toEqual([`7 10.0.1.0/24 via ${B}`]);
  });
});

describe("mappings", () => {
  test("change while it runs, with the routes that are known already", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `200 10.0.2.0/24 via ${B}`);
    await rig.complete(100, 200);
    rig.installer.setMappings([{ vni: 200, table: 201 }]);
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`201 10.0.2.0/24 via ${B}`]);
    rig.installer.setMappings([
      { vni: 100, table: 100 },
      { vni: 200, table: 100 },
    ]);
    await rig.advance(1_000);
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${B}`]);
  });

  test("in another order change who wins", async () => {
    const rig = await started({ mappings: SHARED });
    await rig.add(`100 10.0.1.0/24 via ${A}`, `200 10.0.1.0/24 via ${B}`);
    rig.installer.setMappings(SHARED.toReversed());
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([`7 10.0.1.0/24 via ${B}`]);
  });
});

describe("status", () => {
  test("counts what is wanted and what is there", async () => {
    const rig = await started();
    await rig.add(`100 10.0.1.0/24 via ${A}`, `100 10.0.2.0/24 via ${A}`, `100 fd00::/64 via ${A}`);
    await rig.add(`100 10.0.1.0/24 via ${B}`);
    expect(rig.table(100)).toMatchObject({
      vnis: [100],
      isSettled: false,
      ipv4: { wanted: 2, installed: 2, pending: 0, failed: 0, collided: 0 },
      ipv6: { wanted: 1, installed: 1 },
    });
    expect(rig.status).toMatchObject({ objects: 2, groups: 1, isUp: true, linkIndex: 5, scans: 1 });
    expect(rig.status.operations["add-route"]).toEqual({ done: 3, failed: 0 });
    rig.added({ vni: 100, destination: prefix("10.9.0.0/16"), nextHop: NEXT_HOP });
    expect(rig.table(100).ipv4).toMatchObject({ wanted: 2, installed: 2, pending: 1 });
  });
});

const NEXT_HOP = {
  address: address(A),
  targetVni: 0,
  type: NextHopType.STANDARD,
  natPortFrom: 0,
  natPortTo: 0,
};

function started(
  options: ConstructorParameters<typeof InstallerUnderTest>[0] = {},
): Promise<InstallerUnderTest> {
  return InstallerUnderTest.started(options);
}
