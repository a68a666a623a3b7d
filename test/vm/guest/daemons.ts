/** The executable under test, running in the namespaces as servers and clients. */
import { ChildProcess } from "../../support/process/child-process.ts";
import {
  ANYCAST,
  HYPERVISORS,
  type Hypervisor,
  inside,
  SERVERS,
  type Server,
  TABLE,
  VNI,
} from "./network.ts";

/**
 * How long a server that has started waits for its clients before it says that its tables are complete. Clients, which
 * come back within half a second, need much less.
 */
export const SETTLE_MS = 4_000;

interface Daemon {
  readonly child: ChildProcess;
  isRunning: boolean;
}

export class Daemons {
  /** By namespace: what was started there last. */
  readonly #daemons = new Map<string, Daemon>();

  /** Starts all that do not run. */
  async startMissing(): Promise<void> {
    const isMissing = ({ name }: Server | Hypervisor) => this.#daemons.get(name)?.isRunning !== true;
    await Promise.all(SERVERS.filter(isMissing).map((server) => this.startServer(server)));
    await Promise.all(HYPERVISORS.filter(isMissing).map((hypervisor) => this.startClient(hypervisor)));
  }

  async startServer({ name }: Server): Promise<void> {
    // A client that was killed comes back to find its routes still known.
    const flags = ["--settle", `${SETTLE_MS / 1000}`, "--retain", "60"];
    const server = this.#start(name, ["server", "--listen", "[::]:4711", ...flags]);
    await server.logged(/listening/);
  }

  /** Starts a client that announces its tenant's networks, and waits for its sessions with both servers. */
  async startClient(hypervisor: Hypervisor): Promise<void> {
    const client = this.#start(hypervisor.name, [
      "client",
      ...SERVERS.flatMap(({ address }) => ["--server", `[${address}]:4711`]),
      ...["--install-routes", `${VNI}#${TABLE}`, "--tun", hypervisor.tunnel],
      ...announcements(hypervisor).flatMap((route) => ["--announce", route]),
      ...["--retry", "0.2-0.5"],
    ]);
    for (const { address } of SERVERS) await established(client, address, 1);
  }

  /** Kills the servers, and after that time starts them again; waits until all clients have new sessions with them. */
  async restartServers(servers: readonly Server[], afterMs: number): Promise<void> {
    const expected = HYPERVISORS.flatMap(({ name }) => {
      const client = this.#running(name);
      return servers.map(({ address }) => ({ client, address, count: sessions(client, address) + 1 }));
    });
    for (const { name } of servers) await this.kill(name);
    await Bun.sleep(afterMs);
    for (const server of servers) await this.startServer(server);
    for (const { client, address, count } of expected) await established(client, address, count);
  }

  /** Kill -9. */
  async kill(name: string): Promise<void> {
    await this.#running(name).kill();
  }

  /** SIGTERM; an error if it does not end well. */
  async stop(name: string): Promise<void> {
    const exitCode = await this.#running(name).stop();
    if (exitCode !== 0) throw new Error(`what ran in ${name} ended with ${exitCode}`);
  }

  /** Waits for a line of its log. */
  logged(name: string, pattern: RegExp): Promise<RegExpExecArray> {
    return this.#running(name).logged(pattern);
  }

  /** All of them, with the end of their logs. */
  describe(): string[] {
    return [...this.#daemons.values()].map(({ child }) => child.describe());
  }

  #start(name: string, args: readonly string[]): ChildProcess {
    const command = inside(name, "bunbond", ...args, "--socket", socketOf(name));
    const daemon: Daemon = { child: new ChildProcess({ command }), isRunning: true };
    daemon.child.ended.then(() => {
      daemon.isRunning = false;
    });
    this.#daemons.set(name, daemon);
    return daemon.child;
  }

  #running(name: string): ChildProcess {
    const daemon = this.#daemons.get(name);
    if (daemon?.isRunning !== true) throw new Error(`nothing runs in ${name}`);
    return daemon.child;
  }
}

/** Of the daemon in the namespace. */
export function socketOf(name: string): string {
  return `/run/bunbond-${name}.sock`;
}

/** In the grammar of --announce. */
export function announcements({ address, tenant }: Hypervisor): string[] {
  const hosts = tenant.isAnycast ? [`${ANYCAST.ipv4}/32`, `${ANYCAST.ipv6}/128`] : [];
  return [tenant.network.ipv4, tenant.network.ipv6, ...hosts].map((prefix) => `${VNI}#${prefix}@${address}`);
}

/** How often the client has had a session with the server. */
function sessions(client: ChildProcess, address: string): number {
  return client.stderrLines.filter((line) => line.includes(`server established server=[${address}]`)).length;
}

async function established(client: ChildProcess, address: string, count: number): Promise<void> {
  await client.until(`session ${count} with ${address}`, () =>
    sessions(client, address) >= count ? true : undefined,
  );
}
