/**
 * The network in the machine, one network namespace per box, all links veth pairs:
 *
 *       server-1         server-2                 bunbond server
 *           \               /
 *            \             /                      underlay: IPv6 only, a /64 per link
 *             +-- fabric -+
 *            /      |      \                      fabric forwards, and knows nothing of tenants
 *           /       |       \
 *     hyper-a    hyper-b    hyper-c               bunbond client, and the tunnel device
 *        |          |          |
 *        |          |          |                  overlay: IPv4 and IPv6, table 100 of each hypervisor
 *        |          |          |
 *     tenant-a   tenant-b   tenant-c              10.0.1.2    10.0.2.2    10.0.3.2
 *                                                 fd00:1::2   fd00:2::2   fd00:3::2
 *                   anycast    anycast                        10.0.99.9   10.0.99.9
 *                                                             fd00:99::9  fd00:99::9
 *
 * A hypervisor from the inside (a; b and c alike):
 *
 *     uplink   2001:db8:a::1/64, default route to the fabric     (main table)
 *     tun0     ip6tnl external (ip6tnl0 in b and c)              what comes out of it is routed by table 100
 *     vrf100   the VRF of table 100; in it:
 *     port     10.0.1.1/24, fd00:1::1/64                          the link to the tenant
 *
 * Table 100 is the tenant's network, VNI 100. A tenant's packet to another hypervisor's tenant finds there a route of
 * BunBond's client, which sends it into the tunnel with the hypervisor's underlay address as its destination.
 */
import { output } from "../command.ts";

export const TABLE = 100;
export const VNI = 100;

/**
 * The name that --tun has by default. It is also that of a device that the module ip6_tunnel gives every namespace by
 * itself, which is no use here (not external), unless it is told not to.
 */
export const FALLBACK_TUNNEL = "ip6tnl0";

