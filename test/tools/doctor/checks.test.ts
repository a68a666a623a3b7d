/** What the checks of `bunbond doctor` find: facts as data, and the lines that differ from those of a host that is as it should be. */
import { describe, expect, test } from "bun:test";
import type { Link } from "../../../src/kernel/kernel.ts";
import { parseAddress } from "../../../src/net/address.ts";
import type { IpAddress } from "../../../src/net/ip.ts";
import { findingsOf } from "../../../src/tools/doctor/checks.ts";
import type { DaemonPlan, HostFacts, KernelFacts, KernelPlan } from "../../../src/tools/doctor/facts.ts";

const SERVER = { host: "server-1.example", port: 4711 };
const LISTEN = { host: "::", port: 4711 };

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

const TUNNEL: Link = {
  index: 3,
  name: "overlay",
  isUp: true,
  kind: "ip6tnl",
  isExternal: true,
  mtuBytes: 1452,
  ipv6: "on",
};
const ETHERNET: Link = { ...TUNNEL, index: 2, name: "eth0", kind: null, isExternal: null, mtuBytes: 1500 };

const GOOD_KERNEL: KernelFacts = {
  libnlOrigin: "/usr/lib/libnl-3.so.200",
  refusals: [],
  links: [ETHERNET, TUNNEL],
  localAddresses: [address("::1"), address("fe80::1"), address("2001:db8::7")],
  settings: {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.overlay.rp_filter": 0,
    "net.ipv4.fib_multipath_hash_policy": 1,
    "net.ipv6.fib_multipath_hash_policy": 1,
  },
  rules: ([4, 6] as const).flatMap((family) => [
    { family, table: 254, inputDevice: null, isVrf: false },
    { family, table: 100, inputDevice: "overlay", isVrf: false },
  ]),
  vrfs: [],
  underlayDevices: ["eth0"],
  networkdTexts: null,
  isProtocolLocked: false,
};

const GOOD: HostFacts = {
  kernelRelease: "6.1.0",
  descriptorLimit: 65_536,
  clock: "synchronised",
  names: [{ name: SERVER.host, addresses: ["2001:db8::10"], error: null }],
  connections: [{ server: SERVER, tookMs: 1.2, error: null }],
  ports: [],
  daemons: [],
  kernel: GOOD_KERNEL,
};

const KERNEL_PLAN: KernelPlan = {
  device: "overlay",
  routeProtocol: 254,
  tables: [100],
  isResilient: false,
  isIpv4Only: false,
};
const CLIENT: DaemonPlan = {
  program: "client",
  from: "flags",
  pid: null,
  servers: [SERVER],
  listen: [],
  kernel: KERNEL_PLAN,
};
const SERVER_PLAN: DaemonPlan = { ...CLIENT, program: "server", servers: [], listen: [LISTEN], kernel: null };

interface Given {
  readonly facts?: Partial<HostFacts>;
  readonly kernel?: Partial<KernelFacts>;
  readonly settings?: Readonly<Record<string, number>>;
  readonly tunnel?: Partial<Link>;
  readonly plan?: Partial<KernelPlan>;
}

function linesOf({ facts, kernel, settings = {}, tunnel = {}, plan }: Given, daemon = CLIENT): string[] {
  const links = [ETHERNET, { ...TUNNEL, ...tunnel }];
  const changed = { ...GOOD_KERNEL, links, ...kernel, settings: { ...GOOD_KERNEL.settings, ...settings } };
  const plans = { ...daemon, kernel: daemon.kernel && { ...daemon.kernel, ...plan } };
  return findingsOf({ ...GOOD, kernel: changed, ...facts }, plans).map(
    ({ state, check, text }) => `${state} ${check}: ${text}`,
  );
}

test("a host that is as it should be has a line of ok for each check", () => {
  expect(linesOf({})).toEqual([
    "ok kernel: Linux 6.1.0, with nexthop objects",
    "ok libnl: /usr/lib/libnl-3.so.200",
    "ok permission: CAP_NET_ADMIN: this process may change routes",
    "ok route protocol: no client of this network namespace has 254",
    "ok tunnel device: overlay is up, external, and has IPv6",
    "ok source address: 2001:db8::7 can be the source of tunnel packets",
    "ok MTU: overlay has 1452, and eth0, by which tunnel packets leave, 1500",
    "ok forwarding: net.ipv4.ip_forward is 1",
    "ok forwarding: net.ipv6.conf.all.forwarding is 1",
    "ok rp_filter: it is off for overlay",
    "ok hash policy: of several next hops, one is chosen by a packet's ports, too",
    "ok rules: table 100 is looked up",
    "ok systemd-networkd: it does not run",
    "ok open files: a process may have 65536",
    "ok clock: it is synchronised",
    "ok name: server-1.example is 2001:db8::10",
    "ok server: server-1.example:4711 accepts connections, after 2 ms",
  ]);
});

const RULES_OF_MAIN = GOOD_KERNEL.rules?.filter(({ table }) => table === 254) ?? [];

