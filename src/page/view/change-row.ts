/** A change of the history as a row of a table. */
import type { ChangeEntry } from "../../http/queries/api.ts";
import { formatSince } from "./format.ts";

export const CHANGE_COLUMNS = ["When", "Change", "VNI", "Destination", "Next hop", "By", "Reason"] as const;

const CHANGE_TEXTS: Readonly<Record<ChangeEntry["change"], string>> = {
  add: "+ route",
  remove: "− route",
  up: "session up",
  down: "session down",
};

export function changeRow(change: ChangeEntry, nowMs: number): string[] {
  const { time, vni, destination, nextHop, by, reason } = change;
  return [
    formatSince(time, nowMs),
    CHANGE_TEXTS[change.change] ?? change.change,
    vni === null ? "–" : `${vni}`,
    destination ?? "–",
    nextHop ?? "–",
    holderName(by),
    reason,
  ];
}

/** Returns "[2001:db8::1]:4711", and with a server's number of its peer "[2001:db8::1]:4711 (7)". */
export function holderName({ name, id }: { readonly name: string; readonly id: number | null }): string {
  return id === null ? name : `${name} (${id})`;
}
