/**
 * The main thread controls the worker threads of a run by this pool: a command is sent to all of them, and is done when
 * all are done. When nothing is received or sent any more, or a connection is lost, the command is aborted and the run
 * ends.
 */
import { addDeliveries, noDeliveries, wrongDeliveries } from "./delivery-check.ts";
import type {
  ConnectionSpec,
  Done,
  StartCommand,
  Totals,
  WorkerCommand,
  WorkerEvent,
  WorkerSettings,
} from "./messages.ts";

const STALL_CHECK_MS = 100;

/** The run ended early: `message` says why, `missing` is how many expected deliveries were not received. */
export class RunAborted extends Error {
  readonly missing: number;
  constructor(message: string, missing: number) {
    super(message);
    this.missing = missing;
  }
}

export interface WorkerPoolOptions {
  readonly settings: WorkerSettings;
  readonly workers: number;
  readonly timeoutSeconds: number;
  /** Called about ten times a second. */
  readonly onProgress: (totals: Totals) => void;
}

/** The results of a command, over all workers. */
export interface CommandOutcome {
  readonly seconds: number;
  readonly syncSeconds: readonly number[];
  readonly latenciesNs: readonly Float64Array[];
}

export class WorkerPool {
  readonly #threads: Thread[] = [];
  readonly #timeoutMs: number;
  #failure: string | null = null;
  #movedMs = 0;
  #lastSum = -1;

  constructor({ settings, workers, timeoutSeconds, onProgress }: WorkerPoolOptions) {
    this.#timeoutMs = timeoutSeconds * 1000;
    for (let i = 0; i < workers; i++) {
      const thread = new Thread(
        () => onProgress(this.totals()),
        (message) => this.#abort(message),
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
   * Opens these connections, spread evenly over the threads.
   * @throws Error when one cannot be opened: then there is nothing to measure
   */
  async open(connections: readonly ConnectionSpec[]): Promise<void> {
    const { length } = this.#threads;
    const commandFor = (thread: number): WorkerCommand => ({
      type: "open",
      connections: connections.filter(({ id }) => id % length === thread),
    });
    try {
      await this.#execute(commandFor);
    } catch (error) {
      if (error instanceof RunAborted) throw new Error(error.message);
      throw error;
    }
  }

  /** @throws RunAborted */
  execute(command: Exclude<WorkerCommand, { type: "open" | "abort" }>): Promise<CommandOutcome> {
    return this.#execute(() => command);
  }

  async #execute(commandFor: (thread: number) => WorkerCommand): Promise<CommandOutcome> {
    const startMs = performance.now();
    this.#movedMs = startMs;
    const stallTimer = setInterval(() => this.#checkStall(), STALL_CHECK_MS);
    const done = await Promise.all(this.#threads.map((thread, i) => thread.execute(commandFor(i))));
    clearInterval(stallTimer);
    if (this.#failure !== null) {
      throw new RunAborted(
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
      this.#abort(`nothing was received or sent for ${this.#timeoutMs / 1000} s`);
    }
  }

  #abort(failure: string): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    for (const thread of this.#threads) thread.post({ type: "abort" });
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
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerEvent>) => {
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
      // The worker will not answer any more.
      this.#done?.({
        type: "done",
        totals: this.totals,
        missing: 0,
        syncSeconds: [],
        latenciesNs: new Float64Array(0),
      });
    };
  }

  post(command: StartCommand | WorkerCommand): void {
    this.#worker.postMessage(command);
  }

  execute(command: WorkerCommand): Promise<Done> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.post(command);
    });
  }

  end(): void {
    this.#worker.terminate();
  }
}

/** In the built executable, modules have their paths below src/, and the URL of this module is the executable's. */
function workerUrl(): URL {
  const isBuilt = import.meta.url.startsWith("file:///$bunfs/");
  return new URL(isBuilt ? "./cli/bench/worker.ts" : "./worker.ts", import.meta.url);
}
