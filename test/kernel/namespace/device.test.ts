/** The tunnel device of a real kernel goes and comes back, and with it the objects and routes that went by it. */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, MAKE_TUNNEL, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B] = ["2001:db8::a", "2001:db8::b"];
const VIEW = [
  ...[A, B].flatMap((hop) => ["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100 ${to} via ${hop}`)),
  ...["10.0.2.0/24", "2001:db8:2::/48"].map((to) => `100 ${to} via ${A}`),
];
const ROUTES = [
  `10.0.1.0/24 by ${A} ${B}`,
  `10.0.2.0/24 by ${A}`,
  `2001:db8:1::/48 by ${A} ${B}`,
  `2001:db8:2::/48 by ${A}`,
];
const DOWN = "link set tun down";
const UP = "link set tun up";
const DELETE = "link del tun";

/** What is different when the device is back: comes into view while it is away, and leaves it. */
const ADDED = [`100 10.0.3.0/24 via ${B}`, `100 2001:db8:3::/48 via ${B}`];
const REMOVED = [`100 10.0.1.0/24 via ${A}`, `100 2001:db8:2::/48 via ${A}`];
const CHANGED_ROUTES = [
  `10.0.1.0/24 by ${B}`,
  `10.0.2.0/24 by ${A}`,
  `10.0.3.0/24 by ${B}`,
  `2001:db8:1::/48 by ${A} ${B}`,
  `2001:db8:3::/48 by ${B}`,
];

async function installed() {
  const rig = new AsyncDisposableStack();
  const namespace = rig.use(await OverlayNamespace.create());
  const installer = rig.use(await NamespaceInstaller.start(namespace));
  await installer.add(...VIEW);
  await installer.complete();
  await namespace.routesAre(ROUTES);
  return { namespace, installer, [Symbol.asyncDispose]: () => rig.disposeAsync() };
}

async function hasAll(namespace: OverlayNamespace, routes: readonly string[], device = "tun"): Promise<void> {
  const found = () => {
    const nexthops = namespace.nexthops();
    const count = (text: string) => nexthops.filter((line) => line.includes(text)).length;
    return [...namespace.routes(), count(` dev ${device} `), count(" group "), nexthops.length];
  };
  await eventually(found, [...routes, 2, 1, 3]);
}

describe.skipIf(reason !== null)(`the device${because}`, () => {
  const kinds: readonly (readonly [what: string, away: string, back: readonly (readonly string[])[]])[] = [
    ["goes down and comes up", DOWN, [[UP]]],
    ["is deleted and made anew", DELETE, [MAKE_TUNNEL]],
    [
      "is deleted and made anew, of another kind",
      DELETE,
      [["link add tun type veth peer far", UP, "link set far up"]],
    ],
    ["is deleted, made anew and comes up later", DELETE, [MAKE_TUNNEL.slice(0, 1), [UP]]],
  ];
  test.concurrent.each(kinds)("%s: all is back, and what has changed meanwhile", async (_, away, back) => {
    await using rig = await installed();
    const { namespace, installer } = rig;
    namespace.ip(away);
    await installer.logged(/error the tunnel device is not up; the kernel has removed its routes/);
    expect([namespace.routes(), namespace.nexthops()]).toEqual([[], []]);
    await installer.add(...ADDED);
    await installer.remove(...REMOVED);
    for (const lines of back) namespace.ip(...lines);
    await installer.logged(/info the tunnel device is up/);
    await hasAll(namespace, CHANGED_ROUTES);
    // Nothing was tried in vain.
    const { operations } = await installer.status();
    expect(Object.entries(operations).filter(([, { failed }]) => failed > 0)).toEqual([]);
  });

  test.concurrent.each([
    ["down", DOWN],
    ["deleted", DELETE],
  ])("is %s: a moment later the status shows what the kernel has", async (_, away) => {
    await using rig = await installed();
    const { namespace, installer } = rig;
    namespace.ip(away);
    await eventually(async () => {
      const { ipv4, ipv6 } = await installer.table();
      const { objects, groups } = await installer.status();
      return [ipv4.wanted, ipv4.installed, ipv6.wanted, ipv6.installed, objects, groups];
    }, [2, 0, 2, 0, 0, 0]);
    expect(namespace.nexthops()).toEqual([]);
  });

  test.concurrent.each([
    ["down and up", [DOWN, UP]],
    ["down and up ten times", Array.from({ length: 10 }, () => [DOWN, UP]).flat()],
    ["deleted and made anew", [DELETE, ...MAKE_TUNNEL]],
  ])("is %s before it is looked at", async (_, lines) => {
    await using rig = await installed();
    rig.namespace.ip(...lines);
    await hasAll(rig.namespace, ROUTES);
  });

  test.concurrent("is another at the next start: the routes move there without a gap", async () => {
    await using rig = await installed();
    const { namespace, installer } = rig;
    await installer.kill();
    namespace.ip("link add tun2 type vxlan external dstport 4790", "link set tun2 up");
    await using monitor = await namespace.monitor();
    await using next = await NamespaceInstaller.start(namespace, { device: "tun2" });
    await next.add(...VIEW);
    await next.complete();
    await hasAll(namespace, ROUTES, "tun2");
    const ofRoutes = (await monitor.take()).filter((line) => line.includes(" table 100 "));
    expect(ofRoutes.filter((line) => line.startsWith("Deleted"))).toEqual([]);
    expect(ofRoutes).toHaveLength(ROUTES.length);
  });

  test.concurrent("is down at the start: the routes come when it is up", async () => {
    await using namespace = await OverlayNamespace.create(DOWN);
    await using installer = await NamespaceInstaller.start(namespace);
    await installer.add(...VIEW);
    await installer.logged(
      /warn the tunnel device has a problem .*tun is down or without a carrier, so the kernel takes no routes by it/,
    );
    expect(namespace.nexthops()).toEqual([]);
    namespace.ip(UP);
    await hasAll(namespace, ROUTES);
  });

  const OFF = "sysctl -qw net.ipv6.conf.tun.disable_ipv6=1";
  const ON = "sysctl -qw net.ipv6.conf.tun.disable_ipv6=0";
  test.concurrent.each([
    ["sysctl", OFF, ON, /IPv6, .*is switched off on tun: sysctl -w net\.ipv6\.conf\.tun\.disable_ipv6=0/],
    [
      "sysctl, of all devices",
      OFF.replace("tun", "all"),
      ON.replace("tun", "all"),
      /IPv6, .*is switched off on all devices: sysctl -w net\.ipv6\.conf\.all\.disable_ipv6=0/,
    ],
    [
      "MTU",
      "ip link set tun mtu 1279",
      "ip link set tun mtu 1500",
      /tun has an MTU of 1279, .*: ip link set tun mtu 1280/,
    ],
  ])(
    "is without IPv6 by its %s: said with the remedy, and healed as soon as it is on",
    async (_, off, on, words) => {
      await using rig = await installed();
      const { namespace, installer } = rig;
      namespace.sh(off);
      await installer.add("100 10.0.9.0/24 via 2001:db8::9");
      await installer.logged(new RegExp(`warn the tunnel device has a problem .*${words.source}`));
      const [fault] = await installer.faults();
      expect(fault?.destination).toBe("10.0.9.0/24");
      expect(fault?.message).toMatch(words);
      const { problems } = await installer.status();
      expect(problems).toContainEqual(expect.stringMatching(words));
      namespace.sh(on);
      await namespace.routesAre([...ROUTES, "10.0.9.0/24 by 2001:db8::9"].sort());
      await eventually(async () => (await installer.status()).problems.length, 0);
    },
  );
});
