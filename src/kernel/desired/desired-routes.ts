/**
 * Keeps the view and the own announcements, and works out which route is desired for a destination in a routing table.
 *
 *     routes in view, own announcements  →  RouteTable: VNI → destination → next hops, whose, as two "peers"
 *     a destination in a routing table   →  the first of the table's VNIs that decides it by
 *                                             a hop that can be installed    its hops are desired
 *                                             an own announcement            no route is: the destination is here
 *
 * The other VNIs of that table are shadowed there.
 */

import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { Route } from "../../route/route.ts";
import { ORIGIN, PREFIX, ROW_SHIFT, SIBLING } from "../../route/table/route-rows.ts";
import { Change, RouteTable, type VniTable } from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { type NextHop, UpdateFields } from "../../wire/message.ts";
import { RankedHops } from "./hop-choice.ts";
import type { Hop, HopSet } from "./hop-set.ts";
import type { HopSets } from "./hop-sets.ts";
import { type DestinationReason, reasonToRefuse } from "./refused-destinations.ts";
import { type DesiredSettings, weightOf } from "./settings.ts";
import { reasonToSkip, type SkipReason } from "./skip-reason.ts";

/** A destination with this many routes has them ranked (hop-choice.ts) instead of walked through. */
const RANKED_FROM = 64;
/** A ranked destination with fewer routes than this is walked through again. */
const RANKED_UNTIL = 32;
/** How many of a ranked destination's hops that no route can go to are named; all are counted. */
const NAMED_REFUSED_HOPS = 8;

const VIEW = 0;
const OWN = 1;
type Origin = typeof VIEW | typeof OWN;

/** What is desired of one destination in one routing table. */
export interface Desired {
  /** The hops of the desired route; null if no route is. */
  readonly set: HopSet | null;
  /** The VNI that decided it; null if none has a usable hop or an own announcement. */
  readonly vni: number | null;
  /** How many of the table's VNIs are shadowed for this destination by an earlier one. */
  readonly shadowed: number;
  /** How many routes are skipped, by reason; null if none is. */
  readonly skipped: ReadonlyMap<SkipReason, number> | null;
  /** The hops that no route can go to. */
  readonly refusedHops: readonly RefusedHop[];
  /** The address of the underlay that forbids a route; null if there is none. */
  readonly covered: IpAddress | null;
  /** Why no route to the destination may be installed, whatever its hops; null if one may. */
  readonly refusal: DestinationReason | null;
}

export interface RefusedHop {
  readonly address: IpAddress;
  readonly reason: SkipReason;
}

const NOTHING: Desired = {
  set: null,
  vni: null,
  shadowed: 0,
  skipped: null,
  refusedHops: [],
  covered: null,
  refusal: null,
};

/** What one VNI desires of a destination. */
interface VniDesire {
  readonly isOwn: boolean;
  readonly set: HopSet | null;
  readonly skipped: ReadonlyMap<SkipReason, number> | null;
  readonly refusedHops: readonly RefusedHop[];
}

/** The routes of one VNI to a destination that has many. */
interface RankedDestination {
  readonly hops: RankedHops;
  /** How many of the routes are in the view. */
  received: number;
  own: number;
  /** Routes of the view that are skipped whatever the others are, by reason. */
  readonly skipped: Map<SkipReason, number>;
  readonly refusedHops: RefusedHop[];
}

export class DesiredRoutes {
  readonly #settings: DesiredSettings;
  readonly #hops: HopSets;
  readonly #routes = new RouteTable({ hasFewPeers: true });
  readonly #fields = new UpdateFields();
  /** Ranked destinations by the PREFIX word of their rows, which names a destination of one VNI. */
  readonly #ranked = new Map<number, RankedDestination>();
  #looksAtHops = 0;

  constructor(settings: DesiredSettings, hops: HopSets) {
    this.#settings = settings;
    this.#hops = hops;
  }

  /** How many hops were looked at so far to work out what is desired: it bounds the work of a step. */
  get looksAtHops(): number {
    return this.#looksAtHops;
  }

  get bytes(): number {
    return this.#routes.usage().bytes;
  }

