/**
 * Scans the kernel and compares it with the FIB model: the first scan adopts what is there, later ones find drift.
 *
 * verdict.ts decides what is ours; what is foreign pins the nexthops of ours that it names. An object of ours for another
 * device stands for no hop set, nor does a group whose member was changed: no destination desires it, so its routes move
 * away, and it is deleted. While a scan is under way, nothing is changed in the kernel by us.
 *
 * A dump of IPv6 routes misses some that are there when other programs delete and add routes in their table meanwhile: the
 * kernel starts anew at the root and skips as many as it has sent (fib6_dump_table in net/ipv6/ip6_fib.c; seen on 6.18,
 * without NLM_F_DUMP_INTR). So a route of ours counts as missing only if another dump, of ours alone, misses it, too.
 *
 * Where the kernel's dumps are incomplete (netlink-kernel.ts), a route that was not met may be there all the same: it is
 * UNPROVEN, and added once more, which fails if it is there; and no nexthop is deleted, for foreign routes may name it.
 */

import type { Clock } from "../../base/clock.ts";
import type { Prefix } from "../../net/ip.ts";
import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import type { DriftKind, Fib } from "../fib/fib.ts";
import type { MisplacedRoute } from "../fib/misplaced.ts";
import { sameMembers } from "../fib/nexthops.ts";
import { AMBIGUOUS, OBSERVED, PLAIN, SCANNED } from "../fib/rows.ts";
import { isInSlot, isSameNexthop, leadsTo, observedOf } from "../fib/verdict.ts";
import type { FoundNexthop, FoundRoute, GroupMember, Kernel, KnownOfOurs } from "../kernel.ts";

/** The index of the tunnel device where there is none: no device has it. */
export const NO_LINK = -1;

/** How many rows or routes are handled between two pauses. */
const ROWS_BETWEEN_PAUSES = 2_000;

/** What a scan has found that is to be logged. */
export interface ScanFindings {
  /** Foreign routes beside ours, except for those beside rows for which the last scan has reported one. */
  readonly ambiguous: readonly FoundRoute[];
  /** Ids of our block that routes of ours name, and whose object or group is not ours. */
  readonly replacedIds: readonly number[];
}

/** Scans the kernel into the model, in slices. Meanwhile we must not change anything in the kernel. */
export async function scanKernel(
  fib: Fib,
  kernel: Kernel,
  linkIndex: number,
  clock: Clock,
): Promise<ScanFindings> {
  const scan = new KernelScan(fib, linkIndex);
  const ours: KnownOfOurs = {
    linkIndex,
    nexthopIds: Array.from(fib.nexthops.all(), ({ id }) => id),
    tables: Array.from(fib.tables.all(), ({ id }) => id),
  };
  const hasAllNexthops = await kernel.eachNexthop(ours, (nexthop) => scan.visitNexthop(nexthop));
  scan.nexthopsRead();
  const hasAllRoutes = await kernel.eachRoute(ours, (route) => scan.visitRoute(route));
  if (scan.hasMissed) await kernel.eachRouteOfOurs(ours, (route) => scan.revisitRoute(route));
  fib.isScanWhole = hasAllNexthops && hasAllRoutes;
  const known = new Set(fib.ambiguous);
  for (const _ of scan.finish(hasAllRoutes)) await new Promise<void>((resolve) => clock.soon(resolve));
  const replacedIds = [...scan.strayIds].filter((id) => fib.nexthops.isForeign(id));
  const ambiguous = scan.ambiguous.filter(({ row }) => !known.has(row)).map(({ route }) => route);
  return { ambiguous, replacedIds };
}

type FoundGroup = Pick<FoundNexthop, "isResilient"> & { readonly members: readonly GroupMember[] };

class KernelScan {
  readonly #fib: Fib;
  readonly #linkIndex: number;
  readonly #objects = new Map<number, FoundNexthop>();
  readonly #groups = new Map<number, FoundGroup>();
  readonly #pinnedIds: number[] = [];
  readonly #misplaced: MisplacedRoute[] = [];
  /** Foreign routes where ours would stand. */
  readonly #foreign: FoundRoute[] = [];
  /** The first foreign route beside each of ours. */
  readonly ambiguous: { readonly row: number; readonly route: FoundRoute }[] = [];
  /** Ids that routes of ours name, and that no object or group of ours has. */
  readonly strayIds = new Set<number>();
  readonly #number: number;
  /** How many routes of ours that the model has were not met yet. */
  #unmet = 0;

