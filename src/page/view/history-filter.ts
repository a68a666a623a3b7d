/** The filter of the history, "vni:100" or "10.0.1.0/24" or both, as a request. */
import { parseSearch } from "./route-search.ts";

export function historyPath(text: string, limit: number): string {
  const { vni, prefix, text: other } = parseSearch(text).parameters;
  const query = new URLSearchParams({ limit: `${limit}` });
  if (vni !== undefined) query.set("vni", vni);
  // The daemon says what is wrong with any other text.
  const asked = prefix ?? other;
  if (asked !== undefined) query.set("prefix", asked);
  return `v1/history?${query}`;
}
