/**
 * This is the stress test of the Rust implementation: every client subscribes, announces a batch of its own routes,
 * withdraws it, goes on to the next batch, and in the meantime receives all routes of the others.
 *
 * A client goes on when all the others have received its last step, so that every delivery is due. Unpaced, it never waits.
 * Then a server may omit what is no longer true when there is room to send it: an ADD whose REMOVE has arrived already, together
 * with that REMOVE. Such pairs are counted as superseded. One without the other is wrong, and so is any route left when all
 * are withdrawn. Go's and rustbond's servers drop slow readers under this load, those with 65,536 and 50,000 messages in their
 * queues.
 */
import { cpuFigures } from "./fanout.ts";
import { type Figure, perSecond } from "./figures.ts";
import type { Totals } from "./messages.ts";
import { announceMarkers, assemble, meterCpu, type RunContext, type Scenario } from "./scenario.ts";
import type { ChurnWorkload } from "./workload.ts";

/** Routes of each client, before it begins again with the first: as in that test, but no more in all than the second limit. */
const ROUTES_PER_CLIENT = 2 ** 16;
const ROUTES_IN_ALL = 2 ** 22;

export class Churn implements Scenario {
  readonly #load: ChurnWorkload;
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  readonly encode = [];
  #seconds = 0;
  #cpuSeconds: number | null = null;
  #startMs = 0;

  constructor(load: ChurnWorkload) {
    this.#load = load;
    this.announcers = load.clients;
    this.routesPerAnnouncer = Math.max(
      load.batch,
      Math.min(ROUTES_PER_CLIENT, Math.floor(ROUTES_IN_ALL / load.clients)),
    );
  }

  shareDone(): number {
    if (this.#startMs === 0) return 0;
    return Math.min(1, (performance.now() - this.#startMs) / 1000 / this.#load.seconds);
  }

  async run(context: RunContext): Promise<void> {
    const { clients, batch, seconds, unpaced } = this.#load;
    const connections = Array.from({ length: clients }, (_, id) => ({ id, announcer: id, subscribes: true }));
    await assemble(context, connections);
    context.bar.step(`${clients} clients, batches of ${batch}`);
    const { pool } = context;
    await pool.execute({ type: "expect", expected: { actions: "any", routes: 0, markers: 0 } });
    const cpuSeconds = meterCpu(context.server);
    this.#startMs = performance.now();
    try {
      await pool.execute({ type: "churn", batch, seconds, paced: !unpaced });
      await announceMarkers(context, { actions: "any", routes: 0, markers: clients - 1 });
    } finally {
      this.#seconds = (performance.now() - this.#startMs) / 1000;
      this.#cpuSeconds = cpuSeconds();
    }
  }

  figures({ deliveries, sentUpdates }: Totals): Figure[] {
    const due = sentUpdates * (this.#load.clients - 1);
    const figures: Figure[] = [
      { name: "sentUpdates", label: "updates sent", value: sentUpdates },
      { name: "deliveries", label: "deliveries", value: deliveries.received },
      {
        name: "superseded",
        label: "superseded before they were sent",
        value: Math.max(0, due - deliveries.received),
      },
      { name: "seconds", label: "time, to the last delivery", value: this.#seconds, unit: "s", decimals: 3 },
      {
        name: "sentPerSecond",
        label: "updates per second",
        value: perSecond(sentUpdates, this.#seconds),
      },
      {
        name: "deliveriesPerSecond",
        label: "deliveries per second",
        value: perSecond(deliveries.received, this.#seconds),
      },
    ];
    if (this.#cpuSeconds !== null) figures.push(...cpuFigures(this.#cpuSeconds, deliveries.received));
    return figures;
  }
}
