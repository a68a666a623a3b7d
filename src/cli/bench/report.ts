/** Prints the results as a table for people, and as one JSON object for programs. */
import { formatEndpoint } from "../../net/endpoint.ts";
import { formatVersion, versionInfo } from "../program/version.ts";
import type { DeliveryCounts } from "./delivery-check.ts";
import { type Figure, formatNumber, rounded } from "./figures.ts";
import type { BenchOptions } from "./workload.ts";

export interface Result {
  /** When the run began. */
  readonly time: Date;
  /** Why the run ended early; null if it did not. */
  readonly failure: string | null;
  readonly lost: number;
  readonly wrong: number;
  readonly deliveries: DeliveryCounts;
  readonly figures: readonly Figure[];
}

/** Returns one line. */
export function jsonReport(options: BenchOptions, result: Result): string {
  const { server, workload, vni, family, workers, paced, keepaliveSeconds } = options;
  const { lost, wrong, deliveries } = result;
  const { repeated, unexpected, altered, foreign, echoes } = deliveries;
  const { mode, ...sizes } = workload;
  return `${JSON.stringify({
    time: result.time.toISOString(),
    generator: formatVersion(versionInfo),
    mode,
    server: formatEndpoint(server),
    parameters: { ...sizes, vni, family, workers, paced, keepaliveSeconds },
    failure: result.failure,
    figures: {
      ...Object.fromEntries(result.figures.map((figure) => [figure.name, rounded(figure)])),
      lost,
      wrong,
      repeated,
      // Programs know it by this name.
      outOfTurn: unexpected,
      altered,
      foreign,
      echoes,
    },
  })}\n`;
}

export function textReport(options: BenchOptions, result: Result): string {
  const { mode, ...sizes } = options.workload;
  const { vni, family, workers } = options;
  const parameters = { ...sizes, vni, family: `IPv${family}`, workers };
  const words = Object.entries(parameters).map(([name, value]) => `${name} ${value}`);
  const rows = [...result.figures, ...countFigures(result)].map((figure) => {
    const { label, value, unit = "", decimals } = figure;
    return { label, value: formatNumber(value, decimals), unit };
  });
  const labelCells = Math.max(...rows.map(({ label }) => label.length));
  const valueCells = Math.max(...rows.map(({ value }) => value.length));
  const lines = rows.map(({ label, value, unit }) =>
    `  ${label.padEnd(labelCells)}  ${value.padStart(valueCells)} ${unit}`.trimEnd(),
  );
  const failure = result.failure === null ? [] : [`  ended early: ${result.failure}`];
  const title = `${mode} on ${formatEndpoint(options.server)}: ${words.join(", ")}`;
  return `${[title, ...lines, ...failure].join("\n")}\n`;
}

/** Lists the kinds of wrong deliveries only where there are some. */
function countFigures({ lost, wrong, deliveries }: Result): Figure[] {
  const { repeated, unexpected, altered, foreign, echoes } = deliveries;
  const kinds: Figure[] = [
    { name: "repeated", label: "  that changed nothing", value: repeated },
    { name: "outOfTurn", label: "  at the wrong time", value: unexpected },
    { name: "altered", label: "  with another next hop, or unreadable", value: altered },
    { name: "foreign", label: "  of routes that are not the run's", value: foreign },
  ];
  const echoFigure = { name: "echoes", label: "own routes sent back", value: echoes };
  return [
    { name: "lost", label: "lost", value: lost },
    { name: "wrong", label: "wrong", value: wrong },
    ...kinds.filter(({ value }) => value > 0),
    ...(echoes > 0 ? [echoFigure] : []),
  ];
}
