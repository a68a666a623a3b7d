/**
 * A reading of the kernel, compared with the book: the first one adopts what is there, later ones find drift.
 *
 *     of our protocol, id in our block, shape as ours   →  our object or group
 *     of our protocol, naming one of those              →  our route, in whichever table
 *     of our protocol, naming none, in a mapped table   →  our predecessor's plain route, ours now
 *     everything else                                   →  foreign; what it names of ours is pinned
 *
 * An object for another device stays ours and means nothing: no destination wants it, so its routes move away, and
 * it goes. While a reading is under way, nothing is changed.
 *
 * A dump of IPv6 routes misses some that are there when others delete and add routes in their table meanwhile: the kernel
 * starts anew at the root and skips as many as it has told (fib6_dump_table in net/ipv6/ip6_fib.c; seen on 6.18, without
 * NLM_F_DUMP_INTR). So where one of ours is missing, a second dump has to miss it too.
 */
import { sameAddress } from "../net/address.ts";
import type { Prefix } from "../net/ip.ts";
import type { Clock } from "../session/clock.ts";
import type { DriftKind, Fib } from "./fib.ts";
import type { HopSet } from "./fib-hops.ts";
import type { Leftover } from "./fib-leftovers.ts";
import type { FibNexthop } from "./fib-nexthops.ts";
import { ADOPTED, CONTESTED, INSTALLED, PLAIN, READ, UNREAD, UNSURE } from "./fib-rows.ts";
import type { FoundNexthop, FoundRoute, GroupMember, Kernel } from "./kernel.ts";
import { defaultPriority } from "./plan.ts";

/** RTN_UNICAST in linux/rtnetlink.h. */
const RTN_UNICAST = 1;
/** Between two pauses. */
const ROWS_PER_STEP = 2_000;

/**
 * Reads the kernel into the book. Others have their turn meanwhile, but nothing may be changed in the kernel by us. Gives
 * the rows beside which there is a foreign route, but for those of which the last reading knew.
 */
export async function readKernel(
  fib: Fib,
  kernel: Kernel,
  linkIndex: number,
  clock: Clock,
): Promise<readonly number[]> {
  const reading = new FibReading(fib, linkIndex);
  await kernel.eachNexthop((nexthop) => reading.visitNexthop(nexthop));
  reading.nexthopsRead();
  await kernel.eachRoute((route) => reading.visitRoute(route));
  if (reading.hasMissed) await kernel.eachRoute((route) => reading.revisitRoute(route));
  const known = new Set(fib.contested);
  for (const _ of reading.finish()) await new Promise<void>((resolve) => clock.soon(resolve));
  return fib.contested.filter((row) => !known.has(row));
}

class FibReading {
  readonly #objects = new Map<number, FoundNexthop>();
  readonly #groups = new Map<number, readonly GroupMember[]>();
  readonly #pinnedIds: number[] = [];
  readonly #leftovers: Leftover[] = [];
  /** Foreign routes where ours would stand. */
  readonly #foreign: { readonly table: number; readonly destination: Prefix }[] = [];
  readonly #number: number;
  /** IPv6 routes of ours in the book that have not been met. */
  #unmet = 0;

  constructor(
    private readonly fib: Fib,
    private readonly linkIndex: number,
  ) {
    this.#number = ++fib.readings;
    fib.nexthops.forgetForeign();
    for (const { counts } of fib.tables.all()) this.#unmet += counts[6].installed;
  }

  visitNexthop(found: FoundNexthop): void {
    const { id, members, encapAddress } = found;
    if (isOurShape(this.fib, found)) {
      if (members !== null) this.#groups.set(id, members);
      else if (encapAddress !== null) this.#objects.set(id, found);
    } else this.#noteForeign(id, members);
  }