  /** Adds a route of the view. Returns false if there is no memory for it; then nothing has changed. */
  added(route: Route): boolean {
    return this.#add(VIEW, route);
  }

  removed(route: Route): void {
    this.#remove(VIEW, route);
  }

  /** Adds an own announcement. Returns false if there is no memory for it; then nothing has changed. */
  announced(route: Route): boolean {
    return this.#add(OWN, route);
  }

  withdrawn(route: Route): void {
    this.#remove(OWN, route);
  }

  /** Walks the destinations of a VNI; one with several routes may be visited as often. The walk may pause. */
  *destinationsOf(vni: number): Iterable<Prefix> {
    const table = this.#routes.find(vni);
    if (table === undefined) return;
    for (const { destination } of this.#routes.routesOf(table)) yield destination;
  }

  /**
   * Works out what the VNIs of a routing table, in their order, desire of a destination. `isMain`: the table is the host's
   * own. New hop sets are not in use yet.
   */
  desiredOf(vnis: readonly number[], destination: Prefix, isMain: boolean): Desired {
    const refusal = reasonToRefuse(destination, isMain);
    let result: Desired = NOTHING;
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
        refusal: null,
      };
    }
    if (shadowed > 0) result = { ...result, shadowed };
    return refusal === null ? result : withoutHops(result, refusal, { refusal });
  }

  /** Works out what one VNI desires, by its routes to the destination from that row on. */
  #look(first: number, family: 4 | 6): VniDesire {
    const ranked = this.#ranked.get(this.#prefixOf(first));
    if (ranked !== undefined) return this.#choose(ranked);
    const { words } = this.#routes.rows;
    const usable = new Set<Hop>();
    const refusedHops: RefusedHop[] = [];
    let skipped: Map<SkipReason, number> | null = null;
    let isOwn = false;
    let received = 0;
    let routes = 0;
    for (let row = first; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      if (++routes === RANKED_FROM) return this.#choose(this.#rank(first, family));
      if (this.#hasOrigin(row, OWN)) isOwn = true;
      if (!this.#hasOrigin(row, VIEW)) continue;
      received++;
      const nextHop = this.#routes.nextHopOf(row);
      const reason = reasonToSkip(this.#settings, family, nextHop);
      if (reason !== null) {
        skipped = count(skipped, reason, 1);
        if (isHopsFault(reason)) refusedHops.push({ address: nextHop.address, reason });
        continue;
      }
      const hop = this.#hops.hopOf(nextHop.address);
      if (hop.isLocal) {
        skipped = count(skipped, "localHop", 1);
        refusedHops.push({ address: nextHop.address, reason: "localHop" });
      } else usable.add(hop);
    }
    this.#looksAtHops += routes;
    if (isOwn) return ownDesire(received);
    const set = usable.size === 0 ? null : this.#hops.setOf([...usable]);
    return { isOwn, set, skipped, refusedHops };
  }

  #choose({ hops, received, own, skipped: always, refusedHops }: RankedDestination): VniDesire {
    if (own > 0) return ownDesire(received);
    const { set, localRoutes, skippedHops } = hops.choose(this.#hops, (looks) => {
      this.#looksAtHops += looks;
    });
    const skipped = new Map(always);
    if (localRoutes > 0) count(skipped, "localHop", localRoutes);
    if (skippedHops > 0) count(skipped, "tooManyHops", skippedHops);
    return { isOwn: false, set, skipped: skipped.size === 0 ? null : skipped, refusedHops };
  }

  /** Ranks the routes to a destination, from its first row on; later changes are applied to the ranking. */
  #rank(first: number, family: 4 | 6): RankedDestination {
    const { words } = this.#routes.rows;
    const ranked: RankedDestination = {
      hops: new RankedHops((address) => weightOf(this.#settings.preferredNetworks, address)),
      received: 0,
      own: 0,
      skipped: new Map(),
      refusedHops: [],
    };
    this.#ranked.set(this.#prefixOf(first), ranked);
    for (let row = first; row !== NIL; row = words[(row << ROW_SHIFT) + SIBLING] as number) {
      const nextHop = this.#routes.nextHopOf(row);
      for (const origin of [VIEW, OWN] as const) {
        if (this.#hasOrigin(row, origin)) this.#follow(ranked, origin, family, nextHop, 1);
      }
    }
    this.#looksAtHops += ranked.received;
    return ranked;
  }

  /** Applies a route that came or went to its ranked destination. */
  #follow(ranked: RankedDestination, origin: Origin, family: 4 | 6, nextHop: NextHop, by: 1 | -1): void {
    if (origin === OWN) {
      ranked.own += by;
      return;
    }
    ranked.received += by;
    const { address } = nextHop;
    const reason = reasonToSkip(this.#settings, family, nextHop);
    if (reason === null) {
      if (by > 0) ranked.hops.add(address);
      else ranked.hops.remove(address);
      return;
    }
    count(ranked.skipped, reason, by);
    if (ranked.skipped.get(reason) === 0) ranked.skipped.delete(reason);
    const { refusedHops } = ranked;
    if (by > 0 && isHopsFault(reason) && refusedHops.length < NAMED_REFUSED_HOPS) {
      refusedHops.push({ address, reason });
    }
  }

  #prefixOf(row: number): number {
    return this.#routes.rows.words[(row << ROW_SHIFT) + PREFIX] as number;
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

  #add(origin: Origin, { vni, destination, nextHop }: Route): boolean {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const change = this.#routes.add(origin, this.#fields);
    if (change === Change.TABLE_FULL) return false;
    if (change === Change.NOTHING || this.#ranked.size === 0) return true;
    const ranked = this.#ranked.get(this.#prefixOf(this.#routes.row));
    if (ranked !== undefined) this.#follow(ranked, origin, destination.family, nextHop, 1);
    return true;
  }

  #remove(origin: Origin, { vni, destination, nextHop }: Route): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    const change = this.#routes.remove(origin, this.#fields);
    if (change === Change.NOTHING) return;
    const { row } = this.#routes;
    if (this.#ranked.size > 0) {
      const prefix = this.#prefixOf(row);
      const ranked = this.#ranked.get(prefix);
      if (ranked !== undefined) {
        this.#follow(ranked, origin, destination.family, nextHop, -1);
        if (ranked.received + ranked.own < RANKED_UNTIL) this.#ranked.delete(prefix);
      }
    }
    if (change !== Change.EXISTENCE) return;
    const table: VniTable = this.#routes.vniOf(row);
    this.#routes.free(row);
    if (table.rowCount === 0) this.#routes.dispose(table);
  }
}

