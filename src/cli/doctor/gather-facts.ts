/**
 * Gathers the facts that the checks of `bunbond doctor` are about (tools/doctor). Nothing is changed on the host: ports are listened on
 * for a moment, and connections to servers are closed as soon as they are made.
 *
 *     files in /proc, /run and /etc, netlink, `ip -json`, systemctl, name servers, servers ─▶ HostFacts
 *
 * What iproute2 or systemd could say is left open where they are not installed.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { errorText } from "../../base/error-text.ts";
import { systemErrorCode } from "../../base/system-error.ts";
import { KernelError } from "../../kernel/kernel.ts";
import { NetlinkKernel, type NetlinkKernelOptions } from "../../kernel/netlink/netlink-kernel.ts";
import { lookUpAddresses } from "../../kernel/server-addresses.ts";
import { parseAddress } from "../../net/address.ts";
import { type Endpoint, hasHostName } from "../../net/endpoint.ts";
import type {
  ConnectionFact,
  DaemonPlan,
  HostFacts,
  KernelFacts,
  KernelPlan,
  NameFact,
  PortFact,
  RuleFact,
  RunningDaemon,
} from "../../tools/doctor/facts.ts";
import { parseDescriptorLimit, readDescriptorLimit } from "../../transport/descriptor-limit.ts";
import { ipJson, outputOf, vrfs } from "./other-programs.ts";

const CONNECT_WITHIN_MS = 3_000;

export async function gatherFacts(plan: DaemonPlan, daemons: readonly RunningDaemon[]): Promise<HostFacts> {
  const names = await Promise.all(plan.servers.filter(hasHostName).map(({ host }) => nameFact(host)));
  const addresses = [
    ...names.flatMap((name) => name.addresses),
    ...plan.servers.filter((server) => !hasHostName(server)).map(({ host }) => host),
  ];
  return {
    kernelRelease: readText("/proc/sys/kernel/osrelease")?.trim() ?? "of unknown release",
    descriptorLimit: descriptorLimitOf(plan.pid),
    clock: await clockFact(),
    names,
    connections: await Promise.all(plan.servers.map(connectionFact)),
    ports: plan.listen.map(portFact),
    daemons,
    kernel: plan.kernel === null ? null : await kernelFacts(plan.kernel, addresses),
  };
}

function descriptorLimitOf(pid: number | null): number {
  const limits = pid === null ? null : readText(`/proc/${pid}/limits`);
  return limits === null ? readDescriptorLimit() : parseDescriptorLimit(limits);
}

async function nameFact(name: string): Promise<NameFact> {
  try {
    return { name, addresses: await lookUpAddresses(name), error: null };
  } catch (error) {
    return { name, addresses: [], error: systemErrorCode(error) ?? errorText(error) };
  }
}

async function connectionFact(server: Endpoint): Promise<ConnectionFact> {
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const timer = setTimeout(
    () => resolve(`no answer within ${CONNECT_WITHIN_MS / 1000} s`),
    CONNECT_WITHIN_MS,
  );
  Bun.connect({
    hostname: server.host,
    port: server.port,
    socket: {
      open(socket) {
        socket.end();
        resolve(null);
      },
      data() {},
    },
  }).catch((error: unknown) => resolve(systemErrorCode(error) ?? errorText(error)));
  const error = await promise;
  clearTimeout(timer);
  return { server, tookMs: error === null ? performance.now() - startMs : null, error };
}

function portFact(endpoint: Endpoint): PortFact {
  try {
    const listener = Bun.listen({
      hostname: endpoint.host,
      port: endpoint.port,
      socket: { open: (socket) => void socket.end(), data() {} },
    });
    listener.stop(true);
    return { endpoint, errorCode: null };
  } catch (error) {
    return { endpoint, errorCode: systemErrorCode(error) ?? errorText(error) };
  }
}

async function clockFact(): Promise<HostFacts["clock"]> {
  // The time-sync services make this file (systemd-timesyncd.service(8)).
  if (existsSync("/run/systemd/timesync/synchronized")) return "synchronised";
  const answer = await outputOf(["timedatectl", "show", "--property=NTPSynchronized", "--value"]);
  if (answer?.trim() === "yes") return "synchronised";
  return answer?.trim() === "no" ? "not-synchronised" : "unknown";
}

async function kernelFacts(plan: KernelPlan, serverAddresses: readonly string[]): Promise<KernelFacts> {
  const { kernel, refusals } = openKernel(plan);
  try {
    const [rules4, rules6] = [await rulesOf(4), await rulesOf(6)];
    return {
      libnlOrigin: kernel?.libraryOrigin ?? null,
      refusals,
      links: (await kernel?.links()) ?? [],
      localAddresses: (await kernel?.localAddresses()) ?? [],
      settings: readSettings(plan.device),
      rules: rules4 === null || rules6 === null ? null : [...rules4, ...rules6],
      vrfs: await vrfs(),
      underlayDevices: await underlayDevices(serverAddresses),
      networkdTexts: await networkdTexts(),
      isProtocolLocked: isProtocolLocked(plan.routeProtocol),
    };
  } finally {
    kernel?.close();
  }
}

/** Opens the kernel with ever more demands: each refusal is noted once. */
function openKernel({ routeProtocol: protocol }: KernelPlan): {
  readonly kernel: NetlinkKernel | null;
  readonly refusals: KernelFacts["refusals"];
} {
  let kernel: NetlinkKernel | null = null;
  const refusals = new Map<string, KernelError>();
  const demands: readonly Partial<NetlinkKernelOptions>[] = [
    { isReadOnly: true },
    {},
    { isReadOnly: true, needsResilientGroups: true },
  ];
  for (const demand of demands) {
    try {
      const opened = NetlinkKernel.open({ protocol, ...demand });
      if (kernel === null) kernel = opened;
      else opened.close();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refusals.set(error.code, error);
    }
  }
  return { kernel, refusals: Array.from(refusals.values(), ({ code, message }) => ({ code, message })) };
}

