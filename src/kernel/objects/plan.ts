/**
 * Plans what is to be done: from the FIB model and the rows that are due to operations. Nothing here changes the model, nor
 * the kernel:
 *
 *     due-rows.ts ── rows ──▶ plan.ts ── steps ──▶ reconcile/applier.ts ── operations ──▶ the kernel
 *                             reads the model                                                │
 *     the FIB model ◀── result, the verb of each step's kind ◀──────────────── failures ─────┘
 *
 * The order within a plan keeps every packet's way open: objects, then the groups of them, then the routes. A
 * route moves to another nexthop by one replace; the old one stays until nothing names it, and goes in a plan
 * of its own, some time later (see planGarbage). A resilient group of a single route is replaced in place instead.
 */

import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import type { MisplacedRoute } from "../fib/misplaced-routes.ts";
import type { FibNexthops } from "../fib/nexthops.ts";
import { defaultPriority } from "../fib/ownership.ts";
import type { Fault } from "../fib/retries.ts";
import { AMBIGUOUS, type FibRows, familyOf, OBSERVED, PLAIN, UNPROVEN } from "../fib/rows.ts";
import type { GroupMember, Operation } from "../kernel.ts";

/** A replace would hit one of the two, and the kernel does not say which: the foreign one must stay. */
const TWO_PLAIN: NoOperation = {
  isCollision: true,
  code: "EEXIST",
  message: "beside a predecessor's plain route there is another to the same destination: delete one of them",
};
const NO_ID: NoOperation = {
  isCollision: false,
  code: "ENOSPC",
  message:
    "all nexthop ids of our protocol number are in use: ip nexthop show lists them, and another route protocol has others",
};

export type NexthopOperation = Extract<
  Operation,
  { type: "add-nexthop" | "add-group" | "add-resilient-group" }
>;
export type ReplaceGroup = Extract<Operation, { type: "replace-resilient-group" }>;
export type RouteOperation = Extract<Operation, { type: "add-route" | "replace-route" | "delete-route" }>;
export type DeleteNexthop = Extract<Operation, { type: "delete-nexthop" }>;

/** An operation, the kind of object that it changes (object-kind.ts), and the part of the FIB model that it is about. */
export type Step =
  | {
      readonly kind: "nexthop";
      readonly about: "set";
      readonly set: HopSet;
      readonly operation: NexthopOperation;
    }
  | {
      readonly kind: "nexthop";
      readonly about: "group";
      readonly row: number;
      readonly group: FibNexthop;
      readonly set: HopSet;
      readonly operation: ReplaceGroup;
    }
  | {
      readonly kind: "route";
      readonly about: "row";
      readonly row: number;
      readonly operation: RouteOperation;
    }
  | { readonly kind: "route"; readonly about: "misplaced"; readonly operation: RouteOperation }
  | {
      readonly kind: "nexthop";
      readonly about: "nexthop";
      readonly nexthop: FibNexthop;
      readonly operation: DeleteNexthop;
    };

/** Why nothing can be done for a row. */
export type NoOperation = Omit<Fault, "attempts">;

/** What a plan reads of the FIB model (see {@link Fib}). */
export interface FibView {
  readonly rows: Pick<FibRows, "get" | "has" | "tableOf" | "prefixOf">;
  readonly nexthops: Pick<
    FibNexthops,
    "ownResilient" | "wantsResilient" | "hasRoomForResilient" | "freeId" | "isNeeded"
  >;
  desiredSet(row: number): HopSet | null;
}

export interface RowPlan {
  readonly steps: readonly Step[];
  /** Rows for which nothing can be done now. */
  readonly stuck: readonly { readonly row: number; readonly reason: NoOperation }[];
  /** Rows whose route needs no operation of its own. */
  readonly unchanged: readonly number[];
}

export interface GarbagePlan {
  readonly steps: readonly Step[];
  /** Nexthops that we do not need, and that stay since something foreign names them. */
  readonly pinned: readonly FibNexthop[];
}

/** Plans the operations that bring these rows from what is observed to what is desired. */
export function planRows(fib: FibView, rows: readonly number[]): RowPlan {
  const made = new NewNexthops(fib);
  const routes: Step[] = [];
  const stuck: RowPlan["stuck"][number][] = [];
  const unchanged: number[] = [];
  for (const row of rows) {
    const operation = routeOperation(fib, row, made);
    if (operation === null) unchanged.push(row);
    else if ("isCollision" in operation) stuck.push({ row, reason: operation });
    else routes.push({ kind: "route", about: "row", row, operation });
  }
  return { steps: [...made.objects, ...made.groups, ...routes], stuck, unchanged };
}

/** Plans the deletion of routes of ours that stand where we put none. */
export function planMisplaced(routes: readonly MisplacedRoute[]): Step[] {
  return routes.map((route): Step => {
    return { kind: "route", about: "misplaced", operation: { type: "delete-route", ...route } };
  });
}

