/**
 * This scenario measures how fast a server receives a table, and how fast it sends it: the routes of one VNI are
 * loaded; then, in each round, new subscribers connect at the same time and receive all of it.
 */
import { Action } from "../../wire/protocol.ts";
import { type Figure, median, perSecond } from "./figures.ts";
import type { Totals } from "./messages.ts";
import {
  announce,
  announcerSpecs,
  meterCpu,
  NOTHING_EXPECTED,
  type RunContext,
  type Scenario,
  subscriberSpecs,
  withdrawLast,
} from "./scenario.ts";
import type { SyncWorkload } from "./workload.ts";

/** Time before the memory of a full table is read: a garbage collector may still free some. */
const REST_MS = 2000;

export class Sync implements Scenario {
  readonly #load: SyncWorkload;
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  readonly encode = [Action.ADD];
  #loadSeconds = 0;
  #loadCpuSeconds: number | null = null;
  #bytesPerRoute: number | null = null;
  #syncCpuSeconds: number | null = null;
  #peakBytes: number | null = null;
  /** Seconds of each round until the first and the last subscriber had all routes. */
  readonly #firstSeconds: number[] = [];
  readonly #lastSeconds: number[] = [];

  constructor(load: SyncWorkload) {
    this.#load = load;
    this.announcers = load.announcers;
    this.routesPerAnnouncer = load.routes / load.announcers;
  }

  shareDone({ deliveries, sentUpdates }: Totals): number {
    const { routes, rounds, subscribers } = this.#load;
    return (sentUpdates + deliveries.received) / (routes * (1 + rounds * subscribers));
  }

  async run(context: RunContext): Promise<void> {
    const { pool, bar, server, idle } = context;
    const { announcers, routes } = this.#load;
    bar.step(`loading ${routes} routes`);
    await pool.open(announcerSpecs(0, announcers));
    const loadCpuSeconds = meterCpu(server);
    this.#loadSeconds = await announce(context, "routes", Action.ADD, NOTHING_EXPECTED);
    this.#loadCpuSeconds = loadCpuSeconds();
    if (server === null || idle === null) {
      await this.#rounds(context);
      return;
    }
    await Bun.sleep(REST_MS);
    const loadedBytes = server.sample().rssBytes;
    this.#bytesPerRoute = (loadedBytes - idle.rssBytes) / routes;
    const peakBytes = server.watchPeak();
    const syncCpuSeconds = meterCpu(server);
    try {
      await this.#rounds(context);
    } finally {
      this.#peakBytes = peakBytes() - loadedBytes;
      this.#syncCpuSeconds = syncCpuSeconds();
    }
  }

  async #rounds(context: RunContext): Promise<void> {
    const { pool, bar } = context;
    const { announcers, subscribers, routes, rounds } = this.#load;
    for (let round = 1; round <= rounds; round++) {
      bar.step(`sync ${round} of ${rounds}`);
      const specs = subscriberSpecs(announcers + round * subscribers, subscribers);
      await pool.open(specs);
      const { syncSeconds } = await pool.execute({
        type: "subscribe",
        expected: { actions: "add", routes, markers: 0 },
      });
      this.#firstSeconds.push(Math.min(...syncSeconds));
      this.#lastSeconds.push(Math.max(...syncSeconds));
      if (round < rounds) await pool.execute({ type: "close", ids: specs.map(({ id }) => id) });
      else await withdrawLast(context, { actions: "any", routes: routes - announcers, markers: 0 });
    }
  }

  figures(): Figure[] {
    const { routes, subscribers } = this.#load;
    const best = Math.min(...this.#lastSeconds);
    const figures: Figure[] = [
      { name: "loadSeconds", label: "time to load", value: this.#loadSeconds, unit: "s", decimals: 3 },
      {
        name: "loadedPerSecond",
        label: "routes loaded per second",
        value: perSecond(routes, this.#loadSeconds),
      },
    ];
    if (this.#lastSeconds.length > 0) {
      const perSubscriber = subscribers > 1 ? ", all subscribers" : "";
      figures.push(
        {
          name: "syncSeconds",
          label: `time to full table${perSubscriber}`,
          value: median(this.#lastSeconds),
          unit: "s",
          decimals: 3,
        },
        { name: "bestSyncSeconds", label: "  best round", value: best, unit: "s", decimals: 3 },
        {
          name: "firstSyncSeconds",
          label: "  first subscriber",
          value: median(this.#firstSeconds),
          unit: "s",
          decimals: 3,
        },
        {
          name: "routesPerSecond",
          label: "routes synced per second",
          value: perSecond(routes * subscribers, median(this.#lastSeconds)),
        },
        { name: "bestRoutesPerSecond", label: "  best round", value: perSecond(routes * subscribers, best) },
      );
    }
    return [...figures, ...this.#serverFigures()];
  }

  #serverFigures(): Figure[] {
    const { routes, subscribers } = this.#load;
    const synced = routes * subscribers * this.#lastSeconds.length;
    const figures: Figure[] = [];
    const add = (name: string, label: string, value: number | null, unit: string, decimals: number) => {
      if (value !== null) figures.push({ name, label, value, unit, decimals });
    };
    add("loadServerCpuSeconds", "server CPU, load", this.#loadCpuSeconds, "s", 2);
    add("syncServerCpuSeconds", "server CPU, all syncs", this.#syncCpuSeconds, "s", 2);
    if (this.#syncCpuSeconds !== null && synced > 0) {
      add(
        "serverCpuSecondsPerMillion",
        "  per million deliveries",
        (this.#syncCpuSeconds * 1e6) / synced,
        "s",
        4,
      );
    }
    add("serverBytesPerRoute", "server memory per route", this.#bytesPerRoute, "B", 1);
    add("serverPeakBytes", "server memory, peak of syncs", this.#peakBytes, "B", 0);
    return figures;
  }
}
