/**
 * Expressions for Prometheus, made of the catalogue's metrics and labels: a name that is not in base/metrics.ts does not compile.
 * The rest of an expression is text.
 */
import type { LabelOf, METRICS, MetricName } from "../../base/metrics.ts";

/** Labels that Prometheus adds to each series: the job, and the daemon's address and port. */
export type TargetLabel = "job" | "instance";
/** An instance is a daemon. */
export const BY_DAEMON = "job, instance";

/** A condition for a label, as `="established"` or `=~"failed|collided"`. */
type Selector<Name extends MetricName> = Readonly<Partial<Record<LabelOf<Name> | TargetLabel, string>>>;

type OfType<Type extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];
type CounterName = OfType<"counter">;
type HistogramName = OfType<"histogram">;

/** The series of a counter or gauge. */
export function series<Name extends Exclude<MetricName, HistogramName>>(
  name: Name,
  selector?: Selector<Name>,
): string {
  return name + selectorText(selector);
}

/** How much a counter rises per second. */
export function rate<Name extends CounterName>(name: Name, range: string, selector?: Selector<Name>): string {
  return `rate(${series(name, selector)}[${range}])`;
}

/** The value that a part of what a histogram has counted does not exceed, per daemon. */
export function quantile<Name extends HistogramName>(
  part: number,
  name: Name,
  range: string,
  selector?: Selector<Name>,
): string {
  return `histogram_quantile(${part}, sum by (${BY_DAEMON}, le) (rate(${name}_bucket${selectorText(selector)}[${range}])))`;
}

/** Sums by labels; by none, over everything. */
export function sumBy<Name extends MetricName>(
  labels: readonly (LabelOf<Name> | TargetLabel)[],
  expression: string,
): string {
  return `sum by (${labels.join(", ")}) (${expression})`;
}

function selectorText(selector: Readonly<Record<string, string | undefined>> = {}): string {
  const conditions = Object.entries(selector).map(([label, condition]) => `${label}${condition}`);
  return conditions.length === 0 ? "" : `{${conditions.join(", ")}}`;
}
