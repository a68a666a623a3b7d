/**
 * A thread of the load generator: it has its share of the connections and executes the main thread's commands with them.
 * This file is an entry of its own in the build.
 */

import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { BunNetwork } from "../../transport/tcp-network.ts";
import { Action } from "../../wire/protocol.ts";
import { BenchConnection } from "./bench-connection.ts";
import { addDeliveries, type DeliveryCounts, noDeliveries } from "./delivery-check.ts";
import { ChurnFrames, EncodedFrames, TimedFrames } from "./frame-source.ts";
import {
  type CommandResults,
  type ConnectionSpec,
  type Expectation,
  NO_ANNOUNCER,
  type SentRoutes,
  type StartCommand,
  type Totals,
  type WorkerCommand,
  type WorkerEvent,
  type WorkerSettings,
} from "./messages.ts";
import { RouteSet } from "./route-set.ts";

declare const self: Worker;

const PROGRESS_MS = 100;
/** How many connections are opened at a time: a listener's queue is limited. */
const CONNECTS_AT_ONCE = 100;

/** A Go server may handle what follows a SUBSCRIBE, also a KEEPALIVE, before the SUBSCRIBE; after this time it has handled it. */
const GO_SUBSCRIBE_MS = 1000;

/** An announcer that churns, and how many subscribers have its present marker. */
interface Churner {
  readonly connection: BenchConnection;
  readonly source: ChurnFrames;
  receivedBy: number;
}

