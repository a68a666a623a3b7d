/**
 * Servers and clients, and what can happen to them: an operator's wishes, and faults. It keeps what is wanted in the
 * plainest form, and knows what each client must see at last: what other clients announce in the VNIs that it
 * subscribes to, but for what it announces itself.
 */
import type { HoldTimes } from "../../src/client/hold.ts";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { Server } from "../../src/server/server.ts";
import { type BenchClient, ClientBench, serverEndpoint } from "./client-bench.ts";
import { CLIENTS, type End, PORTS, type Step } from "./fault-steps.ts";
import { ForeignServer } from "./foreign-server.ts";
import { SeededRandom } from "./random.ts";
import { SimulatedProcess } from "./simulated-process.ts";

export interface FaultWorldOptions {
  readonly seed: number;
  /** Server 2 is of another make, Go's habits included. */
  readonly isSecondForeign: boolean;
  /** The clients'. In the end nothing may depend on it. */
  readonly hold: HoldTimes;
}

/** A process of a client, and the client. */
interface RunningClient extends Pick<BenchClient, "client" | "log"> {
  readonly bench: BenchClient;
  readonly process: SimulatedProcess;
}

interface RunningServer {
  readonly process: SimulatedProcess;
  /** In order. */
  stop(): void;
}

/** Retry, the longest silence, handshake, settling and retaining, one behind the other: 10 + 12.5 + 12.5 + 15 + 10 s. */
const QUIET_MS = 65_000;

export class FaultWorld {
  readonly #bench: ClientBench;
  readonly #random: SeededRandom;
  readonly #servers = new Map<number, RunningServer>();
  readonly #clients: RunningClient[];
  /** What is wanted, by client. */
  readonly #vnis = CLIENTS.map(() => new Set<number>());
  readonly #announced = CLIENTS.map(() => new Set<string>());
  readonly #ports = CLIENTS.map(() => new Set(PORTS));
  readonly #drained = new Set<number>();
  /** What would have harmed a server of another make. */
  readonly harm: string[] = [];
  #delayMs = 0;

