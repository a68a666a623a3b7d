/** Entries of the history as entries of JSON, and which of them a query asks for. */
import { covers } from "../../net/cidr.ts";
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix, isHostPrefix } from "../../net/prefix.ts";
import { formatNextHop } from "../../route/announcement-text.ts";
import { type HistoryEntry, HistoryKind } from "../../route/history.ts";
import { destinationOf, nextHopOf } from "../../wire/codec.ts";
import type { ChangeEntry } from "./api.ts";
import type { QuerySource } from "./query-source.ts";
import { timeOfDay } from "./times.ts";

/** What of the history is asked for; null where everything is asked for. */
export interface HistoryFilter {
  readonly vni: number | null;
  /** Changes of destinations inside it, itself included; of a single address, those of destinations that contain it. */
  readonly prefix: Prefix | null;
  /** Sessions, routes or both. */
  readonly about: "routes" | "peers" | null;
}

const KIND_NAMES: Readonly<Record<HistoryKind, ChangeEntry["change"]>> = {
  [HistoryKind.ADD]: "add",
  [HistoryKind.REMOVE]: "remove",
  [HistoryKind.UP]: "up",
  [HistoryKind.DOWN]: "down",
};

export function isAskedFor(entry: HistoryEntry, { vni, prefix, about }: HistoryFilter): boolean {
  const isRoute = entry.kind === HistoryKind.ADD || entry.kind === HistoryKind.REMOVE;
  if (about !== null && isRoute !== (about === "routes")) return false;
  if (vni === null && prefix === null) return true;
  if (!isRoute || (vni !== null && entry.vni !== vni)) return false;
  if (prefix === null) return true;
  const destination = destinationOf(entry);
  return covers(prefix, destination) || (isHostPrefix(prefix) && covers(destination, prefix));
}

export function changeEntry({ history, clock }: QuerySource, entry: HistoryEntry): ChangeEntry {
  const { kind, isExistence, reason, vni, sequence, timeMs } = entry;
  const isRoute = kind === HistoryKind.ADD || kind === HistoryKind.REMOVE;
  const { id, name } = history.sourceOf(entry.source);
  return {
    number: sequence,
    time: timeOfDay(clock, timeMs),
    change: KIND_NAMES[kind],
    vni: isRoute ? vni : null,
    destination: isRoute ? formatPrefix(destinationOf(entry)) : null,
    nextHop: isRoute ? formatNextHop(nextHopOf(entry)) : null,
    reason,
    by: { name, id },
    existence: isExistence,
  };
}
