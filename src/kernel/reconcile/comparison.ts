/**
 * Compares what is desired with a fresh dump of the kernel, for the question "is the kernel right, now?". The model is only
 * read: what the comparison finds is repaired by the scans and notifications, as always.
 *
 *     dump ─▶ rows that differ ─ none ─▶ done
 *                │ some
 *                ▼
 *     dump again, and once more of ours alone ─▶ those that still differ in the same way
 *
 * The second dump is needed since a change of ours may be between the model and the first one, and since a dump of IPv6 routes
 * misses some while its table changes (objects/route-kind.ts). So a difference that is reported has lasted for at least a dump.
 *
 * In memory: some bytes for each row of the model, and at most `limit` differences.
 */
import type { Clock } from "../../base/clock.ts";
import { compareAddress } from "../../net/address.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { comparePrefix, formatPrefix } from "../../net/prefix.ts";
import type { HopSet } from "../desired/hop-set.ts";
import type { Fib } from "../fib/fib.ts";
import { isInSlot, observedOf } from "../fib/ownership.ts";
import { PLAIN } from "../fib/rows.ts";
import { formatFoundRoute, showRouteCommand } from "../format-route.ts";
import type { FoundNexthop, FoundRoute, Kernel, Link } from "../kernel.ts";
import { knownOfOurs, NO_LINK } from "../objects/object-kinds.ts";
import { type KernelRow, kernelRowOf } from "./kernel-row.ts";

/** missing: no route of ours is there. changed: it leads elsewhere. extra: none is desired there. */
export type DifferenceKind = "missing" | "changed" | "extra";

/** A destination for which the kernel does not have what is desired. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly table: number;
  readonly destination: Prefix;
  readonly desired: readonly IpAddress[];
  /** Where our route leads; null if there is none, empty if it leads to no hypervisor. */
  readonly found: readonly IpAddress[] | null;
  /** The object or group that our route names; null if there is no route, or it names none. */
  readonly nexthopId: number | null;
  /** A foreign route where ours would stand, as iproute2 shows it, with the command that shows it; null if there is none. */
  readonly inTheWay: string | null;
  /** What the model knows about the destination; null if it has none, as for a route with another metric. */
  readonly row: KernelRow | null;
}

/** What a comparison has found. */
export interface Comparison {
  /** In the order of table and destination; not more than was asked for. */
  readonly differences: readonly Difference[];
  /** How many there are. */
  readonly count: number;
  /** How many destinations with a desired route were compared. */
  readonly compared: number;
  /** Whether the kernel's dumps were complete: otherwise routes that are there may be reported as missing. */
  readonly isWhole: boolean;
}

export interface ComparisonParts {
  readonly fib: Fib;
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** The tunnel device; null if there is none. */
  readonly link: Link | null;
  readonly deviceCauses: readonly string[];
  /** How many differences are named. */
  readonly limit: number;
}

/** How many rows are compared between two pauses. */
const ROWS_BETWEEN_PAUSES = 2_000;
/** How many differences are worked out between two pauses: some 20 µs each. */
const DIFFERENCES_BETWEEN_PAUSES = 100;
/** A row without a route of ours. */
const NOTHING = 0;

export async function compareWithKernel(parts: ComparisonParts): Promise<Comparison> {
  const first = await KernelDump.read(parts, { isThorough: false });
  const before = new Uint8Array(first.end);
  let differing = first.strays.size;
  for await (const row of differingRows(parts, first)) {
    before[row] = 1;
    differing++;
  }
  const compared = countDesired(parts.fib);
  if (differing === 0) return { differences: [], count: 0, compared, isWhole: first.isWhole };
  const second = await KernelDump.read(parts, { isThorough: true });
  const differences: Difference[] = [];
  let count = 0;
  for await (const row of differingRows(parts, second)) {
    if (before[row] !== 1 || first.observedOf(row) !== second.observedOf(row)) continue;
    count++;
    if (differences.length >= parts.limit) continue;
    differences.push(differenceOf(parts, second, row));
    if (differences.length % DIFFERENCES_BETWEEN_PAUSES === 0) await pause(parts.clock);
  }
  for (const [key, route] of second.strays) {
    if (!first.strays.has(key)) continue;
    count++;
    if (differences.length < parts.limit) differences.push(strayOf(second, route));
  }
  differences.sort((a, b) => a.table - b.table || comparePrefix(a.destination, b.destination));
  return { differences, count, compared, isWhole: first.isWhole && second.isWhole };
}

/** What the kernel has of ours, as one dump shows it. */
class KernelDump {
  readonly #fib: Fib;
  readonly #linkIndex: number;
  /** Per row of the model: the id that our route names, PLAIN, or NOTHING. */
  readonly #observed: Int32Array;
  readonly #nexthops = new Map<number, FoundNexthop>();
  /** What an id leads to, worked out once: null if not to hypervisors by the tunnel device. */
  readonly #meanings = new Map<number, readonly Member[] | null>();
  /** Foreign routes in the place of ours, by row. */
  readonly inTheWay = new Map<number, FoundRoute>();
  /** Routes of ours for which the model has no row, or with another metric, by table and destination. */
  readonly strays = new Map<string, FoundRoute>();
  isWhole = true;

  private constructor({ fib, link }: ComparisonParts) {
    this.#fib = fib;
    this.#linkIndex = link?.index ?? NO_LINK;
    this.#observed = new Int32Array(fib.rows.end);
  }

