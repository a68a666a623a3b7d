/** Destinations that no tenant can have: see src/kernel/desired/refused-destinations.ts. */
import { describe, expect, test } from "bun:test";
import { type DestinationReason, reasonToRefuse } from "../../../src/kernel/desired/refused-destinations.ts";
import { InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";

const MAIN = 254;
const HOP = "2001:db8::a";
const REFUSED = "destinations that no tenant can have are not installed; only the first of a kind is logged";

/** A destination, why it is refused in a tenant's table, and why in the host's own. */
const ROWS: readonly (readonly [string, DestinationReason | null, DestinationReason | null])[] = [
  ...both("loopbackDestination", ["127.0.0.0/8", "127.0.0.1/32", "127.255.255.255/32", "::1/128"]),
  ...both("multicastDestination", ["224.0.0.0/4", "224.0.0.1/32", "239.255.255.255/32"]),
  ...both("multicastDestination", ["ff00::/8", "ff02::1/128", "ffff::/16"]),
  ...both("linkLocalDestination", ["fe80::/10", "fe80::1/128", "febf:ffff::/32"]),
  ...both("broadcastDestination", ["255.255.255.255/32"]),
  ...both("unspecifiedDestination", ["0.0.0.0/8", "0.0.0.0/32", "0.1.2.3/32", "::/128"]),
  ...both("ipv4MappedDestination", ["::ffff:0:0/96", "::ffff:127.0.0.1/128", "::ffff:10.0.0.0/104"]),
  // Linux forwards these, and tenants' metadata services have one.
  ["169.254.0.0/16", null, "linkLocalDestination"],
  ["169.254.169.254/32", null, "linkLocalDestination"],
  ["0.0.0.0/0", null, null],
  ["::/0", null, null],
  ["0.0.0.0/1", null, null],
  ["128.0.0.0/1", null, null],
  ["10.0.0.0/7", null, null],
  ["2000::/3", null, null],
  // Parts of these are of such a kind, the whole is not.
  ["126.0.0.0/7", null, null],
  ["fe00::/7", null, null],
  ["fe00::/9", null, null],
  ["::/64", null, null],
  ["::/127", null, null],
  ...both(null, ["10.0.0.0/8", "126.0.0.0/8", "128.0.0.0/8", "169.255.0.0/16", "192.0.2.1/32"]),
  ...both(null, [
    "240.0.0.0/8",
    "255.255.255.254/32",
    "255.255.255.0/24",
    "1.0.0.0/32",
    "223.255.255.255/32",
  ]),
  ...both(null, ["2001:db8::/32", "fc00::/7", "fec0::/10", "::2/128", "::fffe:0:0/96", "1:0:ffff::/96"]),
];

function both(
  reason: DestinationReason | null,
  destinations: readonly string[],
): (readonly [string, DestinationReason | null, DestinationReason | null])[] {
  return destinations.map((destination) => [destination, reason, reason] as const);
}

test.each(ROWS)("%s: of a tenant %p, in main %p", (text, inTenants, inMain) => {
  expect(reasonToRefuse(prefix(text), false)).toBe(inTenants);
  expect(reasonToRefuse(prefix(text), true)).toBe(inMain);
});

function started(): Promise<InstallerUnderTest> {
  const mappings = [
    { vni: 100, table: MAIN },
    { vni: 200, table: 200 },
  ];
  return InstallerUnderTest.started({ mappings });
}

describe("the installer", () => {
  test("installs none of them, counts them by reason and logs each kind once", async () => {
    const rig = await started();
    for (const [destination] of ROWS) {
      await rig.add(`100 ${destination} via ${HOP}`, `200 ${destination} via ${HOP}`);
    }
    const expected = [MAIN, 200].flatMap((table) =>
      ROWS.flatMap(([destination, inTenants, inMain]) => {
        const isRefused = (table === MAIN ? inMain : inTenants) !== null;
        // It holds the next hop: see underlay.ts.
        const isCovering = table === MAIN && ["::/0", "2000::/3", "2001:db8::/32"].includes(destination);
        return isRefused || isCovering ? [] : `${table} ${destination} via ${HOP}`;
      }),
    );
    expect(rig.kernel.ours()).toEqual(expected.sort());
    for (const [table, column] of [
      [MAIN, 2],
      [200, 1],
    ] as const) {
      const { ipv4, ipv6 } = rig.table(table);
      for (const reason of new Set(ROWS.flatMap((row) => row[column] ?? []))) {
        const count = ROWS.filter((row) => row[column] === reason).length;
        expect([reason, ipv4.skipped[reason] + ipv6.skipped[reason]]).toEqual([reason, count]);
      }
    }
    const logged = rig.lines.filter(({ level, message }) => level === "warn" && message === REFUSED);
    const reasons = logged.map(({ fields: { reason } }) => reason);
    expect(reasons.sort()).toEqual([...new Set(ROWS.flatMap(([, , inMain]) => inMain ?? []))].sort());
  });

  test("counts all hops, and none when the routes are gone", async () => {
    const rig = await started();
    const texts = [HOP, "2001:db8::b", "2001:db8::c"].map((hop) => `200 224.0.0.0/24 via ${hop}`);
    await rig.add(...texts);
    expect(rig.table(200).ipv4.skipped.multicastDestination).toBe(3);
    await rig.remove(...texts);
    expect(rig.table(200).ipv4.skipped.multicastDestination).toBe(0);
    expect(rig.kernel.log).toEqual([]);
  });

  test("removes one that an earlier version has left, without waiting for the end of the view", async () => {
    const rig = await started();
    await rig.add(`200 10.0.1.0/24 via ${HOP}`);
    const route = rig.kernel.find(200, "10.0.1.0/24") ?? expect.unreachable();
    for (const text of ["224.0.0.0/4", "127.0.0.0/8"]) {
      rig.kernel.foreignRoute({ ...route, table: MAIN, destination: prefix(text) });
    }
    await rig.restart();
    expect(rig.kernel.ours()).toEqual([`200 10.0.1.0/24 via ${HOP}`]);
  });
});
