/** An environment for network scenarios with real processes, driven by their control sockets and signals. */
import { join } from "node:path";
import { ControlClient } from "../../../src/cli/commands/control-client.ts";
import { routeOfText } from "../models/frame-text.ts";
import { announceFlag, routeLine, type TextRoute, textRouteOf } from "../models/text-route.ts";
import { freeAddress } from "../network/free-address.ts";
import { type BunbondServer, startBunbondClient, startBunbondServer } from "../process/bunbond-process.ts";
import type { ChildProcess } from "../process/child-process.ts";
import type { RouteClient } from "../process/route-client.ts";
import { temporaryDirectory } from "../process/temporary-directory.ts";
import type {
  ClientSettings,
  NetworkEnvironment,
  ProcessSignal,
  ServerSettings,
} from "./network-scenario.ts";

/** A tenth of the default: slow enough that not everybody is back before the first one is told everything. */
const RETRY = "0.5-1";
/** Much longer than a retry and a handshake. */
const SETTLE_SECONDS = 4;
const POLL_MS = 20;
const PATIENCE_MS = 30_000;
const SIGNALS = { kill: "SIGKILL", pause: "SIGSTOP", resume: "SIGCONT" } as const;

interface RunningClient {
  readonly program: RouteClient;
  readonly control: ControlClient;
  /** Events that were asked for already. */
  eventsTaken: number;
}

interface RunningServer {
  readonly program: BunbondServer;
  readonly control: ControlClient;
}

export class ProcessEnvironment implements NetworkEnvironment {
  readonly #directory = temporaryDirectory();
  readonly #children = new AsyncDisposableStack();
  readonly #servers = new Map<string, RunningServer>();
  readonly #clients = new Map<string, RunningClient>();
  readonly #addresses = new Map<string, string>();
  /** What `routeLine` makes of a route → its text in the scenario. */
  readonly #texts = new Map<string, string>();
  #started = 0;

  async startServer(name: string, { settles = false, retain = 0, keepalive }: ServerSettings): Promise<void> {
    const socket = this.#newSocket();
    const program = await startBunbondServer({
      listen: this.#address(name),
      socket,
      ...(keepalive !== undefined && { keepaliveSeconds: keepalive }),
      settleSeconds: settles ? SETTLE_SECONDS : 0,
      flags: ["--retain", `${retain}`],
    });
    this.#children.use(program);
    this.#servers.set(name, { program, control: controlOf(socket) });
  }

  signalServer(name: string, signal: ProcessSignal): Promise<void> {
    return sendSignal(found(this.#servers, name).program, signal);
  }

  async resetPeers(name: string): Promise<void> {
    const { control } = found(this.#servers, name);
    const { peers } = await control.call("/v1/peers", null);
    for (const { id } of peers) await control.call("/v1/peers/reset", { peer: `${id}` });
  }

  async waitForServer(name: string, what: "routes" | "peers", count: number): Promise<number> {
    const { control } = found(this.#servers, name);
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const status = await control.call("/v1/status", null);
      if (status.program !== "server") throw new Error(`${name} is a ${status.program}`);
      if (status[what] === count || performance.now() >= deadlineMs) return status[what];
      // A server has no event for its counts that another process can wait for.
      await Bun.sleep(POLL_MS);
    }
  }

  startClient(name: string, servers: readonly string[], options: ClientSettings): void {
    const { keepalive, staleTime, staleTimeAlone, onStop = "withdraw" } = options;
    const socket = this.#newSocket();
    const seconds = (flag: string, value: number | undefined) =>
      value === undefined ? [] : [flag, `${value}`];
    const program = startBunbondClient({
      servers: servers.map((server) => this.#address(server)),
      socket,
      ...(keepalive !== undefined && { keepaliveSeconds: keepalive }),
      retry: RETRY,
      flags: [
        "--on-stop",
        onStop,
        ...seconds("--stale-time", staleTime),
        ...seconds("--stale-time-alone", staleTimeAlone),
      ],
    });
    this.#children.use(program);
    this.#clients.set(name, { program, control: controlOf(socket), eventsTaken: 0 });
  }

  signalClient(name: string, signal: ProcessSignal): Promise<void> {
    return sendSignal(found(this.#clients, name).program, signal);
  }

  waitForSession(name: string, server: string, atLeast: number): Promise<number> {
    const { program } = found(this.#clients, name);
    const address = this.#address(server);
    return program.until(`session ${atLeast} with ${address}`, () => {
      const states = program.events.filter((event) => event.event === "server" && event.server === address);
      const established = states.filter((event) => event.event === "server" && event.state === "established");
      return states.at(-1) === established.at(-1) && established.length >= atLeast
        ? established.length
        : undefined;
    });
  }

  waitForLoss(name: string, server: string): Promise<void> {
    return found(this.#clients, name).program.serverState("retry", this.#address(server));
  }

  async changeRoutes(name: string, change: "announce" | "withdraw", routes: readonly string[]) {
    const control = await this.#ready(name);
    await control.call(`/v1/${change}`, {
      routes: routes.map((route) => announceFlag(this.#textRoute(route))),
    });
  }

  async changeVnis(name: string, change: "subscribe" | "unsubscribe", vnis: readonly number[]) {
    const control = await this.#ready(name);
    await control.call(`/v1/${change}`, { vnis: [...vnis] });
  }

  async drain(name: string, action: "start" | "undo"): Promise<void> {
    await (await this.#ready(name)).call("/v1/drain", { action });
  }

  async resetServer(name: string, server: string): Promise<void> {
    await (await this.#ready(name)).call("/v1/peers/reset", { peer: this.#address(server) });
  }

  async waitForView(name: string, routes: readonly string[]): Promise<readonly string[]> {
    await found(this.#clients, name).program.viewIs(routes.map((route) => this.#textRoute(route)));
    return routes;
  }

  takeChanges(name: string): string[] {
    const client = found(this.#clients, name);
    const changes = client.program.changes(client.eventsTaken);
    client.eventsTaken = client.program.events.length;
    return changes.map((change) => {
      const line = change.slice(2);
      return change.slice(0, 2) + (this.#texts.get(line) ?? line);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#children.disposeAsync();
    this.#directory[Symbol.dispose]();
  }

  /** It can be talked to once it has said a word: its control socket comes before that. */
  async #ready(name: string): Promise<ControlClient> {
    const { program, control } = found(this.#clients, name);
    await program.event(({ event }) => event === "server", "its first word");
    return control;
  }

  #textRoute(text: string): TextRoute {
    const route = textRouteOf(routeOfText(text));
    this.#texts.set(routeLine(route), text);
    return route;
  }

  #address(server: string): string {
    return this.#addresses.getOrInsertComputed(server, freeAddress);
  }

  #newSocket(): string {
    return join(this.#directory.path, `${++this.#started}.sock`);
  }
}

function controlOf(socketPath: string): ControlClient {
  return new ControlClient({ socketPath, program: null });
}

async function sendSignal(program: ChildProcess, signal: ProcessSignal): Promise<void> {
  if (signal === "stop") {
    const exitCode = await program.stop();
    if (exitCode !== 0) throw new Error(`it ended with ${exitCode}`);
    return;
  }
  program.signal(SIGNALS[signal]);
  if (signal === "kill") await program.ended;
}

function found<T>(things: ReadonlyMap<string, T>, name: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new Error(`there is no ${name}`);
  return thing;
}
