/** What a client answers about its routes in the kernel: a kernel in memory, with other programs in it. */
import { describe, expect, test } from "bun:test";
import type { Explanation, FibDrift, FibEntry, FibPage } from "../../../src/http/queries/api.ts";
import { clientSource } from "../../../src/http/queries/daemon-sources.ts";
import { fibDriftEndpoint } from "../../../src/http/queries/fib-endpoints.ts";
import type { InstallerOptions } from "../../../src/kernel/reconcile/installer.ts";
import { FIRST_ID, InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";
import { ClientRig } from "../../support/network/client-rig.ts";
import { askQuery } from "../../support/network/query-answer.ts";

const [A, B] = ["2001:db8::a", "2001:db8::b"];
const FOREIGN = { protocol: 4, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1, table: 100 };
const ROUTES = [
  `100 10.0.1.0/24 via ${A}`,
  `100 10.0.2.0/24 via ${B}`,
  `100 10.0.2.0/24 via ${A}`,
  `100 2001:db8:1::/48 via ${B}`,
  `200 10.0.1.0/24 via ${B}`,
  `300 10.0.9.0/24 via ${B}`,
];
const MAPPINGS = [
  { vni: 100, table: 100 },
  { vni: 200, table: 100 },
  { vni: 300, table: 7 },
];

interface Setup {
  readonly options?: Partial<InstallerOptions>;
  readonly isDryRun?: boolean;
  /** What happens in the kernel before the routes come. */
  readonly before?: (kernel: InstallerUnderTest) => void;
}

/** A client with the routes, and the kernel that gets them. */
async function setup({ options, isDryRun = false, before }: Setup = {}) {
  const rig = new ClientRig();
  await rig.startServer(1);
  rig.client([1]).announce(...ROUTES);
  const reader = rig.client([1]).subscribe(100, 200, 300);
  rig.clock.advance(1000);
  const kernel = new InstallerUnderTest({ mappings: MAPPINGS, ...options }, rig.clock);
  await kernel.start();
  before?.(kernel);
  await kernel.add(...ROUTES);
  await kernel.advance(0);
  const { installer } = kernel;
  const source = clientSource(reader.client, rig.clock, {
    isDryRun,
    rowOf: (vni, destination) => installer.rowOf(vni, destination),
    rows: (selection) => installer.rows(selection),
    compare: (limit = 10) => installer.compare(limit),
    tableOf: (vni) => installer.tableOf(vni),
    get deviceProblems() {
      return installer.deviceProblems;
    },
  });
  const ask = <T>(path: string) => askQuery<T>(rig, source, path, [fibDriftEndpoint(source)]);
  return { rig, kernel, ask, drift: () => ask<FibDrift>("/v1/fib/drift") };
}

const lineOf = ({ table, destination, state, desired, observed }: FibEntry) =>
  `${table} ${destination} ${state} to ${desired} has ${observed ?? "none"}`;

describe("/v1/fib", () => {
  test("has desired and observed of each destination", async () => {
    const { ask } = await setup();
    const { entries, next } = await ask<FibPage>("/v1/fib");
    expect(next).toBeNull();
    expect(entries.map(lineOf)).toEqual([
      `100 10.0.1.0/24 installed to ${A} has ${A}`,
      `100 10.0.2.0/24 installed to ${A},${B} has ${A},${B}`,
      `100 2001:db8:1::/48 installed to ${B} has ${B}`,
      `7 10.0.9.0/24 installed to ${B} has ${B}`,
    ]);
    expect(entries[0]).toMatchObject({ vnis: [100, 200], nexthopId: FIRST_ID, reason: null });
  });

  const FILTERS: readonly (readonly [query: string, destinations: string[]])[] = [
    ["table=7", ["10.0.9.0/24"]],
    ["vni=300", ["10.0.9.0/24"]],
    ["vni=200", ["10.0.1.0/24", "10.0.2.0/24", "2001:db8:1::/48"]],
    ["vni=300&table=100", []],
    ["vni=400", []],
    ["state=refused", ["10.0.2.0/24"]],
  ];
  test.each(FILTERS)("takes %s", async (query, destinations) => {
    const { ask } = await setup({
      before: ({ kernel }) => kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }),
    });
    const { entries } = await ask<FibPage>(`/v1/fib?${query}`);
    expect(entries.map(({ destination }) => destination)).toEqual(destinations);
  });

  test("is the same page by page, and as a stream", async () => {
    const { ask } = await setup();
    const { entries } = await ask<FibPage>("/v1/fib");
    expect(await ask<FibEntry[]>("/v1/fib?format=jsonl")).toEqual([...entries]);
    const paged: FibEntry[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: FibPage = await ask<FibPage>(`/v1/fib?limit=1${after}`);
      expect(page.entries).toHaveLength(1);
      paged.push(...page.entries);
      cursor = page.next;
    } while (cursor !== null);
    expect(paged).toEqual([...entries]);
  });

  test("says that a client has no kernel routes", async () => {
    const rig = new ClientRig();
    const source = clientSource(rig.client([1]).client, rig.clock);
    expect(await askQuery<object>(rig, source, "/v1/fib")).toMatchObject({
      code: "NO_KERNEL_ROUTES",
      message: expect.stringContaining("--install-routes"),
    });
  });
});

