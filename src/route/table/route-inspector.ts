/**
 * What operators ask about routes: who announces one, since when, what contains an address. It reads a table in place, a
 * destination at a time, so that a question about a million routes copies none of them.
 *
 *     server: holders are the peers that announce a route        client: holders are its servers
 */
import { sameAddress } from "../../net/address.ts";
import { covers } from "../../net/cidr.ts";
import type { Prefix } from "../../net/ip.ts";
import type { NextHop } from "../../wire/message.ts";
import type { HistorySource } from "../history.ts";
import { ROW_SHIFT, SIBLING } from "./route-rows.ts";
import { type RouteSource, TableSource } from "./route-source.ts";
import type { DestinationCursor, RouteTable } from "./route-table.ts";
import { NIL } from "./row-pool.ts";

/**
 * What a holder's announcement is at present:
 *
 * - `live`: made on an established session
 * - `retained`: of a peer that a server has lost, and whose routes it keeps for a while
 * - `stale`: of a server that a client has lost, and whose routes it keeps for a while
 * - `unverified`: perhaps only the echo of the client's own announcement; it does not count
 * - `own`: the client announces the route itself
 * - `leaving`: being removed; it does not count any more
 */
export type HolderState = "live" | "retained" | "stale" | "unverified" | "own" | "leaving";

/** A peer or server that has a route. */
export interface RouteHolder {
  readonly source: HistorySource;
  readonly state: HolderState;
  /** When it announced the route, in milliseconds by the table's clock, to a tenth of a second. */
  readonly sinceMs: number;
}

export interface InspectedRoute {
  readonly nextHop: NextHop;
  /** False if the route exists, but no subscriber or kernel may have it. */
  readonly isInView: boolean;
  readonly holders: readonly RouteHolder[];
}

/** A subscriber of a route's VNI. */
export interface RouteRecipient {
  readonly source: HistorySource;
  /** The last frame about the route that it was sent was an announcement. */
  readonly wasSent: boolean;
}

/** The number of routes by family, and their digest, of one VNI. */
export interface InspectedVni {
  readonly vni: number;
  readonly ipv4Routes: number;
  readonly ipv6Routes: number;
  /** 16 hex digits (../digest.ts). */
  readonly digest: string;
}

export interface RouteInspector extends RouteSource {
  /** Iterates over the VNIs with a route, in no particular order. The iteration may pause. */
  summaries(): Iterable<InspectedVni>;
  /** Returns the number and digest of one VNI's routes; null if it has none. */
  summary(vni: number): InspectedVni | null;
  /** Returns the routes to exactly this destination, those that are not in view included. */
  inspect(vni: number, destination: Prefix): InspectedRoute[];
  /**
   * Returns the destinations that contain the whole prefix (itself included) and have a route in view or an own announcement, the
   * longest first.
   */
  covering(vni: number, prefix: Prefix): Prefix[];
}

/** What the owner of a table knows about its rows. */
export interface RowInspection {
  isInView(row: number): boolean;
  holdersOf(row: number): RouteHolder[];
}

export class TableInspector extends TableSource implements RouteInspector {
  readonly #table: RouteTable;
  readonly #rows: RowInspection;

  constructor(table: RouteTable, rows: RowInspection) {
    super(table, (row) => rows.isInView(row));
    this.#table = table;
    this.#rows = rows;
  }

  *summaries(): Iterable<InspectedVni> {
    for (const { vni } of this.#table.vnis()) {
      const summary = this.summary(vni);
      if (summary !== null) yield summary;
    }
  }

  summary(vni: number): InspectedVni | null {
    const table = this.#table.find(vni);
    if (table === undefined || table.counted4 + table.counted6 === 0) return null;
    return { vni, ipv4Routes: table.counted4, ipv6Routes: table.counted6, digest: `${table.digest}` };
  }

  inspect(vni: number, destination: Prefix): InspectedRoute[] {
    const found: InspectedRoute[] = [];
    this.#forEachRow(vni, destination, (row) => {
      const holders = this.#rows.holdersOf(row);
      // A tombstone is a withdrawal that some subscriber has not been sent yet.
      if (holders.length === 0) return;
      found.push({ nextHop: this.#table.nextHopOf(row), isInView: this.#rows.isInView(row), holders });
    });
    return found;
  }

  covering(vni: number, prefix: Prefix): Prefix[] {
    const table = this.#table.find(vni);
    if (table === undefined) return [];
    return this.#table.covering(table, prefix).filter((one) => this.#counts(vni, one));
  }

  /** Returns true if packets for the destination go by it, or stay on this host because the client announces it itself. */
  #counts(vni: number, destination: Prefix): boolean {
    return this.inspect(vni, destination).some(({ isInView, holders }) => {
      return isInView || holders.some(({ state }) => state === "own");
    });
  }

  #forEachRow(vni: number, destination: Prefix, take: (row: number) => void): void {
    const table = this.#table.find(vni);
    if (table === undefined) return;
    let row = this.#table.firstRowTo(table, destination);
    while (row !== NIL) {
      take(row);
      row = this.#table.rows.words[(row << ROW_SHIFT) + SIBLING] as number;
    }
  }
}

/**
 * Returns a function that gives the next destination inside a prefix, itself included, or null at the end. The cursor has entered
 * the VNI.
 */
export function destinationsInside(cursor: DestinationCursor, inside: Prefix): () => Prefix | null {
  cursor.seek(inside.w0, inside.w1, inside.w2, inside.w3);
  return () => {
    for (;;) {
      const found = cursor.next();
      if (found === null || covers(inside, found)) return found;
      // Shorter prefixes of the same address come first.
      if (!sameAddress(found, inside)) return null;
    }
  };
}
