/**
 * The checks of `bunbond doctor`, a table of functions from facts to findings. A check that does not concern the daemon finds nothing.
 * Each text that is not ok names the command or the setting that helps.
 *
 *     flags, or a daemon's status ─▶ plan ─┬─▶ facts (cli/doctor) ─┐
 *                                          └───────────────────────┴─▶ CHECKS ─▶ findings
 */
import { KernelError } from "../../kernel/kernel.ts";
import type { KernelOptionNames } from "../../kernel/option-names.ts";
import { findTunnel, tunnelProblems } from "../../kernel/reconcile/tunnel-device.ts";
import { formatAddress } from "../../net/address.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import type { IpAddress } from "../../net/ip.ts";
import type {
  DaemonPlan,
  Finding,
  FindingState,
  HostFacts,
  KernelFacts,
  KernelPlan,
  RunningDaemon,
} from "./facts.ts";
import { foreignSettingsOn } from "./networkd.ts";

/** The names of the client's flags in texts. */
const NAMES: KernelOptionNames = { device: "--tun", protocol: "--route-protocol", ecmp: "--ecmp" };

/** An IPv6 header (RFC 8200, section 3): what the tunnel adds to each packet. */
const TUNNEL_HEADER_BYTES = 40;
/** Fewer are soon used up by the connections of a region. */
const FEW_DESCRIPTORS = 4096;
/** RT_TABLE_MAIN, which a rule of the kernel's own looks up. */
const MAIN_TABLE = 254;
/** rp_filter: no check; the route back leaves by the same device; there is some route back (ip-sysctl.rst). */
const [RP_OFF, RP_STRICT] = [0, 1];

/** Bun reports ECONNREFUSED for all errors, also without a route. */
const CONNECT_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "ECONNREFUSED: no program listens there, or there is no route to that host",
};

type Said = readonly [state: FindingState, text: string];

interface Check {
  readonly name: string;
  readonly find: (facts: HostFacts, plan: DaemonPlan) => readonly Said[];
}

/** A check about kernel routes. */
interface KernelCheck {
  readonly name: string;
  readonly find: (
    kernel: KernelFacts,
    plan: KernelPlan,
    facts: HostFacts,
    daemon: DaemonPlan,
  ) => readonly Said[];
}

/** Returns what all checks find, in the order of the table. */
export function findingsOf(facts: HostFacts, plan: DaemonPlan): Finding[] {
  const findings = ({ name, find }: Check): Finding[] =>
    find(facts, plan).map(([state, text]) => ({ check: name, state, text }));
  return CHECKS.flatMap(findings);
}

const GENERAL_CHECKS: readonly Check[] = [
  {
    name: "open files",
    find: ({ descriptorLimit }) => {
      if (descriptorLimit >= FEW_DESCRIPTORS)
        return [["ok", `a process may have ${countText(descriptorLimit)}`]];
      const text = `a process may have only ${descriptorLimit}, one for each connection: LimitNOFILE=65536 in the unit, or ulimit -n 65536`;
      return [["warn", text]];
    },
  },
  {
    name: "clock",
    find: ({ clock }) => {
      if (clock === "synchronised") return [["ok", "it is synchronised"]];
      const what =
        clock === "unknown" ? "it is not known whether it is synchronised" : "it is not synchronised";
      return [
        [
          "warn",
          `${what}, so that times in the logs of several hosts may not fit together: timedatectl set-ntp true`,
        ],
      ];
    },
  },
  {
    name: "name",
    find: ({ names }) =>
      names.map(({ name, addresses, error }) => {
        if (error === null) return ["ok", `${name} is ${addresses.join(", ")}`];
        return [
          "fail",
          `${name} has no address (${error}): getent ahosts ${name} shows what the system finds`,
        ];
      }),
  },
  {
    name: "server",
    find: ({ connections, names }) => {
      const nameless = names.filter(({ error }) => error !== null).map(({ name }) => name);
      const tried = connections.filter(({ server }) => !nameless.includes(server.host));
      return tried.map(({ server, tookMs, error }) => {
        const address = formatEndpoint(server);
        if (error === null)
          return ["ok", `${address} accepts connections, after ${Math.ceil(tookMs ?? 0)} ms`];
        const text = `no connection to ${address} (${CONNECT_ERRORS[error] ?? error}): see whether the server runs there (bunbond status), and whether firewalls admit TCP port ${server.port}`;
        return ["fail", text];
      });
    },
  },
  {
    name: "port",
    find: ({ ports, daemons }) =>
      ports.map(({ endpoint, errorCode }) => {
        const address = formatEndpoint(endpoint);
        if (errorCode === null) return ["ok", `${address} is free`];
        if (errorCode === "EADDRINUSE") return usedPort(address, endpoint.port, daemons);
        if (errorCode === "EADDRNOTAVAIL") {
          return ["fail", `${address} is no address of this host: ip addr shows them`];
        }
        if (errorCode === "EACCES") {
          return [
            "fail",
            `this user may not listen on ${address}: take a port from 1024 on, or CAP_NET_BIND_SERVICE`,
          ];
        }
        return ["fail", `${address} cannot be listened on: ${errorCode}`];
      }),
  },
];

