/**
 * Servers and clients, and what can happen to them: an operator's wishes, and faults. It keeps what is wanted in the
 * plainest form, and knows what each client must see at last: what other clients announce in the VNIs that it
 * subscribes to, but for what it announces itself. On the way a client may lose no route that it can have by an undisturbed
 * path: a server that runs, and connections of its own and of the route's owner that nothing has happened to for long.
 */
import type { StaleTimes } from "../../../src/client/view/stale-timers.ts";
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import { Server } from "../../../src/server/server.ts";
import {
  CLIENTS,
  type End,
  GO_CLIENTS,
  GO_ROUTES,
  GO_VNI,
  PORTS,
  ROUTES,
  type Step,
  TWIN_PORT,
  VNIS,
} from "../models/fault-steps.ts";
import { SeededRandom } from "../models/random.ts";
import { ClientRig, type RigClient, serverEndpoint } from "../network/client-rig.ts";
import { ForeignServer } from "../network/foreign-server.ts";
import { GoClient } from "../network/go-client.ts";
import { SimulatedProcess } from "./simulated-process.ts";

export interface FaultsOptions {
  readonly seed: number;
  /** Server 2 is of another make, Go's habits included. */
  readonly isSecondForeign: boolean;
  /** The clients'. In the end nothing may depend on it. */
  readonly staleTimes: StaleTimes;
  /** Nothing happens to this server, nor to the clients' processes; steps that would do so are left out. */
  readonly calmPort?: number;
}

/** A process of a client, and the client. */
interface RunningClient extends Pick<RigClient, "client" | "log"> {
  readonly rig: RigClient;
  readonly process: SimulatedProcess;
}

interface RunningGoClient {
  readonly process: SimulatedProcess;
  readonly client: GoClient;
}

interface RunningServer {
  readonly process: SimulatedProcess;
  /** Not of one of another make. */
  readonly own: Server | null;
  /** In order. */
  stop(): void;
}

/**
 * Retry, the longest silence, handshake, settling and retaining, one behind the other: 10 + 12.5 + 12.5 + 15 + 10 s; or
 * return, and the stale time of 60 s.
 */
const QUIET_MS = 100_000;
/** After a trouble with it a connection is made anew, and all is told on it, within this time: 12.5 + 10 + 12.5 + 10 s. */
const PATH_STEADY_MS = 45_000;
/** What is left of a Go client's last connection is noticed, and it is told all. */
const GO_START_MS = 20_000;
/** Longer than the default, and the views would not be exact when all is quiet. */
const LONGEST_HOLD_MS = 60_000;