/** What is wrong, and the lines that are not ok, or not among those above. */
const CASES: readonly (readonly [name: string, given: Given, lines: readonly string[]])[] = [
  [
    "libnl is missing",
    {
      kernel: {
        libnlOrigin: null,
        refusals: [{ code: "LIBNL_MISSING", message: "install libnl3" }],
        links: [],
        localAddresses: [],
      },
    },
    ["ok kernel: Linux 6.1.0", "fail libnl: install libnl3"],
  ],
  [
    "the kernel is too old, and the process may not change routes",
    {
      kernel: {
        refusals: [
          { code: "NO_NEXTHOP_OBJECTS", message: "it needs Linux 5.3" },
          { code: "NO_CAP_NET_ADMIN", message: "give it CAP_NET_ADMIN" },
        ],
      },
    },
    ["fail kernel: Linux 6.1.0: it needs Linux 5.3", "fail permission: give it CAP_NET_ADMIN"],
  ],
  [
    "resilient groups are asked for, and missing",
    {
      kernel: { refusals: [{ code: "NO_RESILIENT_GROUPS", message: "take --ecmp plain" }] },
      plan: { isResilient: true },
    },
    ["fail resilient groups: take --ecmp plain"],
  ],
  [
    "another client has the protocol",
    { kernel: { isProtocolLocked: true } },
    [
      "fail route protocol: another client of this network namespace has 254: stop it, or set --route-protocol to another number ('ss -xlp src @bunbond-fib-254' shows it)",
    ],
  ],
  [
    "the client that runs has the protocol",
    {
      kernel: { isProtocolLocked: true },
      facts: { daemons: [{ program: "client", pid: 7, listen: null, routeProtocol: 254 }] },
    },
    ["ok route protocol: 254 is that of the client with pid 7"],
  ],
  [
    "the device is down",
    { tunnel: { isUp: false } },
    [
      "fail tunnel device: overlay is down or without a carrier, so the kernel takes no routes by it: ip link set overlay up",
    ],
  ],
  [
    "the device is missing",
    { kernel: { links: [ETHERNET] } },
    [
      "fail tunnel device: there is no device overlay: ip link add overlay type ip6tnl mode any external && ip link set overlay up",
    ],
  ],
  [
    "the device is not external, and has no IPv6",
    { tunnel: { isExternal: false, ipv6: "off" } },
    [
      "fail tunnel device: overlay is not external, so packets do not reach their hypervisors: ip link del overlay; ip link add overlay type ip6tnl mode any external && ip link set overlay up",
      "fail tunnel device: IPv6, by which all routes leave, is switched off on overlay: sysctl -w net.ipv6.conf.overlay.disable_ipv6=0 (and net.ipv6.conf.default.disable_ipv6=0 for devices that are made later)",
    ],
  ],
  [
    "no address can be the source of tunnel packets",
    { kernel: { localAddresses: [address("::1"), address("fe80::1"), address("192.0.2.1")] } },
    [
      "fail source address: this host has no IPv6 address that others reach, and tunnel packets need one as their source: ip addr add ADDRESS/64 dev DEVICE",
    ],
  ],
  [
    "the device's packets do not fit into the underlay",
    { tunnel: { mtuBytes: 1500 } },
    [
      "warn MTU: overlay has 1500, and eth0, by which tunnel packets leave, 1500, which leaves no room for the header of 40 bytes, so large packets are fragmented or dropped: ip link set overlay mtu 1460, and no more for the tenants; or 1540 for eth0 and all hypervisors",
    ],
  ],
  [
    "nothing is forwarded",
    { settings: { "net.ipv4.ip_forward": 0, "net.ipv6.conf.all.forwarding": 0 } },
    [
      "fail forwarding: net.ipv4.ip_forward is 0, so the host does not forward the tenants' packets: sysctl -w net.ipv4.ip_forward=1",
      "fail forwarding: net.ipv6.conf.all.forwarding is 0, so the host does not forward the tenants' packets: sysctl -w net.ipv6.conf.all.forwarding=1",
    ],
  ],
  [
    "only IPv4 is installed",
    {
      settings: { "net.ipv6.conf.all.forwarding": 0, "net.ipv6.fib_multipath_hash_policy": 0 },
      plan: { isIpv4Only: true },
    },
    [],
  ],
  [
    "rp_filter is strict, with a rule for the device",
    { settings: { "net.ipv4.conf.all.rp_filter": 1 } },
    ["ok rp_filter: it is strict for overlay, and finds the routes by the rules"],
  ],
  [
    "rp_filter is strict, without a rule",
    { settings: { "net.ipv4.conf.overlay.rp_filter": 1 }, kernel: { rules: RULES_OF_MAIN } },
    [
      "fail rp_filter: it is strict for overlay, and no rule for that device finds the tenants' routes, so their packets are dropped: ip rule add iif overlay lookup TABLE, or sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.overlay.rp_filter=0",
      "warn rules: no rule looks up table 100 for IPv4 and IPv6, so no packet takes its routes: ip rule add iif overlay lookup 100, and the same for the tenants' devices and for ip -6 rule",
    ],
  ],
  [
    "a VRF has the table",
    { kernel: { rules: RULES_OF_MAIN, vrfs: [{ name: "tenant-100", table: 100 }] } },
    ["ok rules: table 100 is that of the VRF tenant-100"],
  ],
  ["the table is main", { plan: { tables: [254] } }, []],
  [
    "the rules cannot be read",
    { kernel: { rules: null } },
    ["warn rules: they cannot be read: install iproute2, or see that ip -j rule works"],
  ],
  [
    "connections share a next hop",
    { settings: { "net.ipv4.fib_multipath_hash_policy": 0 } },
    [
      "warn hash policy: of several next hops, one is chosen by a packet's addresses alone, so connections may share one: sysctl -w net.ipv4.fib_multipath_hash_policy=1",
    ],
  ],
  [
    "systemd-networkd removes routes",
    { kernel: { networkdTexts: ["[Network]\nManageForeignRoutes=yes\nManageForeignNextHops=no\n"] } },
    [
      "fail systemd-networkd: it removes what others have installed (ManageForeignRoutes, ManageForeignRoutingPolicyRules): mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\nManageForeignRoutes=no\\nManageForeignRoutingPolicyRules=no\\n' >/etc/systemd/networkd.conf.d/bunbond.conf && systemctl restart systemd-networkd",
    ],
  ],
  [
    "systemd-networkd removes rules",
    {
      kernel: {
        networkdTexts: ["[Network]\nManageForeignNextHops=no\n", "[Network]\n ManageForeignRoutes = false\n"],
      },
    },
    [
      "warn systemd-networkd: it removes what others have installed (ManageForeignRoutingPolicyRules): mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\nManageForeignRoutingPolicyRules=no\\n' >/etc/systemd/networkd.conf.d/bunbond.conf && systemctl restart systemd-networkd",
    ],
  ],
  [
    "there are few descriptors, and the clock runs free",
    { facts: { descriptorLimit: 1024, clock: "not-synchronised" } },
    [
      "warn open files: a process may have only 1024, one for each connection: LimitNOFILE=65536 in the unit, or ulimit -n 65536",
      "warn clock: it is not synchronised, so that times in the logs of several hosts may not fit together: timedatectl set-ntp true",
    ],
  ],
  [
    "a server's name has no address",
    {
      facts: {
        names: [{ name: SERVER.host, addresses: [], error: "ENOTFOUND" }],
        connections: [{ server: SERVER, tookMs: null, error: "ENOTFOUND" }],
      },
    },
    [
      "fail name: server-1.example has no address (ENOTFOUND): getent ahosts server-1.example shows what the system finds",
    ],
  ],
  [
    "a server does not answer",
    { facts: { connections: [{ server: SERVER, tookMs: null, error: "no answer within 3 s" }] } },
    [
      "fail server: no connection to server-1.example:4711 (no answer within 3 s): see whether the server runs there (bunbond status), and whether firewalls admit TCP port 4711",
    ],
  ],
];

