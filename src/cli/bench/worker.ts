/**
 * A thread of the load generator: has its share of the connections, and does with them what the command orders.
 * The build knows this file as an entry of its own.
 */

import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { BunNetwork } from "../../transport/tcp-network.ts";
import { Action } from "../../wire/protocol.ts";
import { addDeliveries, type DeliveryCounts, noDeliveries } from "./delivery-check.ts";
import { ChurnFrames, EncodedFrames, TimedFrames } from "./frame-source.ts";
import { Member } from "./member.ts";
import {
  type Expectation,
  type MemberSpec,
  NO_ANNOUNCER,
  type Order,
  type OrderResults,
  type Report,
  type StartOrder,
  type Totals,
  type WorkerSettings,
} from "./messages.ts";
import { RouteSet } from "./route-set.ts";

declare const self: Worker;

const PROGRESS_MS = 100;
/** Connected at a time: a listener's queue has an end. */
const CONNECTS_AT_ONCE = 100;

/** Go may take what follows a SUBSCRIBE before it, and answer a KEEPALIVE sooner: by then it has certainly taken it. */
const GO_SUBSCRIBE_MS = 1000;

/** An announcer that churns, and how many have its present marker. */
interface Churner {
  readonly member: Member;
  readonly source: ChurnFrames;
  heardBy: number;
}

