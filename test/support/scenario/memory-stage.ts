/** A stage for network scenarios in memory: times like the default ones, a fake clock, and everything in one process. */

import { DEFAULT_SETTLE_SECONDS } from "../../../src/base/defaults.ts";
import { Client } from "../../../src/client/client-core.ts";
import type { OnStop } from "../../../src/client/options.ts";
import { formatRoute } from "../../../src/route/announcement.ts";
import { Server } from "../../../src/server/server.ts";
import { routeOfText } from "../models/frame-text.ts";
import { SeededRandom } from "../models/random.ts";
import { ViewLog } from "../models/view-log.ts";
import { ClientBench, serverEndpoint } from "../network/client-bench.ts";
import type { Blow, NetworkStage, StageClientOptions, StageServerOptions } from "./network-scenario.ts";
import { SimulatedProcess } from "./simulated-process.ts";

/** Of the times in scenarios, which are a real process's. */
const SCALE = 10;
/** Longer than any time that a scenario waits for, and shorter than the default stale time, which is to help nobody. */
const PATIENCE_MS = 100_000;
const STEP_MS = 10;
/** One way; a keepalive time of 1 s, which is not scaled, leaves room for the longer one. */
const SHORT_DELAY_MS = 20;
const LONG_DELAY_MS = 400;

interface RunningServer {
  readonly process: SimulatedProcess;
  readonly server: Server;
}

interface RunningClient {
  readonly process: SimulatedProcess;
  readonly client: Client;
  readonly log: ViewLog;
  readonly onStop: OnStop;
}

export class MemoryStage implements NetworkStage {
  readonly #bench: ClientBench;
  readonly #servers = new Map<string, RunningServer>();
  readonly #clients = new Map<string, RunningClient>();
  #started = 0;
  /** Of servers, from 1 on: where they listen. */
  readonly #ports = new Map<string, number>();

  /** With a seed, what is sent takes its time, another one each time; else it arrives at once. */
  constructor(seed?: number) {
    const random = new SeededRandom(seed ?? 0);
    const delayMs = () => random.below(random.chance(0.3) ? LONG_DELAY_MS : SHORT_DELAY_MS);
    this.#bench = new ClientBench(seed === undefined ? {} : { seed, delayMs });
  }

  async startServer(name: string, { settles = false, retain = 0, keepalive = 5 }: StageServerOptions) {
    const process = this.#process();
    const server = await Server.start({
      listen: this.#endpoint(name),
      clock: process,
      network: process,
      settleSeconds: settles ? DEFAULT_SETTLE_SECONDS : 0,
      retainSeconds: retain * SCALE,
      keepaliveSeconds: keepalive,
    });
    this.#servers.set(name, { process, server });
  }

