/**
 * What others do to routes and nexthops, as the kernel tells it. The book knows which routes named what was deleted or
 * changed, so they are put right at once, without a reading:
 *
 *     a route of ours is deleted        →  it is missing
 *     another takes its place           →  it is missing, or ours with another nexthop (verdict.ts)
 *     a nexthop of ours is deleted      →  the routes that named it are missing
 *     it is changed, or made foreign    →  the routes that name it move to a new one
 *
 * Only what leaves open how things are now is answered by a reading: a route that was put beside one of ours.
 */

import type { Clock } from "../../base/clock.ts";
import type { EventFields, EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { sameAddress } from "../../net/address.ts";
import { formatPrefix } from "../../net/prefix.ts";
import type { FibNexthop } from "../desired/hop-set.ts";
import type { Fib } from "../fib/fib.ts";
import { sameMembers } from "../fib/nexthops.ts";
import { CONTESTED, INSTALLED, PLAIN, UNREAD, UNSURE } from "../fib/rows.ts";
import { defaultPriority, verdictOfNexthop } from "../fib/verdict.ts";
import { formatRoute } from "../format-route.ts";
import type { FoundNexthop, FoundRoute, KernelEvent, Link } from "../kernel.ts";

export class KernelNews {
  readonly #fib: Fib;
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #doubt: (reason: string) => void;
  constructor(fib: Fib, clock: Clock, log: EventLog, doubt: (reason: string) => void) {
    this.#fib = fib;
    this.#clock = clock;
    this.#log = log;
    this.#doubt = doubt;
  }

  /**
   * A route of ours has gone with its nexthop, of which the kernel has told before: its row is being found. There may be as
   * many as the table has, and nothing is to be done for one.
   */
  isKnown({ isDeleted, route }: Extract<KernelEvent, { type: "route" }>): boolean {
    return isDeleted && route.protocol === this.#fib.protocol && this.#fib.isLost(route.nexthopId);
  }

  /** `link`: the tunnel device. While it is not up, routes go by themselves. */
  hear(event: Extract<KernelEvent, { type: "route" | "nexthop" }>, link: Link | null): void {
    const isUp = link?.isUp ?? false;
    if (event.type === "route") this.#hearRoute(event.route, event, isUp);
    else if (event.isDeleted) this.#nexthopDeleted(event.nexthop, isUp);
    else this.#nexthopIsThere(event.nexthop, link?.index ?? 0);
  }

  #hearRoute(
    route: FoundRoute,
    { isDeleted, isReplacing }: { readonly isDeleted: boolean; readonly isReplacing: boolean },
    isUp: boolean,
  ): void {
    const fib = this.#fib;
    const { table: tableId, destination, priority, tos, nexthopId } = route;
    const isOurs = fib.verdictOf(route) === "ours";
    const nexthop = fib.nexthops.get(nexthopId);
    if (nexthop !== undefined && route.protocol !== fib.protocol && !isDeleted) nexthop.isPinned = true;
    const table = fib.tables.get(tableId);
    if (table === undefined || priority !== defaultPriority(destination.family) || tos !== 0) return;
    const row = fib.rows.find(table, destination);
    if (row < 0) return;
    const installed = fib.rows.get(row, INSTALLED);
    const named = nexthopId === 0 ? PLAIN : nexthopId;
    const isContested = fib.rows.has(row, CONTESTED);
    if (!isDeleted) {
      if (installed === 0 || (isOurs && named === installed)) return;
      if (isReplacing && !isContested) {
        fib.drift.routeChanged++;
        fib.setInstalled(row, isOurs ? named : 0);
        fib.rows.raise(row, UNSURE);
        fib.disturbed(row, this.#clock.nowMs());
        this.#log.log(LOG.routeReplaced, replacementOf(route));
      } else {
        fib.rows.raise(row, UNREAD);
        this.#doubt("a route was put beside one of ours");
      }
    } else if (isOurs && installed !== 0 && named === installed) {
      fib.setInstalled(row, 0);
      fib.rows.raise(row, UNSURE);
      if (!isUp) {
        fib.changes.mark(row);
        return;
      }
      fib.drift.routeMissing++;
      fib.disturbed(row, this.#clock.nowMs());
      this.#log.log(LOG.routeDeleted, fieldsOf(route));
    } else if (isOurs) return;
    else if (isContested) {
      fib.rows.raise(row, UNREAD);
      this.#doubt("a route beside one of ours was deleted");
    } else if (fib.retries.get(row) !== undefined) fib.changes.mark(row);
  }

  #nexthopDeleted({ id }: FoundNexthop, isUp: boolean): void {
    const { nexthops, drift } = this.#fib;
    if (!nexthops.block.has(id)) return;
    const isOurs = nexthops.get(id) !== undefined;
    const routes = nexthops.routesOf(id);
    nexthops.setForeign(id, false);
    this.#fib.nexthopGone(id, this.#clock.nowMs());
    if (!isOurs) return;
    drift.nexthopMissing++;
    if (!isUp) return;
    this.#log.log(LOG.nexthopDeleted, {
      id,
      routes,
    });
  }

  #nexthopIsThere(found: FoundNexthop, linkIndex: number): void {
    const fib = this.#fib;
    const { nexthops } = fib;
    const { id, members } = found;
    const verdict = verdictOfNexthop({ protocol: fib.protocol, block: nexthops.block }, found);
    const known = nexthops.get(id);
    if (known !== undefined) this.#ourNexthopIs(known, found, verdict, linkIndex);
    // One of ours, made by nobody that we know: it goes.
    else if (verdict !== "foreign") this.#doubt("a nexthop in our block was made by somebody else");
    else nexthops.setForeign(id, true);
    if (verdict !== "foreign") return;
    for (const member of members ?? []) {
      const pinned = nexthops.get(member.id);
      if (pinned !== undefined) pinned.isPinned = true;
    }
  }

  #ourNexthopIs(
    known: FibNexthop,
    found: FoundNexthop,
    verdict: ReturnType<typeof verdictOfNexthop>,
    linkIndex: number,
  ): void {
    const fib = this.#fib;
    const { id, members, encapAddress, isResilient } = found;
    // Neither can become another, nor a group one of the other type, without having been deleted meanwhile.
    const isOurs =
      verdict === (known.members === null ? "object" : "group") && isResilient === known.isResilient;
    if (isOurs && members !== null) {
      if (sameMembers(known.members ?? [], members)) return;
      fib.nexthops.setMembers(known, members);
    } else if (isOurs && known.set !== null && encapAddress !== null && found.linkIndex === linkIndex) {
      const [hop] = known.set.hops;
      if (hop !== undefined && sameAddress(hop.address, encapAddress)) return;
    }
    const { routes } = known;
    fib.drift.nexthopChanged++;
    fib.nexthopChanged(known, isOurs, this.#clock.nowMs());
    this.#log.log(LOG.nexthopChanged, {
      id,
      routes,
    });
  }
}

/** In words only where the line is written: thousands may not be. */
function fieldsOf(route: FoundRoute): EventFields<"table" | "destination"> {
  return {
    table: route.table,
    get destination() {
      return formatPrefix(route.destination);
    },
  };
}

/** Likewise, of a route that has the place of ours. */
function replacementOf(route: FoundRoute): EventFields<"table" | "destination" | "by"> {
  return {
    table: route.table,
    get destination() {
      return formatPrefix(route.destination);
    },
    get by() {
      return formatRoute(route);
    },
  };
}