  /** All nexthops have been visited; routes come next. */
  nexthopsRead(): void {
    const { nexthops, hops } = this.fib;
    for (const [id, members] of this.#groups) {
      if (members.every((member) => this.#objects.has(member.id))) continue;
      this.#groups.delete(id);
      this.#noteForeign(id, members);
    }
    for (const nexthop of [...nexthops.all()]) {
      nexthop.isPinned = false;
      const isThere = (nexthop.members === null ? this.#objects : this.#groups).has(nexthop.id);
      if (isThere) continue;
      this.#drift("nexthopMissing");
      nexthops.delete(nexthop);
    }
    this.#adoptObjects();
    this.#adoptGroups();
    for (const id of this.#pinnedIds) this.#pin(id);
    for (const nexthop of nexthops.all()) nexthops.suspect(nexthop);
    hops.disposeUnusedNew();
  }

  visitRoute(route: FoundRoute): void {
    const { table: tableId, destination, priority, nexthopId } = route;
    const isOursToHold =
      route.protocol === this.fib.protocol && route.type === RTN_UNICAST && route.tos === 0;
    const isInPlace = priority === defaultPriority(destination.family);
    if (isOursToHold && this.fib.nexthops.get(nexthopId) !== undefined) {
      if (!isInPlace || !this.#found(tableId, destination, nexthopId)) {
        this.fib.tables.findOrMake(tableId);
        this.#leftovers.push({ table: tableId, destination, priority, nexthopId });
      }
      return;
    }
    const isMapped = (this.fib.tables.get(tableId)?.vnis.length ?? 0) > 0;
    const isPredecessors = isOursToHold && nexthopId === 0 && isInPlace && isMapped;
    if (isPredecessors && this.#found(tableId, destination, PLAIN)) return;
    this.#pin(nexthopId);
    if (isMapped && isInPlace && route.tos === 0) this.#foreign.push({ table: tableId, destination });
  }

  /** All routes have been visited, and some were not among them: they are to be revisited, in another dump. */
  get hasMissed(): boolean {
    return this.#unmet > 0;
  }

  revisitRoute(route: FoundRoute): void {
    const { rows, tables } = this.fib;
    const table = tables.get(route.table);
    const row = table === undefined ? -1 : rows.find(table, route.destination);
    if (row < 0 || rows.get(row, INSTALLED) === 0 || rows.get(row, READ) === this.#number) return;
    this.visitRoute(route);
  }

  /** What has not been met is gone. Yields where it may pause. */
  *finish(): Generator<void> {
    const { fib } = this;
    const { rows } = fib;
    for (let row = 0; row < rows.end; row++) {
      if (row % ROWS_PER_STEP === 0) yield;
      if (!rows.isUsed(row)) continue;
      rows.lower(row, CONTESTED | UNREAD | UNSURE);
      if (rows.get(row, INSTALLED) !== 0 && rows.get(row, READ) !== this.#number) {
        this.#drift("routeMissing");
        fib.setInstalled(row, 0);
      }
      if (!fib.isRight(row) && !fib.isAwaited(row)) fib.changes.mark(row);
      fib.release(row);
    }
    const contested: number[] = [];
    for (const [index, { table, destination }] of this.#foreign.entries()) {
      if (index % ROWS_PER_STEP === 0) yield;
      const found = fib.tables.get(table);
      const row = found === undefined ? -1 : rows.find(found, destination);
      // There may be several beside one of ours.
      if (row < 0 || rows.get(row, INSTALLED) === 0 || rows.has(row, CONTESTED)) continue;
      rows.raise(row, CONTESTED);
      // A predecessor's has a fault of its own.
      if (rows.get(row, INSTALLED) !== PLAIN) contested.push(row);
    }
    fib.contested = contested;
    fib.leftovers.set(this.#leftovers);
  }

  /** Our route stands there. False: another of ours does too. */
  #found(tableId: number, destination: Prefix, nexthopId: number): boolean {
    const { fib } = this;
    const { rows } = fib;
    const row = rows.findOrMake(fib.tables.findOrMake(tableId), destination);
    if (rows.get(row, READ) === this.#number) return false;
    rows.set(row, READ, this.#number);
    const before = rows.get(row, INSTALLED);
    if (before !== 0 && destination.family === 6) this.#unmet--;
    if (before === nexthopId) return true;
    this.#drift(before === 0 ? "routeExtra" : "routeChanged");
    if (before === 0) rows.raise(row, ADOPTED);
    fib.setInstalled(row, nexthopId);
    return true;
  }

  #adoptObjects(): void {
    const { nexthops, hops } = this.fib;
    for (const { id, linkIndex, encapAddress } of this.#objects.values()) {
      const object = nexthops.get(id);
      const meant = object?.set?.hops[0]?.address;
      if (object === undefined || meant === undefined) continue;
      if (linkIndex === this.linkIndex && encapAddress !== null && sameAddress(meant, encapAddress)) continue;
      this.#drift("nexthopChanged");
      nexthops.setMeaning(object, null);
    }
    for (const { id, linkIndex, encapAddress } of this.#objects.values()) {
      const object = nexthops.get(id) ?? this.#extra(id, null);
      if (linkIndex !== this.linkIndex || encapAddress === null || object.set !== null) continue;
      nexthops.setMeaning(object, hops.hopOf(encapAddress).alone);
    }
  }

  #adoptGroups(): void {
    const { nexthops } = this.fib;
    for (const [id, members] of this.#groups) {
      const group = nexthops.get(id) ?? this.#extra(id, members);
      if (!sameMembers(group.members ?? [], members)) {
        this.#drift("nexthopChanged");
        nexthops.setMembers(group, members);
      }
      if (group.set !== this.#meaningOf(members)) nexthops.setMeaning(group, null);
    }
    for (const [id, members] of this.#groups) {
      const group = nexthops.get(id);
      if (group !== undefined) nexthops.setMeaning(group, this.#meaningOf(members));
    }
  }

  /** The set of a group with these members; null: we make no such group. */
  #meaningOf(members: readonly GroupMember[]): HopSet | null {
    const hops = members.flatMap(({ id, weight }) => {
      const hop = this.fib.nexthops.get(id)?.set?.hops[0];
      return hop?.weight === weight ? [hop] : [];
    });
    const isOurs = hops.length === members.length && hops.length > 1 && new Set(hops).size === hops.length;
    return isOurs ? this.fib.hops.setOf(hops) : null;
  }

  #extra(id: number, members: readonly GroupMember[] | null): FibNexthop {
    this.#drift("nexthopExtra");
    return this.fib.nexthops.add(id, members);
  }

  #noteForeign(id: number, members: readonly GroupMember[] | null): void {
    this.fib.nexthops.setForeign(id, true);
    for (const member of members ?? []) this.#pinnedIds.push(member.id);
  }

  #pin(id: number): void {
    const nexthop = this.fib.nexthops.get(id);
    if (nexthop !== undefined) nexthop.isPinned = true;
  }

  #drift(kind: DriftKind): void {
    if (this.#number > 1) this.fib.drift[kind]++;
  }
}

/** Object or group of our protocol, in our block, with nothing that ours never have. */
export function isOurShape(fib: Pick<Fib, "protocol" | "nexthops">, found: FoundNexthop): boolean {
  const { id, protocol, members, encapAddress, isOdd } = found;
  if (protocol !== fib.protocol || !fib.nexthops.block.has(id) || isOdd) return false;
  return members !== null || encapAddress?.family === 6;
}

function sameMembers(a: readonly GroupMember[], b: readonly GroupMember[]): boolean {
  const inB = new Map(b.map(({ id, weight }) => [id, weight]));
  return a.length === b.length && a.every(({ id, weight }) => inB.get(id) === weight);
}
