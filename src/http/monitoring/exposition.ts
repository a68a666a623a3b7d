/**
 * Writes metrics in Prometheus' text format, version 0.0.4:
 *
 *     # HELP bunbond_peers at a server its connections, …
 *     # TYPE bunbond_peers gauge
 *     bunbond_peers{state="established"} 3
 */
import type { HistogramValue } from "../../base/histogram.ts";
import { METRICS, type MetricName } from "../../base/metrics.ts";
import type { AnySample, Family } from "./families.ts";

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Some hundred lines, which take a tenth of a millisecond. */
const PIECE_CHARS = 8 * 1024;

/** Returns the text in pieces, to be joined; metrics without samples are left out. */
export function* exposition(families: Iterable<Family>): Generator<string, void> {
  let piece = "";
  for (const { name, samples } of families) {
    let hasHead = false;
    for (const sample of samples) {
      if (!hasHead) piece += head(name);
      hasHead = true;
      piece += linesOf(name, sample);
      if (piece.length < PIECE_CHARS) continue;
      yield piece;
      piece = "";
    }
  }
  yield piece;
}

function head(name: MetricName): string {
  const { help, type } = METRICS[name];
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
}

function linesOf(name: MetricName, { labels, value }: AnySample): string {
  const pairs = Object.entries(labels).flatMap(([label, of]) =>
    of === null ? [] : [`${label}="${escapedLabel(of)}"`],
  );
  if (typeof value === "number") return line(name, pairs, value);
  return histogramLines(name, pairs, value);
}

/** The count of a bucket includes those of all smaller ones. */
function histogramLines(name: string, pairs: readonly string[], value: HistogramValue): string {
  const { bounds, counts, sum } = value;
  let lines = "";
  let count = 0;
  for (const [index, inBucket] of counts.entries()) {
    count += inBucket;
    lines += line(`${name}_bucket`, [...pairs, `le="${formatNumber(bounds[index] ?? Infinity)}"`], count);
  }
  return lines + line(`${name}_sum`, pairs, sum) + line(`${name}_count`, pairs, count);
}

function line(name: string, pairs: readonly string[], value: number): string {
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatNumber(value)}\n`;
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapedLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
