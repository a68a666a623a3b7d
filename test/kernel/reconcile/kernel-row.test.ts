/** What can be asked about a destination: its state in the kernel, and why it is not as it should be. */
import { describe, expect, test } from "bun:test";
import type { KernelRow } from "../../../src/kernel/reconcile/kernel-row.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import {
  FIRST_ID,
  InstallerUnderTest,
  PROTOCOL,
  prefix,
  route,
} from "../../support/kernel/installer-under-test.ts";

const [A, B] = ["2001:db8::a", "2001:db8::b"];
const TO = "10.0.1.0/24";
const FOREIGN = { protocol: 3, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, priority: 0 };

/** A row as one line of text; empty if there is none. */
function text(row: KernelRow | null): string {
  if (row === null) return "";
  const { observed, fault, shadowed } = row;
  const hops = row.desired.map(formatAddress).join(",");
  const there = observed?.nextHops?.map(formatAddress).join(",") ?? "?";
  return [
    `${row.table} ${formatPrefix(row.destination)} ${row.state}`,
    hops === "" ? "" : `to ${hops}`,
    observed === null ? "" : `has ${observed.nexthopId === null ? "plain" : there}`,
    row.isPending ? "pending" : "",
    row.isAwaited ? "awaited" : "",
    ...Array.from(row.skipped, ([reason, count]) => `${reason} ${count}`),
    shadowed === null ? "" : `${shadowed.vnis} shadowed by ${shadowed.winner}`,
    fault === null ? "" : `${fault.code} ${fault.attempts}`,
  ]
    .filter((part) => part !== "")
    .join("; ");
}

const look = (rig: InstallerUnderTest, destination = TO, vni = 100) =>
  text(rig.installer.rowOf(vni, prefix(destination)));

interface Case {
  readonly name: string;
  /** What happens before the question, and what is answered. */
  readonly act: (rig: InstallerUnderTest) => Promise<unknown> | undefined;
  readonly answer: string;
}

const CASES: readonly Case[] = [
  { name: "nothing is known", act: () => undefined, answer: "" },
  {
    name: "it is in place",
    act: (rig) => rig.add(`100 ${TO} via ${B}`, `100 ${TO} via ${A}`),
    answer: `100 ${TO} in-place; to ${A},${B}; has ${A},${B}`,
  },
  {
    name: "it has just come",
    act: (rig) => {
      rig.added(route(`100 ${TO} via ${A}`));
      return undefined;
    },
    answer: `100 ${TO} none; pending`,
  },
  {
    name: "its hop is changed, and the kernel refuses that",
    act: async (rig) => {
      await rig.add(`100 ${TO} via ${A}`);
      rig.kernel.refuse = ({ type }) => (type === "replace-route" ? ["EINVAL", "no"] : null);
      await rig.add(`100 ${TO} via ${B}`);
    },
    answer: `100 ${TO} outdated; to ${A},${B}; has ${A}; EINVAL 1`,
  },
  {
    name: "it is withdrawn, and cannot be deleted",
    act: async (rig) => {
      await rig.add(`100 ${TO} via ${A}`);
      rig.kernel.refuse = ({ type }) => (type === "delete-route" ? ["EPERM", "no"] : null);
      await rig.remove(`100 ${TO} via ${A}`);
    },
    answer: `100 ${TO} extra; has ${A}; EPERM 1`,
  },
  {
    name: "a foreign route is in its place",
    act: (rig) => {
      rig.kernel.foreignRoute({ ...FOREIGN, table: 100, destination: prefix(TO) });
      return rig.add(`100 ${TO} via ${A}`);
    },
    answer: `100 ${TO} missing; to ${A}; EEXIST 1`,
  },
  {
    name: "its hop cannot be reached",
    act: (rig) => rig.add(`100 ${TO} via 192.0.2.1`),
    answer: `100 ${TO} none; ipv4Hop 1`,
  },
  {
    name: "this machine announces it",
    act: async (rig) => {
      await rig.add(`100 ${TO} via ${A}`);
      await rig.announce(`100 ${TO} via 2001:db8::f`);
    },
    answer: `100 ${TO} none; ownAnnouncement 1`,
  },
  {
    name: "another VNI of the table wins it",
    act: (rig) => rig.add(`100 ${TO} via ${A}`, `200 ${TO} via ${B}`),
    answer: `100 ${TO} in-place; to ${A}; has ${A}; 1 shadowed by 100`,
  },
];

const mappings = [
  { vni: 100, table: 100 },
  { vni: 200, table: 100 },
];

describe("of one destination", () => {
  test.each(CASES)("$name", async ({ act, answer }) => {
    const rig = await InstallerUnderTest.started({ mappings });
    await act(rig);
    expect(look(rig)).toBe(answer);
    // The other VNI of the table has the same row.
    expect(look(rig, TO, 200)).toBe(answer);
    // Asking has changed nothing.
    expect(look(rig)).toBe(answer);
    expect(rig.installer.rowOf(300, prefix(TO))).toBeNull();
    expect(rig.installer.rowOf(100, prefix("10.0.1.0/25"))).toBeNull();
  });

  test("that an earlier client left stays until the view is complete", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 ${TO} via ${A}`);
    await rig.restart();
    expect(look(rig)).toBe(`100 ${TO} extra; has ${A}; awaited`);
    await rig.complete(100);
    expect(look(rig)).toBe("");
  });

  test("that a predecessor left names no nexthop", async () => {
    const rig = new InstallerUnderTest();
    rig.kernel.foreignRoute({ ...FOREIGN, protocol: PROTOCOL, table: 100, destination: prefix(TO) });
    await rig.start();
    expect(look(rig)).toBe(`100 ${TO} extra; has plain; awaited`);
  });

  test("whose object another program has replaced moves to another", async () => {
    const rig = await InstallerUnderTest.started();
    await rig.add(`100 ${TO} via ${A}`);
    expect(rig.installer.rowOf(100, prefix(TO))?.observed?.nexthopId).toBe(FIRST_ID);
    const [object] = rig.kernel.ourNexthops();
    if (object === undefined) throw new Error("no object");
    rig.kernel.refuse = ({ type }) => (type === "replace-route" ? ["EINVAL", "no"] : null);
    rig.kernel.replaceNexthop({ ...object, protocol: 99, isOdd: true });
    await rig.settle();
    expect(look(rig)).toBe(`100 ${TO} outdated; to ${A}; has ?; EINVAL 1`);
  });
});

test("all of them can be walked with pauses, while some come and go", async () => {
  const rig = await InstallerUnderTest.started();
  const destinations = Array.from({ length: 300 }, (_, n) => `10.0.${n >> 4}.${(n & 15) << 4}/28`);
  await rig.add(...destinations.map((to) => `100 ${to} via ${A}`), `100 fd00::/64 via ${B}`);
  const walked: string[] = [];
  let n = 0;
  for (const row of rig.installer.rows()) {
    walked.push(formatPrefix(row.destination));
    // Every third goes, and others come.
    if (n % 3 === 0 && n < destinations.length) await rig.remove(`100 ${destinations[n]} via ${A}`);
    if (n % 50 === 0) await rig.add(`100 10.1.${n >> 4}.0/24 via ${A}`);
    n++;
  }
  const stayed = [...destinations.filter((_, at) => at % 3 !== 0), "fd00::/64"];
  expect(walked).toEqual(expect.arrayContaining(stayed));
  expect(new Set(walked).size).toBe(walked.length);
});