describe("a client", () => {
  const usual = linesOf({});

  test("that runs has shown that it may change routes", () => {
    const refusals = [{ code: "NO_CAP_NET_ADMIN", message: "give it CAP_NET_ADMIN" }];
    const lines = linesOf({ kernel: { refusals } }, { ...CLIENT, pid: 7 });
    expect(lines).toEqual(usual.filter((line) => !line.includes(" permission: ")));
  });

  test.each(CASES)("%s", (_, given, lines) => {
    expect(linesOf(given).filter((line) => !usual.includes(line))).toEqual([...lines]);
  });
});

describe("a server's port", () => {
  const OURS = { program: "server", pid: 9, listen: "[::]:4711", routeProtocol: null } as const;
  const PORTS: readonly (readonly [code: string | null, facts: Partial<HostFacts>, line: string])[] = [
    [null, {}, "ok port: [::]:4711 is free"],
    ["EADDRINUSE", { daemons: [OURS] }, "ok port: [::]:4711 is used by the BunBond server with pid 9"],
    [
      "EADDRINUSE",
      {},
      "fail port: another program listens on [::]:4711: ss -ltnp 'sport = :4711' shows which",
    ],
    ["EADDRNOTAVAIL", {}, "fail port: [::]:4711 is no address of this host: ip addr shows them"],
    [
      "EACCES",
      {},
      "fail port: this user may not listen on [::]:4711: take a port from 1024 on, or CAP_NET_BIND_SERVICE",
    ],
  ];
  test.each(PORTS)("%s", (errorCode, facts, line) => {
    const ports = [{ endpoint: LISTEN, errorCode }];
    const lines = linesOf({ facts: { names: [], connections: [], ports, ...facts } }, SERVER_PLAN);
    expect(lines.filter((each) => each.includes(" port: "))).toEqual([line]);
    // Nothing about the kernel's routes concerns it.
    expect(lines).toHaveLength(3);
  });
});
