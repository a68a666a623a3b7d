/**
 * The values of a daemon's metrics, typed by the catalogue (base/metrics.ts): a daemon that leaves out one of its metrics, or reports
 * one that the catalogue does not have, does not compile.
 */
import type { HistogramValue } from "../../base/histogram.ts";
import {
  type LabelOf,
  METRIC_NAMES,
  type METRICS,
  type MetricName,
  type MetricOf,
} from "../../base/metrics.ts";
import type { ProgramName } from "../control/api.ts";

export interface Sample<Name extends MetricName> {
  /** Null: the sample is a sum over all values of that label, which is left out. */
  readonly labels: Readonly<Record<LabelOf<Name>, string | null>>;
  readonly value: (typeof METRICS)[Name]["type"] extends "histogram" ? HistogramValue : number;
}

/** Samples of any metric. */
export interface AnySample {
  readonly labels: Readonly<Record<string, string | null>>;
  readonly value: number | HistogramValue;
}

type FamilyOf<Name extends MetricName> = () => Iterable<Sample<Name>>;

/** The samples of some metrics, each made when it is asked for. */
export type FamiliesOf<Name extends MetricName> = { readonly [N in Name]: FamilyOf<N> };

/** The samples of all metrics of a daemon. */
export type Families<Program extends ProgramName = ProgramName> = Program extends ProgramName
  ? FamiliesOf<MetricOf<Program>>
  : never;

/** The samples of one metric. */
export interface Family {
  readonly name: MetricName;
  readonly samples: Iterable<AnySample>;
}

/** Returns the families in the order of the catalogue. */
export function* inCatalogueOrder(families: Families): Generator<Family, void> {
  const byName: Partial<Record<MetricName, () => Iterable<AnySample>>> = families;
  for (const name of METRIC_NAMES) {
    const samples = byName[name];
    if (samples !== undefined) yield { name, samples: samples() };
  }
}

/** The only sample of a metric without labels. */
export function plain<Value>(
  value: Value,
): { readonly labels: Readonly<Record<never, string>>; readonly value: Value }[] {
  return [{ labels: {}, value }];
}

/** Samples of counts by one label. */
export function* byLabel<Label extends string>(
  label: Label,
  counts: Iterable<readonly [value: string, count: number]>,
): Generator<{ readonly labels: Readonly<Record<Label, string>>; readonly value: number }, void> {
  for (const [of, value] of counts) {
    // The computed key is the label.
    yield { labels: { [label]: of } as Record<Label, string>, value };
  }
}
