/** What a client's status says of its routes in the kernel: the installer's figures, none of them lost. */
import { describe, expect, test } from "bun:test";
import { MAX_KERNEL_FAULTS } from "../../../src/http/control/api.ts";
import { kernelReport } from "../../../src/http/control/kernel-status.ts";
import { InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";

const FACTS = { routeProtocol: 254, dryRun: false, ecmp: "plain" } as const;
const A = "2001:db8::a";
const B = "2001:db8::b";
const FOREIGN = { table: 7, protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1 };
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe("kernelReport", () => {
  test("counts by table and family, names what fails, and has reasons and kinds that there are", async () => {
    const mappings = [
      { vni: 200, table: 7 },
      { vni: 100, table: 7 },
      { vni: 300, table: 9 },
    ];
    const rig = await InstallerUnderTest.started({ mappings, nat: "skip" });
    rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.9.0/24") });
    await rig.add(
      `200 10.0.1.0/24 via ${A}`,
      `200 10.0.1.0/24 via ${B}`,
      `100 10.0.1.0/24 via ${A}`,
      `100 10.0.2.0/24 via 192.0.2.1`,
      `100 10.0.3.0/24 via ${A} nat 1-9`,
      `100 10.0.9.0/24 via ${A}`,
      `300 fd00::/64 via ${A}`,
    );
    await rig.complete(300);
    rig.kernel.deleteRoute(({ destination }) => destination.lengthBits === 64);
    await rig.settle();
    const nothing = { wanted: 0, installed: 0, pending: 0, collided: 0, failed: 0, shadowed: 0, skipped: {} };
    expect(kernelReport(rig.installer, FACTS)).toEqual({
      device: "tun",
      deviceState: "up",
      deviceProblems: [],
      ...FACTS,
      ecmpProblem: null,
      nexthops: 2,
      groups: 1,
      resilientGroups: 0,
      drift: 1,
      lastReconcile: time,
      tables: [
        {
          table: 7,
          family: "ipv4",
          vnis: [200, 100],
          settled: false,
          ...nothing,
          wanted: 2,
          installed: 1,
          collided: 1,
          shadowed: 1,
          skipped: { ipv4Hop: 1, nat: 1 },
        },
        { table: 7, family: "ipv6", vnis: [200, 100], settled: false, ...nothing },
        { table: 9, family: "ipv4", vnis: [300], settled: true, ...nothing },
        { table: 9, family: "ipv6", vnis: [300], settled: true, ...nothing, wanted: 1, installed: 1 },
      ],
      faults: [
        { table: 7, destination: "10.0.9.0/24", code: "EEXIST", message: expect.any(String), attempts: 1 },
      ],
    });
  });

  test("not more than some faults", async () => {
    const rig = await InstallerUnderTest.started();
    rig.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "no memory"] : null);
    await rig.add(...Array.from({ length: 30 }, (_, i) => `100 10.0.${i}.0/24 via ${A}`));
    const status = kernelReport(rig.installer, FACTS);
    expect(status.faults).toHaveLength(MAX_KERNEL_FAULTS);
    expect(status.tables[0]).toMatchObject({ wanted: 30, installed: 0, failed: 30 });
  });

  test.each([
    ["down", { isUp: false }],
    ["missing", null],
  ] as const)("the device is %s", async (deviceState, link) => {
    const rig = await InstallerUnderTest.started();
    await rig.advance(2_000);
    rig.kernel.setLink(link);
    await rig.advance(2_000);
    expect(kernelReport(rig.installer, FACTS)).toMatchObject({ deviceState });
  });
});
