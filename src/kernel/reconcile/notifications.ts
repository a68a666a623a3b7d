/**
 * Handles the kernel's notifications of changes that other programs make to routes and nexthops. The FIB model knows which
 * routes named what was deleted or changed, so they are restored at once, without a scan:
 *
 *     a route of ours is deleted        →  it is missing
 *     another takes its place           →  it is missing, or ours with another nexthop (verdict.ts)
 *     a nexthop of ours is deleted      →  the routes that named it are missing
 *     it is changed, or made foreign    →  the routes that name it move to a new one
 *
 * Only a notification that leaves the present state open leads to a scan: a route was put beside one of ours.
 */

import type { Clock } from "../../base/clock.ts";
import type { EventFields, EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { formatPrefix } from "../../net/prefix.ts";
import type { FibNexthop } from "../desired/hop-set.ts";
import type { Fib } from "../fib/fib.ts";
import { sameMembers } from "../fib/nexthops.ts";
import { AMBIGUOUS, OBSERVED } from "../fib/rows.ts";
import { isSameNexthop, leadsTo, type NexthopVerdict, observedOf } from "../fib/verdict.ts";
import { formatRoute } from "../format-route.ts";
import type { FoundNexthop, FoundRoute, KernelEvent, Link } from "../kernel.ts";

export class NotificationHandler {
  readonly #fib: Fib;
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #requestScan: (reason: string) => void;
  constructor(fib: Fib, clock: Clock, log: EventLog, requestScan: (reason: string) => void) {
    this.#fib = fib;
    this.#clock = clock;
    this.#log = log;
    this.#requestScan = requestScan;
  }

  /**
   * Whether the event says that a route of ours has gone with its nexthop, about which the kernel has notified before: its
   * row is being found. There may be as many such events as the table has routes, and nothing is to be done for one.
   */
  isKnown({ isDeleted, route }: Extract<KernelEvent, { type: "route" }>): boolean {
    return isDeleted && route.protocol === this.#fib.protocol && this.#fib.isLost(route.nexthopId);
  }

  /** Handles an event. `link`: the tunnel device; while it is not up, the kernel itself deletes routes. */
  handle(event: Extract<KernelEvent, { type: "route" | "nexthop" }>, link: Link | null): void {
    const isUp = link?.isUp ?? false;
    if (event.type === "route") this.#handleRoute(event.route, event, isUp);
    else if (event.isDeleted) this.#nexthopDeleted(event.nexthop, isUp);
    else this.#nexthopChanged(event.nexthop, link?.index ?? 0);
  }

  #handleRoute(
    route: FoundRoute,
    { isDeleted, isReplacing }: { readonly isDeleted: boolean; readonly isReplacing: boolean },
    isUp: boolean,
  ): void {
    const fib = this.#fib;
    const verdict = fib.verdictOf(route);
    if (verdict === "foreign" && !isDeleted) fib.pin(route.nexthopId);
    const row = fib.rowOf(route);
    if (row < 0) return;
    const installed = fib.rows.get(row, OBSERVED);
    const named = observedOf(verdict, route);
    const isOurs = named !== 0;
    const isAmbiguous = fib.rows.has(row, AMBIGUOUS);
    if (!isDeleted) {
      if (installed === 0 || named === installed) return;
      if (isReplacing && !isAmbiguous) {
        fib.drift.routeChanged++;
        fib.lost(row, named);
        fib.disturbed(row, this.#clock.nowMs());
        this.#log.log(LOG.routeReplaced, replacementOf(route));
      } else {
        fib.rows.obscured(row);
        this.#requestScan("a route was put beside one of ours");
      }
    } else if (isOurs && named === installed) {
      fib.lost(row, 0);
      if (!isUp) {
        fib.changes.mark(row);
        return;
      }
      fib.drift.routeMissing++;
      fib.disturbed(row, this.#clock.nowMs());
      this.#log.log(LOG.routeDeleted, fieldsOf(route));
    } else if (isOurs) return;
    else if (isAmbiguous) {
      fib.rows.obscured(row);
      this.#requestScan("a route beside one of ours was deleted");
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

  #nexthopChanged(found: FoundNexthop, linkIndex: number): void {
    const fib = this.#fib;
    const { nexthops } = fib;
    const { id, members } = found;
    const verdict = fib.verdictOfNexthop(found);
    const known = nexthops.get(id);
    if (known !== undefined) this.#ourNexthopChanged(known, found, verdict, linkIndex);
    // It has our protocol and an id of our block, but we have not made it: the scan will find it, and it is deleted.
    else if (verdict !== "foreign") this.#requestScan("a nexthop in our block was made by another program");
    else nexthops.setForeign(id, true);
    if (verdict !== "foreign") return;
    for (const member of members ?? []) fib.pin(member.id);
  }

  #ourNexthopChanged(
    known: FibNexthop,
    found: FoundNexthop,
    verdict: NexthopVerdict,
    linkIndex: number,
  ): void {
    const fib = this.#fib;
    const { id, members } = found;
    const isOurs = verdict !== "foreign" && isSameNexthop(known, found);
    if (isOurs && members !== null) {
      if (sameMembers(known.members ?? [], members)) return;
      fib.nexthops.setMembers(known, members);
    } else if (isOurs) {
      const hop = known.set?.hops[0];
      if (hop !== undefined && leadsTo(found, hop.address, linkIndex)) return;
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

/** Log fields that are formatted only if the line is written: thousands may not be. */
function fieldsOf(route: FoundRoute): EventFields<"table" | "destination"> {
  return {
    table: route.table,
    get destination() {
      return formatPrefix(route.destination);
    },
  };
}

/** Log fields of a route that has replaced one of ours. */
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
