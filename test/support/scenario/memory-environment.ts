/** An environment for network scenarios in memory: times like the default ones, a fake clock, and everything in one process. */

import { ClientCore } from "../../../src/client/client-core.ts";
import type { OnStop } from "../../../src/client/options.ts";
import { SERVER_OPTIONS } from "../../../src/options/server-options.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { Server } from "../../../src/server/server.ts";
import { routeOfText } from "../models/frame-text.ts";
import { SeededRandom } from "../models/random.ts";
import { ViewLog } from "../models/view-log.ts";
import { ClientRig, serverEndpoint } from "../network/client-rig.ts";
import type {
  ClientSettings,
  NetworkEnvironment,
  ProcessSignal,
  ServerSettings,
} from "./network-scenario.ts";
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
  readonly client: ClientCore;
  readonly log: ViewLog;
  readonly onStop: OnStop;
}

export class MemoryEnvironment implements NetworkEnvironment {
  readonly #rig: ClientRig;
  readonly #servers = new Map<string, RunningServer>();
  readonly #clients = new Map<string, RunningClient>();
  #started = 0;
  /** Of servers, from 1 on: where they listen. */
  readonly #ports = new Map<string, number>();

  /** With a seed, what is sent takes its time, another one each time; else it arrives at once. */
  constructor(seed?: number) {
    const random = new SeededRandom(seed ?? 0);
    const delayMs = () => random.below(random.chance(0.3) ? LONG_DELAY_MS : SHORT_DELAY_MS);
    this.#rig = new ClientRig(seed === undefined ? {} : { seed, delayMs });
  }

  async startServer(name: string, { settles = false, retain = 0, keepalive = 5 }: ServerSettings) {
    const process = this.#process();
    const server = await Server.start({
      listen: this.#endpoint(name),
      clock: process,
      network: process,
      settleSeconds: settles ? SERVER_OPTIONS.settleSeconds.default : 0,
      retainSeconds: retain * SCALE,
      keepaliveSeconds: keepalive,
    });
    this.#servers.set(name, { process, server });
  }

  async signalServer(name: string, signal: ProcessSignal): Promise<void> {
    const { server, process } = found(this.#servers, name);
    if (signal === "stop") server.stop();
    else sendSignal(process, signal);
    this.#rig.clock.settle();
  }

  async resetPeers(name: string): Promise<void> {
    const { server } = found(this.#servers, name);
    for (const { id } of server.peers()) server.resetPeer(id);
  }

  async waitForServer(name: string, what: "routes" | "peers", count: number): Promise<number> {
    const { server } = found(this.#servers, name);
    this.#comesTo(() => server.stats()[what] === count);
    return server.stats()[what];
  }

  startClient(name: string, servers: readonly string[], options: ClientSettings): void {
    const {
      keepalive = 5,
      staleTime = 60,
      staleTimeAlone = Number.POSITIVE_INFINITY,
      onStop = "withdraw",
    } = options;
    const process = this.#process();
    const log = new ViewLog();
    const client = new ClientCore({
      servers: servers.map((server) => this.#endpoint(server)),
      keepaliveSeconds: keepalive,
      staleTimes: { staleTimeMs: staleTime * SCALE * 1000, staleTimeAloneMs: staleTimeAlone * SCALE * 1000 },
      handler: log,
      clock: process,
      network: process,
      random: this.#rig.random,
    });
    client.start();
    this.#clients.set(name, { process, client, log, onStop });
  }

  async signalClient(name: string, signal: ProcessSignal): Promise<void> {
    const { client, process, onStop } = found(this.#clients, name);
    if (signal === "stop") await this.#rig.until(client.stop(2_000, onStop));
    else sendSignal(process, signal);
    this.#rig.clock.settle();
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

  async waitForView(name: string, routes: readonly string[]): Promise<readonly string[]> {
    const { log, client } = found(this.#clients, name);
    this.#comesTo(() => Bun.deepEquals(log.view, routes));
    const asked = Array.from(client.routes(), formatRoute).sort();
    if (!Bun.deepEquals(asked, log.view))
      throw new Error(`events say ${log.view}, but routes() says ${asked}`);
    return log.view;
  }

  takeChanges(name: string): string[] {
    return found(this.#clients, name).log.takeChanges();
  }

  /** Whatever was left running leaves no timer when it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process, client } of this.#clients.values()) {
      process.resume();
      if (!process.isDead) await this.#rig.until(client.stop());
    }
    for (const { process, server } of this.#servers.values()) {
      process.resume();
      if (!process.isDead) server.stop();
    }
    this.#rig.clock.advance(1_000);
    const { pendingTimers } = this.#rig.clock;
    if (pendingTimers > 0) throw new Error(`${pendingTimers} timers are left at the end`);
  }

  #link(name: string, server: string) {
    const { port } = this.#endpoint(server);
    const links = found(this.#clients, name).client.servers();
    return found(new Map(links.map((link) => [`${link.server.port}`, link])), `${port}`);
  }

  /** Their clocks are eleven days apart, from one to the next. */
  #process(): SimulatedProcess {
    return new SimulatedProcess(this.#rig.clock, this.#rig.network, ++this.#started * 1e9);
  }

  #endpoint(server: string) {
    return serverEndpoint(this.#ports.getOrInsertComputed(server, () => this.#ports.size + 1));
  }

  #until(probe: () => boolean, howFar: () => string): void {
    if (!this.#comesTo(probe)) throw new Error(`it does not come to that, but to ${howFar()}`);
  }

  /** Moves time on until it is so; returns false if it is not so after long. */
  #comesTo(probe: () => boolean): boolean {
    const { clock } = this.#rig;
    const deadlineMs = clock.nowMs() + PATIENCE_MS;
    clock.settle();
    while (!probe()) {
      if (clock.nowMs() >= deadlineMs) return false;
      clock.advance(STEP_MS);
    }
    return true;
  }
}

function sendSignal(process: SimulatedProcess, signal: Exclude<ProcessSignal, "stop">): void {
  if (signal === "kill") process.kill("end");
  else process[signal]();
}

function found<T>(things: ReadonlyMap<string, T>, name: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new Error(`there is no ${name}`);
  return thing;
}