describe("the kernel's part of an explanation", () => {
  interface Case extends Setup {
    readonly name: string;
    readonly address?: string;
    readonly after?: (kernel: InstallerUnderTest) => Promise<void>;
    readonly state: string;
    readonly verdict: Explanation["verdict"];
    readonly words: string;
  }
  const CASES: readonly Case[] = [
    {
      name: "it is installed",
      state: "installed",
      verdict: "works",
      words: "and the kernel has it in table 100",
    },
    {
      name: "a foreign route is in the way",
      before: ({ kernel }) => kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.1.0/24") }),
      state: "refused",
      verdict: "not-installed",
      words:
        "10.0.1.0/24 in VNI 100 is not installed: a route of another program is in its place: File exists: 10.0.1.0/24 dev if1 proto static metric 0 (ip route show table 100 exact 10.0.1.0/24)",
    },
    {
      name: "the device is down",
      after: async (rig) => {
        rig.kernel.setLink({ isUp: false });
        await rig.advance(2_000);
      },
      state: "refused",
      verdict: "not-installed",
      words:
        "is not installed: tun is down or without a carrier, so the kernel takes no routes by it: ip link set tun up",
    },
    {
      name: "the device is not external, which the kernel does not mind",
      after: async (rig) => {
        rig.kernel.setLink({ isExternal: false });
        await rig.advance(2_000);
      },
      state: "installed",
      verdict: "not-installed",
      words:
        "10.0.1.0/24 in VNI 100 is installed, but tun is not external, so packets do not reach their hypervisors",
    },
    {
      name: "another VNI of the table has it",
      address: "10.0.1.7?vni=200",
      state: "shadowed",
      verdict: "not-installed",
      words: "VNI 100 of table 100 has the destination, too",
    },
    {
      name: "the settings leave it out",
      address: "2001:db8:1::7?vni=100",
      options: { ipv4Only: true },
      state: "skipped",
      verdict: "not-installed",
      words: "--ipv4-only leaves IPv6 destinations out",
    },
    {
      name: "it is a dry run",
      isDryRun: true,
      state: "planned",
      verdict: "not-installed",
      words: "--dry-run: nothing is changed",
    },
  ];
  test.each(CASES)(
    "$name",
    async ({ address = "10.0.1.7?vni=100", after, state, verdict, words, ...given }) => {
      const { ask, kernel } = await setup(given);
      await after?.(kernel);
      const explanation = await ask<Explanation>(`/v1/explain/${address}`);
      expect(explanation.matches[0]?.kernel?.state).toBe(state as never);
      expect(explanation).toMatchObject({ verdict, summary: expect.stringContaining(words) });
    },
  );
});

describe("drift", () => {
  test("is none where the kernel has what is desired", async () => {
    const { drift } = await setup();
    expect(await drift()).toEqual({ entries: [], count: 0, compared: 4, complete: true });
  });

  /** What another program does without a notification, and what is found. */
  const CASES: readonly (readonly [
    name: string,
    act: (kernel: InstallerUnderTest["kernel"]) => void,
    found: readonly string[],
    reason: string,
  ])[] = [
    [
      "a route is deleted",
      (kernel) => kernel.deleteRoute(({ destination }) => destination.w0 === 0x0a000200),
      [`100 10.0.2.0/24 missing to ${A},${B} has none`],
      "the next scan repairs it",
    ],
    [
      "an object is changed",
      (kernel) => {
        const [object] = kernel.ourNexthops();
        if (object !== undefined) kernel.replaceNexthop({ ...object, isOdd: true });
      },
      [`100 10.0.1.0/24 changed to ${A} has `, `100 10.0.2.0/24 changed to ${A},${B} has `],
      "the next scan repairs it",
    ],
    [
      "a foreign route takes the place",
      (kernel) => kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.2.0/24") }, "replace"),
      [`100 10.0.2.0/24 missing to ${A},${B} has none`],
      "(ip route show table 100 exact 10.0.2.0/24)",
    ],
    [
      "a route of ours is where none is desired",
      (kernel) => {
        const route = kernel.ourRoute(100, prefix("10.0.7.0/24"), FIRST_ID);
        kernel.foreignRoute({ ...route, protocol: kernel.protocol });
      },
      [`100 10.0.7.0/24 extra to  has ${A}`],
      "of no use",
    ],
  ];
  test.each(CASES)("%s", async (_, act, found, reason) => {
    const { kernel, drift, ask } = await setup();
    kernel.kernel.isMuted = true;
    act(kernel.kernel);
    const { entries, count } = await drift();
    expect(entries.map(lineOf)).toEqual([...found]);
    expect(count).toBe(found.length);
    for (const entry of entries) expect(entry.reason).toContain(reason);
    // Only the table that is asked for.
    expect((await ask<FibDrift>("/v1/fib/drift?table=100")).count).toBe(found.length);
    expect((await ask<FibDrift>("/v1/fib/drift?vni=300")).count).toBe(0);
  });

  test("is not what one dump of IPv6 routes has missed", async () => {
    const { kernel, drift } = await setup();
    kernel.kernel.missNext = 1;
    expect((await drift()).count).toBe(0);
    const { eachRoute } = kernel.kernel;
    kernel.kernel.eachRoute = (...args) => {
      kernel.kernel.missNext = 1;
      return eachRoute.apply(kernel.kernel, args);
    };
    expect((await drift()).count).toBe(0);
  });

  test("names what the kernel refuses, and why", async () => {
    const { kernel, drift } = await setup();
    kernel.kernel.setLink({ isUp: false });
    await kernel.advance(2_000);
    const { entries } = await drift();
    expect(entries.map(({ state }) => state)).toEqual(["missing", "missing", "missing", "missing"]);
    expect(entries[0]?.reason).toContain("ip link set tun up");
  });
});