function usedPort(address: string, port: number, daemons: readonly RunningDaemon[]): Said {
  const ours = daemons.find(({ listen }) => listen?.endsWith(`:${port}`));
  if (ours !== undefined) return ["ok", `${address} is used by the BunBond server with pid ${ours.pid}`];
  return ["fail", `another program listens on ${address}: ss -ltnp 'sport = :${port}' shows which`];
}

const KERNEL_CHECKS: readonly KernelCheck[] = [
  {
    name: "kernel",
    find: ({ refusals }, _, { kernelRelease }) => {
      const refusal = refusals.find(({ code }) => code === "NO_NEXTHOP_OBJECTS");
      if (refusal !== undefined) return [["fail", `Linux ${kernelRelease}: ${refusal.message}`]];
      const isKnown = !refusals.some(({ code }) => LIBRARY_CODES.includes(code));
      return [["ok", `Linux ${kernelRelease}${isKnown ? ", with nexthop objects" : ""}`]];
    },
  },
  {
    name: "resilient groups",
    find: ({ refusals }, { isResilient }) => {
      const refusal = refusals.find(({ code }) => code === "NO_RESILIENT_GROUPS");
      if (refusal === undefined) return isResilient ? [["ok", "the kernel has them"]] : [];
      return [
        isResilient ? ["fail", refusal.message] : ["ok", "the kernel has none, and none are asked for"],
      ];
    },
  },
  {
    name: "libnl",
    find: ({ libnlOrigin, refusals }) => {
      if (libnlOrigin !== null) return [["ok", libnlOrigin]];
      return refusals
        .filter(({ code }) => LIBRARY_CODES.includes(code))
        .map(({ message }) => ["fail", message]);
    },
  },
  {
    name: "permission",
    find: ({ refusals, libnlOrigin }, _plan, _facts, { pid }) => {
      // A daemon that runs has proven it, whatever this process may do.
      if (pid !== null) return [];
      const refusal = refusals.find(({ code }) => code === "NO_CAP_NET_ADMIN");
      if (refusal !== undefined) return [["fail", refusal.message]];
      return libnlOrigin === null ? [] : [["ok", "CAP_NET_ADMIN: this process may change routes"]];
    },
  },
  {
    name: "route protocol",
    find: ({ isProtocolLocked }, { routeProtocol }, { daemons }) => {
      if (!isProtocolLocked) return [["ok", `no client of this network namespace has ${routeProtocol}`]];
      const holder = daemons.find((daemon) => daemon.routeProtocol === routeProtocol);
      if (holder !== undefined)
        return [["ok", `${routeProtocol} is that of the client with pid ${holder.pid}`]];
      const text = `another client of this network namespace has ${routeProtocol}: stop it, or set ${NAMES.protocol} to another number ('ss -xlp src @bunbond-fib-${routeProtocol}' shows it)`;
      return [["fail", text]];
    },
  },
  {
    name: "tunnel device",
    find: ({ links, libnlOrigin }, { device }) => {
      if (libnlOrigin === null) return [];
      try {
        const link = findTunnel(links, device, NAMES);
        const problems = tunnelProblems(link, links, NAMES);
        if (problems.length > 0) return problems.map((text) => ["fail", text]);
        return [["ok", `${device} is up, external, and has IPv6`]];
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        return [["fail", error.message]];
      }
    },
  },
  {
    name: "source address",
    find: ({ localAddresses, libnlOrigin }) => {
      if (libnlOrigin === null) return [];
      const [address] = localAddresses.filter(isGlobalIpv6);
      if (address !== undefined)
        return [["ok", `${formatAddress(address)} can be the source of tunnel packets`]];
      const text =
        "this host has no IPv6 address that others reach, and tunnel packets need one as their source: ip addr add ADDRESS/64 dev DEVICE";
      return [["fail", text]];
    },
  },
  { name: "MTU", find: findMtu },
  {
    name: "forwarding",
    find: ({ settings }, { isIpv4Only }) => {
      const names = ["net.ipv4.ip_forward", ...(isIpv4Only ? [] : ["net.ipv6.conf.all.forwarding"])];
      return names.flatMap((name): readonly Said[] => {
        const value = settings[name];
        if (value === undefined) return [];
        if (value !== 0) return [["ok", `${name} is ${value}`]];
        return [
          ["fail", `${name} is 0, so the host does not forward the tenants' packets: sysctl -w ${name}=1`],
        ];
      });
    },
  },
  { name: "rp_filter", find: findReversePath },
  {
    name: "hash policy",
    find: ({ settings }, { isIpv4Only }) => {
      const names = ([4, 6] as const)
        .filter((family) => family === 4 || !isIpv4Only)
        .map((family) => `net.ipv${family}.fib_multipath_hash_policy`);
      const byAddresses = names.filter((name) => settings[name] === 0);
      if (byAddresses.length === 0)
        return [["ok", "of several next hops, one is chosen by a packet's ports, too"]];
      const commands = byAddresses.map((name) => `${name}=1`).join(" ");
      const text = `of several next hops, one is chosen by a packet's addresses alone, so connections may share one: sysctl -w ${commands}`;
      return [["warn", text]];
    },
  },
  { name: "rules", find: findRules },
  {
    name: "systemd-networkd",
    find: ({ networkdTexts }) => {
      if (networkdTexts === null) return [["ok", "it does not run"]];
      const on = foreignSettingsOn(networkdTexts);
      if (on.length === 0) return [["ok", "it leaves routes, nexthops and rules of others alone"]];
      const lines = on.map((setting) => `\\n${setting}=no`).join("");
      const file = "/etc/systemd/networkd.conf.d/bunbond.conf";
      const text = `it removes what others have installed (${on.join(", ")}): mkdir -p ${dirOf(file)} && printf '[Network]${lines}\\n' >${file} && systemctl restart systemd-networkd`;
      // Rules are not ours.
      const isOurs = on.some((setting) => setting !== "ManageForeignRoutingPolicyRules");
      return [[isOurs ? "fail" : "warn", text]];
    },
  },
];

