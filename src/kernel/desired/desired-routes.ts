/**
 * Works out which route is desired for a destination in a routing table, by what the client's view has at that time:
 *
 *     a destination in a routing table   →  the first of the table's VNIs that decides it by
 *                                             a hop that can be installed    its hops are desired
 *                                             an own announcement            no route is: the destination is here
 *
 * The other VNIs of that table are shadowed there.
 *
 * Nothing of the view is kept here, with one exception: a destination with very many routes has them ranked (hop-limit.ts),
 * for the work of one change must not grow with their number. An event says which of its routes may have changed, and the
 * view whether it is there: so neither the order of events nor one too many can make the ranking wrong.
 */

import { type ClientView, EMPTY_VIEW } from "../../client/view/client-view.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import type { Route } from "../../route/route.ts";
import type { NextHop } from "../../wire/message.ts";
import { RankedHops } from "./hop-limit.ts";
import type { Hop, HopSet } from "./hop-set.ts";
import type { HopSets } from "./hop-sets.ts";
import { type DestinationReason, reasonToRefuse } from "./refused-destinations.ts";
import { type DesiredSettings, weightOf } from "./settings.ts";
import { reasonToSkip, type SkipReason } from "./skip-reason.ts";

/** A destination with this many routes has them ranked (hop-limit.ts) instead of walked through. */
const RANKED_FROM = 64;
/** A ranked destination with fewer routes than this is walked through again. */
const RANKED_UNTIL = 32;
/** How many of a ranked destination's hops that no route can go to are named; all are counted. */
const NAMED_REFUSED_HOPS = 8;

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
  /** Keys of the next hops of its routes. */
  readonly keys: Set<string>;
  /** Whether the client itself announces a route to it. */
  isOwn: boolean;
  /** Routes of the view that are skipped whatever the others are, by reason. */
  readonly skipped: Map<SkipReason, number>;
  readonly refusedHops: RefusedHop[];
}

export class DesiredRoutes {
  readonly #settings: DesiredSettings;
  readonly #hops: HopSets;
  #view: ClientView = EMPTY_VIEW;
  /** Ranked destinations, by {@link destinationKey}. */
  readonly #ranked = new Map<string, RankedDestination>();
  #looksAtHops = 0;

  constructor(settings: DesiredSettings, hops: HopSets) {
    this.#settings = settings;
    this.#hops = hops;
  }

  /** Reads this view from now on. */
  follow(view: ClientView): void {
    this.#view = view;
    this.#ranked.clear();
  }

  /** How many hops were looked at so far to work out what is desired: it bounds the work of a step. */
  get looksAtHops(): number {
    return this.#looksAtHops;
  }

