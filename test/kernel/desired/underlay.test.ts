/** What may not stand in the host's own table: see src/kernel/desired/underlay.ts. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Underlay } from "../../../src/kernel/desired/underlay.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { contains } from "../../../src/net/cidr.ts";
import type { IpAddress } from "../../../src/net/ip.ts";
import { parsePrefix } from "../../../src/net/prefix.ts";
import { InstallerUnderTest } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const ADDRESSES = [
  "2001:db8::1",
  "2001:db8::2",
  "2001:db8:1::1",
  "fd00::1",
  "::2",
  "ffff::",
  "192.0.2.1",
  "192.0.2.255",
];
const PREFIXES = [
  ...["::/0", "0.0.0.0/0", "8000::/1", "2001:db8::/32", "2001:db8::/48", "2001:db8::/127", "2001:db8::/126"],
  ...[
    "2001:db8::1/128",
    "2001:db8::3/128",
    "fd00::/8",
    "fe00::/7",
    "192.0.2.0/25",
    "192.0.2.128/25",
    "192.0.2.1/32",
  ],
];

test("an address is in use while it has a user, and found by every prefix that holds it", () => {
  const step = fc.record({ text: fc.constantFrom(...ADDRESSES), isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const underlay = new Underlay();
      let users: string[] = [];
      for (const { text, isAdded } of steps) {
        const before = users.includes(text);
        if (isAdded) users.push(text);
        else if (before) users = users.toSpliced(users.indexOf(text), 1);
        const hasChanged = isAdded ? underlay.add(address(text)) : underlay.delete(address(text));
        expect(hasChanged).toBe(users.includes(text) !== before);
      }
      for (const text of PREFIXES) {
        const { prefix } = parsePrefix(text) ?? expect.unreachable();
        const held = users.map(address).filter((user) => contains(prefix, user));
        const found: IpAddress | null = underlay.firstIn(prefix);
        if (held.length === 0) expect(found).toBeNull();
        else expect(held.map(formatAddress)).toContain(found === null ? "none" : formatAddress(found));
      }
    }),
  );
});

const MAIN = 254;
const [A, B] = ["2001:db8::a", "fd00::b"];
const REFUSED =
  "a destination is not installed in the host's own table: the host could not reach that next hop or server";

/** VNI 100 goes into main, 200 into a table of its own. */
function started(): Promise<InstallerUnderTest> {
  const mappings = [
    { vni: 100, table: MAIN },
    { vni: 200, table: 200 },
  ];
  return InstallerUnderTest.started({ mappings });
}