  constructor(private readonly options: FaultWorldOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#bench = new ClientBench({
      seed: options.seed,
      delayMs: () => (this.#delayMs === 0 ? 0 : this.#random.below(this.#delayMs)),
      cutRandomly: () => (this.#random.chance(0.5) ? 0.999 : this.#random.word() / 2 ** 32),
    });
    this.#clients = CLIENTS.map((client) => this.#startClient(client));
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#startServer(1, 0, 0);
    await this.#startServer(2, 0, 10);
    for (const step of steps) await this.#act(step);
    for (const { process } of this.#clients) process.resume();
    for (const port of PORTS) {
      this.#setParted(port, false);
      this.#servers.get(port)?.process.resume();
      if (!this.#servers.has(port)) await this.#startServer(port, 15, 0);
    }
    this.#delayMs = 5;
    this.#bench.clock.advance(QUIET_MS);
  }

  /** What each client sees, by its events and when it is asked. */
  get views(): string[][] {
    return this.#clients.map(({ bench }) => bench.view);
  }

  get expectedViews(): string[][] {
    return CLIENTS.map((client) => {
      const others = CLIENTS.filter((other) => other !== client && this.#shareServer(client, other));
      const announced = new Set(others.flatMap((other) => [...this.#offered(other)]));
      const seen = [...announced.difference(this.#offered(client))];
      return seen.filter((route) => this.#vnis[client]?.has(Number.parseInt(route, 10))).sort();
    });
  }

  /** Ends everything; what is still set then was forgotten. */
  async timersLeftAtTheEnd(): Promise<number> {
    for (const { client } of this.#clients) await this.#bench.until(client.stop());
    for (const { stop } of this.#servers.values()) stop();
    this.#bench.clock.advance(1_000);
    return this.#bench.clock.pendingTimers;
  }

  async #act(step: Step): Promise<void> {
    const bench = this.#bench;
    switch (step[0]) {
      case "announce":
      case "withdraw":
        this.#changeRoute(step[0], step[1], step[2]);
        break;
      case "subscribe":
      case "unsubscribe":
        if (step[0] === "subscribe") this.#vnis[step[1]]?.add(step[2]);
        else this.#vnis[step[1]]?.delete(step[2]);
        this.#client(step[1]).client[step[0]](step[2]);
        break;
      case "drain":
      case "undrain":
        if (step[0] === "drain") this.#drained.add(step[1]);
        else this.#drained.delete(step[1]);
        this.#client(step[1]).client[step[0]]();
        break;
      case "add server":
        this.#ports[step[1]]?.add(step[2]);
        this.#client(step[1]).client.addServer(serverEndpoint(step[2]));
        break;
      case "remove server":
        this.#ports[step[1]]?.delete(step[2]);
        this.#client(step[1]).client.removeServer(serverEndpoint(step[2]));
        break;
      case "reset server":
        this.#client(step[1]).client.resetServer(serverEndpoint(step[2]));
        break;
      case "drop server's routes":
        this.#client(step[1]).client.dropServerRoutes(serverEndpoint(step[2]));
        break;
      case "restart client":
        await this.#restartClient(step[1], step[2], step[3]);
        break;
      case "pause client":
        this.#client(step[1]).process.pause();
        break;
      case "resume client":
        this.#client(step[1]).process.resume();
        break;
      case "pause server":
        this.#servers.get(step[1])?.process.pause();
        break;
      case "resume server":
        this.#servers.get(step[1])?.process.resume();
        break;
      case "kill server":
        this.#servers.get(step[1])?.process.kill(this.#random.chance(0.5) ? "end" : "reset");
        this.#servers.delete(step[1]);
        break;
      case "stop server":
        this.#servers.get(step[1])?.process.resume();
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
        bench.setStalled(step[1], step[0] === "stall");
        break;
      case "part":
      case "join":
        this.#setParted(step[1], step[0] === "part");
        break;
      case "delay":
        this.#delayMs = step[1];
        break;
      case "suspend":
        bench.clock.freeze(step[1]);
        break;
      case "wait":
        bench.clock.advance(step[1]);
    }
  }

  #changeRoute(what: "announce" | "withdraw", index: number, route: string): void {
    if (what === "announce") this.#announced[index]?.add(route);
    else this.#announced[index]?.delete(route);
    this.#client(index).bench[what](route);
  }

  #offered(client: number): ReadonlySet<string> {
    return (this.#drained.has(client) ? null : this.#announced[client]) ?? new Set();
  }

  #shareServer(one: number, other: number): boolean {
    return PORTS.some((port) => this.#ports[one]?.has(port) && this.#ports[other]?.has(port));
  }

  async #restartClient(index: number, how: End, forgotten: string): Promise<void> {
    const { client, log, process } = this.#client(index);
    if (how === "kill") process.kill("end");
    else if (how === "reset") process.kill("reset");
    // The other make's does not look for silence.
    else if (how === "vanish") this.options.isSecondForeign ? process.kill("reset") : process.vanish();
    else {
      process.resume();
      await this.#bench.until(client.stop(2_000, how));
    }
    this.#drained.delete(index);
    this.#announced[index]?.delete(forgotten);
    // It looks for faults in its events a last time.
    log.takeChanges();
    this.#clients[index] = this.#startClient(index);
  }

  #startClient(index: number): RunningClient {
    const process = this.#newProcess();
    const ports = [...(this.#ports[index] ?? [])];
    const { hold } = this.options;
    const bench = this.#bench.client(ports, { clock: process, network: process, hold });
    bench.announce(...(this.#announced[index] ?? [])).subscribe(...(this.#vnis[index] ?? []));
    return { bench, client: bench.client, log: bench.log, process };
  }

  /** Their clocks are far apart. */
  #newProcess(): SimulatedProcess {
    const { clock, network } = this.#bench;
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
    const server =
      port === 2 && this.options.isSecondForeign
        ? await ForeignServer.start({
            ...shared,
            endpoint: serverEndpoint(port),
            unsubscribeWithdraws: true,
            harm: this.harm,
          })
        : await Server.start({ ...shared, listen: serverEndpoint(port), settleSeconds, retainSeconds });
    this.#servers.set(port, { process, stop: () => server.stop() });
  }

  #setParted(port: number, isParted: boolean): void {
    const { network } = this.#bench;
    const name = formatEndpoint(serverEndpoint(port));
    if (isParted) network.silent.add(name);
    else network.silent.delete(name);
    this.#bench.setStalled(port, isParted);
  }

  #cut(how: (Step & readonly [string, which: number])[0], which: number): void {
    const open = this.#bench.network.connections.filter(
      ({ client, server }) => !client.isClosed && !server.isClosed,
    );
    const connection = open[which % Math.max(1, open.length)];
    if (connection === undefined) return;
    const { client, server } = connection;
    // Only ours look for silence.
    const isForeign = this.options.isSecondForeign && server.local === formatEndpoint(serverEndpoint(2));
    if (how === "cut" || isForeign) connection.break();
    else if (how === "cut at client") client.closeNow("connection reset");
    else if (how === "cut at server") server.closeNow("connection reset");
    else client.isReading = server.isReading = false;
  }
}
