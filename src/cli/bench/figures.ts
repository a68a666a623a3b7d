/** Measured figures: the same list makes the table for people and the JSON object. */

export interface Figure {
  /** The name in JSON. Its last word is the unit, as in syncSeconds. */
  readonly name: string;
  /** The name in the table. */
  readonly label: string;
  readonly value: number;
  /** The unit after the value, "s" or "µs"; left out for plain numbers. */
  readonly unit?: string;
  /** Number of decimal places; default 0. */
  readonly decimals?: number;
}

export function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}

/** The value below which `share` (0 to 1) of the sorted values lie; 0 when there is none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.min(Math.max(rank, 0), sorted.length - 1)] ?? 0;
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Formats a number as in a table: "3,115,264", "12.50". */
export function formatNumber(value: number, decimals = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Rounds a value for JSON, to the decimals that the table shows. */
export function rounded({ value, decimals = 0 }: Figure): number {
  return Number(value.toFixed(decimals));
}
