/**
 * The stress test of the Rust implementation: every client subscribes, announces a batch of its own routes,
 * withdraws it, goes on to the next ones, and hears of all the others' meanwhile.
 *
 * A client goes on when everybody has heard of its last step, so that every delivery is due. Unpaced it never
 * waits. Then a server may leave out what is no longer true by the time there is room to send it, an ADD whose REMOVE
 * has come already, together with that: such pairs are counted as superseded. What is not right is one without
 * the other, and anything left when all is withdrawn. Go's and rustbond's servers lose readers then, which they leave
 * behind with 65,536 and 50,000 messages in the queue.
 */
import { cpuFigures } from "./fanout.ts";
import { type Figure, perSecond } from "./figures.ts";
import type { Totals } from "./messages.ts";
import { announceMarkers, assemble, meterCpu, type RunContext, type Scenario } from "./scenario.ts";
import type { ChurnWorkload } from "./workload.ts";

/** Of each client, before it begins again with the first: as in that test, but no more bits than that in all. */
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
    const members = Array.from({ length: clients }, (_, id) => ({ id, announcer: id, subscribes: true }));
    await assemble(context, members);
    context.bar.step(`${clients} clients, batches of ${batch}`);
    const { crew } = context;
    await crew.carryOut({ type: "expect", expected: { turn: "any", routes: 0, markers: 0 } });
    const cpuSeconds = meterCpu(context.server);
    this.#startMs = performance.now();
    try {
      await crew.carryOut({ type: "churn", batch, seconds, paced: !unpaced });
      await announceMarkers(context, { turn: "any", routes: 0, markers: clients - 1 });
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