export class NetworkUnderFaults {
  readonly #options: FaultsOptions;
  readonly #rig: ClientRig;
  readonly #random: SeededRandom;
  readonly #servers = new Map<number, RunningServer>();
  readonly #clients: RunningClient[];
  /** What is wanted, by client. */
  readonly #vnis = CLIENTS.map(() => new Set<number>());
  readonly #announced = CLIENTS.map(() => new Set<string>());
  readonly #ports = CLIENTS.map(() => new Set(PORTS));
  readonly #drained = new Set<number>();
  /** Clients that have held the routes of a server that was replaced. */
  readonly #holding = new Set<number>();
  readonly #goClients: RunningGoClient[];
  /** When something happened last to the way between a client (by its name) and a server, by `name port`. */
  readonly #troubledMs = new Map<string, number>();
  /** Servers that nobody gets through to. */
  readonly #parted = new Set<number>();
  /** Since when something is wanted, by client and route or VNI. */
  readonly #wantedSinceMs = new Map<string, number>();
  /** Routes that went though there was an undisturbed path for them. */
  readonly lost: string[] = [];
  /** What would have harmed a server of another make. */
  readonly harm: string[] = [];
  #delayMs = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#rig = new ClientRig({
      seed: options.seed,
      // Go sets no limit to its attempts.
      retransmitsSyn: true,
      delayMs: () => (this.#delayMs === 0 ? 0 : this.#random.below(this.#delayMs)),
      cutRandomly: () => (this.#random.chance(0.5) ? 0.999 : this.#random.word() / 2 ** 32),
    });
    this.#rig.network.aliases.set(nameOfPort(TWIN_PORT), nameOfPort(1));
    this.#clients = CLIENTS.map((client) => this.#startClient(client));
    this.#goClients = GO_CLIENTS.map((goClient) => this.#startGoClient(goClient));
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#startServer(1, 0, 0);
    await this.#startServer(2, 0, 10);
    if (this.#options.calmPort !== undefined) await this.#becomeCalm();
    for (const step of steps) if (!this.#disturbsCalm(step)) await this.#act(step);
    for (const { process } of this.#clients) this.#resume(process);
    for (const { process } of this.#goClients) this.#resume(process);
    for (const port of PORTS) {
      this.#setParted(port, false);
      this.#resume(this.#servers.get(port)?.process);
      if (!this.#servers.has(port)) await this.#startServer(port, 15, 0);
    }
    this.#delayMs = 5;
    this.#rig.clock.advance(QUIET_MS);
    // Several of Go's resets at once can wait for each other for ever, whatever a server does.
    for (const [index, { client }] of this.#goClients.entries())
      if (client.isWedged) this.#restartGoClient(index);
    this.#rig.clock.advance(GO_START_MS);
  }

  /** What each client sees, by its events and when it is asked. */
  get views(): string[][] {
    return this.#clients.map(({ rig }) => rig.view);
  }

  /** What each client with Go's habits was told. */
  get goViews(): string[][] {
    return this.#goClients.map(({ client }) => [...client.routes].sort());
  }

  get expectedGoViews(): string[][] {
    return GO_CLIENTS.map((goClient) => {
      const atServer = CLIENTS.filter((client) => this.#hasServer(client, 1)).map((client) =>
        this.#offered(client),
      );
      const ofGo = GO_CLIENTS.filter((other) => other !== goClient).map((other) => GO_ROUTES[other] ?? []);
      const announced = new Set([...atServer, ...ofGo].flatMap((routes) => [...routes]));
      return [...announced].filter((route) => Number.parseInt(route, 10) === GO_VNI).sort();
    });
  }

  get expectedViews(): string[][] {
    return CLIENTS.map((client) => {
      // Without servers nothing tells it what has gone, and what it holds may stay for ever.
      if (this.#ports[client]?.size === 0 && this.#holding.has(client)) return this.#client(client).log.view;
      const others = CLIENTS.filter((other) => other !== client && this.#shareServer(client, other));
      const ofGo = this.#hasServer(client, 1) ? GO_ROUTES.flat() : [];
      const announced = new Set([...others.flatMap((other) => [...this.#offered(other)]), ...ofGo]);
      const seen = [...announced.difference(this.#offered(client))];
      return seen.filter((route) => this.#vnis[client]?.has(Number.parseInt(route, 10))).sort();
    });
  }

  /** Ends everything; what is still set then was forgotten. */
  async timersLeftAtTheEnd(): Promise<number> {
    for (const { client } of this.#clients) await this.#rig.until(client.stop());
    for (const { process } of this.#goClients) process.kill("end");
    for (const { stop } of this.#servers.values()) stop();
    this.#rig.clock.advance(1_000);
    return this.#rig.clock.pendingTimers;
  }

  /** All see something from the start, and for so long that it counts as undisturbed. */
  async #becomeCalm(): Promise<void> {
    for (const client of CLIENTS) {
      for (const vni of VNIS) await this.#act(["subscribe", client, vni]);
      await this.#act(["announce", client, ROUTES[client] ?? ""]);
    }
    this.#rig.clock.advance(2 * PATH_STEADY_MS);
  }

  #disturbsCalm(step: Step): boolean {
    const { calmPort } = this.#options;
    if (calmPort === undefined) return false;
    switch (step[0]) {
      case "restart client":
      case "pause client":
      case "resume client":
      case "pause machine of client":
      case "suspend":
        return true;
      case "add server":
      case "remove server":
      case "replace server":
      case "reset server":
      case "drop server's routes":
        return step[2] === calmPort;
      case "pause server":
      case "resume server":
      case "pause machine of server":
      case "reset peer":
      case "configure server":
      case "kill server":
      case "stop server":
      case "start server":
      case "stall":
      case "resume":
      case "part":
      case "join":
        return step[1] === calmPort;
      default:
        return false;
    }
  }

  async #act(step: Step): Promise<void> {
    const rig = this.#rig;
    switch (step[0]) {
      case "announce":
      case "withdraw":
        this.#changeRoute(step[0], step[1], step[2]);
        break;
      case "subscribe":
      case "unsubscribe":
        if (step[0] === "subscribe") this.#vnis[step[1]]?.add(step[2]);
        else this.#vnis[step[1]]?.delete(step[2]);
        this.#note(step[0] === "subscribe", `${clientName(step[1])} ${step[2]}`);
        // The other make takes announcements along.
        if (this.#options.isSecondForeign) this.#trouble(clientName(step[1]), 2);
        this.#client(step[1]).client[step[0]](step[2]);
        break;
      case "drain":
      case "undrain":
        if (step[0] === "drain") this.#drained.add(step[1]);
        else this.#drained.delete(step[1]);
        for (const route of this.#announced[step[1]] ?? []) {
          this.#note(step[0] === "undrain", `${clientName(step[1])} ${route}`);
        }
        this.#client(step[1]).client[step[0]]();
        break;
      case "add server":
        this.#ports[step[1]]?.add(step[2]);
        this.#trouble(clientName(step[1]), serverOf(step[2]));
        this.#client(step[1]).client.addServer(serverEndpoint(step[2]));
        break;
      case "remove server":
      case "replace server": {
        this.#ports[step[1]]?.delete(step[2]);
        this.#trouble(clientName(step[1]), serverOf(step[2]));
        const keepStale =
          step[0] === "replace server" && this.#options.staleTimes.staleTimeMs <= LONGEST_HOLD_MS;
        if (keepStale) this.#holding.add(step[1]);
        this.#client(step[1]).client.removeServer(serverEndpoint(step[2]), { keepStale });
        break;
      }
      case "reset server":
        this.#trouble(clientName(step[1]), serverOf(step[2]));
        this.#client(step[1]).client.resetServer(serverEndpoint(step[2]));
        break;
      case "drop server's routes":
        this.#trouble(clientName(step[1]), serverOf(step[2]));
        this.#client(step[1]).client.dropServerRoutes(serverEndpoint(step[2]));
        break;
      case "restart client":
        await this.#restartClient(step[1], step[2], step[3]);
        break;
      case "pause client":
      case "pause machine of client":
        this.#trouble(clientName(step[1]), null);
        this.#pause(this.#client(step[1]).process, step[0] !== "pause client");
        break;
      case "resume client":
        this.#trouble(clientName(step[1]), null);
        this.#resume(this.#client(step[1]).process);
        break;
      case "pause server":
      case "pause machine of server":
        this.#trouble(null, step[1]);
        this.#pauseServer(step[1], step[0] !== "pause server");
        break;
      case "resume server":
        this.#trouble(null, step[1]);
        this.#resume(this.#servers.get(step[1])?.process);
        break;
      case "set time of day":
        rig.clock.wallAheadMs += step[1];
        break;
      case "restart Go client":
        this.#restartGoClient(step[1]);
        break;
      case "pause Go client":
        this.#trouble(goName(step[1]), null);
        this.#goClients[step[1]]?.process.pause();
        break;
      case "resume Go client":
        this.#trouble(goName(step[1]), null);
        this.#goClients[step[1]]?.process.resume();
        break;
      case "reset peer": {
        const server = this.#servers.get(step[1])?.own;
        const peers = server?.peers() ?? [];
        const peer = peers[step[2] % Math.max(1, peers.length)];
        this.#trouble(null, step[1]);
        if (peer !== undefined) server?.resetPeer(peer.id);
        break;
      }
      case "configure server":
        this.#servers.get(step[1])?.own?.configure({ keepaliveSeconds: step[2], retainSeconds: step[3] });
        break;
      case "kill server":
        this.#trouble(null, step[1]);
        this.#servers.get(step[1])?.process.kill(this.#random.chance(0.5) ? "end" : "reset");
        this.#servers.delete(step[1]);
        break;
      case "stop server":
        this.#trouble(null, step[1]);
        this.#resume(this.#servers.get(step[1])?.process);
        this.#servers.get(step[1])?.stop();
        this.#servers.delete(step[1]);
        break;
      case "start server":
        if (!this.#servers.has(step[1])) await this.#startServer(step[1], step[2], step[3]);
        break;
      case "cut":
      case "cut at client":
      case "cut at server":
      case "cut in silence":
        this.#cut(step[0], step[1]);
        break;
      case "stall":
      case "resume":
        this.#trouble(null, step[1]);
        rig.setStalled(step[1], step[0] === "stall");
        break;
      case "part":
      case "join":
        this.#setParted(step[1], step[0] === "part");
        break;
      case "delay":
        this.#delayMs = step[1];
        break;
      case "suspend":
        this.#trouble(null, null);
        rig.clock.freeze(step[1]);
        break;
      case "wait":
        rig.clock.advance(step[1]);
    }
  }

  #changeRoute(what: "announce" | "withdraw", index: number, route: string): void {
    if (what === "announce") this.#announced[index]?.add(route);
    else this.#announced[index]?.delete(route);
    this.#note(what === "announce" && !this.#drained.has(index), `${clientName(index)} ${route}`);
    this.#client(index).rig[what](route);
  }

  #offered(client: number): ReadonlySet<string> {
    return (this.#drained.has(client) ? null : this.#announced[client]) ?? new Set();
  }

  #shareServer(one: number, other: number): boolean {
    return PORTS.some((port) => this.#hasServer(one, port) && this.#hasServer(other, port));
  }

  /** By whatever name. */
  #hasServer(client: number, port: number): boolean {
    return [...(this.#ports[client] ?? [])].some((name) => serverOf(name) === port);
  }

  // --- what may be lost --------------------------------------------------------------------------

  /** Something is wanted from now on, or no longer. */
  #note(isWanted: boolean, what: string): void {
    if (!isWanted) this.#wantedSinceMs.delete(what);
    else if (!this.#wantedSinceMs.has(what)) this.#wantedSinceMs.set(what, this.#rig.clock.nowMs());
  }

  /** Something happens to the way between a client and a server, or all clients, or all servers. */
  #trouble(client: string | null, port: number | null): void {
    const clients = client === null ? [...CLIENTS.map(clientName), ...GO_CLIENTS.map(goName)] : [client];
    for (const name of clients) {
      for (const each of port === null ? PORTS : [port]) {
        this.#troubledMs.set(`${name} ${each}`, this.#rig.clock.nowMs());
      }
    }
  }

  #checkLoss(client: number, route: string): void {
    const vni = Number.parseInt(route, 10);
    if (this.#offered(client).has(route) || !this.#isOld(`${clientName(client)} ${vni}`)) return;
    const owners = [
      ...CLIENTS.filter((other) => other !== client && this.#offered(other).has(route)).map(clientName),
      ...GO_CLIENTS.filter((goClient) => GO_ROUTES[goClient]?.includes(route)).map(goName),
    ].filter((owner) => this.#isOld(`${owner} ${route}`));
    for (const port of PORTS) {
      const owner = owners.find((name) => this.#isSteady(name, port));
      if (owner === undefined || !this.#isSteady(clientName(client), port)) continue;
      this.lost.push(
        `${clientName(client)} lost ${route} at ${this.#rig.clock.nowMs()} ms: ${owner} has it, by server ${port}`,
      );
    }
  }

  #isOld(what: string): boolean {
    return (
      this.#rig.clock.nowMs() - (this.#wantedSinceMs.get(what) ?? Number.POSITIVE_INFINITY) > PATH_STEADY_MS
    );
  }

  #isSteady(name: string, port: number): boolean {
    const [kind, number = 0] = [name.split(" ")[0], Number(name.split(" ")[1])];
    const process = kind === "Go" ? this.#goClients[number]?.process : this.#clients[number]?.process;
    const isThere = kind === "Go" ? port === 1 : this.#hasServer(number, port);
    const isWedged = kind === "Go" && this.#goClients[number]?.client.isWedged;
    const server = this.#servers.get(port);
    if (!isThere || isWedged || !process?.isRunning || !server?.process.isRunning || this.#parted.has(port))
      return false;
    return this.#rig.clock.nowMs() - (this.#troubledMs.get(`${name} ${port}`) ?? 0) > PATH_STEADY_MS;
  }

  // --- processes ---------------------------------------------------------------------------------

  #pauseServer(port: number, withMachine: boolean): void {
    const server = this.#servers.get(port);
    // One of another make measures by its clock what harms it.
    this.#pause(server?.process, withMachine && server?.own !== null);
  }

  #pause(process: SimulatedProcess | undefined, withMachine: boolean): void {
    if (withMachine) process?.pauseMachine();
    else process?.pause();
  }

  #resume(process: SimulatedProcess | undefined): void {
    process?.resumeMachine({ setsTime: this.#random.chance(0.5) });
  }

  #restartGoClient(index: number): void {
    this.#trouble(goName(index), null);
    this.#goClients[index]?.process.kill(this.#random.chance(0.5) ? "end" : "reset");
    this.#goClients[index] = this.#startGoClient(index);
  }

  #startGoClient(index: number): RunningGoClient {
    const process = this.#newProcess();
    const announce = GO_ROUTES[index] ?? [];
    for (const route of announce) this.#note(true, `${goName(index)} ${route}`);
    const client = new GoClient({
      server: serverEndpoint(1),
      clock: process,
      network: process,
      random: this.#rig.random,
      vnis: [GO_VNI],
      announce,
    });
    return { process, client };
  }

  async #restartClient(index: number, how: End, forgotten: string): Promise<void> {
    const { client, log, process } = this.#client(index);
    this.#trouble(clientName(index), null);
    if (how === "kill") process.kill("end");
    else if (how === "reset") process.kill("reset");
    // The other make's does not look for silence.
    else if (how === "vanish") this.#options.isSecondForeign ? process.kill("reset") : process.vanish();
    else {
      this.#resume(process);
      await this.#rig.until(client.stop(2_000, how));
    }
    this.#drained.delete(index);
    this.#announced[index]?.delete(forgotten);
    this.#note(false, `${clientName(index)} ${forgotten}`);
    for (const route of this.#announced[index] ?? []) this.#note(true, `${clientName(index)} ${route}`);
    // It looks for faults in its events a last time.
    log.takeChanges();
    this.#clients[index] = this.#startClient(index);
  }

  #startClient(index: number): RunningClient {
    const process = this.#newProcess();
    const ports = [...(this.#ports[index] ?? [])];
    const { staleTimes } = this.#options;
    const rig = this.#rig.client(ports, { clock: process, network: process, staleTimes });
    rig.announce(...(this.#announced[index] ?? [])).subscribe(...(this.#vnis[index] ?? []));
    rig.log.onRemoved = (route) => this.#checkLoss(index, route);
    return { rig, client: rig.client, log: rig.log, process };
  }

  /** Their clocks are far apart. */
  #newProcess(): SimulatedProcess {
    const { clock, network } = this.#rig;
    return new SimulatedProcess(clock, network, this.#random.word());
  }

  #client(index: number): RunningClient {
    const client = this.#clients[index];
    if (client === undefined) throw new Error(`no client ${index}`);
    return client;
  }

  async #startServer(port: number, settleSeconds: number, retainSeconds: number): Promise<void> {
    const process = this.#newProcess();
    const shared = { clock: process, network: process };
    this.#trouble(null, port);
    if (port === 2 && this.#options.isSecondForeign) {
      const endpoint = serverEndpoint(port);
      const server = await ForeignServer.start({
        ...shared,
        endpoint,
        unsubscribeWithdraws: true,
        harm: this.harm,
      });
      this.#servers.set(port, { process, own: null, stop: () => server.stop() });
    } else {
      const listen = serverEndpoint(port);
      const server = await Server.start({ ...shared, listen, settleSeconds, retainSeconds });
      this.#servers.set(port, { process, own: server, stop: () => server.stop() });
    }
  }

  #setParted(port: number, isParted: boolean): void {
    const { network } = this.#rig;
    this.#trouble(null, port);
    if (isParted) this.#parted.add(port);
    else this.#parted.delete(port);
    for (const name of [port, TWIN_PORT].filter((each) => serverOf(each) === port).map(nameOfPort)) {
      if (isParted) network.silent.add(name);
      else network.silent.delete(name);
    }
    this.#rig.setStalled(port, isParted);
  }

  #cut(how: (Step & readonly [string, which: number])[0], which: number): void {
    const open = this.#rig.network.connections.filter(
      ({ client, server }) =>
        !client.isClosed &&
        !server.isClosed &&
        (this.#options.calmPort === undefined || server.local !== nameOfPort(this.#options.calmPort)),
    );
    const connection = open[which % Math.max(1, open.length)];
    if (connection === undefined) return;
    const { client, server } = connection;
    this.#trouble(null, PORTS.find((port) => nameOfPort(port) === server.local) ?? null);
    // Only ours look for silence; Go's clients do not before the server's HELLO.
    const isForeign = client.isNeverCut || (this.#options.isSecondForeign && server.local === nameOfPort(2));
    if (how === "cut" || isForeign) connection.break();
    else if (how === "cut at client") client.closeNow("connection reset");
    else if (how === "cut at server") server.closeNow("connection reset");
    else client.isReading = server.isReading = false;
  }
}

function clientName(client: number): string {
  return `client ${client}`;
}

function goName(goClient: number): string {
  return `Go ${goClient}`;
}

function nameOfPort(port: number): string {
  return formatEndpoint(serverEndpoint(port));
}

/** Which server the name leads to. */
function serverOf(port: number): number {
  return port === TWIN_PORT ? 1 : port;
}