const CHECKS: readonly Check[] = [
  ...KERNEL_CHECKS.map(
    ({ name, find }): Check => ({
      name,
      find: (facts, plan) =>
        facts.kernel === null || plan.kernel === null ? [] : find(facts.kernel, plan.kernel, facts, plan),
    }),
  ),
  ...GENERAL_CHECKS,
];

const LIBRARY_CODES: readonly string[] = ["LIBNL_MISSING", "JIT_OFF", "SOCKET_FAILED"];

/** A packet that fills the tunnel device must fit into the underlay with its tunnel header. */
function findMtu({ links, underlayDevices }: KernelFacts, { device }: KernelPlan): Said[] {
  const tunnel = links.find(({ name }) => name === device);
  const underlay = links.filter(({ name }) => underlayDevices.includes(name) && name !== device);
  if (tunnel === undefined || underlay.length === 0) return [];
  const narrow = underlay.reduce((least, link) => (link.mtuBytes < least.mtuBytes ? link : least));
  const needBytes = tunnel.mtuBytes + TUNNEL_HEADER_BYTES;
  const sizes = `${device} has ${tunnel.mtuBytes}, and ${narrow.name}, by which tunnel packets leave, ${narrow.mtuBytes}`;
  if (needBytes <= narrow.mtuBytes) return [["ok", sizes]];
  const text = `${sizes}, which leaves no room for the header of ${TUNNEL_HEADER_BYTES} bytes, so large packets are fragmented or dropped: ip link set ${device} mtu ${narrow.mtuBytes - TUNNEL_HEADER_BYTES}, and no more for the tenants; or ${needBytes} for ${narrow.name} and all hypervisors`;
  return [["warn", text]];
}