  /** `isThorough`: reads ours twice, by dumps of two kinds. */
  static async read(
    parts: ComparisonParts,
    { isThorough }: { readonly isThorough: boolean },
  ): Promise<KernelDump> {
    const { fib, kernel } = parts;
    const dump = new KernelDump(parts);
    const ours = knownOfOurs(fib, dump.#linkIndex);
    const hasNexthops = await kernel.eachNexthop(ours, (nexthop) => dump.#nexthops.set(nexthop.id, nexthop));
    const hasRoutes = await kernel.eachRoute(ours, (route) => dump.#visit(route, parts.limit));
    if (isThorough) await kernel.eachRouteOfOurs(ours, (route) => dump.#visit(route, parts.limit));
    dump.isWhole = hasNexthops && hasRoutes;
    return dump;
  }

  /** How many rows there were. */
  get end(): number {
    return this.#observed.length;
  }

  observedOf(row: number): number {
    return this.#observed[row] ?? NOTHING;
  }

  /** Whether a route that names the id leads to exactly the hops of the set, with their shares. */
  leadsTo(id: number, { hops }: HopSet): boolean {
    const members = this.membersOf(id);
    if (members === null || members.length !== hops.length) return false;
    return members.every(({ address, weight }, i) => {
      const hop = hops[i];
      return (
        hop !== undefined &&
        compareAddress(address, hop.address) === 0 &&
        (members.length === 1 || weight === hop.weight)
      );
    });
  }

  membersOf(id: number): readonly Member[] | null {
    return this.#meanings.getOrInsertComputed(id, () => this.#workOut(id));
  }

  #workOut(id: number): readonly Member[] | null {
    const nexthop = this.#nexthops.get(id);
    if (nexthop === undefined || nexthop.isOdd) return null;
    const { members, encapAddress, linkIndex } = nexthop;
    if (members === null) {
      return encapAddress === null || linkIndex !== this.#linkIndex
        ? null
        : [{ address: encapAddress, weight: 1 }];
    }
    const found: Member[] = [];
    for (const member of members) {
      const [object] =
        this.#nexthops.get(member.id)?.members === null ? (this.membersOf(member.id) ?? []) : [];
      if (object === undefined) return null;
      found.push({ address: object.address, weight: member.weight });
    }
    return found.sort((a, b) => compareAddress(a.address, b.address));
  }

  #visit(route: FoundRoute, limit: number): void {
    const fib = this.#fib;
    const verdict = fib.verdictOf(route);
    const observed = observedOf(verdict, route);
    const row = fib.rowOf(route);
    if (observed !== NOTHING && row >= 0) {
      if (row < this.#observed.length) this.#observed[row] = observed;
    } else if (observed !== NOTHING || verdict === "misplaced") {
      if (this.strays.size < limit) this.strays.set(keyOf(route), route);
    } else if (row >= 0 && isInSlot(route) && this.inTheWay.size < limit) this.inTheWay.set(row, route);
  }
}

interface Member {
  readonly address: IpAddress;
  readonly weight: number;
}

/** Iterates over the rows that differ, with pauses. */
async function* differingRows({ fib, clock }: ComparisonParts, dump: KernelDump): AsyncGenerator<number> {
  for (let row = 0; row < dump.end; row++) {
    if (row % ROWS_BETWEEN_PAUSES === 0) await pause(clock);
    if (!fib.rows.isUsed(row)) continue;
    if (kindOf(fib.desiredSet(row), dump.observedOf(row), dump) !== null) yield row;
  }
}

function kindOf(set: HopSet | null, observed: number, dump: KernelDump): DifferenceKind | null {
  if (set === null) return observed === NOTHING ? null : "extra";
  if (observed === NOTHING) return "missing";
  return observed !== PLAIN && dump.leadsTo(observed, set) ? null : "changed";
}

function differenceOf({ fib, deviceCauses }: ComparisonParts, dump: KernelDump, row: number): Difference {
  const known = kernelRowOf(fib, row, deviceCauses);
  const observed = dump.observedOf(row);
  const foreign = dump.inTheWay.get(row);
  const { table, destination } = known;
  return {
    // It differs.
    kind: kindOf(fib.desiredSet(row), observed, dump) ?? "changed",
    table,
    destination,
    desired: known.desired,
    ...foundOf(dump, observed),
    inTheWay:
      foreign === undefined ? null : `${formatFoundRoute(foreign)} (${showRouteCommand(table, destination)})`,
    row: known,
  };
}

function strayOf(dump: KernelDump, route: FoundRoute): Difference {
  const { table, destination, nexthopId } = route;
  const observed = nexthopId === 0 ? PLAIN : nexthopId;
  return {
    kind: "extra",
    table,
    destination,
    desired: [],
    ...foundOf(dump, observed),
    inTheWay: null,
    row: null,
  };
}

function foundOf(dump: KernelDump, observed: number): Pick<Difference, "found" | "nexthopId"> {
  if (observed === NOTHING) return { found: null, nexthopId: null };
  if (observed === PLAIN) return { found: [], nexthopId: null };
  const members = dump.membersOf(observed) ?? [];
  return { found: members.map(({ address }) => address), nexthopId: observed };
}

function countDesired({ tables }: Fib): number {
  let count = 0;
  for (const { counts } of tables.all()) count += counts[4].wanted + counts[6].wanted;
  return count;
}

function keyOf({ table, destination, priority }: FoundRoute): string {
  return `${table} ${formatPrefix(destination)} ${priority}`;
}

function pause(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
