/**
 * Clients of a network that are watched while its servers fail: BunBond's, each a process, or rustbond's, all in one.
 * Each is known by a number, subscribes to one VNI and announces its own routes. Settings are the defaults.
 */
import { join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { startRustbondClients } from "../interop/rustbond-peer.ts";
import { announceFlag, type TextRoute } from "../support/models/text-route.ts";
import { startBunbondClient } from "../support/process/bunbond-process.ts";
import type { ClientEvent, RouteClient } from "../support/process/route-client.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";
import type { ServerName, Setup } from "./support.ts";

export const VNI = 100;
const DEFAULT_RETRY = "5-10";
/** Longer than any client takes to return, or to send all it announces. */
const WAIT_MS = 60_000;

export interface FleetOptions {
  readonly servers: readonly string[];
  /** Of each client. */
  readonly announced: readonly (readonly TextRoute[])[];
  /** More flags for BunBond's. */
  readonly flags?: readonly string[];
}

export interface Fleet extends AsyncDisposable {
  /** Of one client each, or one process of all. */
  readonly processes: readonly RouteClient[];
  /** May be asked for while no server is there. */
  announce(client: number, route: TextRoute): Promise<void>;
}

export function startFleet(name: ServerName, setup: Setup, options: FleetOptions): Promise<Fleet> {
  return name === "bunbond" ? startBunbondFleet(setup, options) : startRustbondFleet(options);
}

async function startBunbondFleet({ command }: Setup, options: FleetOptions): Promise<Fleet> {
  const { servers, announced, flags = [] } = options;
  await using starting = new AsyncDisposableStack();
  const directory = starting.use(temporaryDirectory());
  const socketOf = (client: number) => join(directory.path, `${client}.sock`);
  const processes = announced.map((routes, client) =>
    starting.use(
      startBunbondClient({
        command,
        servers,
        vnis: [VNI],
        announce: routes.map(announceFlag),
        retry: DEFAULT_RETRY,
        socket: socketOf(client),
        flags,
      }),
    ),
  );
  for (const client of processes) for (const server of servers) await client.established(server);
  const running = starting.move();
  return {
    processes,
    async announce(client, route) {
      const control = new ControlClient({ socketPath: socketOf(client), program: "client" });
      await control.call("/v1/announce", { routes: [announceFlag(route)] });
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startRustbondFleet({ servers, announced }: FleetOptions): Promise<Fleet> {
  const clients = await startRustbondClients(announced.length, ...servers);
  const announce = ({ vni, destination, nextHop }: TextRoute, client: number) =>
    clients.command(`@${client} announce ${vni} ${destination} ${nextHop.address}`);
  await clients.subscribe(VNI);
  for (const [client, routes] of announced.entries()) {
    for (const route of routes) await announce(route, client);
  }
  return {
    processes: [clients],
    async announce(client, route) {
      try {
        await announce(route, client);
      } catch (error) {
        // It says so, and yet keeps the route for the time when it is connected again.
        if (!(error instanceof Error && error.message.endsWith("not established"))) throw error;
      }
    },
    [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose](),
  };
}

/** What one client has been through since {@link FleetWatch.startAnew}. */
export interface ClientRecord {
  /** That it has now. */
  routes: number;
  withdrawals: number;
  /** When it was last established with a server; on the clock of performance.now(). */
  establishedMs: number | null;
  /** When each route that is `isNew` came. */
  readonly newRoutesMs: number[];
}

export class FleetWatch {
  readonly #fleet: Fleet;
  readonly #isNew: (destination: string) => boolean;
  readonly #clients: ClientRecord[];
  /** Events read so far, of each process. */
  readonly #read: number[];

  constructor(fleet: Fleet, clientCount: number, isNew: (destination: string) => boolean) {
    this.#fleet = fleet;
    this.#isNew = isNew;
    this.#clients = Array.from({ length: clientCount }, () => ({
      routes: 0,
      withdrawals: 0,
      establishedMs: null,
      newRoutesMs: [],
    }));
    this.#read = fleet.processes.map(() => 0);
  }

  get clients(): readonly ClientRecord[] {
    return this.#clients;
  }

  /** Forgets all but the routes; what happened so far does not count. */
  startAnew(): void {
    this.look();
    for (const client of this.#clients) {
      client.withdrawals = 0;
      client.establishedMs = null;
      client.newRoutesMs.length = 0;
    }
  }

  /** Takes in what has been printed; its time is now. */
  look(): void {
    for (const process of this.#fleet.processes.keys()) this.#lookAt(process);
  }

  /** Waits until it is so for every client. Times are right for what comes while this waits. */
  async until(what: string, isSo: (client: ClientRecord) => boolean): Promise<void> {
    const waits = this.#fleet.processes.map((process, number) => {
      const own =
        this.#fleet.processes.length === 1 ? this.#clients : this.#clients.slice(number, number + 1);
      const probe = () => {
        this.#lookAt(number);
        return own.every(isSo) ? true : undefined;
      };
      const howFar = () => `${what}, which lacks at ${own.filter((client) => !isSo(client)).length} clients`;
      return process.until(howFar, probe, { timeoutMs: WAIT_MS });
    });
    await Promise.all(waits);
  }

  #lookAt(number: number): void {
    const events = this.#fleet.processes[number]?.events ?? [];
    const nowMs = performance.now();
    for (const event of events.slice(this.#read[number])) {
      const client = this.#clients[event.client ?? number];
      if (client !== undefined) this.#take(client, event, nowMs);
    }
    this.#read[number] = events.length;
  }

  #take(client: ClientRecord, event: ClientEvent, nowMs: number): void {
    if (event.event === "server") {
      if (event.state === "established") client.establishedMs = nowMs;
    } else if (event.event === "remove") {
      client.routes--;
      client.withdrawals++;
    } else {
      client.routes++;
      if (this.#isNew(event.destination)) client.newRoutesMs.push(nowMs);
    }
  }
}
