/**
 * What removes routes in a real kernel, with notification or without: in the end the routes that are desired are back
 * wherever the device can have them, and what the status calls installed is what the kernel has. There is no scan on an
 * interval, so what the kernel does not notify about has to be found in another way.
 */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, MAKE_TUNNEL, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B] = ["2001:db8::a", "2001:db8::b"];
const VIEW = [A, B].flatMap((hop) => ["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100 ${to} via ${hop}`));
const ROUTES = [`10.0.1.0/24 by ${A} ${B}`, `2001:db8:1::/48 by ${A} ${B}`];
/** Routes of a predecessor; no server has sent them yet, so they are not put back. */
const PLAIN = [
  `route add 10.0.8.0/24 encap ip6 dst ${A} dev tun table 100 proto 254`,
  `route add 10.0.9.0/24 encap ip6 dst ${A} dev tun src 198.51.100.1 table 100 proto 254`,
  `route add 2001:db8:8::/48 encap ip6 dst ${A} dev tun table 100 proto 254`,
];
const UP = "ip link set tun up";
const MAKE = MAKE_TUNNEL.map((line) => `ip ${line}`).join("\n");

/** With the hops of its group in a route, `ip` asks for a deletion that the kernel refuses. */
const flush = (command: string) => {
  const mode = "/proc/sys/net/ipv4/nexthop_compat_mode";
  return `echo 0 >${mode}; ${command}; echo 1 >${mode}`;
};

interface Removal {
  readonly what: string;
  /** Before the installer starts. */
  readonly before?: string;
  readonly script: string;
  /** The device cannot have routes after it: then only the status counts, until this was done. */
  readonly back?: string;
}

const REMOVALS: readonly Removal[] = [
  {
    what: "the device's last IPv4 address goes",
    before: "ip addr add 192.0.2.1/24 dev tun",
    script: "ip addr del 192.0.2.1/24 dev tun",
  },
  {
    what: "all addresses of the device are flushed",
    before: "ip addr add 192.0.2.1/24 dev tun; ip addr add 192.0.2.2/24 dev tun",
    script: "ip addr flush dev tun",
  },
  { what: "the source address of routes goes", script: "ip addr del 198.51.100.1/32 dev lo" },
  { what: "the device is down for a moment", script: `ip link set tun down\n${UP}` },
  { what: "the device is down", script: "ip link set tun down", back: UP },
  { what: "the device is deleted and made anew", script: `ip link del tun\n${MAKE}` },
  { what: "the device is deleted", script: "ip link del tun", back: MAKE },
  {
    what: "the device moves to another network namespace",
    script: "unshare -n sleep 60 & sleep 0.3; ip link set tun netns $!; kill $!",
    back: MAKE,
  },
  {
    what: "the device goes into a VRF and out of it",
    script:
      "ip link add red type vrf table 900 || exit 0\nip link set red up\nip link set tun master red\nip link set tun nomaster",
  },
  {
    what: "the device goes into a VRF",
    script: "ip link add red type vrf table 900 || exit 0\nip link set red up\nip link set tun master red",
  },
  {
    what: "the device goes into a bridge",
    script: "ip link add br0 type bridge || exit 0\nip link set br0 up\nip link set tun master br0",
  },
  { what: "the device is renamed", script: "ip link set tun name tun9" },
  {
    what: "IPv6 is switched off and on at the device",
    script:
      "echo 1 >/proc/sys/net/ipv6/conf/tun/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/tun/disable_ipv6",
  },
  {
    what: "IPv6 is switched off and on everywhere",
    script:
      "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
  },
  {
    what: "the device's MTU is too small for IPv6, and is not",
    script: "ip link set tun mtu 1200; ip link set tun mtu 1400",
  },
  { what: "forwarding is switched", script: "for f in 1 0; do echo $f >/proc/sys/net/ipv4/ip_forward; done" },
  { what: "the table's IPv4 routes are flushed", script: flush("ip route flush table 100") },
  { what: "the table's IPv6 routes are flushed", script: flush("ip -6 route flush table 100") },
  { what: "routes of the protocol are flushed", script: flush("ip route flush table all proto 254") },
  { what: "all nexthops are flushed", script: "ip nexthop flush" },
  { what: "all groups are flushed", script: "ip nexthop flush groups" },
  { what: "nexthops of the device are flushed", script: "ip nexthop flush dev tun" },
  {
    what: "groups are flushed three times in a row",
    script: "for i in 1 2 3; do ip nexthop flush groups; sleep 0.1; done",
  },
  { what: "lo goes down and up", script: "ip link set lo down; ip link set lo up" },
  {
    what: "a rule comes and goes",
    script: "ip rule add from 192.0.2.0/24 table 100; ip rule del from 192.0.2.0/24 table 100",
  },
];

describe.skipIf(reason !== null)(`routes in a real kernel${because}`, () => {
  test.concurrent.each(REMOVALS.map(({ what, ...removal }) => [what, removal] as const))(
    "%s: they are back, and the status is true",
    async (_, { before, script, back }) => {
      await using namespace = await OverlayNamespace.create("addr add 198.51.100.1/32 dev lo");
      if (before !== undefined) namespace.sh(before);
      namespace.ip(...PLAIN);
      await using installer = await NamespaceInstaller.start(namespace);
      await installer.add(...VIEW);
      await installer.quiet();
      expect(wanted(namespace)).toEqual(ROUTES);
      expect(await installedOf(installer)).toEqual([3, 2]);

      namespace.sh(script);
      if (back !== undefined) {
        await statusIsTrue(namespace, installer);
        expect(wanted(namespace)).toEqual([]);
        namespace.sh(back);
      }
      await eventually(() => wanted(namespace), ROUTES);
      await statusIsTrue(namespace, installer);
    },
  );
});

/** The routes that are in the view. */
function wanted(namespace: OverlayNamespace): string[] {
  return namespace.routes().filter((line) => !line.includes(" plain "));
}

async function installedOf(installer: NamespaceInstaller): Promise<number[]> {
  const { ipv4, ipv6 } = await installer.table();
  return [ipv4.installed, ipv6.installed];
}

async function statusIsTrue(namespace: OverlayNamespace, installer: NamespaceInstaller): Promise<void> {
  await eventually(async () => {
    const routes = namespace.routes();
    const ipv6 = routes.filter((line) => line.startsWith("2001:")).length;
    const [installed4 = 0, installed6 = 0] = await installedOf(installer);
    return [routes.length - ipv6 - installed4, ipv6 - installed6];
  }, [0, 0]);
}