/** Returns the same without its hops, since the destination holds that address of the underlay. */
export function refusedFor(covered: IpAddress, desired: Desired): Desired {
  return withoutHops(desired, "coversUnderlay", { covered });
}

function withoutHops(
  desired: Desired,
  reason: SkipReason,
  why: Partial<Pick<Desired, "covered" | "refusal">>,
): Desired {
  const { set, skipped } = desired;
  if (set === null) return desired;
  return { ...desired, ...why, set: null, skipped: count(new Map(skipped), reason, set.hops.length) };
}

/** What a VNI desires whose destination we announce ourselves: received routes are skipped. */
function ownDesire(received: number): VniDesire {
  const skipped = received === 0 ? null : count(null, "ownAnnouncement", received);
  return { isOwn: true, set: null, skipped, refusedHops: [] };
}

/** Whether the reason is the hop's address, and not the kind of route. */
function isHopsFault(reason: SkipReason): boolean {
  return reason === "ipv4Hop" || reason === "unusableHop";
}

function count(
  counts: Map<SkipReason, number> | null,
  reason: SkipReason,
  by: number,
): Map<SkipReason, number> {
  const all = counts ?? new Map<SkipReason, number>();
  return all.set(reason, (all.get(reason) ?? 0) + by);
}

function merged(a: Desired["skipped"], b: Desired["skipped"]): Desired["skipped"] {
  if (a === null || b === null) return a ?? b;
  let all = new Map(a);
  for (const [reason, by] of b) all = count(all, reason, by);
  return all;
}
