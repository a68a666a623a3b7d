/**
 * What metalbond's and rustbond's clients leave in the kernel, of the same protocol and in the tables that are ours now:
 * routes with their hops written out, without objects. (Only for IPv4 has metalbond any: for IPv6 the kernel refuses them.)
 */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B] = ["2001:db8::a", "2001:db8::b"];
const encap = (hop: string) => `nexthop encap ip6 id 0 dst ${hop} src :: hoplimit 0 tc 0 dev tun`;

const FORMS: Readonly<Record<string, { readonly to: readonly [string, string]; readonly by: string }>> = {
  "metalbond's, of one hop": { to: ["10.0.1.0/24", "10.1.1.0/24"], by: encap(A) },
  "metalbond's, of several hops": { to: ["10.0.2.0/24", "10.1.2.0/24"], by: `${encap(A)} ${encap(B)}` },
  "rustbond's IPv4": { to: ["10.0.3.0/24", "10.1.3.0/24"], by: "dev tun scope global" },
  "rustbond's IPv6": { to: ["2001:db8:3::/48", "2001:db8:103::/48"], by: `via ${A} dev tun` },
  "gateways, several": {
    to: ["2001:db8:4::/48", "2001:db8:104::/48"],
    by: `nexthop via ${A} dev tun nexthop via ${B} dev tun`,
  },
  "a single encapsulation": {
    to: ["2001:db8:5::/48", "2001:db8:105::/48"],
    by: `encap ip6 dst ${A} dev tun`,
  },
  "the default routes": { to: ["default", "10.1.6.0/24"], by: encap(B) },
};
const DESIRED = Object.values(FORMS).map(({ to: [wanted] }) => wanted);
const UNWANTED = Object.values(FORMS).map(({ to: [, unwanted] }) => unwanted);

async function withLeftovers(): Promise<OverlayNamespace> {
  // The gateways are reached by the tunnel itself.
  return await OverlayNamespace.create(
    "route add 2001:db8::/64 dev tun",
    ...Object.values(FORMS).flatMap(({ to, by }) =>
      to.map((destination) => `route add ${destination} table 100 proto 254 ${by}`),
    ),
    "route add default via 2001:db8::a dev tun table 100 proto 254",
    // Not in our tables, of another protocol, of another metric.
    `route add 10.0.1.0/24 table 101 proto 254 ${encap(A)}`,
    `route add 10.2.1.0/24 table 100 proto 99 ${encap(A)}`,
    `route add 10.0.1.0/24 table 100 proto 254 metric 9 ${encap(A)}`,
    `route add 2001:db8:3::/48 via ${A} dev tun table 100 proto 254 metric 9`,
  );
}

describe.skipIf(reason !== null)(`predecessors' routes${because}`, () => {
  test("are taken over without a gap where they are wanted, and go after the end where not", async () => {
    await using namespace = await withLeftovers();
    namespace.ip("-4 rule add pref 100 lookup 100", "-6 rule add pref 100 lookup 100");
    const before = namespace.everything();
    const found = namespace.routes();
    const [plain4, plain6] = [DESIRED, UNWANTED].map((destinations) => destinations.length);
    // Two of another metric, and the IPv6 default route.
    expect(found).toHaveLength((plain4 ?? 0) + (plain6 ?? 0) + 3);
    await using monitor = await namespace.monitor();
    await using installer = await NamespaceInstaller.start(namespace);
    await installer.quiet();
    expect(await monitor.take()).toEqual([]);
    const wanted = [...DESIRED.map((to) => to.replace("default", "0.0.0.0/0")), "::/0"];
    const lookups = await namespace.whileAsking(
      "any",
      wanted.map((to) => `route get ${to.replace("0.0.0.0/0", "198.51.100.7").replace(/\/\d+$/, "")}`),
      async () => {
        await installer.add(...wanted.map((to) => `100 ${to} via ${A}`));
        await installer.quiet();
      },
    );
    // One may meet the replace of its route: see routes.test.ts.
    expect(lookups.failures).toBeLessThanOrEqual(wanted.length);
    expect(lookups.answers.length + lookups.failures).toBe(lookups.rounds * wanted.length);
    expect(lookups.answers.filter((line) => !/ table 100 /.test(line))).toEqual([]);

    const takenOver = wanted.map((to) => to.replace(/^(0\.0\.0\.0|::)\/0$/, "default"));
    const byObject = takenOver.map((to) => `${to} by ${A}`);
    expect(namespace.routes().filter((line) => !line.includes(" plain "))).toEqual(
      expect.arrayContaining(byObject),
    );
    // The others wait for the end of the view.
    const waiting = found.filter((line) => UNWANTED.some((to) => line.startsWith(`${to} `)));
    expect(namespace.routes()).toEqual(expect.arrayContaining(waiting));
    expect((await monitor.take()).filter((line) => line.startsWith("Deleted"))).toEqual([]);

    await installer.complete();
    const ofOtherMetric = found.filter((line) => line.endsWith(" metric 9"));
    await eventually(() => namespace.routes().sort(), [...byObject, ...ofOtherMetric].sort());
    const deleted = (await monitor.take()).filter((line) => line.startsWith("Deleted"));
    const destinations = new Set(deleted.map((line) => line.split(" ")[1]));
    expect([...destinations].sort()).toEqual(UNWANTED.toSorted());
    expect(installer.warnings).toEqual([]);

    // Others' have stayed all the time, and nothing is left of the rest.
    await installer.stop({ cleanup: true });
    const isOurs = (line: string) => / table 100 .*proto 254 /.test(`${line} `) && !/ metric 9\b/.test(line);
    expect(namespace.everything()).toEqual(before.filter((line) => !isOurs(line)));
  });

  test("all go when nothing is wanted", async () => {
    await using namespace = await withLeftovers();
    await using installer = await NamespaceInstaller.start(namespace);
    await installer.complete();
    await eventually(() => namespace.routes().length, 2);
    expect(namespace.routes(101)).toHaveLength(1);
    expect(namespace.routes(100, 99)).toHaveLength(1);
  });
});
