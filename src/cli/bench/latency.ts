/** Measures how long a single update takes, at a steady rate, from its write to its receipt at each subscriber. */
import { type Figure, quantile } from "./figures.ts";
import type { Totals } from "./messages.ts";
import {
  announceMarkers,
  announcerSpecs,
  assemble,
  type RunContext,
  type Scenario,
  subscriberSpecs,
} from "./scenario.ts";
import type { LatencyWorkload } from "./workload.ts";

/** How many updates are sent before those that are timed, for just-in-time compilers on both sides. */
const MAX_WARM_UP_UPDATES = 1000;

export class Latency implements Scenario {
  readonly #load: LatencyWorkload;
  readonly announcers = 1;
  readonly routesPerAnnouncer: number;
  readonly encode = [];
  #sortedNs: Float64Array = new Float64Array(0);

  constructor(load: LatencyWorkload) {
    this.#load = load;
    this.routesPerAnnouncer = load.updates / 2;
  }

  shareDone({ sentUpdates }: Totals): number {
    return sentUpdates / (this.#load.updates + this.#warmUpUpdates);
  }

  async run(context: RunContext): Promise<void> {
    const { subscribers, updates, rate } = this.#load;
    await assemble(context, [...subscriberSpecs(0, subscribers), ...announcerSpecs(subscribers, 1)]);
    context.bar.step(`${rate} updates per second`);
    const command = { type: "latency", updatesPerSecond: rate } as const;
    await context.pool.execute({ ...command, updates: this.#warmUpUpdates });
    const { latenciesNs } = await context.pool.execute({ ...command, updates });
    this.#sortedNs = (latenciesNs[0] ?? this.#sortedNs).sort();
    await announceMarkers(context, { actions: "add", routes: 0, markers: 1 });
  }

  get #warmUpUpdates(): number {
    return Math.min(this.#load.updates, MAX_WARM_UP_UPDATES);
  }

  figures({ deliveries }: Totals): Figure[] {
    const at = (name: string, label: string, share: number): Figure => ({
      name,
      label,
      value: quantile(this.#sortedNs, share) / 1000,
      unit: "µs",
      decimals: 1,
    });
    return [
      { name: "deliveries", label: "deliveries, with warm-up", value: deliveries.received },
      at("p50Us", "latency, median", 0.5),
      at("p90Us", "  90 %", 0.9),
      at("p99Us", "  99 %", 0.99),
      at("maxUs", "  highest", 1),
    ];
  }
}
