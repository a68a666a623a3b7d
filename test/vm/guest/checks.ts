/**
 * What is checked in the machine, in this order. At the start of each check all servers and clients run. The tenants'
 * pings are the witness, and iproute2 for what is in the kernel.
 */
import { ChildProcess } from "../../support/process/child-process.ts";
import { announcements, type Daemons, SETTLE_MS, socketOf } from "./daemons.ts";
import { whereFlowsLead } from "./flows.ts";
import { dump, hopsOf, nexthopOf } from "./kernel-state.ts";
import {
  A,
  type Address,
  ANYCAST,
  B,
  C,
  FALLBACK_TUNNEL,
  HYPERVISORS,
  type Hypervisor,
  inside,
  ip,
  routeFromTunnel,
  runInside,
  SERVERS,
} from "./network.ts";
import { isAnswered, Pings } from "./pings.ts";

export interface Rig {
  readonly daemons: Daemons;
  /** What was in hypervisor A's kernel before its client came. */
  readonly before: readonly string[];
}

export interface Check {
  readonly name: string;
  readonly run: (rig: Rig) => Promise<void>;
}

const FAMILIES = ["ipv4", "ipv6"] as const satisfies readonly (keyof Address)[];
const WAIT_MS = 20_000;

function assert(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function assertEqual(found: readonly string[], wanted: readonly string[], what: string): void {
  const more = found.filter((line) => !wanted.includes(line)).map((line) => `+ ${line}`);
  const less = wanted.filter((line) => !found.includes(line)).map((line) => `- ${line}`);
  assert(more.length + less.length === 0, `${what}: ${[...less, ...more].join("; ")}`);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await holds())) {
    assert(Date.now() < deadline, `not in ${WAIT_MS / 1000} s: ${what}`);
    await Bun.sleep(50);
  }
}

async function untilHops(
  hypervisor: Hypervisor,
  destination: string,
  hops: readonly string[],
): Promise<void> {
  let found: readonly string[] = [];
  const holds = async () => {
    found = await hopsOf(hypervisor, destination);
    return found.join() === hops.join();
  };
  await until(`${hypervisor.name} sends ${destination} to ${hops.join(" and ") || "nobody"}`, holds).catch(
    (error) => {
      throw new Error(`${error.message}, but to ${found.join(" and ") || "nobody"}`);
    },
  );
}

/** Pings run through it, and all are answered. */
async function withoutLoss(from: Hypervisor, to: Address, action: () => Promise<void>): Promise<void> {
  await using pings = await Pings.start(from.tenant.name, to);
  await action();
  const lost = await pings.lost();
  assert(lost === "", `pings lost: ${lost}`);
}

async function checkPings(): Promise<void> {
  for (const from of HYPERVISORS) {
    for (const to of HYPERVISORS.filter((one) => one !== from)) {
      for (const family of FAMILIES) {
        await until(`${from.tenant.name} reaches ${to.tenant.address[family]}`, () =>
          isAnswered(from.tenant.name, to.tenant.address[family]),
        );
      }
    }
  }
}

async function checkAnycast(): Promise<void> {
  for (const family of FAMILIES) {
    await untilHops(A, ANYCAST[family], [B.address, C.address]);
    // With 64 flows, by chance all to the same one: 1 in 2^63.
    const tenants = await whereFlowsLead(A.tenant.name, ANYCAST[family], 64);
    assertEqual(tenants, [B.tenant.name, C.tenant.name], `flows to ${ANYCAST[family]} lead to`);
  }
}

async function checkAnycastTakeover({ daemons }: Rig): Promise<void> {
  await withoutLoss(A, ANYCAST, async () => {
    await daemons.stop(B.name);
    for (const family of FAMILIES) {
      await untilHops(A, ANYCAST[family], [C.address]);
      const tenants = await whereFlowsLead(A.tenant.name, ANYCAST[family], 64);
      assertEqual(tenants, [C.tenant.name], `flows to ${ANYCAST[family]} lead to`);
    }
    // As a hypervisor that is new: it has to know the ways back before anybody sends to it.
    await runInside(B.name, "bunbond", "cleanup");
    await daemons.startClient(B);
    for (const family of FAMILIES) await untilHops(A, ANYCAST[family], [B.address, C.address]);
  });
}