/** The kernel takes the greater one of "all" and the device (ip-sysctl.rst). */
function findReversePath({ settings, links, rules, vrfs }: KernelFacts, { device }: KernelPlan): Said[] {
  if (!links.some(({ name }) => name === device)) return [];
  const [all, own] = [rpFilterOf("all"), rpFilterOf(device)];
  const value = Math.max(settings[all] ?? RP_OFF, settings[own] ?? RP_OFF);
  if (value === RP_OFF) return [["ok", `it is off for ${device}`]];
  const hasRule = (rules ?? []).some(
    ({ family, inputDevice, isVrf }) =>
      family === 4 && (inputDevice === device || (isVrf && vrfs.length > 0)),
  );
  const kind = value === RP_STRICT ? "strict" : "loose";
  if (hasRule) return [["ok", `it is ${kind} for ${device}, and finds the routes by the rules`]];
  const text = `it is ${kind} for ${device}, and no rule for that device finds the tenants' routes, so their packets are dropped: ip rule add iif ${device} lookup TABLE, or sysctl -w ${all}=0 ${own}=0`;
  return [[value === RP_STRICT ? "fail" : "warn", text]];
}

/** The name in the form that sysctl takes for devices with a dot, too. */
function rpFilterOf(device: string): string {
  const words = ["net", "ipv4", "conf", device, "rp_filter"];
  return words.join(device.includes(".") ? "/" : ".");
}

function findRules({ rules, vrfs }: KernelFacts, { tables, device, isIpv4Only }: KernelPlan): Said[] {
  if (rules === null)
    return [["warn", "they cannot be read: install iproute2, or see that ip -j rule works"]];
  return tables.flatMap((table): Said[] => {
    if (table === MAIN_TABLE) return [];
    const vrf = vrfs.find((one) => one.table === table);
    if (vrf !== undefined) return [["ok", `table ${table} is that of the VRF ${vrf.name}`]];
    const families = isIpv4Only ? ([4] as const) : ([4, 6] as const);
    const missing = families.filter(
      (family) => !rules.some((rule) => rule.family === family && rule.table === table),
    );
    if (missing.length === 0) return [["ok", `table ${table} is looked up`]];
    const which = missing.map((family) => `IPv${family}`).join(" and ");
    const command = missing[0] === 4 ? "ip rule" : "ip -6 rule";
    const text = `no rule looks up table ${table} for ${which}, so no packet takes its routes: ${command} add iif ${device} lookup ${table}, and the same for the tenants' devices${missing.length > 1 ? " and for ip -6 rule" : ""}`;
    return [["warn", text]];
  });
}

/** Neither loopback nor link-local nor multicast. */
function isGlobalIpv6({ family, w0, w1, w2, w3 }: IpAddress): boolean {
  if (family !== 6 || w0 >>> 22 === 0xfe80 >>> 6 || w0 >>> 24 === 0xff) return false;
  return (w0 | w1 | w2) !== 0 || w3 >>> 1 !== 0;
}

function dirOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function countText(count: number): string {
  return count === Number.POSITIVE_INFINITY ? "any number" : `${count}`;
}
