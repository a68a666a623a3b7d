/**
 * Compares what several servers have announced for a VNI, route by route (agreement.ts says when). A server
 *
 *     has a route      with a live copy
 *     lacks it         without any copy
 *     is uncertain     otherwise: its copy is unverified (perhaps an echo), stale, or being dropped
 *
 * Servers differ in a route that one has and another lacks. A route that this client announces itself is never
 * compared, since servers need not send it back.
 *
 * The rows of found differences are watched: a difference remains only if no server announces or withdraws the route in the
 * meantime. Looking twice would not be enough, since a server may send nothing about a route that went and came again.
 */
import { RouteDigest } from "../../route/digest.ts";
import type { Route } from "../../route/route.ts";
import { ORIGIN, ROW_SHIFT } from "../../route/table/route-rows.ts";
import type { PeerNumber, RouteTable } from "../../route/table/route-table.ts";
import { NIL } from "../../route/table/row-pool.ts";
import { destinationOf, nextHopOf } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";
import type { AdjRibsIn, ServerNumber } from "./adj-ribs-in.ts";

/** Servers are bits of a number. */
export const MAX_COMPARED_SERVERS = 31;

/** Who has a route, and who lacks it: bit n stands for the n-th of the compared servers. */
export interface RouteDifference {
  readonly route: Route;
  /** Of the table; of another route as soon as this one is no longer watched. */
  readonly row: number;
  readonly has: number;
  readonly lacks: number;
}

/** The servers to compare in one VNI, at most {@link MAX_COMPARED_SERVERS}. */
export interface ComparedServers {
  readonly vni: number;
  readonly servers: readonly ServerNumber[];
}

const NO_ROUTES = new RouteDigest();

export class RibComparison {
  readonly #table: RouteTable;
  readonly #ribs: AdjRibsIn;
  readonly #own: PeerNumber;
  readonly #fields = new UpdateFields();
  /** Rows of differences in which nothing has changed since they were found. */
  readonly #watched = new Set<number>();
  /** Of the last call of {@link #look}, as in {@link RouteDifference}. */
  #has = 0;
  #lacks = 0;

  /** @param own the origin that stands for this client */
  constructor(table: RouteTable, ribs: AdjRibsIn, own: PeerNumber) {
    this.#table = table;
    this.#ribs = ribs;
    this.#own = own;
  }

  /**
   * Returns the digest of what a server has announced for the VNI on the present connection, without what this client announces
   * itself: established servers of one table have equal ones.
   */
  digestOf(server: ServerNumber, vni: number): Readonly<RouteDigest> {
    return this.#ribs.liveOf(server, vni)?.digest ?? NO_ROUTES;
  }

  /** Returns true if the client skipped a route of the server, for want of room: then the two cannot be equal. */
  hasLeftOut(server: ServerNumber, vni: number): boolean {
    return this.#ribs.liveOf(server, vni)?.hasLeftOut ?? false;
  }

  /** Records that a server, or this client, has announced or withdrawn a route. */
  changed(row: number): void {
    if (this.#watched.size > 0) this.#watched.delete(row);
  }

  /** Ends the watch of the differences found so far. */
  forget(): void {
    this.#watched.clear();
  }

  /** Iterates over the destinations of the VNI, with the differences in each, which are watched. The iteration may pause. */
  *differences(compared: ComparedServers): Iterable<readonly RouteDifference[]> {
    const table = this.#table.find(compared.vni);
    if (table === undefined) return;
    for (const rows of this.#table.rowsByDestination(table)) {
      let found: RouteDifference[] = NONE;
      for (const row of rows) {
        if (!this.#look(row, compared)) continue;
        if (found === NONE) found = [];
        this.#watched.add(row);
        found.push({ route: this.#routeOf(row), row, has: this.#has, lacks: this.#lacks });
      }
      yield found;
    }
  }

  /** Returns the part of a difference that is there still; null if there is none, or the route has changed. */
  remaining({ route, row, has, lacks }: RouteDifference, compared: ComparedServers): RouteDifference | null {
    if (!this.#watched.has(row) || !this.#look(row, compared)) return null;
    const hasStill = has & this.#has;
    const lacksStill = lacks & this.#lacks;
    return hasStill === 0 || lacksStill === 0 ? null : { route, row, has: hasStill, lacks: lacksStill };
  }

  /** Sets `#has` and `#lacks`. Returns true if the servers differ in the route. */
  #look(row: number, { servers }: ComparedServers): boolean {
    const { origins } = this.#table;
    let has = 0;
    let uncertain = 0;
    let at = this.#table.rows.words[(row << ROW_SHIFT) + ORIGIN] as number;
    for (; at !== NIL; at = origins.nextOfRoute(at)) {
      const peer = origins.peerOf(at);
      if (peer === this.#own) return false;
      const rib = this.#ribs.get(peer);
      const index = servers.indexOf(rib.server);
      if (index < 0) continue;
      const isCertain = rib.lostMs === null && !rib.isUnverified && !rib.isRemoved;
      if (isCertain) has |= 1 << index;
      else uncertain |= 1 << index;
    }
    this.#has = has;
    this.#lacks = ((1 << servers.length) - 1) & ~(has | uncertain);
    return has !== 0 && this.#lacks !== 0;
  }

  #routeOf(row: number): Route {
    this.#table.fill(row, this.#fields);
    return {
      vni: this.#fields.vni,
      destination: destinationOf(this.#fields),
      nextHop: nextHopOf(this.#fields),
    };
  }
}

const NONE: RouteDifference[] = [];