async function checkWithdrawal(): Promise<void> {
  const { network, address } = C.tenant;
  const routes = announcements(C).filter((route) =>
    FAMILIES.some((family) => route.includes(network[family])),
  );
  await runInside(C.name, "bunbond", "withdraw", ...routes, "--socket", socketOf(C.name));
  for (const family of FAMILIES) {
    await untilHops(A, network[family], []);
    assert(!(await isAnswered(A.tenant.name, address[family])), `${address[family]} still answers`);
  }
  await runInside(C.name, "bunbond", "announce", ...routes, "--socket", socketOf(C.name));
  for (const family of FAMILIES) {
    await untilHops(A, network[family], [C.address]);
    assert(await isAnswered(A.tenant.name, address[family]), `${address[family]} does not answer again`);
  }
}

/** Kills the servers and starts them again; passes the point where they say that their tables are complete. */
function restartingServers(count: 1 | 2): (rig: Rig) => Promise<void> {
  const servers = SERVERS.slice(0, count);
  return ({ daemons }) =>
    withoutLoss(A, B.tenant.address, async () => {
      await daemons.restartServers(servers, 1_000);
      await Bun.sleep(SETTLE_MS + 1_000);
    });
}

async function checkAdoption({ daemons }: Rig): Promise<void> {
  const before = await dump(A);
  await using monitor = new ChildProcess({
    command: inside(A.name, "ip", "-o", "monitor", "route", "nexthop"),
  });
  await seenBy(monitor, "198.51.100.1");
  await withoutLoss(A, B.tenant.address, async () => {
    await daemons.kill(A.name);
    await daemons.startClient(A);
    // Whatever it would rewrite when the servers have marked the end of their tables, or a little later.
    await Bun.sleep(2_000);
  });
  await seenBy(monitor, "198.51.100.2");
  const changes = monitor.stdoutLines.filter((line) => !line.includes("198.51.100."));
  assert(changes.length === 0, `the restarted client changed: ${changes.join("; ")}`);
  assertEqual(await dump(A), before, "the restarted client changed");
}

/** Makes a route that is nobody's and takes it away, until the monitor says so: all that came before it has said, too. */
async function seenBy(monitor: ChildProcess, address: string): Promise<void> {
  let tries = 0;
  while (!monitor.stdoutLines.some((line) => line.includes(address))) {
    assert(tries++ < 100, `ip monitor says nothing of ${address}`);
    await ip(A.name, `route add blackhole ${address} table 4711`);
    await ip(A.name, `route delete blackhole ${address} table 4711`);
    await Bun.sleep(100);
  }
}

async function checkCleanup({ daemons, before }: Rig): Promise<void> {
  await daemons.stop(A.name);
  assert((await nexthopOf(A, B.tenant.network.ipv4)) !== null, "its routes went with the stopped client");
  await runInside(A.name, "bunbond", "cleanup");
  assertEqual(await dump(A), before, "after the cleanup");
}

/**
 * A's namespace came with the module's own ip6tnl0, which is not external: what is sent there vanishes. The warning has
 * the command that makes a right device, and with that it works. For a change the tenant's packets wait until then.
 */
async function checkFallbackDevice({ daemons }: Rig): Promise<void> {
  await daemons.stop(A.name);
  await runInside(A.name, "bunbond", "cleanup");
  // There can be only one external device.
  await ip(A.name, `link delete ${A.tunnel}`);
  await daemons.startClient({ ...A, tunnel: FALLBACK_TUNNEL });
  const [, commands = "", tunnel = ""] = await daemons.logged(
    A.name,
    /warn .*?(ip link add (\S+) type ip6tnl [^&]*&& ip link set \S+ up)/,
  );
  await daemons.stop(A.name);
  await ip(A.name, ...commands.split(" && ").map((command) => command.replace(/^ip /, "")));
  await routeFromTunnel(A.name, tunnel);
  await daemons.startClient({ ...A, tunnel });
  await checkPings();
}

export const CHECKS: readonly Check[] = [
  { name: "tenants reach each other over IPv4 and IPv6", run: checkPings },
  { name: "anycast: one destination on two hypervisors, and flows reach both", run: checkAnycast },
  { name: "anycast: when one goes the other serves all, with no ping lost", run: checkAnycastTakeover },
  { name: "a withdrawn network is unreachable until it is announced again", run: checkWithdrawal },
  { name: "a server killed and restarted: no ping lost", run: restartingServers(1) },
  { name: "both servers killed and restarted: no ping lost", run: restartingServers(2) },
  { name: "a client killed and restarted: nothing rewritten, no ping lost", run: checkAdoption },
  { name: "cleanup removes all of ours and nothing else", run: checkCleanup },
  { name: "the fallback device ip6tnl0 is warned of, and the warning helps", run: checkFallbackDevice },
];