  /** Takes up that the route came into view or left it. */
  routeChanged(route: Route): void {
    if (this.#ranked.size === 0) return;
    const key = destinationKey(route.vni, route.destination);
    const ranked = this.#ranked.get(key);
    if (ranked === undefined) return;
    this.#follow(ranked, route.destination.family, route.nextHop, this.#view.has(route));
    if (ranked.keys.size < RANKED_UNTIL) this.#ranked.delete(key);
  }

  /** Takes up that the client announces the route, or no longer. */
  announcementChanged({ vni, destination }: Route): void {
    if (this.#ranked.size === 0) return;
    const ranked = this.#ranked.get(destinationKey(vni, destination));
    if (ranked !== undefined) ranked.isOwn = this.#view.lookAt(vni, destination).isAnnounced;
  }

  /** Walks the destinations of a VNI. The walk may pause. */
  destinationsOf(vni: number): Iterable<Prefix> {
    return this.#view.destinations(vni);
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
      const desire = this.#look(vni, destination);
      if (desire === null) continue;
      const { isOwn, set, skipped, refusedHops } = desire;
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

  /** Works out what one VNI desires; null if it has no route to the destination. */
  #look(vni: number, destination: Prefix): VniDesire | null {
    const key = this.#ranked.size === 0 ? "" : destinationKey(vni, destination);
    const known = this.#ranked.get(key);
    if (known !== undefined) return this.#choose(known);
    const { nextHops, isAnnounced } = this.#view.lookAt(vni, destination);
    this.#looksAtHops += nextHops.length;
    if (nextHops.length >= RANKED_FROM) {
      const ranked = this.#rank(destination.family, nextHops, isAnnounced);
      this.#ranked.set(destinationKey(vni, destination), ranked);
      return this.#choose(ranked);
    }
    if (isAnnounced) return ownDesire(nextHops.length);
    if (nextHops.length === 0) return null;
    const usable = new Set<Hop>();
    const refusedHops: RefusedHop[] = [];
    let skipped: Map<SkipReason, number> | null = null;
    for (const nextHop of nextHops) {
      const { address } = nextHop;
      const reason = reasonToSkip(this.#settings, destination.family, nextHop);
      const hop = reason === null ? this.#hops.hopOf(address) : null;
      if (hop !== null && !hop.isLocal) {
        usable.add(hop);
        continue;
      }
      const why = reason ?? "localHop";
      skipped = count(skipped, why, 1);
      if (isHopsFault(why)) refusedHops.push({ address, reason: why });
    }
    const set = usable.size === 0 ? null : this.#hops.setOf([...usable]);
    return { isOwn: false, set, skipped, refusedHops };
  }

  #choose({ hops, keys, isOwn, skipped: always, refusedHops }: RankedDestination): VniDesire {
    if (isOwn) return ownDesire(keys.size);
    const { set, localRoutes, skippedHops } = hops.choose(this.#hops, (looks) => {
      this.#looksAtHops += looks;
    });
    const skipped = new Map(always);
    if (localRoutes > 0) count(skipped, "localHop", localRoutes);
    if (skippedHops > 0) count(skipped, "tooManyHops", skippedHops);
    return { isOwn: false, set, skipped: skipped.size === 0 ? null : skipped, refusedHops };
  }

  #rank(family: 4 | 6, nextHops: readonly NextHop[], isOwn: boolean): RankedDestination {
    const ranked: RankedDestination = {
      hops: new RankedHops((address) => weightOf(this.#settings.preferredNetworks, address)),
      keys: new Set(),
      isOwn,
      skipped: new Map(),
      refusedHops: [],
    };
    for (const nextHop of nextHops) this.#follow(ranked, family, nextHop, true);
    return ranked;
  }

  /** Takes up in a ranking whether a route to the next hop is in view. */
  #follow(ranked: RankedDestination, family: 4 | 6, nextHop: NextHop, isInView: boolean): void {
    const key = nextHopKey(nextHop);
    if (isInView === ranked.keys.has(key)) return;
    if (isInView) ranked.keys.add(key);
    else ranked.keys.delete(key);
    const { address } = nextHop;
    const reason = reasonToSkip(this.#settings, family, nextHop);
    if (reason === null) {
      if (isInView) ranked.hops.add(address);
      else ranked.hops.remove(address);
      return;
    }
    count(ranked.skipped, reason, isInView ? 1 : -1);
    if (ranked.skipped.get(reason) === 0) ranked.skipped.delete(reason);
    const { refusedHops } = ranked;
    if (isInView && isHopsFault(reason) && refusedHops.length < NAMED_REFUSED_HOPS) {
      refusedHops.push({ address, reason });
    }
  }
}

function destinationKey(vni: number, { family, w0, w1, w2, w3, lengthBits }: Prefix): string {
  return `${vni} ${family} ${w0} ${w1} ${w2} ${w3} ${lengthBits}`;
}

function nextHopKey({ address, targetVni, type, natPortFrom, natPortTo }: NextHop): string {
  const { family, w0, w1, w2, w3 } = address;
  return `${family} ${w0} ${w1} ${w2} ${w3} ${targetVni} ${type} ${natPortFrom} ${natPortTo}`;
}

/** Returns the same without its hops, since the destination contains that address of the underlay. */
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
  return reason === "ipv4Hop" || reason === "unusableHop" || reason === "localHop";
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
