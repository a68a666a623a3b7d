/** The two plots of the overview, in the colours of the page. */
import uPlot from "uplot";
import { formatCount } from "../view/format.ts";
import type { PlotColumns } from "../view/rate-series.ts";

const HEIGHT_PX = 160;

class Plot {
  readonly #parent: HTMLElement;
  readonly #name: string;
  readonly #unit: string;
  #plot: uPlot | null = null;

  constructor(parent: HTMLElement, name: string, unit: string) {
    this.#parent = parent;
    this.#name = name;
    this.#unit = unit;
  }

  show(times: number[], values: number[]): void {
    const width = this.#parent.clientWidth;
    if (width === 0) return; // the view is hidden
    if (this.#plot === null) this.#plot = this.#make(width);
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT_PX });
    this.#plot.setData([times, values]);
    const last = values.at(-1);
    const text = last === undefined ? "no data yet" : `now ${formatCount(last)} ${this.#unit}`;
    this.#parent.setAttribute("aria-label", `${this.#name}: ${text}`);
  }

  /** The colours have changed: the next show() draws anew. */
  forget(): void {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #make(width: number): uPlot {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--soft"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
    };
    return new uPlot(
      {
        width,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          { ...axis, space: 80, values: "{HH}:{mm}:{ss}" },
          { ...axis, size: 60, values: (_, ticks) => ticks.map(tickText) },
        ],
        series: [
          {},
          { stroke: colour("--accent"), width: 2, fill: colour("--accent-soft"), points: { show: false } },
        ],
      },
      [[], []],
      this.#parent,
    );
  }
}

function tickText(value: number): string {
  return value < 10 ? `${value}` : formatCount(value);
}

export class Plots {
  readonly #rate: Plot;
  readonly #backlog: Plot;
  #columns: PlotColumns = [[], [], []];

  constructor(rate: HTMLElement, backlog: HTMLElement) {
    this.#rate = new Plot(rate, "Route changes", "per second");
    this.#backlog = new Plot(backlog, "Backlog", "routes not yet sent");
    const draw = () => this.show(this.#columns);
    new ResizeObserver(draw).observe(rate);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#rate.forget();
      this.#backlog.forget();
      draw();
    });
  }

  show(columns: PlotColumns): void {
    this.#columns = columns;
    const [times, rates, backlogs] = columns;
    this.#rate.show(times, rates);
    this.#backlog.show(times, backlogs);
  }
}