describe("in the host's own table", () => {
  test("a destination that holds its own next hop is not installed, but reported once and counted", async () => {
    const rig = await started();
    await rig.add(
      `100 ::/0 via ${A}`,
      `100 ::/0 via ${B}`,
      `100 ${A}/128 via ${A}`,
      `100 2001:db8::/64 via ${A}`,
    );
    await rig.add(`100 2001:db8:1::/48 via ${A}`, `100 0.0.0.0/0 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`${MAIN} 0.0.0.0/0 via ${A}`, `${MAIN} 2001:db8:1::/48 via ${A}`]);
    const { ipv4, ipv6 } = rig.table(MAIN);
    expect(ipv6).toMatchObject({ wanted: 1, installed: 1, pending: 0, failed: 0 });
    expect([ipv6.skipped.coversUnderlay, ipv4.skipped.coversUnderlay]).toEqual([4, 0]);
    const refusals = () =>
      rig.lines.splice(0).filter(({ message, level }) => message === REFUSED && level === "warn");
    expect(refusals().map(({ fields }) => fields)).toEqual([
      { table: MAIN, destination: "::/0", address: A },
      { table: MAIN, destination: `${A}/128`, address: A },
      { table: MAIN, destination: "2001:db8::/64", address: A },
    ]);
    await rig.remove(`100 ::/0 via ${A}`);
    await rig.add(`100 ::/0 via ${A}`);
    expect(refusals()).toEqual([]);
    expect(rig.kernel.violations).toEqual([]);
  });

  test("the next hops of other tables count, as they come and go", async () => {
    const rig = await started();
    await rig.add("100 2001:db8::/32 via fd00::1", "100 2001:db8::/48 via fd00::1", "200 ::/0 via fd00::1");
    const all = [
      `200 ::/0 via fd00::1`,
      `${MAIN} 2001:db8::/32 via fd00::1`,
      `${MAIN} 2001:db8::/48 via fd00::1`,
    ];
    expect(rig.kernel.ours()).toEqual(all);

    await rig.add(`200 10.0.1.0/24 via ${A}`, `200 10.0.1.0/24 via ${B}`, `200 10.0.2.0/24 via ${A}`);
    const without = [`200 10.0.1.0/24 via ${A} ${B}`, `200 10.0.2.0/24 via ${A}`, "200 ::/0 via fd00::1"];
    expect(rig.kernel.ours()).toEqual(without);
    expect(rig.table(MAIN).ipv6.skipped.coversUnderlay).toBe(2);
    await rig.remove(`200 10.0.2.0/24 via ${A}`);
    expect(rig.kernel.ours()).toHaveLength(2);

    // The last one by it; a second later its object goes, too.
    await rig.remove(`200 10.0.1.0/24 via ${A}`);
    expect(rig.table(MAIN).ipv6).toMatchObject({ wanted: 0, installed: 0 });
    await rig.advance(2_000);
    expect(rig.kernel.ours()).toEqual([`200 10.0.1.0/24 via ${B}`, ...all]);
    const { ipv6 } = rig.table(MAIN);
    expect([ipv6.wanted, ipv6.installed, ipv6.skipped.coversUnderlay]).toEqual([2, 2, 0]);
    expect(rig.kernel.violations).toEqual([]);
  });

  test("the next hop of what is refused counts: it does not flap", async () => {
    const rig = await started();
    await rig.add(`100 2001:db8::/64 via ${A}`, `100 2001:db8::/32 via ${B}`);
    await rig.advance(10_000);
    expect(rig.kernel.ours()).toEqual([]);
    expect(rig.kernel.takeCounts()).toEqual({});
    await rig.remove(`100 2001:db8::/64 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`${MAIN} 2001:db8::/32 via ${B}`]);
  });

  test("a server's address counts, IPv4 or IPv6", async () => {
    const rig = await started();
    await rig.add(
      `100 10.0.0.0/8 via ${A}`,
      `100 0.0.0.0/0 via ${A}`,
      `100 fd00::/8 via ${A}`,
      `200 0.0.0.0/0 via ${A}`,
    );
    expect(rig.kernel.ours()).toHaveLength(4);
    for (const server of ["10.1.2.3", "fd00::7"]) rig.installer.keepReachable(address(server));
    await rig.settle();
    expect(rig.kernel.ours()).toEqual([`200 0.0.0.0/0 via ${A}`]);
    await rig.add(`100 10.1.0.0/16 via ${A}`, `100 10.2.0.0/16 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`200 0.0.0.0/0 via ${A}`, `${MAIN} 10.2.0.0/16 via ${A}`]);
  });

  test("what was found at the start and covers an address does not wait for the end of the view", async () => {
    const rig = await started();
    await rig.add(`100 2001:db8::/32 via ${B}`, `100 2001:db9::/32 via ${B}`);
    await rig.restart();
    await rig.add(`200 10.0.1.0/24 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`200 10.0.1.0/24 via ${A}`, `${MAIN} 2001:db9::/32 via ${B}`]);
    expect(rig.table(MAIN).isSettled).toBe(false);
  });

  test("a table that becomes it at run time is looked through", async () => {
    const rig = await started();
    rig.installer.setMappings([{ vni: 100, table: 100 }]);
    await rig.add(`100 ::/0 via ${A}`, `100 fd00::/8 via ${A}`);
    expect(rig.kernel.ours()).toEqual([`100 ::/0 via ${A}`, `100 fd00::/8 via ${A}`]);
    rig.installer.setMappings([{ vni: 100, table: MAIN }]);
    await rig.complete(100);
    await rig.advance(2_000);
    expect(rig.kernel.ours()).toEqual([`${MAIN} fd00::/8 via ${A}`]);
    rig.installer.setMappings([{ vni: 100, table: 100 }]);
    await rig.advance(2_000);
    expect(rig.kernel.ours()).toEqual([`100 ::/0 via ${A}`, `100 fd00::/8 via ${A}`]);
  });
});