  constructor(fib: Fib, linkIndex: number) {
    this.#fib = fib;
    this.#linkIndex = linkIndex;
    this.#number = ++fib.scans;
    fib.nexthops.beginScan();
    for (const { counts } of fib.tables.all()) this.#unmet += counts[4].installed + counts[6].installed;
  }

  visitNexthop(found: FoundNexthop): void {
    const { id, members, isResilient } = found;
    const verdict = this.#fib.verdictOfNexthop(found);
    if (verdict === "foreign") this.#noteForeign(id, members);
    else if (members !== null) this.#groups.set(id, { members, isResilient });
    else this.#objects.set(id, found);
  }

  /** Compares the nexthops, all of which have been visited. Routes come next. */
  nexthopsRead(): void {
    const { nexthops, hops } = this.#fib;
    for (const nexthop of [...nexthops.all()]) {
      nexthop.isPinned = false;
      const found = this.#objects.get(nexthop.id) ?? this.#groups.get(nexthop.id);
      if (found !== undefined && isSameNexthop(nexthop, found)) continue;
      this.#drift("nexthopMissing");
      nexthops.delete(nexthop);
    }
    this.#adoptObjects();
    this.#adoptGroups();
    for (const id of this.#pinnedIds) this.#fib.pin(id);
    for (const nexthop of nexthops.all()) nexthops.addGcCandidate(nexthop);
    hops.disposeUnusedNew();
  }

  visitRoute(route: FoundRoute): void {
    const { table: tableId, destination, priority, nexthopId } = route;
    const { tables, nexthops } = this.#fib;
    const verdict = this.#fib.verdictOf(route);
    const observed = observedOf(verdict, route);
    if (observed !== 0 && this.#found(tableId, destination, observed)) return;
    // A second route of ours in the same slot is of no use.
    if (verdict === "misplaced" || (verdict === "ours" && nexthops.get(nexthopId) !== undefined)) {
      tables.findOrMake(tableId);
      this.#misplaced.push({ table: tableId, destination, priority, nexthopId });
      return;
    }
    this.#fib.pin(nexthopId);
    const isMapped = (tables.get(tableId)?.vnis.length ?? 0) > 0;
    if (isMapped && isInSlot(route)) this.#foreign.push(route);
  }

  /** Whether routes of ours were not among those that were visited: they are to be revisited, in another dump. */
  get hasMissed(): boolean {
    return this.#unmet > 0;
  }

  revisitRoute(route: FoundRoute): void {
    const { rows, tables } = this.#fib;
    const table = tables.get(route.table);
    const row = table === undefined ? -1 : rows.find(table, route.destination);
    if (row < 0 || rows.get(row, OBSERVED) === 0 || rows.get(row, SCANNED) === this.#number) return;
    this.visitRoute(route);
  }

  /** Records what was not met: it is gone, if all routes were visited. Yields where it may pause. */
  *finish(hasAllRoutes: boolean): Generator<void> {
    const fib = this.#fib;
    const { rows } = fib;
    for (let row = 0; row < rows.end; row++) {
      if (row % ROWS_BETWEEN_PAUSES === 0) yield;
      if (!rows.isUsed(row)) continue;
      rows.scanned(row);
      const installed = rows.get(row, OBSERVED);
      if (installed !== 0 && rows.get(row, SCANNED) !== this.#number) {
        if (hasAllRoutes || this.#isWithoutNexthop(installed)) {
          this.#drift("routeMissing");
          fib.observed(row, 0);
        } else {
          rows.unmet(row);
          fib.changes.mark(row);
        }
      }
      if (!fib.isRight(row) && !fib.isAwaited(row)) fib.changes.mark(row);
      fib.release(row);
    }
    for (const [index, route] of this.#foreign.entries()) {
      if (index % ROWS_BETWEEN_PAUSES === 0) yield;
      const row = fib.rowOf(route);
      // There may be several beside one of ours.
      if (row < 0 || rows.get(row, OBSERVED) === 0 || rows.has(row, AMBIGUOUS)) continue;
      rows.competed(row);
      // A predecessor's route gets a fault of its own.
      if (rows.get(row, OBSERVED) !== PLAIN) this.ambiguous.push({ row, route });
    }
    fib.ambiguous = this.ambiguous.map(({ row }) => row);
    fib.misplaced.set(this.#misplaced);
  }

  /** Records that our route is there. Returns false if another of ours was met there before. */
  #found(tableId: number, destination: Prefix, nexthopId: number): boolean {
    const fib = this.#fib;
    const { rows } = fib;
    const row = fib.rowFor(fib.tables.findOrMake(tableId), destination);
    // Without memory for it, it stays as it is, as if it were not ours.
    if (row < 0) return true;
    if (rows.get(row, SCANNED) === this.#number) return false;
    rows.met(row, this.#number);
    const before = rows.get(row, OBSERVED);
    if (before !== 0) this.#unmet--;
    if (nexthopId !== PLAIN && fib.nexthops.get(nexthopId) === undefined) this.strayIds.add(nexthopId);
    if (before === nexthopId) return true;
    this.#drift(before === 0 ? "routeExtra" : "routeChanged");
    if (before === 0) rows.adopted(row);
    fib.observed(row, nexthopId);
    return true;
  }

  /** Whether the kernel has nothing with that id, and so no route that names it. */
  #isWithoutNexthop(id: number): boolean {
    const { nexthops } = this.#fib;
    return id !== PLAIN && nexthops.get(id) === undefined && !nexthops.isForeign(id);
  }

  #adoptObjects(): void {
    const { nexthops, hops } = this.#fib;
    for (const found of this.#objects.values()) {
      const object = nexthops.get(found.id);
      const meant = object?.set?.hops[0]?.address;
      if (object === undefined || meant === undefined) continue;
      if (leadsTo(found, meant, this.#linkIndex)) continue;
      this.#drift("nexthopChanged");
      nexthops.setMeaning(object, null);
    }
    for (const { id, linkIndex, encapAddress } of this.#objects.values()) {
      const object = nexthops.get(id) ?? this.#extra(id, null);
      if (linkIndex !== this.#linkIndex || encapAddress === null || object.set !== null) continue;
      nexthops.setMeaning(object, hops.hopOf(encapAddress).singleton);
    }
  }

  #adoptGroups(): void {
    const { nexthops } = this.#fib;
    for (const [id, { members, isResilient }] of this.#groups) {
      const group = nexthops.get(id) ?? this.#extra(id, members, isResilient);
      if (!sameMembers(group.members ?? [], members)) {
        this.#drift("nexthopChanged");
        nexthops.setMembers(group, members);
      }
      if (group.set !== this.#meaningOf(group, members)) nexthops.setMeaning(group, null);
    }
    for (const [id, { members }] of this.#groups) {
      const group = nexthops.get(id);
      if (group !== undefined) nexthops.setMeaning(group, this.#meaningOf(group, members));
    }
  }

  /** The hop set of a group with these members; null if we make no such group. */
  #meaningOf({ isResilient }: FibNexthop, members: readonly GroupMember[]): HopSet | null {
    const hops = members.flatMap(({ id, weight }) => {
      const hop = this.#fib.nexthops.get(id)?.set?.hops[0];
      return hop?.weight === weight ? [hop] : [];
    });
    const isLarge = hops.length > (isResilient ? 0 : 1);
    const isOurs = hops.length === members.length && isLarge && new Set(hops).size === hops.length;
    return isOurs ? this.#fib.hops.setOf(hops) : null;
  }

  #extra(id: number, members: readonly GroupMember[] | null, isResilient = false): FibNexthop {
    this.#drift("nexthopExtra");
    const nexthop = this.#fib.nexthops.add(id, members, isResilient);
    nexthop.isAdopted = true;
    return nexthop;
  }

  #noteForeign(id: number, members: readonly GroupMember[] | null): void {
    this.#fib.nexthops.setForeign(id, true);
    for (const member of members ?? []) this.#pinnedIds.push(member.id);
  }

  #drift(kind: DriftKind): void {
    if (this.#number > 1) this.#fib.drift[kind]++;
  }
}
