/** The points of a plot: the last ones of a number that grows, as its rate, and of one that is plotted as it is. */

export interface RateSample {
  /** Seconds since 1970. */
  readonly timeSeconds: number;
  /** The number of changes since the daemon began. */
  readonly total: number;
  readonly backlog: number;
}

/** Columns of equal length, as uPlot takes them. */
export type PlotColumns = [timeSeconds: number[], changesPerSecond: number[], backlog: number[]];

export class RateSeries {
  readonly #capacity: number;
  readonly #columns: PlotColumns = [[], [], []];
  #last: RateSample | null = null;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get columns(): PlotColumns {
    return this.#columns;
  }

  /** The last rate, in changes per second. */
  get rate(): number {
    return this.#columns[1].at(-1) ?? 0;
  }

  /** Adds a point, except for the first sample and after a restart, when the total has become less: those have no rate. */
  add(sample: RateSample): void {
    const last = this.#last;
    this.#last = sample;
    if (last === null) return;
    const seconds = sample.timeSeconds - last.timeSeconds;
    const changes = sample.total - last.total;
    if (seconds <= 0 || changes < 0) return;
    for (const [column, value] of [
      [this.#columns[0], sample.timeSeconds],
      [this.#columns[1], changes / seconds],
      [this.#columns[2], sample.backlog],
    ] as const) {
      column.push(value);
      if (column.length > this.#capacity) column.shift();
    }
  }
}
