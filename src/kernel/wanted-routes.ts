/**
 * What the view says, and what of it is for a routing table.
 *
 *     routes in view, own announcements  →  RouteTable: VNI → destination → next hops, whose, as two "peers"
 *     a destination in a routing table   →  the first of the table's VNIs that has something to say of it:
 *                                             a hop that can be installed    its hops are wanted
 *                                             an own announcement            nothing is: the destination is here
 *
 * The other VNIs of that table are shadowed there.
 */
import { compareAddress } from "../net/address.ts";
import type { IpAddress, Prefix } from "../net/ip.ts";
import type { Route } from "../route/route.ts";
import { NIL, ORIGIN, ROW_SHIFT, SIBLING } from "../route/route-rows.ts";
import { Change, RouteTable, type VniTable } from "../route/route-table.ts";
import { fillUpdateFields } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";
import type { Hop, HopSet, HopSets } from "./fib-hops.ts";
import { reasonToSkip, type SkipReason, type WantedSettings } from "./wanted-settings.ts";

/** The kernel's limit is higher, but a dump's answer has to fit the reader's buffer. */
export const MAX_HOPS = 256;

const VIEW = 0;
const OWN = 1;

/** What is wanted of one destination in one routing table. */
export interface Wanted {
  /** Null: it is not to be there. */
  readonly set: HopSet | null;
  /** The VNI that decided it; null: none has anything to say. */
  readonly vni: number | null;
  /** How many of the table's VNIs are shadowed here by an earlier one. */
  readonly shadowed: number;
  /** How many routes are left out, by reason; null: none. */
  readonly skipped: ReadonlyMap<SkipReason, number> | null;
  /** Hops that no route can go to. */
  readonly refusedHops: readonly RefusedHop[];
  /** The address of the underlay for which nothing is to be there; null: there is none. */
  readonly covered: IpAddress | null;
}

export interface RefusedHop {
  readonly address: IpAddress;
  readonly reason: SkipReason;
}

const NOTHING: Wanted = { set: null, vni: null, shadowed: 0, skipped: null, refusedHops: [], covered: null };

export class WantedRoutes {
  readonly #routes = new RouteTable({ hasFewPeers: true });
  readonly #fields = new UpdateFields();

  constructor(
    private readonly settings: WantedSettings,
    private readonly hops: HopSets,
  ) {}

  get bytes(): number {
    return this.#routes.usage().bytes;
  }

  added(route: Route): void {
    this.#add(VIEW, route);
  }

  removed(route: Route): void {
    this.#remove(VIEW, route);
  }

  announced(route: Route): void {
    this.#add(OWN, route);
  }

  withdrawn(route: Route): void {
    this.#remove(OWN, route);
  }

  /** The destinations of a VNI; one with several routes may come as often. The walk may pause. */
  *destinationsOf(vni: number): Iterable<Prefix> {
    const table = this.#routes.find(vni);
    if (table === undefined) return;
    for (const { destination } of this.#routes.routesOf(table)) yield destination;
  }

  /** What the VNIs of a routing table, in their order, want of a destination. New hop sets are not in use yet. */
  wantedOf(vnis: readonly number[], destination: Prefix): Wanted {
    let result: Wanted = NOTHING;
    let shadowed = 0;
    for (const vni of vnis) {
      const table = this.#routes.find(vni);
      const row = table === undefined ? NIL : this.#routes.firstRowTo(table, destination);
      if (row === NIL) continue;
      const { isOwn, set, skipped, refusedHops } = this.#look(row, destination.family);
      if (result.vni !== null) {
        if (isOwn || set !== null) shadowed++;
        continue;
      }
      result = {
        set,
        vni: isOwn || set !== null ? vni : null,
        shadowed: 0,
        skipped: merged(result.skipped, skipped),
        refusedHops: [...result.refusedHops, ...refusedHops],
        covered: null,
      };
    }
    return shadowed === 0 ? result : { ...result, shadowed };
  }

  /** What one VNI has to say: its routes to the destination, from that row on. */
  #look(first: number, family: 4 | 6): Omit<Wanted, "vni" | "shadowed" | "covered"> & { isOwn: boolean } {
    const { words } = this.#routes.rows;
    const usable = new Set<Hop>();
    const refusedHops: RefusedHop[] = [];
    let skipped: Map<SkipReason, number> | null = null;
    let isOwn = false;
    let received = 0;
    for (let row = first; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      if (this.#hasOrigin(row, OWN)) isOwn = true;
      if (!this.#hasOrigin(row, VIEW)) continue;
      received++;
      const nextHop = this.#routes.nextHopOf(row);
      const reason = reasonToSkip(this.settings, family, nextHop);
      if (reason !== null) {
        skipped = count(skipped, reason, 1);
        if (reason === "ipv4Hop" || reason === "unusableHop")
          refusedHops.push({ address: nextHop.address, reason });
        continue;
      }
      const hop = this.hops.hopOf(nextHop.address);
      if (hop.isLocal) {
        skipped = count(skipped, "localHop", 1);
        refusedHops.push({ address: nextHop.address, reason: "localHop" });
      } else usable.add(hop);
    }
    if (isOwn) {
      const held = received === 0 ? null : count(null, "ownAnnouncement", received);
      return { isOwn, set: null, skipped: held, refusedHops: [] };
    }
    let hops = [...usable];
    if (hops.length > MAX_HOPS) {
      skipped = count(skipped, "tooManyHops", hops.length - MAX_HOPS);
      hops = hops.sort(byPreference).slice(0, MAX_HOPS);
    }
    return { isOwn, set: hops.length === 0 ? null : this.hops.setOf(hops), skipped, refusedHops };
  }

  #hasOrigin(row: number, peer: number): boolean {
    const { rows, origins } = this.#routes;
    for (
      let at = rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
      at !== NIL;
      at = origins.nextOfRoute(at)
    ) {
      if (origins.peerOf(at) === peer) return true;
    }
    return false;
  }

  #add(peer: number, { vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    this.#routes.add(peer, this.#fields);
  }

  #remove(peer: number, { vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    if (this.#routes.remove(peer, this.#fields) !== Change.EXISTENCE) return;
    const table: VniTable = this.#routes.vniOf(this.#routes.row);
    this.#routes.free(this.#routes.row);
    if (table.rowCount === 0) this.#routes.dispose(table);
  }
}

/** The same without its hops, since the destination holds that address of the underlay. */
export function refusedFor(covered: IpAddress, wanted: Wanted): Wanted {
  const { set, skipped } = wanted;
  if (set === null) return wanted;
  return {
    ...wanted,
    set: null,
    skipped: count(new Map(skipped), "coversUnderlay", set.hops.length),
    covered,
  };
}

/** The heavier first, then by address: the same choice on every start. */
function byPreference(a: Hop, b: Hop): number {
  return b.weight - a.weight || compareAddress(a.address, b.address);
}

function count(
  counts: Map<SkipReason, number> | null,
  reason: SkipReason,
  by: number,
): Map<SkipReason, number> {
  const all = counts ?? new Map<SkipReason, number>();
  return all.set(reason, (all.get(reason) ?? 0) + by);
}

function merged(a: Wanted["skipped"], b: Wanted["skipped"]): Wanted["skipped"] {
  if (a === null || b === null) return a ?? b;
  let all = new Map(a);
  for (const [reason, by] of b) all = count(all, reason, by);
  return all;
}
