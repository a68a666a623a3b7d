/**
 * The worker threads of a run, seen from the command: an order goes to all of them, and is done when all are.
 * Where nothing moves any more, or a connection is lost, the order is given up and the run is over.
 */
import { addDeliveries, noDeliveries, wrongDeliveries } from "./delivery-check.ts";
import type { Done, MemberSpec, Order, Report, StartOrder, Totals, WorkerSettings } from "./messages.ts";

const STALL_CHECK_MS = 100;

/** The run ended early; `message` says why, `missing` how many deliveries did not come. */
export class RunStopped extends Error {
  readonly missing: number;
  constructor(message: string, missing: number) {
    super(message);
    this.missing = missing;
  }
}

export interface CrewOptions {
  readonly settings: WorkerSettings;
  readonly workers: number;
  readonly timeoutSeconds: number;
  /** Some ten times a second. */
  readonly onProgress: (totals: Totals) => void;
}

/** What an order came to, over all workers. */
export interface OrderOutcome {
  readonly seconds: number;
  readonly syncSeconds: readonly number[];
  readonly latenciesNs: readonly Float64Array[];
}

export class Crew {
  readonly #threads: Thread[] = [];
  readonly #timeoutMs: number;
  #failure: string | null = null;
  #movedMs = 0;
  #lastSum = -1;

  constructor({ settings, workers, timeoutSeconds, onProgress }: CrewOptions) {
    this.#timeoutMs = timeoutSeconds * 1000;
    for (let i = 0; i < workers; i++) {
      const thread = new Thread(
        () => onProgress(this.totals()),
        (message) => this.#giveUp(message),
      );
      thread.post({ type: "start", settings });
      this.#threads.push(thread);
    }
  }

  totals(): Totals {
    const deliveries = noDeliveries();
    let sentUpdates = 0;
    let establishedConnections = 0;
    for (const { totals } of this.#threads) {
      addDeliveries(deliveries, totals.deliveries);
      sentUpdates += totals.sentUpdates;
      establishedConnections += totals.establishedConnections;
    }
    return { deliveries, sentUpdates, establishedConnections };
  }

  /**
   * Connects these, evenly spread over the threads.
   * @throws Error when one cannot be connected: then there is nothing to be measured
   */
  async open(members: readonly MemberSpec[]): Promise<void> {
    const { length } = this.#threads;
    const orderFor = (thread: number): Order => ({
      type: "open",
      members: members.filter(({ id }) => id % length === thread),
    });
    try {
      await this.#carryOut(orderFor);
    } catch (error) {
      if (error instanceof RunStopped) throw new Error(error.message);
      throw error;
    }
  }

  /** @throws RunStopped */
  carryOut(order: Exclude<Order, { type: "open" | "give-up" }>): Promise<OrderOutcome> {
    return this.#carryOut(() => order);
  }

  async #carryOut(orderFor: (thread: number) => Order): Promise<OrderOutcome> {
    const startMs = performance.now();
    this.#movedMs = startMs;
    const stallTimer = setInterval(() => this.#checkStall(), STALL_CHECK_MS);
    const done = await Promise.all(this.#threads.map((thread, i) => thread.carryOut(orderFor(i))));
    clearInterval(stallTimer);
    if (this.#failure !== null) {
      throw new RunStopped(
        this.#failure,
        done.reduce((sum, { missing }) => sum + missing, 0),
      );
    }
    return {
      seconds: (performance.now() - startMs) / 1000,
      syncSeconds: done.flatMap(({ syncSeconds }) => syncSeconds),
      latenciesNs: done.map(({ latenciesNs }) => latenciesNs),
    };
  }

  #checkStall(): void {
    const { deliveries, sentUpdates, establishedConnections } = this.totals();
    const sum = deliveries.received + wrongDeliveries(deliveries) + sentUpdates + establishedConnections;
    const nowMs = performance.now();
    if (sum !== this.#lastSum) {
      this.#lastSum = sum;
      this.#movedMs = nowMs;
    } else if (nowMs - this.#movedMs > this.#timeoutMs) {
      this.#giveUp(`nothing more came for ${this.#timeoutMs / 1000} s`);
    }
  }

  #giveUp(failure: string): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    for (const thread of this.#threads) thread.post({ type: "give-up" });
  }

  end(): void {
    for (const thread of this.#threads) thread.end();
  }
}

class Thread {
  totals: Totals = { deliveries: noDeliveries(), sentUpdates: 0, establishedConnections: 0 };
  readonly #worker: Worker;
  #done: ((done: Done) => void) | null = null;

  constructor(onProgress: () => void, onFailure: (message: string) => void) {
    this.#worker = new Worker(workerUrl());
    this.#worker.onmessage = ({ data }: MessageEvent<Report>) => {
      if (data.type === "failed") {
        onFailure(data.message);
        return;
      }
      this.totals = data.totals;
      if (data.type === "done") this.#done?.(data);
      else onProgress();
    };
    this.#worker.onerror = ({ message }) => {
      onFailure(`a worker thread failed: ${message}`);
      // It will not answer any more.
      this.#done?.({
        type: "done",
        totals: this.totals,
        missing: 0,
        syncSeconds: [],
        latenciesNs: new Float64Array(0),
      });
    };
  }

  post(order: StartOrder | Order): void {
    this.#worker.postMessage(order);
  }

  carryOut(order: Order): Promise<Done> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.post(order);
    });
  }

  end(): void {
    this.#worker.terminate();
  }
}

/** In the built executable modules lie where they did below src/; the address of this one is the executable's. */
function workerUrl(): URL {
  const isBuilt = import.meta.url.startsWith("file:///$bunfs/");
  return new URL(isBuilt ? "./cli/bench/worker.ts" : "./worker.ts", import.meta.url);
}