class BenchWorker {
  readonly #settings: WorkerSettings;
  readonly #routes: RouteSet;
  readonly #network = new BunNetwork();
  readonly #clock = new SystemClock();
  readonly #members = new Map<number, Member>();
  /** Of members that are closed. */
  readonly #pastDeliveries = noDeliveries();
  #pastSentUpdates = 0;
  readonly #givenUp = Promise.withResolvers<void>();
  /** Frames of all an announcer's routes, by announcer and action. */
  readonly #encoded = new Map<string, Uint8Array>();

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
    this.#routes = new RouteSet(settings.routes);
    setInterval(() => report({ type: "progress", totals: this.#totals() }), PROGRESS_MS);
  }

  async take(order: Order): Promise<void> {
    if (order.type === "give-up") {
      this.#givenUp.resolve();
      return;
    }
    const results = { syncSeconds: [], latenciesNs: new Float64Array(0) };
    await Promise.race([this.#carryOut(order, results), this.#givenUp.promise]);
    let missing = 0;
    for (const member of this.#members.values()) missing += member.missing;
    report({ type: "done", totals: this.#totals(), missing, ...results });
  }

  async #carryOut(order: Exclude<Order, { type: "give-up" }>, results: OrderResults): Promise<void> {
    switch (order.type) {
      case "open":
        return this.#open(order.members);
      case "expect":
        for (const member of this.#subscribers) member.expect(order.expected);
        return;
      case "subscribe":
        return this.#subscribe(order.expected, results);
      case "send":
        return this.#send(order.what, order.action);
      case "churn":
        return this.#churn(order.batch, order.seconds, order.paced);
      case "latency":
        return this.#latency(order.updates, order.updatesPerSecond, results);
      case "close":
        return this.#close(order.ids);
    }
  }

  async #open(specs: readonly MemberSpec[]): Promise<void> {
    const context = {
      settings: this.#settings,
      routes: this.#routes,
      network: this.#network,
      clock: this.#clock,
      failed: (message: string) => report({ type: "failed", message }),
    };
    for (const { announcer } of specs) {
      if (announcer !== NO_ANNOUNCER)
        for (const action of this.#settings.encode) this.#frames(announcer, action);
    }
    for (let i = 0; i < specs.length; i += CONNECTS_AT_ONCE) {
      const members = specs.slice(i, i + CONNECTS_AT_ONCE).map((spec) => new Member(spec, context));
      for (const member of members) this.#members.set(member.spec.id, member);
      await Promise.all(members.map((member) => member.open()));
    }
  }

  async #subscribe(expected: Expectation, results: OrderResults): Promise<void> {
    const startMs = this.#clock.nowMs();
    const subscribe = async (member: Member) => {
      member.expect(expected);
      const isRead = member.startSubscription();
      await member.complete;
      results.syncSeconds.push((this.#clock.nowMs() - startMs) / 1000);
      await isRead;
    };
    await Promise.all(this.#subscribers.filter((member) => !member.hasSubscribed).map(subscribe));
    if (this.#settings.paced) await Bun.sleep(GO_SUBSCRIBE_MS);
  }

  async #send(what: "routes" | "markers", action: Action): Promise<void> {
    const areMarkers = what === "markers";
    const frameBytes = this.#routes.frame(action).length;
    const isRead = this.#announcers.map((member) => {
      const { announcer } = member.spec;
      const bytes = areMarkers ? this.#marker(announcer, action) : this.#frames(announcer, action);
      return member.send(new EncodedFrames(bytes, frameBytes, areMarkers));
    });
    await Promise.all([...isRead, ...this.#subscribers.map((member) => member.complete)]);
  }

  /** Of the others, those of this worker are waited for: it is the server's pace that counts, not its every word. */
  async #churn(batch: number, seconds: number, paced: boolean): Promise<void> {
    const subscribers = this.#subscribers;
    const listeners = subscribers.length - 1;
    const churners = new Map<number, Churner>();
    for (const member of this.#announcers) {
      const { announcer } = member.spec;
      const source = new ChurnFrames(this.#routes, announcer, batch, paced && listeners > 0);
      churners.set(announcer, { member, source, heardBy: 0 });
    }
    for (const { check } of subscribers) {
      check.onMarker = (announcer) => {
        const churner = churners.get(announcer);
        if (churner === undefined || ++churner.heardBy < listeners) return;
        churner.heardBy = 0;
        churner.source.release();
        churner.member.wake();
      };
    }
    this.#clock.after(seconds * 1000, () => {
      for (const { member, source } of churners.values()) {
        source.stop();
        member.wake();
      }
    });
    await Promise.all(Array.from(churners.values(), ({ member, source }) => member.send(source)));
  }

  async #latency(updates: number, updatesPerSecond: number, results: OrderResults): Promise<void> {
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
      { turn: "add", routes: half, markers: 0 },
      { turn: "remove", routes: 0, markers: 0 },
    ] as const) {
      for (const member of subscribers) member.expect(expected);
      for (let n = 0; n < half; n++) {
        source.release();
        announcer.wake();
        await Bun.sleep(1000 / updatesPerSecond);
      }
      await Promise.all(subscribers.map((member) => member.complete));
    }
    await isRead;
    results.latenciesNs = latenciesNs.subarray(0, received);
  }

  #close(ids: readonly number[]): void {
    for (const id of ids) {
      const member = this.#members.get(id);
      if (member === undefined) continue;
      member.close();
      addDeliveries(this.#pastDeliveries, member.check.counts);
      this.#pastSentUpdates += member.sentUpdates;
      this.#members.delete(id);
    }
  }

  #frames(announcer: number, action: Action): Uint8Array {
    const { routesPerAnnouncer } = this.#routes;
    return this.#encoded.getOrInsertComputed(`${announcer} ${action}`, () =>
      this.#routes.encodeRange(this.#routes.indexOf(announcer, 0), routesPerAnnouncer, action),
    );
  }

  #marker(announcer: number, action: Action): Uint8Array {
    return this.#routes.encodeRange(this.#routes.markerOf(announcer), 1, action);
  }

  get #announcers(): Member[] {
    return [...this.#members.values()].filter(({ spec }) => spec.announcer !== NO_ANNOUNCER);
  }

  get #subscribers(): Member[] {
    return [...this.#members.values()].filter(({ spec }) => spec.subscribes);
  }

  #totals(): Totals {
    const deliveries: DeliveryCounts = { ...this.#pastDeliveries };
    let sentUpdates = this.#pastSentUpdates;
    let establishedConnections = 0;
    for (const member of this.#members.values()) {
      addDeliveries(deliveries, member.check.counts);
      sentUpdates += member.sentUpdates;
      if (member.isEstablished) establishedConnections++;
    }
    return { deliveries, sentUpdates, establishedConnections };
  }
}

function report(what: Report): void {
  self.postMessage(what);
}

let worker: BenchWorker | null = null;
self.onmessage = ({ data }: MessageEvent<StartOrder | Order>) => {
  if (data.type === "start") worker = new BenchWorker(data.settings);
  else void worker?.take(data);
};
