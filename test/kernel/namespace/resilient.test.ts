/**
 * Which flows move when a destination's next hops change, on a real kernel: its own look-ups say by which hop a packet
 * of each port would leave.
 */
import { describe, expect, test } from "bun:test";
import type { EcmpMode } from "../../../src/kernel/desired/settings.ts";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const HOPS = ["2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d"] as const;
const [, GOING, , LATE] = HOPS;
const FLOWS = 300;
const IDLE_TIMER_MS = 10_000;
const DESTINATIONS = { 4: "10.9.9.9/32", 6: "fd00:9::9/128" } as const;
const ROUTES = Object.values(DESTINATIONS);
const via = (destinations: readonly string[], ...hops: readonly string[]) =>
  destinations.flatMap((destination) => hops.map((hop) => `100 ${destination} via ${hop}`));

/** Tenants' packets come in by `tap`, and are looked up in table 100. */
async function makeNamespace(): Promise<OverlayNamespace> {
  const namespace = await OverlayNamespace.create(
    "link add tap type veth peer name tap-peer",
    "link set tap up",
    "link set tap-peer up",
    "addr add 10.1.1.254/24 dev tap",
    "addr add fd00:1::254/64 dev tap nodad",
    "rule add iif tap lookup 100",
    "-6 rule add iif tap lookup 100",
  );
  namespace.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
  return namespace;
}

/** By port, the hop of each flow from one address to the destination. */
function hopsOfFlows(namespace: OverlayNamespace, family: 4 | 6): string[] {
  const [destination, source] = family === 4 ? ["10.9.9.9", "10.1.1.1"] : ["fd00:9::9", "fd00:1::1"];
  const answers = namespace.sh(`
    for port in $(seq 1024 ${1024 + FLOWS - 1}); do
      echo "route get ${destination} from ${source} iif tap ipproto tcp sport $port dport 80"
    done | ip -N -o -batch -
  `);
  const hops = [...answers.matchAll(/ encap ip6 .*?dst (\S+)/g)].map(([, hop = ""]) => hop);
  expect(hops).toHaveLength(FLOWS);
  return hops;
}

/** Of those by hops that are in both sets. */
function movedFlows(before: readonly string[], after: readonly string[], gone: string): number {
  return before.filter((hop, flow) => hop !== gone && hop !== after[flow]).length;
}

describe.each([4, 6] as const)("of an IPv%d destination with four hops", (family) => {
  test.skipIf(reason !== null).each<[EcmpMode, string]>([
    ["plain", "some other flows move"],
    ["resilient", "no other flow moves"],
  ])(`when one goes, by %s groups: %s${because}`, async (ecmp) => {
    await using namespace = await makeNamespace();
    await using installer = await NamespaceInstaller.start(namespace, { ecmp });
    await installer.complete();
    // A destination of the other family with the same hops does not change.
    await installer.add(...via(ROUTES, ...HOPS));
    await installer.quiet();
    const four = hopsOfFlows(namespace, family);
    expect(new Set(four).size).toBe(4);

    await installer.remove(...via([DESTINATIONS[family]], GOING));
    await installer.quiet();
    const three = hopsOfFlows(namespace, family);
    expect(three).not.toContain(GOING);
    const moved = movedFlows(four, three, GOING);
    if (ecmp === "resilient") expect(moved).toBe(0);
    else expect(moved).toBeGreaterThan(0);
    // The kernel's notification of a replace changes nothing: it was ours.
    expect(installer.warnings).toEqual([]);
    expect(Object.values((await installer.status()).drift).every((count) => count === 0)).toBe(true);
  });

  test.skipIf(reason !== null)(`when one comes, no flow in use moves${because}`, async () => {
    await using namespace = await makeNamespace();
    await using installer = await NamespaceInstaller.start(namespace, { ecmp: "resilient" });
    await installer.complete();
    await installer.add(...via(ROUTES, ...HOPS.filter((hop) => hop !== LATE)));
    await installer.quiet();
    const startMs = performance.now();
    const three = hopsOfFlows(namespace, family);
    await installer.add(...via([DESTINATIONS[family]], LATE));
    await installer.quiet();
    const four = hopsOfFlows(namespace, family);
    // On a machine so slow they were idle, and the kernel may give them to the new one.
    if (performance.now() - startMs < IDLE_TIMER_MS) expect(four).toEqual(three);
    expect(namespace.nexthopOf(DESTINATIONS[family].replace(/\/\d+$/, ""))).toContain("type resilient");
  });
});

test.skipIf(reason !== null).each<[EcmpMode, EcmpMode]>([
  ["plain", "resilient"],
  ["resilient", "plain"],
])(
  `%s groups give way to %s ones at a restart, without a moment without a route${because}`,
  async (before, after) => {
    await using namespace = await makeNamespace();
    for (const [index, ecmp] of [before, after].entries()) {
      await using installer = await NamespaceInstaller.start(namespace, { ecmp });
      const view = async () => {
        await installer.add(...via(ROUTES, ...HOPS));
        await installer.complete();
        await installer.quiet();
      };
      if (index === 0) await view();
      else {
        const { failures } = await namespace.whileAsking(
          "any",
          ["route get 10.9.9.9 from 10.1.1.1 iif tap"],
          view,
        );
        // One may meet the replace of its route: see routes.test.ts.
        expect(failures).toBeLessThanOrEqual(1);
      }
      await namespace.routesAre(["10.9.9.9", "fd00:9::9"].map((to) => `${to} by ${HOPS.join(" ")}`));
      const group = namespace.nexthopOf("10.9.9.9");
      expect(group.includes("type resilient buckets 256 idle_timer 10 unbalanced_timer 0")).toBe(
        ecmp === "resilient",
      );
      await installer.kill();
    }
  },
);

test.skipIf(reason !== null)(
  `with a hash policy of 0 all flows between two addresses take one hop, by the inner packet's family${because}`,
  async () => {
    await using namespace = await makeNamespace();
    namespace.sh("sysctl -qw net.ipv4.fib_multipath_hash_policy=0");
    await using installer = await NamespaceInstaller.start(namespace);
    await installer.complete();
    await installer.add(...via(ROUTES, ...HOPS));
    await installer.quiet();
    const hopCounts = () => ([4, 6] as const).map((family) => new Set(hopsOfFlows(namespace, family)).size);
    expect(hopCounts()).toEqual([1, 4]);
    const { ecmpProblem } = await installer.status();
    expect(ecmpProblem).toEndWith("sysctl -w net.ipv4.fib_multipath_hash_policy=1");
    await installer.logged(/sysctl -w net\.ipv4\.fib_multipath_hash_policy=1/);
    // As it says.
    namespace.sh(/sysctl -w .*/.exec(ecmpProblem ?? "")?.[0] ?? "");
    expect(hopCounts()).toEqual([4, 4]);
    expect((await installer.status()).ecmpProblem).toBeNull();
  },
);
