/**
 * Every subscriber gets the routes of every announcer. A round announces all routes and waits until every subscriber has
 * them, then withdraws them in the same way: so each delivery is due exactly once.
 */
import { Action } from "../../wire/protocol.ts";
import { type Figure, median, perSecond } from "./figures.ts";
import type { Totals } from "./messages.ts";
import {
  announce,
  announceMarkers,
  announcerSpecs,
  assemble,
  meterCpu,
  type RunContext,
  type Scenario,
  subscriberSpecs,
} from "./scenario.ts";
import type { FanoutWorkload } from "./workload.ts";

/** Rounds before those that count, in which just-in-time compilers, also the generator's own, do most of their work. */
const WARM_UP_ROUNDS = 2;

export class Fanout implements Scenario {
  readonly #load: FanoutWorkload;
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  readonly encode = [Action.ADD, Action.REMOVE];
  readonly #roundSeconds: number[] = [];
  #cpuSeconds: number | null = null;

  constructor(load: FanoutWorkload) {
    this.#load = load;
    this.announcers = load.announcers;
    this.routesPerAnnouncer = load.routes / load.announcers;
  }

  get #deliveriesPerRound(): number {
    return this.#load.subscribers * this.#load.routes * 2;
  }

  shareDone({ deliveries }: Totals): number {
    return deliveries.received / (this.#deliveriesPerRound * (WARM_UP_ROUNDS + this.#load.rounds));
  }

  async run(context: RunContext): Promise<void> {
    const { subscribers, announcers, rounds } = this.#load;
    await assemble(context, [...subscriberSpecs(0, subscribers), ...announcerSpecs(subscribers, announcers)]);
    context.bar.step("warming up");
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await this.#round(context);
    const cpuSeconds = meterCpu(context.server);
    for (let round = 1; round <= rounds; round++) {
      context.bar.step(`round ${round} of ${rounds}`);
      this.#roundSeconds.push(await this.#round(context));
      this.#cpuSeconds = cpuSeconds();
    }
    await announceMarkers(context, { actions: "add", routes: 0, markers: announcers });
  }

  /** Returns the seconds that the round took. */
  async #round(context: RunContext): Promise<number> {
    const { routes } = this.#load;
    const allThere = { actions: "add", routes, markers: 0 } as const;
    const allGone = { actions: "remove", routes: 0, markers: 0 } as const;
    const addSeconds = await announce(context, "routes", Action.ADD, allThere);
    return addSeconds + (await announce(context, "routes", Action.REMOVE, allGone));
  }

  figures({ deliveries }: Totals): Figure[] {
    const seconds = this.#roundSeconds.reduce((sum, value) => sum + value, 0);
    const ofRound = this.#roundSeconds.map((value) => perSecond(this.#deliveriesPerRound, value));
    const counted = this.#roundSeconds.length * this.#deliveriesPerRound;
    const figures: Figure[] = [
      { name: "deliveries", label: "deliveries, with warm-up", value: deliveries.received },
      { name: "seconds", label: "time of all rounds", value: seconds, unit: "s", decimals: 3 },
      { name: "deliveriesPerSecond", label: "deliveries per second", value: perSecond(counted, seconds) },
      { name: "bestDeliveriesPerSecond", label: "  best round", value: Math.max(0, ...ofRound) },
      { name: "medianDeliveriesPerSecond", label: "  median round", value: median(ofRound) },
    ];
    if (this.#cpuSeconds !== null) figures.push(...cpuFigures(this.#cpuSeconds, counted));
    return figures;
  }
}

/** The CPU time of the server for so many deliveries. */
export function cpuFigures(cpuSeconds: number, deliveries: number): Figure[] {
  return [
    { name: "serverCpuSeconds", label: "server CPU", value: cpuSeconds, unit: "s", decimals: 2 },
    {
      name: "serverCpuSecondsPerMillion",
      label: "  per million deliveries",
      value: deliveries === 0 ? 0 : (cpuSeconds * 1e6) / deliveries,
      unit: "s",
      decimals: 4,
    },
  ];
}