class BenchWorker {
  readonly #settings: WorkerSettings;
  readonly #routes: RouteSet;
  readonly #network = new BunNetwork();
  readonly #clock = new SystemClock();
  readonly #connections = new Map<number, BenchConnection>();
  /** The counts of connections that are closed. */
  readonly #pastDeliveries = noDeliveries();
  #pastSentUpdates = 0;
  readonly #aborted = Promise.withResolvers<void>();
  /** The frames of all routes of an announcer, by announcer and action. */
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
    this.#routes = new RouteSet(settings.routes);
    setInterval(() => post({ type: "progress", totals: this.#totals() }), PROGRESS_MS);
  }

  async execute(command: WorkerCommand): Promise<void> {
    if (command.type === "abort") {
      this.#aborted.resolve();
      return;
    }
    const results = { syncSeconds: [], latenciesNs: new Float64Array(0) };
    await Promise.race([this.#execute(command, results), this.#aborted.promise]);
    let missing = 0;
    for (const connection of this.#connections.values()) missing += connection.missing;
    post({ type: "done", totals: this.#totals(), missing, ...results });
  }

  async #execute(command: Exclude<WorkerCommand, { type: "abort" }>, results: CommandResults): Promise<void> {
    switch (command.type) {
      case "open":
        return this.#open(command.connections);
      case "expect":
        for (const connection of this.#subscribers) connection.expect(command.expected);
        return;
      case "subscribe":
        return this.#subscribe(command.expected, results);
      case "send":
        return this.#send(command.what, command.action);
      case "churn":
        return this.#churn(command.batch, command.seconds, command.paced);
      case "latency":
        return this.#latency(command.updates, command.updatesPerSecond, results);
      case "close":
        return this.#close(command.ids);
    }
  }

  async #open(specs: readonly ConnectionSpec[]): Promise<void> {
    const context = {
      settings: this.#settings,
      routes: this.#routes,
      network: this.#network,
      clock: this.#clock,
      failed: (message: string) => post({ type: "failed", message }),
    };
    for (const { announcer } of specs) {
      if (announcer !== NO_ANNOUNCER)
        for (const action of this.#settings.encode) this.#frames(announcer, action);
    }
    for (let i = 0; i < specs.length; i += CONNECTS_AT_ONCE) {
      const connections = specs
        .slice(i, i + CONNECTS_AT_ONCE)
        .map((spec) => new BenchConnection(spec, context));
      for (const connection of connections) this.#connections.set(connection.spec.id, connection);
      await Promise.all(connections.map((connection) => connection.open()));
    }
  }

  async #subscribe(expected: Expectation, results: CommandResults): Promise<void> {
    const startMs = this.#clock.nowMs();
    const subscribe = async (connection: BenchConnection) => {
      connection.expect(expected);
      const isRead = connection.startSubscription();
      await connection.complete;
      results.syncSeconds.push((this.#clock.nowMs() - startMs) / 1000);
      await isRead;
    };
    await Promise.all(this.#subscribers.filter((connection) => !connection.hasSubscribed).map(subscribe));
    if (this.#settings.paced) await Bun.sleep(GO_SUBSCRIBE_MS);
  }

  async #send(what: SentRoutes, action: Action): Promise<void> {
    const frameBytes = this.#routes.frame(action).length;
    const isRead = this.#announcers.map((connection) => {
      const { announcer } = connection.spec;
      const bytes = this.#framesOf(what, announcer, action);
      return connection.send(new EncodedFrames(bytes, frameBytes, what !== "routes"));
    });
    await Promise.all([...isRead, ...this.#subscribers.map((connection) => connection.complete)]);
  }

  /** An announcer waits for the subscribers of this worker only: the pace of the server counts, not each delivery. */
  async #churn(batch: number, seconds: number, paced: boolean): Promise<void> {
    const subscribers = this.#subscribers;
    const receivers = subscribers.length - 1;
    const churners = new Map<number, Churner>();
    for (const connection of this.#announcers) {
      const { announcer } = connection.spec;
      const source = new ChurnFrames(this.#routes, announcer, batch, paced && receivers > 0);
      churners.set(announcer, { connection, source, receivedBy: 0 });
    }
    for (const { check } of subscribers) {
      check.onMarker = (announcer) => {
        const churner = churners.get(announcer);
        if (churner === undefined || ++churner.receivedBy < receivers) return;
        churner.receivedBy = 0;
        churner.source.release();
        churner.connection.wake();
      };
    }
    this.#clock.after(seconds * 1000, () => {
      for (const { connection, source } of churners.values()) {
        source.stop();
        connection.wake();
      }
    });
    await Promise.all(Array.from(churners.values(), ({ connection, source }) => connection.send(source)));
  }

  async #latency(updates: number, updatesPerSecond: number, results: CommandResults): Promise<void> {
    const [announcer] = this.#announcers;
    if (announcer === undefined) return;
    const subscribers = this.#subscribers;
    const half = updates / 2;
    const sentNs = new Float64Array(updates);
    const latenciesNs = new Float64Array(updates * subscribers.length);
    let received = 0;
    for (const { check } of subscribers) {
      check.onReceived = (index, action) => {
        const n = action === Action.ADD ? index : half + index;
        latenciesNs[received++] = Bun.nanoseconds() - (sentNs[n] ?? 0);
      };
    }
    const source = new TimedFrames(updates, (view, n) => {
      const end = this.#routes.encode(view, 0, n % half, n < half ? Action.ADD : Action.REMOVE);
      sentNs[n] = Bun.nanoseconds();
      return end;
    });
    const isRead = announcer.send(source);
    for (const expected of [
      { actions: "add", routes: half, markers: 0 },
      { actions: "remove", routes: 0, markers: 0 },
    ] as const) {
      for (const connection of subscribers) connection.expect(expected);
      for (let n = 0; n < half; n++) {
        source.release();
        announcer.wake();
        await Bun.sleep(1000 / updatesPerSecond);
      }
      await Promise.all(subscribers.map((connection) => connection.complete));
    }
    await isRead;
    results.latenciesNs = latenciesNs.subarray(0, received);
  }

  #close(ids: readonly number[]): void {
    for (const id of ids) {
      const connection = this.#connections.get(id);
      if (connection === undefined) continue;
      connection.close();
      addDeliveries(this.#pastDeliveries, connection.check.counts);
      this.#pastSentUpdates += connection.sentUpdates;
      this.#connections.delete(id);
    }
  }

  #framesOf(what: SentRoutes, announcer: number, action: Action): Uint8Array {
    const routes = this.#routes;
    switch (what) {
      case "routes":
        return this.#frames(announcer, action);
      case "markers":
        return routes.encodeRange(routes.markerOf(announcer), 1, action);
      case "last-routes":
        return routes.encodeRange(routes.indexOf(announcer, routes.routesPerAnnouncer - 1), 1, action);
    }
  }

  #frames(announcer: number, action: Action): Uint8Array {
    const { routesPerAnnouncer } = this.#routes;
    return this.#encoded.getOrInsertComputed(`${announcer} ${action}`, () =>
      this.#routes.encodeRange(this.#routes.indexOf(announcer, 0), routesPerAnnouncer, action),
    );
  }

  get #announcers(): BenchConnection[] {
    return [...this.#connections.values()].filter(({ spec }) => spec.announcer !== NO_ANNOUNCER);
  }

  get #subscribers(): BenchConnection[] {
    return [...this.#connections.values()].filter(({ spec }) => spec.subscribes);
  }

  #totals(): Totals {
    const deliveries: DeliveryCounts = { ...this.#pastDeliveries };
    let sentUpdates = this.#pastSentUpdates;
    let establishedConnections = 0;
    for (const connection of this.#connections.values()) {
      addDeliveries(deliveries, connection.check.counts);
      sentUpdates += connection.sentUpdates;
      if (connection.isEstablished) establishedConnections++;
    }
    return { deliveries, sentUpdates, establishedConnections };
  }
}

function post(what: WorkerEvent): void {
  self.postMessage(what);
}

let worker: BenchWorker | null = null;
self.onmessage = ({ data }: MessageEvent<StartCommand | WorkerCommand>) => {
  if (data.type === "start") worker = new BenchWorker(data.settings);
  else void worker?.execute(data);
};
