/**
 * Others have routes or groups in a real kernel that are too large for a dump, which ends there without an error. Ours are not
 * lost over it, whether we start or are at work.
 */
import { describe, expect, test } from "bun:test";
import type { Operation } from "../../../src/kernel/kernel.ts";
import { prefix } from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";
import {
  NamespaceInstaller,
  type NamespaceInstallerOptions,
} from "../../support/kernel/namespace-installer.ts";
import { NamespaceKernel } from "../../support/kernel/namespace-kernel.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];
const DESTINATIONS = ["10.0.1.0/24", "10.0.2.0/24", "2001:db8:1::/48", "2001:db8:2::/48"];
const VIEW = [
  ...DESTINATIONS.map((to) => `100 ${to} via ${A}`),
  ...["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100 ${to} via ${B}`),
];
const ROUTES = [
  `10.0.1.0/24 by ${A} ${B}`,
  `10.0.2.0/24 by ${A}`,
  `2001:db8:1::/48 by ${A} ${B}`,
  `2001:db8:2::/48 by ${A}`,
];
/** In a dump of routes 340 do not fit, in one of nexthops 4,000. */
const MANY_HOPS = 400;
const MANY_MEMBERS = 4_500;
const GROUP = 9_000;

interface Huge {
  readonly what: string;
  readonly protocol?: number;
  readonly members?: number;
  /** Routes through the group. */
  readonly routes?: readonly (readonly [destination: string, table: number])[];
}

const HUGE: readonly Huge[] = [
  {
    what: "in a table before ours",
    routes: [
      ["10.250.0.0/16", 50],
      ["2001:db8:fa::/48", 50],
    ],
  },
  {
    what: "of our protocol, in a table before ours",
    protocol: 254,
    routes: [
      ["10.250.0.0/16", 50],
      ["2001:db8:fa::/48", 50],
    ],
  },
  {
    what: "in our table, before ours",
    routes: [
      ["10.0.0.0/24", 100],
      ["2001:db8::/48", 100],
    ],
  },
  {
    what: "in our table, between ours",
    routes: [
      ["10.0.1.0/25", 100],
      ["2001:db8:1::/49", 100],
    ],
  },
  {
    what: "in a table after ours",
    routes: [
      ["10.250.0.0/16", 200],
      ["2001:db8:fa::/48", 200],
    ],
  },
  { what: "as a group of 4,500 members", members: MANY_MEMBERS },
];

/** Of our protocol in our own table: there is no way to ask the kernel for what comes after it. */
const HIDING: Huge = {
  what: "of our protocol, in our table",
  protocol: 254,
  routes: [
    ["10.0.0.0/24", 100],
    ["2001:db8::/48", 100],
  ],
};

/** Others make it, as it is said. */
async function addHuge(
  namespace: OverlayNamespace,
  { protocol = 99, members = MANY_HOPS, routes = [] }: Huge,
): Promise<void> {
  await using kernel = new NamespaceKernel(namespace.namespace, { protocol });
  expect(await kernel.open()).toBe("open");
  const tun = (await kernel.links()).find(({ name }) => name === "tun");
  const ids = Array.from({ length: members }, (_, index) => index + 1);
  const operations: Operation[] = [
    ...ids.map((id) => ({ type: "add-nexthop", id, address: address(`fd00::${id.toString(16)}`) }) as const),
    { type: "add-group", id: GROUP, members: ids.map((id) => ({ id, weight: 1 })) },
    ...routes.map(([to, table]) => {
      return { type: "add-route", destination: prefix(to), table, nexthopId: GROUP } as const;
    }),
  ];
  expect(await kernel.apply(operations, tun?.index ?? 0)).toEqual([]);
}

/** Whoever looks has to look without it: the dumps of `ip` end there, too. */
function dropHuge(namespace: OverlayNamespace): void {
  namespace.ip(`nexthop del id ${GROUP}`);
}

const ours = (namespace: OverlayNamespace) =>
  namespace.routes().filter((line) => DESTINATIONS.includes(line.split(" ", 1)[0] ?? ""));
const ourNexthops = (namespace: OverlayNamespace) =>
  namespace.nexthops().filter((line) => Number(line.split(" ")[1]) > 1_000_000);

async function installed(
  namespace: OverlayNamespace,
  options: NamespaceInstallerOptions = {},
): Promise<NamespaceInstaller> {
  const installer = await NamespaceInstaller.start(namespace, options);
  await installer.add(...VIEW);
  await installer.complete();
  await installer.quiet();
  expect(namespace.routes()).toEqual(ROUTES);
  return installer;
}

async function statusIs(installer: NamespaceInstaller, ipv4: number, ipv6: number): Promise<void> {
  await eventually(async () => {
    const table = await installer.table();
    return [table.ipv4, table.ipv6].map(({ wanted, installed, collided, failed }) => {
      return [wanted, installed, collided, failed];
    });
  }, [
    [ipv4, ipv4, 0, 0],
    [ipv6, ipv6, 0, 0],
  ]);
}

describe.skipIf(reason !== null)(`what is too large for a dump${because}`, () => {
  test.concurrent.each([...HUGE, HIDING].map(({ what, ...huge }) => [what, huge] as const))(
    "%s: a start without servers takes nothing away",
    async (what, huge) => {
      await using namespace = await OverlayNamespace.create();
      {
        await using installer = await installed(namespace);
        await installer.kill();
      }
      const before = ourNexthops(namespace);
      await addHuge(namespace, { what, ...huge });
      await using installer = await NamespaceInstaller.start(namespace, { reconcileIntervalSeconds: 1 });
      // Longer than what nothing needs is kept, and a scan more.
      await eventually(async () => (await installer.status()).scans >= 4, true);
      await installer.logged(/warn the scan is incomplete/);
      dropHuge(namespace);
      expect(ours(namespace)).toEqual(ROUTES);
      expect(ourNexthops(namespace)).toEqual(before);
    },
  );

  test.concurrent.each(HUGE.map(({ what, ...huge }) => [what, huge] as const))(
    "%s: at the next start, routes are adopted, move, go, and are cleaned up",
    async (what, huge) => {
      await using namespace = await OverlayNamespace.create();
      {
        await using installer = await installed(namespace);
        await installer.kill();
      }
      await addHuge(namespace, { what, ...huge });
      await using installer = await NamespaceInstaller.start(namespace);
      await installer.add(...VIEW);
      await installer.complete();
      await statusIs(installer, 2, 2);
      await installer.remove(`100 10.0.1.0/24 via ${A}`, `100 2001:db8:1::/48 via ${A}`);
      await installer.remove(`100 10.0.2.0/24 via ${A}`, `100 2001:db8:2::/48 via ${A}`);
      await installer.quiet();
      expect(ours(namespace)).toEqual([`10.0.1.0/24 by ${B}`, `2001:db8:1::/48 by ${B}`]);
      await statusIs(installer, 1, 1);
      await installer.stop({ cleanup: true });
      expect(ours(namespace)).toEqual([]);
      // It is there still.
      dropHuge(namespace);
    },
  );

  test.concurrent.each([...HUGE, HIDING].map(({ what, ...huge }) => [what, huge] as const))(
    "%s: it comes while we are at work: routes move, go and come, and the status is true",
    async (what, huge) => {
      await using namespace = await OverlayNamespace.create();
      await using installer = await installed(namespace, { reconcileIntervalSeconds: 1 });
      await addHuge(namespace, { what, ...huge });
      await installer.logged(/warn the scan is incomplete/);
      await installer.remove(`100 10.0.1.0/24 via ${A}`, `100 2001:db8:1::/48 via ${A}`);
      await installer.remove(`100 10.0.2.0/24 via ${A}`, `100 2001:db8:2::/48 via ${A}`);
      await installer.add(`100 10.0.3.0/24 via ${C}`);
      const { scans } = await installer.status();
      await eventually(async () => (await installer.status()).scans >= scans + 2, true);
      await statusIs(installer, 2, 1);
      dropHuge(namespace);
      expect(namespace.routes().filter((line) => !line.includes(" plain "))).toEqual([
        `10.0.1.0/24 by ${B}`,
        `10.0.3.0/24 by ${C}`,
        `2001:db8:1::/48 by ${B}`,
      ]);
      // Now that it is known what others' routes name, what nothing needs goes.
      await installer.logged(/info the scan is complete again/);
      await eventually(() => ourNexthops(namespace).length, 2);
      expect(installer.warnings.join("\n")).not.toMatch(/had drifted|in the way/);
    },
  );
});