function readSettings(device: string): Record<string, number> {
  const rpFilter = ["net", "ipv4", "conf", device, "rp_filter"].join(device.includes(".") ? "/" : ".");
  const names = [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    rpFilter,
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv6.fib_multipath_hash_policy",
  ];
  return Object.fromEntries(
    names.flatMap((name) => {
      const path = name.includes("/") ? name : name.replaceAll(".", "/");
      const text = readText(`/proc/sys/${path}`);
      return text === null ? [] : [[name, Number.parseInt(text, 10)]];
    }),
  );
}

/** Returns true if there is the socket of lock.ts. */
function isProtocolLocked(protocol: number): boolean {
  const sockets = readText("/proc/net/unix") ?? "";
  return sockets.split("\n").some((line) => line.endsWith(` @bunbond-fib-${protocol}`));
}

// iproute2.

async function rulesOf(family: 4 | 6): Promise<RuleFact[] | null> {
  const rules = await ipJson(`-${family}`, "rule", "show");
  if (rules === null) return null;
  return rules.map(({ table, iif, ...rule }) => ({
    family,
    table: table === undefined ? null : Number(table),
    inputDevice: typeof iif === "string" ? iif : null,
    isVrf: "l3mdev" in rule,
  }));
}

async function underlayDevices(addresses: readonly string[]): Promise<string[]> {
  const routes = [(await ipJson("-6", "route", "show", "default")) ?? []];
  for (const address of addresses) {
    if (parseAddress(address)?.family === 6) routes.push((await ipJson("-6", "route", "get", address)) ?? []);
  }
  const devices = routes.flat().flatMap(({ dev }) => (typeof dev === "string" && dev !== "lo" ? [dev] : []));
  return [...new Set(devices)];
}

// systemd-networkd.

/** By precedence (networkd.conf(5)). */
const SYSTEMD_DIRECTORIES = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];

async function networkdTexts(): Promise<string[] | null> {
  const state = await outputOf(["systemctl", "is-active", "systemd-networkd.service"]);
  if (state?.trim() !== "active") return null;
  const main = SYSTEMD_DIRECTORIES.map((directory) => `${directory}/networkd.conf`).find(existsSync);
  const dropIns = new Map<string, string>();
  for (const path of SYSTEMD_DIRECTORIES.flatMap((directory) => filesIn(`${directory}/networkd.conf.d`))) {
    if (path.endsWith(".conf") && !dropIns.has(basename(path))) dropIns.set(basename(path), path);
  }
  const inOrder = [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
  return [...(main === undefined ? [] : [main]), ...inOrder].map((path) => readText(path) ?? "");
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
