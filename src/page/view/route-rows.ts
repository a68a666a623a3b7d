/** A destination as rows of a table: one for each next hop. */
import type { HolderEntry, NextHopEntry, RouteEntry } from "../../http/queries/api.ts";
import { holderName } from "./change-row.ts";
import { formatSince } from "./format.ts";

export const HOP_COLUMNS = ["Next hop", "Type", "Held by", "Since", "Changes", "State"] as const;
export const ROUTE_COLUMNS = ["VNI", "Destination", ...HOP_COLUMNS] as const;

const SHOWN_HOLDERS = 3;

export function routeRows({ vni, destination, nextHops, kernel }: RouteEntry, nowMs: number): string[][] {
  return nextHops.map((hop) => [
    `${vni}`,
    destination,
    hopText(hop),
    typeText(hop),
    holdersText(hop.holders),
    formatSince(oldest(hop.holders), nowMs),
    `${hop.changes}`,
    stateText(hop, kernel?.state ?? null),
  ]);
}

function hopText({ address, targetVni }: NextHopEntry): string {
  return targetVni === 0 ? address : `${address} (VNI ${targetVni})`;
}

function typeText({ type, natPortFrom, natPortTo }: NextHopEntry): string {
  return natPortTo === 0 ? type : `${type} ${natPortFrom}–${natPortTo}`;
}

function holdersText(holders: readonly HolderEntry[]): string {
  const names = holders.slice(0, SHOWN_HOLDERS).map(holderName);
  const more = holders.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function oldest(holders: readonly HolderEntry[]): string | null {
  return holders.map(({ since }) => since).sort()[0] ?? null;
}

/** Returns the states of the holders, each once, whether the route is used, and the kernel's state of the destination. */
function stateText({ holders, used }: NextHopEntry, kernelState: string | null): string {
  const states = [...new Set<string>(holders.map(({ state }) => state))];
  if (!used) states.push("not used");
  if (kernelState !== null) states.push(`kernel: ${kernelState}`);
  return states.join(", ");
}
