/** Other programs change our routes and objects in a real kernel, with notification or without: all becomes as desired again. */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];
/** In our block, 0x40000000 + 254 × 2^20 and up. */
const UNUSED_ID = 1340080128 + 99;

const VIEW = [
  ...[A, B].flatMap((hop) => ["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100 ${to} via ${hop}`)),
  ...["10.0.2.0/24", "2001:db8:2::/48"].map((to) => `100 ${to} via ${A}`),
  ...["10.0.3.0/24", "2001:db8:3::/48"].map((to) => `100 ${to} via ${B}`),
];
const ROUTES = [
  `10.0.1.0/24 by ${A} ${B}`,
  `10.0.2.0/24 by ${A}`,
  `10.0.3.0/24 by ${B}`,
  `2001:db8:1::/48 by ${A} ${B}`,
  `2001:db8:2::/48 by ${A}`,
  `2001:db8:3::/48 by ${B}`,
];

interface Drift {
  readonly what: string;
  readonly commands: readonly string[];
  /** How it is counted; each at least once. */
  readonly kinds: readonly string[];
  /** How often the kernel is scanned, in seconds, for changes that no notification shows to be ours. Default: never. */
  readonly reconcileIntervalSeconds?: number;
}

const DRIFTS: readonly Drift[] = [
  {
    what: "deletes routes",
    commands: ["route del 10.0.2.0/24 table 100", "route del 2001:db8:1::/48 table 100"],
    kinds: ["routeMissing"],
  },
  {
    what: "deletes an object, and with it its routes",
    commands: ["nexthop del id ID_A"],
    kinds: ["nexthopMissing", "routeMissing"],
  },
  { what: "deletes a group", commands: ["nexthop del id GROUP"], kinds: ["nexthopMissing", "routeMissing"] },
  { what: "flushes all nexthops", commands: ["nexthop flush"], kinds: ["nexthopMissing", "routeMissing"] },
  {
    what: "deletes all routes",
    commands: ROUTES.map((route) => `route del ${route.split(" ", 1)} table 100`),
    kinds: ["routeMissing"],
  },
  {
    what: "turns routes to other objects of ours",
    commands: ["10.0.2.0/24", "2001:db8:1::/48"].map(
      (to) => `route replace ${to} table 100 nhid ID_B proto 254`,
    ),
    kinds: ["routeChanged"],
  },
  {
    what: "turns an object to another hypervisor",
    commands: [`-6 nexthop replace id ID_A encap ip6 dst ${C} dev tun proto 254`],
    kinds: ["nexthopChanged"],
  },
  {
    what: "takes a member out of a group",
    commands: ["nexthop replace id GROUP group ID_A proto 254"],
    kinds: ["nexthopChanged"],
  },
  {
    what: "changes a weight",
    commands: ["nexthop replace id GROUP group ID_A,7/ID_B proto 254"],
    kinds: ["nexthopChanged"],
  },
  {
    what: "makes routes in our name, by objects in our name",
    commands: [
      `-6 nexthop add id ${UNUSED_ID} encap ip6 dst ${C} dev tun proto 254`,
      `route add 10.0.9.0/24 table 100 nhid ${UNUSED_ID} proto 254`,
      `route add 2001:db8:9::/48 table 7 nhid ID_A proto 254`,
      "route add 10.0.2.0/24 table 100 metric 9 nhid ID_A proto 254",
    ],
    kinds: ["nexthopExtra", "routeExtra"],
    reconcileIntervalSeconds: 1,
  },
];

/** Carries them out, with the ids as they are now. */
function commit(namespace: OverlayNamespace, commands: readonly string[]): void {
  const idOf = (destination: string) => namespace.nexthopOf(destination).split(" ")[1] ?? "";
  const ids = { ID_A: idOf("10.0.2.0/24"), ID_B: idOf("10.0.3.0/24"), GROUP: idOf("10.0.1.0/24") };
  const filledIn = (command: string) =>
    Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(name, id), command);
  namespace.ip(...commands.map(filledIn));
}

async function installed(options: { isMuted?: boolean; reconcileIntervalSeconds?: number } = {}) {
  const namespace = await OverlayNamespace.create();
  const installer = await NamespaceInstaller.start(namespace, options);
  await installer.add(...VIEW);
  await installer.complete();
  await namespace.routesAre(ROUTES);
  const rig = new AsyncDisposableStack();
  rig.use(namespace);
  rig.use(installer);
  return { namespace, installer, [Symbol.asyncDispose]: () => rig.disposeAsync() };
}

/** Routes, objects and group are as they were, whatever their ids. */
async function isRepaired(namespace: OverlayNamespace): Promise<void> {
  const found = () => {
    const others = [7, 101].flatMap((table) => namespace.routes(table));
    const groups = ["10.0.1.0/24", "2001:db8:1::/48"].map((to) => namespace.nexthopOf(to));
    const nexthops = [
      ...new Set(groups.map((line) => line.replaceAll(/\d+/g, "N"))),
      new Set(groups).size,
      namespace.nexthops().length,
    ];
    return [...namespace.routes(), ...others, ...nexthops];
  };
  await eventually(found, [...ROUTES, "id N group N/N proto N", 1, 3]);
}

describe.skipIf(reason !== null)(`another program${because}`, () => {
  test.concurrent.each(DRIFTS.map(({ what, ...drift }) => [what, drift] as const))(
    "%s: it is repaired, counted and logged",
    async (_, { commands, kinds, ...options }) => {
      await using rig = await installed(options);
      const { namespace, installer } = rig;
      commit(namespace, commands);
      await isRepaired(namespace);
      const { drift } = await installer.status();
      const counted = Object.entries(drift).flatMap(([kind, count]) => (count > 0 ? [kind] : []));
      expect(counted).toEqual(expect.arrayContaining([...kinds]));
      expect(installer.warnings.join("\n")).toMatch(
        /the kernel's routes had drifted; ours will be repaired|one of our (routes|nexthops) was (deleted|replaced|changed) by another program/,
      );
    },
  );

  test.concurrent("without notifications: the next scan on its interval finds all kinds of drift", async () => {
    await using rig = await installed({ isMuted: true, reconcileIntervalSeconds: 1 });
    const { namespace, installer } = rig;
    const together = ["turns routes", "takes a member", "makes routes in our name"];
    for (const words of [together, ["deletes an object"]]) {
      const drifts = DRIFTS.filter(({ what }) => words.some((word) => what.startsWith(word)));
      expect(drifts).toHaveLength(words.length);
      commit(
        namespace,
        drifts.flatMap(({ commands }) => commands),
      );
      await isRepaired(namespace);
    }
    const { drift } = await installer.status();
    expect(Object.values(drift).every((count) => count > 0)).toBe(true);
  });

  test.concurrent("puts its own routes in place of ours: they stay until they go", async () => {
    await using rig = await installed();
    const { namespace, installer } = rig;
    const taken = ["10.0.2.0/24", "2001:db8:1::/48"];
    const isTaken = (line: string) => taken.some((to) => line.startsWith(`${to} `));
    commit(
      namespace,
      taken.map((to) => `route replace ${to} dev lo table 100 proto 99`),
    );
    // A change of what is wanted must not hit them either.
    await installer.add(...taken.map((to) => `100 ${to} via ${C}`));
    await eventually(async () => {
      const { ipv4, ipv6 } = await installer.table();
      return [ipv4.collided, ipv6.collided];
    }, [1, 1]);
    expect(namespace.routes(100, 99)).toEqual(taken.map((to) => `${to} plain by`));
    expect(namespace.routes()).toEqual(ROUTES.filter((line) => !isTaken(line)));
    // The table is searched for what is in the way before the line is written.
    await installer.logged(/an object of another program is in the way; it is not changed/);
    expect(installer.warnings.join("\n")).toContain(
      "an object of another program is in the way; it is not changed",
    );
    commit(
      namespace,
      taken.map((to) => `route del ${to} table 100 proto 99`),
    );
    await namespace.routesAre(ROUTES.map((line) => (isTaken(line) ? `${line} ${C}` : line)));
  });
});
