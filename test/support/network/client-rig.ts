/**
 * Clients and servers of ours on one in-memory network and one fake clock. Servers are known by their port
 * on ::1, and settle at once unless told otherwise.
 */

import { ClientCore } from "../../../src/client/client-core.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import { type Endpoint, formatEndpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { Server } from "../../../src/server/server.ts";
import { routeOfText } from "../models/frame-text.ts";
import { SeededRandom } from "../models/random.ts";
import { ViewLog } from "../models/view-log.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryNetwork, type MemoryNetworkOptions } from "./memory-network.ts";

/** Clock and network: other than the rig's own. */
export type RigClientOptions = Partial<Omit<ClientOptions, "servers" | "handler">>;

export function serverEndpoint(port: number): Endpoint {
  return { host: "::1", port };
}

export class ClientRig {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  readonly #servers = new Map<number, Server>();
  readonly #random: SeededRandom;

  constructor({ seed = 1, ...options }: { seed?: number } & Partial<MemoryNetworkOptions> = {}) {
    this.#random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, ...options });
  }

  async startServer(port: number, options: Partial<ServerOptions> = {}): Promise<Server> {
    const { clock, network } = this;
    const listen = serverEndpoint(port);
    const server = await Server.start({ listen, clock, network, settleSeconds: 0, ...options });
    this.#servers.set(port, server);
    return server;
  }

  server(port: number): Server {
    const server = this.#servers.get(port);
    if (server === undefined) throw new Error(`no server ${port} is running`);
    return server;
  }

  isRunning(port: number): boolean {
    return this.#servers.has(port);
  }

  /** In order: its peers are told. */
  stopServer(port: number): void {
    this.server(port).stop();
    this.#servers.delete(port);
  }

  /** As by kill -9: its kernel resets the connections. */
  killServer(port: number): void {
    this.cutConnections(port);
    this.stopServer(port);
  }

  /** Both sides see their connections break. */
  cutConnections(port: number): void {
    for (const connection of this.#connectionsTo(port)) connection.break();
  }

  /** Nothing arrives any more, and nobody is told; or all of it now. */
  setStalled(port: number, isStalled: boolean): void {
    for (const { client, server } of this.#connectionsTo(port)) {
      client.isReading = server.isReading = !isStalled;
    }
  }

  /** Started, with a log of its events. */
  client(ports: readonly number[], options: RigClientOptions = {}): RigClient {
    const { clock, network, random } = this;
    return new RigClient({ servers: ports.map(serverEndpoint), clock, network, random, ...options });
  }

  /** Of a client: from 0 to 1. */
  readonly random = (): number => this.#random.word() / 2 ** 32;

  /** Moves time on until the promise is kept: for what ends by itself. */
  async until(promise: Promise<void>): Promise<void> {
    let isDone = false;
    const done = promise.then(() => {
      isDone = true;
    });
    for (let turns = 0; !isDone && turns < 10_000; turns++) {
      this.clock.advance(1);
      await Promise.resolve();
    }
    await done;
  }

  #connectionsTo(port: number) {
    const name = formatEndpoint(serverEndpoint(port));
    return this.network.connections.filter(
      // One whose server is gone may have an end that has not heard of it.
      ({ client, server }) => server.local === name && !(client.isClosed && server.isClosed),
    );
  }
}

/** A client that is told in text: routes as "100 10.0.1.0/24 via 2001:db8::1". */
export class RigClient {
  readonly log = new ViewLog();
  readonly client: ClientCore;

  constructor(options: Omit<ClientOptions, "handler">) {
    this.client = new ClientCore({ ...options, handler: this.log });
    this.client.start();
  }

  subscribe(...vnis: readonly number[]): this {
    for (const vni of vnis) this.client.subscribe(vni);
    return this;
  }

  announce(...routes: readonly string[]): this {
    for (const route of routes) this.client.announce(routeOfText(route));
    return this;
  }

  withdraw(...routes: readonly string[]): this {
    for (const route of routes) this.client.withdraw(routeOfText(route));
    return this;
  }

  /** Sorted; the same, whoever is asked: its events, its routes and its count. */
  get view(): string[] {
    const { view } = this.log;
    const routes = Array.from(this.client.routes(), formatRoute).sort();
    if (!Bun.deepEquals(view, routes)) throw new Error(`events say ${view}, routes() says ${routes}`);
    if (this.client.routeCount !== view.length) throw new Error(`routeCount is ${this.client.routeCount}`);
    return view;
  }

  get states(): string[] {
    return this.client.servers().map(({ state }) => state);
  }
}