export interface Address {
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface Server {
  readonly name: string;
  /** Underlay. */
  readonly address: string;
}

export interface Hypervisor {
  readonly name: string;
  /** Underlay: where the tunnels of the others end. */
  readonly address: string;
  readonly tunnel: string;
  readonly tenant: Tenant;
}

export interface Tenant {
  readonly name: string;
  readonly address: Address;
  readonly network: Address;
  /** It has the anycast addresses, too. */
  readonly isAnycast: boolean;
}

/** Beside their own addresses, tenants b and c have these. */
export const ANYCAST: Address = { ipv4: "10.0.99.9", ipv6: "fd00:99::9" };

export const SERVERS: readonly [Server, Server] = [
  { name: "server-1", address: "2001:db8:51::1" },
  { name: "server-2", address: "2001:db8:52::1" },
];

export const A = hypervisor("a", 1, { tunnel: "tun0", isAnycast: false });
export const B = hypervisor("b", 2, { tunnel: FALLBACK_TUNNEL, isAnycast: true });
export const C = hypervisor("c", 3, { tunnel: FALLBACK_TUNNEL, isAnycast: true });
export const HYPERVISORS: readonly Hypervisor[] = [A, B, C];

function hypervisor(
  letter: string,
  number: number,
  { tunnel, isAnycast }: Pick<Hypervisor, "tunnel"> & Pick<Tenant, "isAnycast">,
): Hypervisor {
  return {
    name: `hyper-${letter}`,
    address: `2001:db8:${letter}::1`,
    tunnel,
    tenant: {
      name: `tenant-${letter}`,
      address: { ipv4: `10.0.${number}.2`, ipv6: `fd00:${number}::2` },
      network: { ipv4: `10.0.${number}.0/24`, ipv6: `fd00:${number}::/64` },
      isAnycast,
    },
  };
}

/** The command that runs another one in the namespace. */
export function inside(namespace: string, ...command: readonly string[]): string[] {
  return ["ip", "netns", "exec", namespace, ...command];
}

/** What the command prints when it is run in the namespace. */
export async function runInside(namespace: string, ...command: readonly string[]): Promise<string> {
  return new TextDecoder().decode(await output(inside(namespace, ...command)));
}

/** Carries out `ip` command lines in the namespace, without the word "ip". */
export async function ip(namespace: string, ...lines: readonly string[]): Promise<void> {
  await output(["ip", "-netns", namespace, "-batch", "-"], { stdin: lines.join("\n") });
}

/** The same for lines that name no address and mean IPv6. */
async function ip6(namespace: string, ...lines: readonly string[]): Promise<void> {
  await output(["ip", "-6", "-netns", namespace, "-batch", "-"], { stdin: lines.join("\n") });
}

export async function buildNetwork(): Promise<void> {
  await createNamespace("fabric");
  for (const server of SERVERS) {
    await createNamespace(server.name);
    await joinFabric(server.name, server.address);
  }
  for (const hypervisor of HYPERVISORS) {
    const withoutFallback = hypervisor.tunnel === FALLBACK_TUNNEL ? 1 : 0;
    await Bun.write("/proc/sys/net/core/fb_tunnels_only_for_init_net", `${withoutFallback}`);
    await createNamespace(hypervisor.name);
    await joinFabric(hypervisor.name, hypervisor.address);
    await createNamespace(hypervisor.tenant.name);
    await equipHypervisor(hypervisor);
    await equipTenant(hypervisor);
  }
}

async function createNamespace(name: string): Promise<void> {
  await output(["ip", "netns", "add", name]);
  // First of all: Debian's 6.1 crashes when a namespace's very first IPv4 route is one that names a nexthop object.
  await ip(name, "link set lo up");
  await runInside(
    name,
    ...["sysctl", "-q", "-w"],
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    // Duplicate address detection would make each address wait for a second or two.
    "net.ipv6.conf.default.accept_dad=0",
    // A flow is addresses and ports.
    "net.ipv4.fib_multipath_hash_policy=1",
    "net.ipv6.fib_multipath_hash_policy=1",
  );
}

/** A link between the namespace, where it is called uplink, and the fabric, where it has the namespace's name. */
async function joinFabric(name: string, address: string): Promise<void> {
  const gateway = address.replace(/1$/, "ff");
  await ip("fabric", `link add ${name} type veth peer name uplink netns ${name}`);
  await ip("fabric", `address add ${gateway}/64 dev ${name}`, `link set ${name} up`);
  await ip(name, `address add ${address}/64 dev uplink`, "link set uplink up");
  await ip(name, `route add default via ${gateway}`);
}

async function equipHypervisor({ name, tunnel, tenant }: Hypervisor): Promise<void> {
  await ip(
    name,
    `link add vrf100 type vrf table ${TABLE}`,
    "link set vrf100 up",
    `link add port type veth peer name port netns ${tenant.name}`,
    "link set port master vrf100",
    `address add ${gatewayOf(tenant.address.ipv4)}/24 dev port`,
    `address add ${gatewayOf(tenant.address.ipv6)}/64 dev port`,
    "link set port up",
  );
  // As advised for every VRF: without it, what has no route there would be looked up in the main table.
  const unreachable = `route add unreachable default metric 4278198272 table ${TABLE}`;
  await ip(name, unreachable);
  await ip6(name, unreachable);
  await ip(name, `link add ${tunnel} type ip6tnl mode any external`, `link set ${tunnel} up`);
  await routeFromTunnel(name, tunnel);
}

/** Has the table decide about what comes out of the tunnel. */
export async function routeFromTunnel(name: string, tunnel: string): Promise<void> {
  const rule = `rule add iif ${tunnel} lookup ${TABLE}`;
  await ip(name, rule);
  await ip6(name, rule);
}

async function equipTenant({ name, tenant }: Hypervisor): Promise<void> {
  const { address } = tenant;
  await ip(
    tenant.name,
    `address add ${address.ipv4}/24 dev port`,
    `address add ${address.ipv6}/64 dev port`,
    "link set port up",
    `route add default via ${gatewayOf(address.ipv4)}`,
    `route add default via ${gatewayOf(address.ipv6)}`,
  );
  if (!tenant.isAnycast) return;
  for (const [anycast, via] of [
    [ANYCAST.ipv4, address.ipv4],
    [ANYCAST.ipv6, address.ipv6],
  ] as const) {
    await ip(tenant.name, `address add ${anycast} dev lo`);
    await ip(name, `route add ${anycast} via ${via} table ${TABLE}`);
  }
}

/** The hypervisor's address on the link to its tenant. */
function gatewayOf(tenantAddress: string): string {
  return tenantAddress.replace(/2$/, "1");
}
