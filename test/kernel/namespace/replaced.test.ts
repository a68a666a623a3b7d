/**
 * Somebody puts an object of theirs in place of one of ours, in a real kernel: routes of ours that name it would lead
 * packets out without encapsulation. They are ours still, and move; what is foreign stays as it is.
 */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];
const VIEW = [
  ...[A, B].flatMap((hop) => ["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100 ${to} via ${hop}`)),
  ...["10.0.2.0/24", "2001:db8:2::/48"].map((to) => `100 ${to} via ${A}`),
  ...["10.0.3.0/24", "2001:db8:3::/48"].map((to) => `100 ${to} via ${C}`),
];
const ROUTES = [
  `10.0.1.0/24 by ${A} ${B}`,
  `10.0.2.0/24 by ${A}`,
  `10.0.3.0/24 by ${C}`,
  `2001:db8:1::/48 by ${A} ${B}`,
  `2001:db8:2::/48 by ${A}`,
  `2001:db8:3::/48 by ${C}`,
];

/** ID_A is in a group, ID_C is not; 7 is foreign. Of our protocol only what is not ours by its shape stays. */
const REPLACEMENTS: readonly (readonly [
  what: string,
  commands: readonly string[],
  stays: readonly string[],
])[] = [
  ["an object by one without encapsulation", ["-6 nexthop replace id ID_A dev tun proto 11"], ["ID_A"]],
  [
    "an object by one without encapsulation, of our protocol",
    ["-6 nexthop replace id ID_A dev tun proto 254"],
    ["ID_A"],
  ],
  ["an object by one for another device", ["-6 nexthop replace id ID_C dev lo proto 11"], ["ID_C"]],
  ["an object by one that drops packets", ["-6 nexthop replace id ID_C blackhole proto 11"], ["ID_C"]],
  [
    "an object by a foreign one with the same encapsulation",
    [`-6 nexthop replace id ID_C encap ip6 dst ${C} dev tun proto 11`],
    ["ID_C"],
  ],
  [
    "an object by one of our protocol for another device",
    [`-6 nexthop replace id ID_C encap ip6 dst ${C} dev lo proto 254`],
    [],
  ],
  [
    "two objects by each other",
    [
      `-6 nexthop replace id ID_A encap ip6 dst ${C} dev tun proto 254`,
      `-6 nexthop replace id ID_C encap ip6 dst ${A} dev tun proto 254`,
    ],
    [],
  ],
  ["a group by a foreign one", ["nexthop replace id GROUP group 7 proto 11"], ["GROUP"]],
  [
    "a group by one of our protocol with a foreign member",
    ["nexthop replace id GROUP group 7 proto 254"],
    ["GROUP"],
  ],
  [
    "an object, deleted and made anew by another program",
    ["nexthop del id ID_C", "-6 nexthop add id ID_C dev tun proto 11"],
    ["ID_C"],
  ],
  ["an object by a group", ["nexthop del id ID_C", "nexthop add id ID_C group 7 proto 254"], ["ID_C"]],
];

async function begun() {
  const namespace = await OverlayNamespace.create("-6 nexthop add id 7 via fe80::7 dev tun proto 99");
  const installer = await NamespaceInstaller.start(namespace);
  await installer.add(...VIEW);
  await installer.complete();
  await installer.quiet();
  expect(namespace.routes()).toEqual(ROUTES);
  const idOf = (destination: string) => namespace.nexthopOf(destination).split(" ")[1] ?? "";
  const ids = { ID_A: idOf("10.0.2.0/24"), ID_C: idOf("10.0.3.0/24"), GROUP: idOf("10.0.1.0/24") };
  const filledIn = (text: string) =>
    Object.entries(ids).reduce((filled, [name, id]) => filled.replaceAll(name, id), text);
  return { namespace, installer, filledIn };
}

/** Routes go by objects that encapsulate, none of which is one of these. */
async function isRight(namespace: OverlayNamespace, foreignIds: readonly string[]): Promise<void> {
  await eventually(() => {
    const named = ROUTES.map((route) => namespace.nexthopOf(route.split(" ")[0] ?? "").split(" ")[1] ?? "");
    return [...namespace.routes(), ...named.filter((id) => foreignIds.includes(id))];
  }, ROUTES);
}

describe.skipIf(reason !== null)(`another program replaces${because}`, () => {
  test.concurrent.each(REPLACEMENTS)(
    "%s: routes move to another, at work and at the next start; cleanup takes them",
    async (_, commands, stays) => {
      const { namespace, installer, filledIn } = await begun();
      await using _namespace = namespace;
      const foreignIds = ["7", ...stays.map(filledIn)];
      const foreign = () =>
        namespace.nexthops().filter((line) => foreignIds.includes(line.split(" ")[1] ?? ""));
      {
        await using _installer = installer;
        namespace.ip(...commands.map(filledIn));
        const before = foreign();
        expect(before).toHaveLength(foreignIds.length);
        await isRight(namespace, foreignIds);
        expect(foreign()).toEqual(before);
        await installer.logged(/one of our nexthops was (changed|deleted) by another program/);
        await installer.kill();
      }
      // The same while no client runs, to the ones that are in use now.
      const idOf = (to: string) => namespace.nexthopOf(to).split(" ")[1] ?? "";
      const now = { ID_A: idOf("10.0.2.0/24"), ID_C: idOf("10.0.3.0/24"), GROUP: idOf("10.0.1.0/24") };
      const filledNow = (text: string) =>
        Object.entries(now).reduce((filled, [name, id]) => filled.replaceAll(name, id), text);
      namespace.ip(...commands.map(filledNow));
      foreignIds.push(...stays.map(filledNow));
      await using next = await NamespaceInstaller.start(namespace);
      const before = foreign();
      // Without waiting until the servers have sent all.
      await next.add(...VIEW);
      await isRight(namespace, foreignIds);
      expect(foreign()).toEqual(before);
      await next.complete();
      await next.stop({ cleanup: true });
      expect(namespace.routes()).toEqual([]);
      expect(foreign()).toEqual(before);
    },
  );

  test.concurrent("an object thirty times: its routes move each time", async () => {
    const { namespace, installer } = await begun();
    await using _namespace = namespace;
    await using _installer = installer;
    const foreignIds: string[] = [];
    for (let i = 0; i < 30; i++) {
      const id = namespace.nexthopOf("10.0.3.0/24").split(" ")[1] ?? "";
      namespace.ip(`-6 nexthop replace id ${id} dev tun proto 11`);
      foreignIds.push(id);
      await isRight(namespace, foreignIds);
    }
    expect(new Set(foreignIds).size).toBe(30);
    const lines = installer.warnings.filter((line) => line.includes("was changed by another program"));
    expect(lines.length).toBeLessThanOrEqual(10);
    const { objects, groups, scans } = await installer.status();
    expect([objects, groups, scans]).toEqual([3, 1, 1]);
  });
});