/** Plans the deletion of those nexthops that nothing needs: groups first, for objects are named by them. */
export function planGarbage({ nexthops }: FibView, candidates: readonly FibNexthop[]): GarbagePlan {
  const unneeded = candidates.filter((nexthop) => !nexthops.isNeeded(nexthop));
  const free = unneeded.filter(({ isPinned }) => !isPinned);
  const groups = free.filter(({ members }) => members !== null);
  const objects = free.filter(({ members }) => members === null);
  const steps = [...groups, ...objects].map((nexthop): Step => {
    return {
      kind: "nexthop",
      about: "nexthop",
      nexthop,
      operation: { type: "delete-nexthop", id: nexthop.id },
    };
  });
  return { steps, pinned: unneeded.filter(({ isPinned }) => isPinned) };
}

/** The operation on the row's route; null: it needs none. */
function routeOperation(fib: FibView, row: number, made: NewNexthops): RouteOperation | NoOperation | null {
  const { rows } = fib;
  const set = fib.desiredSet(row);
  const installed = rows.get(row, OBSERVED);
  const table = rows.tableOf(row).id;
  const priority = defaultPriority(familyOf(row));
  const nexthopId = set === null ? 0 : made.idFor(row, set);
  if (set !== null && nexthopId === 0) return NO_ID;
  const isUnproven = rows.has(row, UNPROVEN) && set !== null;
  if (installed === nexthopId && !isUnproven) return null;
  const destination = rows.prefixOf(row);
  if (installed === 0 || installed === nexthopId) return { type: "add-route", table, destination, nexthopId };
  const isAmbiguous = rows.has(row, AMBIGUOUS);
  if (isAmbiguous && installed === PLAIN) return TWO_PLAIN;
  if (set !== null && !isAmbiguous) return { type: "replace-route", table, destination, priority, nexthopId };
  const named = installed === PLAIN ? 0 : installed;
  return { type: "delete-route", table, destination, priority, nexthopId: named };
}

/** The objects and groups that a plan's routes need and the kernel does not have yet. */
class NewNexthops {
  readonly #fib: FibView;
  readonly objects: Step[] = [];
  readonly groups: Step[] = [];
  /** Ids of new objects and plain groups, each of which is one for all destinations. */
  readonly #ids = new Map<HopSet, number>();
  #lastId: number | undefined;
  #newIds = 0;
  #newResilient = 0;

  constructor(fib: FibView) {
    this.#fib = fib;
  }

  /** The id that the row's route is to name; 0: no id is left. */
  idFor(row: number, set: HopSet): number {
    const { nexthops, rows } = this.#fib;
    const own = nexthops.ownResilient(set, rows.get(row, OBSERVED));
    if (own?.set === set) return own.id;
    const mayHaveOwn = nexthops.wantsResilient(set) && nexthops.hasRoomForResilient(this.#newResilient + 1);
    if (own === null && !mayHaveOwn) return this.#idOf(set);
    const members = this.#membersOf(set);
    if (members === null) return 0;
    if (own !== null) {
      const operation = { type: "replace-resilient-group", id: own.id, members } as const;
      this.groups.push({ kind: "nexthop", about: "group", row, group: own, set, operation });
      return own.id;
    }
    const id = this.#newId();
    if (id === 0) return 0;
    this.#newResilient++;
    this.groups.push({
      kind: "nexthop",
      about: "set",
      set,
      operation: { type: "add-resilient-group", id, members },
    });
    return id;
  }

  /** The id that the set's own object or plain group has, or will have; 0: no id is left. */
  #idOf(set: HopSet): number {
    const known = set.nexthop?.id ?? this.#ids.get(set);
    if (known !== undefined) return known;
    const [first] = set.hops;
    const isObject = set.hops.length === 1 && first !== undefined;
    const members = isObject ? [] : this.#membersOf(set);
    const id = members === null ? 0 : this.#newId();
    if (members === null || id === 0) return 0;
    this.#ids.set(set, id);
    if (isObject) {
      const operation = { type: "add-nexthop", id, address: first.address } as const;
      this.objects.push({ kind: "nexthop", about: "set", set, operation });
    } else
      this.groups.push({ kind: "nexthop", about: "set", set, operation: { type: "add-group", id, members } });
    return id;
  }

  /** The members of the set's group; null: no id is left for one of them. */
  #membersOf(set: HopSet): GroupMember[] | null {
    const members = set.hops.map(
      ({ singleton, weight }): GroupMember => ({ id: this.#idOf(singleton), weight }),
    );
    return members.some(({ id }) => id === 0) ? null : members;
  }

  #newId(): number {
    const id = this.#fib.nexthops.freeId(this.#lastId, this.#newIds);
    if (id === 0) return 0;
    this.#lastId = id;
    this.#newIds++;
    return id;
  }
}