  async blowServer(name: string, blow: Blow): Promise<void> {
    const { server, process } = found(this.#servers, name);
    if (blow === "stop") server.stop();
    else blowOn(process, blow);
    this.#bench.clock.settle();
  }

  async resetPeers(name: string): Promise<void> {
    const { server } = found(this.#servers, name);
    for (const { id } of server.peers()) server.resetPeer(id);
  }

  async waitForServer(name: string, what: "routes" | "peers", count: number): Promise<void> {
    const { server } = found(this.#servers, name);
    this.#until(
      () => server.stats()[what] === count,
      () => `${server.stats()[what]} ${what}`,
    );
  }

  startClient(name: string, servers: readonly string[], options: StageClientOptions): void {
    const {
      keepalive = 5,
      staleTime = 60,
      staleTimeAlone = Number.POSITIVE_INFINITY,
      onStop = "withdraw",
    } = options;
    const process = this.#process();
    const log = new ViewLog();
    const client = new Client({
      servers: servers.map((server) => this.#endpoint(server)),
      keepaliveSeconds: keepalive,
      staleTimes: { staleTimeMs: staleTime * SCALE * 1000, staleTimeAloneMs: staleTimeAlone * SCALE * 1000 },
      handler: log,
      clock: process,
      network: process,
      random: this.#bench.random,
    });
    client.start();
    this.#clients.set(name, { process, client, log, onStop });
  }

  async blowClient(name: string, blow: Blow): Promise<void> {
    const { client, process, onStop } = found(this.#clients, name);
    if (blow === "stop") await this.#bench.until(client.stop(2_000, onStop));
    else blowOn(process, blow);
    this.#bench.clock.settle();
  }

  async waitForSession(name: string, server: string, atLeast: number): Promise<number> {
    const link = () => this.#link(name, server);
    this.#until(
      () => link().state === "established" && link().sessions >= atLeast,
      () => `${link().state}, ${link().sessions} sessions`,
    );
    return link().sessions;
  }

  async waitForLoss(name: string, server: string): Promise<void> {
    const state = () => this.#link(name, server).state;
    this.#until(() => state() === "retry", state);
  }

  async changeRoutes(name: string, change: "announce" | "withdraw", routes: readonly string[]) {
    for (const route of routes) found(this.#clients, name).client[change](routeOfText(route));
  }

  async changeVnis(name: string, change: "subscribe" | "unsubscribe", vnis: readonly number[]) {
    for (const vni of vnis) found(this.#clients, name).client[change](vni);
  }

  async drain(name: string, action: "start" | "undo"): Promise<void> {
    found(this.#clients, name).client[action === "start" ? "drain" : "undrain"]();
  }

  async resetServer(name: string, server: string): Promise<void> {
    found(this.#clients, name).client.resetServer(this.#endpoint(server));
  }

  async waitForView(name: string, routes: readonly string[]): Promise<void> {
    const { log, client } = found(this.#clients, name);
    this.#until(
      () => Bun.deepEquals(log.view, routes),
      () => log.view.join("; ") || "nothing",
    );
    const asked = Array.from(client.routes(), formatRoute).sort();
    if (!Bun.deepEquals(asked, routes)) throw new Error(`by its events it is so, but routes() says ${asked}`);
  }

  takeChanges(name: string): string[] {
    return found(this.#clients, name).log.takeChanges();
  }

  /** Whatever was left running leaves no timer when it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process, client } of this.#clients.values()) {
      process.resume();
      if (!process.isDead) await this.#bench.until(client.stop());
    }
    for (const { process, server } of this.#servers.values()) {
      process.resume();
      if (!process.isDead) server.stop();
    }
    this.#bench.clock.advance(1_000);
    const { pendingTimers } = this.#bench.clock;
    if (pendingTimers > 0) throw new Error(`${pendingTimers} timers are left at the end`);
  }

  #link(name: string, server: string) {
    const { port } = this.#endpoint(server);
    const links = found(this.#clients, name).client.servers();
    return found(new Map(links.map((link) => [`${link.server.port}`, link])), `${port}`);
  }

  /** Their clocks are eleven days apart, from one to the next. */
  #process(): SimulatedProcess {
    return new SimulatedProcess(this.#bench.clock, this.#bench.network, ++this.#started * 1e9);
  }

  #endpoint(server: string) {
    return serverEndpoint(this.#ports.getOrInsertComputed(server, () => this.#ports.size + 1));
  }

  #until(probe: () => boolean, howFar: () => string): void {
    const { clock } = this.#bench;
    const deadlineMs = clock.nowMs() + PATIENCE_MS;
    clock.settle();
    while (!probe()) {
      if (clock.nowMs() >= deadlineMs) throw new Error(`it does not come to that, but to ${howFar()}`);
      clock.advance(STEP_MS);
    }
  }
}

function blowOn(process: SimulatedProcess, blow: Exclude<Blow, "stop">): void {
  if (blow === "kill") process.kill("end");
  else process[blow]();
}

function found<T>(things: ReadonlyMap<string, T>, name: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new Error(`there is no ${name}`);
  return thing;
}
