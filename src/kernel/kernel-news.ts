/**
 * What others do to routes and nexthops, as the kernel tells it. A route of ours that somebody deleted is put back
 * at once; whatever leaves open how things are now (replaced routes, objects that took their routes along without a
 * word) is answered by a reading.
 */
import { formatPrefix } from "../net/prefix.ts";
import type { LimitedLog } from "../session/limited-log.ts";
import type { Fib } from "./fib.ts";
import { isOurShape } from "./fib-reading.ts";
import { CONTESTED, INSTALLED, PLAIN, UNREAD, UNSURE } from "./fib-rows.ts";
import type { FoundNexthop, FoundRoute, KernelEvent } from "./kernel.ts";
import { defaultPriority } from "./plan.ts";

export class KernelNews {
  constructor(
    private readonly fib: Fib,
    private readonly log: LimitedLog,
    private readonly doubt: (reason: string) => void,
  ) {}

  /** `isUp`: the device is, so that routes do not go by themselves. */
  hear(event: Extract<KernelEvent, { type: "route" | "nexthop" }>, isUp: boolean): void {
    if (event.type === "nexthop") this.#hearNexthop(event.nexthop, event.isDeleted);
    else this.#hearRoute(event.route, event.isDeleted, isUp);
  }

  #hearRoute(route: FoundRoute, isDeleted: boolean, isUp: boolean): void {
    const { fib } = this;
    const { table: tableId, destination, protocol, priority, tos, nexthopId } = route;
    const isOurs = protocol === fib.protocol;
    const nexthop = fib.nexthops.get(nexthopId);
    if (nexthop !== undefined && !isOurs && !isDeleted) nexthop.isPinned = true;
    const table = fib.tables.get(tableId);
    if (table === undefined || priority !== defaultPriority(destination.family) || tos !== 0) return;
    const row = fib.rows.find(table, destination);
    if (row < 0) return;
    const installed = fib.rows.get(row, INSTALLED);
    const named = nexthopId === 0 ? PLAIN : nexthopId;
    if (!isDeleted) {
      if (installed === 0 || (isOurs && named === installed)) return;
      fib.rows.raise(row, UNREAD);
      this.doubt("a route of ours was changed");
    } else if (isOurs && installed !== 0 && named === installed) {
      fib.setInstalled(row, 0);
      fib.rows.raise(row, UNSURE);
      fib.changes.mark(row);
      if (!isUp) return;
      fib.drift.routeMissing++;
      this.log.warn("a route of ours was deleted by somebody else; it is put back", {
        table: tableId,
        destination: formatPrefix(destination),
      });
    } else if (isOurs) return;
    else if (fib.rows.has(row, CONTESTED)) {
      fib.rows.raise(row, UNREAD);
      this.doubt("a route beside one of ours was deleted");
    } else if (fib.retries.get(row) !== undefined) fib.changes.mark(row);
  }

  #hearNexthop(found: FoundNexthop, isDeleted: boolean): void {
    const { nexthops } = this.fib;
    const ours = nexthops.get(found.id);
    if (ours !== undefined) this.doubt("a nexthop of ours was changed");
    else if (nexthops.block.has(found.id)) {
      nexthops.setForeign(found.id, !isDeleted);
      // One of ours, made by nobody that we know: it goes.
      if (!isDeleted && isOurShape(this.fib, found))
        this.doubt("a nexthop in our block was made by somebody else");
    }
    if (isDeleted) return;
    for (const { id } of found.members ?? []) {
      const member = nexthops.get(id);
      if (member !== undefined && ours === undefined) member.isPinned = true;
    }
  }
}
