/**
 * From the book to operations, and from their results back into the book.
 *
 * The order within a plan keeps every packet's way open: objects, then the groups of them, then the routes. A
 * route moves to another nexthop by one replace; the old one stays until nothing names it, and goes in a plan
 * of its own, some time later (see planGarbage). A resilient group of a single route is replaced in place instead.
 */

import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import type { Fib } from "../fib/fib.ts";
import type { MisplacedRoute } from "../fib/misplaced.ts";
import type { Fault } from "../fib/retries.ts";
import { AMBIGUOUS, familyOf, OBSERVED, PLAIN, SHRUNK, UNPROVEN, UNSURE } from "../fib/rows.ts";
import { defaultPriority } from "../fib/verdict.ts";
import type { GroupMember, Operation, OperationFailure } from "../kernel.ts";

/** Which of the two would go cannot be said, and the foreign one must not. */
const TWO_PLAIN: Obstacle = {
  isCollision: true,
  code: "EEXIST",
  message: "beside a predecessor's plain route there is another to the same destination: delete one of them",
};
const NO_ID: Obstacle = {
  isCollision: false,
  code: "ENOSPC",
  message:
    "all nexthop ids of our protocol number are in use: ip nexthop show lists them, and another route protocol has others",
};

/** Each takes some milliseconds (see fib-nexthops.ts). */
const REPLACED_GROUPS_PER_PLAN = 4;

type NexthopOperation = Extract<Operation, { type: "add-nexthop" | "add-group" | "add-resilient-group" }>;
type ReplaceGroup = Extract<Operation, { type: "replace-resilient-group" }>;
type RouteOperation = Extract<Operation, { type: "add-route" | "replace-route" | "delete-route" }>;
type DeleteNexthop = Extract<Operation, { type: "delete-nexthop" }>;

/** An operation, and what of the book it is about. */
export type Step =
  | { readonly about: "set"; readonly set: HopSet; readonly operation: NexthopOperation }
  | {
      readonly about: "group";
      readonly row: number;
      readonly group: FibNexthop;
      readonly set: HopSet;
      readonly operation: ReplaceGroup;
    }
  | { readonly about: "row"; readonly row: number; readonly operation: RouteOperation }
  | { readonly about: "misplaced"; readonly operation: RouteOperation }
  | { readonly about: "nexthop"; readonly nexthop: FibNexthop; readonly operation: DeleteNexthop };

/** A step that failed in a way that somebody should know of. */
export interface StepFailure {
  readonly operation: Operation;
  readonly code: string;
  readonly message: string;
  /** collision: a foreign route or nexthop is in its place. dependent: the nexthop that it names could not be made. */
  readonly kind: "collision" | "dependent" | "other";
  /** How often this has failed now, in a row. */
  readonly attempts: number;
  /** Of a route that was to be added where there is one, but in the book; null: of anything else. */
  readonly collidedRow: number | null;
}

export interface Outcome {
  readonly failures: readonly StepFailure[];
  /** The book may be wrong in more than it was told: the kernel should be read. */
  readonly needsScan: boolean;
}

/** Why nothing can be done for a row. */
export type Obstacle = Omit<Fault, "attempts">;

/**
 * What makes the kernel right for these rows, which are taken from {@link Fib.changes} one by one: not all of them where it
 * becomes too much work. `visitStuck` hears of those for which nothing can be done now.
 */
export function planRows(
  fib: Fib,
  rows: Iterable<number>,
  visitStuck: (row: number, obstacle: Obstacle) => void,
): Step[] {
  const made = new NewNexthops(fib);
  const routes: Step[] = [];
  for (const row of rows) {
    const set = fib.refresh(row);
    const operation = fib.isAwaited(row) ? null : routeOperation(fib, row, set, made);
    if (operation === null) {
      if (fib.isRight(row)) fib.succeeded(row);
    } else if ("isCollision" in operation) visitStuck(row, operation);
    else routes.push({ about: "row", row, operation });
    fib.release(row);
    if (made.replacedGroups === REPLACED_GROUPS_PER_PLAN) break;
  }
  return [...made.objects, ...made.groups, ...routes];
}

/** What deletes up to `limit` routes of ours that have a priority we do not use. */
export function planMisplaced(fib: Fib, limit: number): Step[] {
  return fib.misplaced.take(limit).map(
    (misplaced: MisplacedRoute): Step => ({
      about: "misplaced",
      operation: { type: "delete-route", ...misplaced },
    }),
  );
}

/** What deletes up to `limit` nexthops that nothing needs; `visitPinned` hears of those that foreign routes name. */
export function planGarbage(fib: Fib, limit: number, visitPinned: (nexthop: FibNexthop) => void): Step[] {
  return fib.nexthops.takeUnneeded(limit, visitPinned).map(
    (nexthop): Step => ({
      about: "nexthop",
      nexthop,
      operation: { type: "delete-nexthop", id: nexthop.id },
    }),
  );
}

/** Writes the results of a plan's steps, in their order, into the book. */
export function applyResults(
  fib: Fib,
  steps: readonly Step[],
  failures: readonly OperationFailure[],
  nowMs: number,
): Outcome {
  const writer = new ResultWriter(fib, nowMs);
  const failed = new Map(failures.map((failure) => [failure.index, failure]));
  steps.forEach((step, index) => {
    const failure = failed.get(index);
    if (failure === undefined) writer.done(step);
    else writer.failed(step, failure);
  });
  return writer;
}

/** Null: it is right as it is. */
function routeOperation(
  fib: Fib,
  row: number,
  set: HopSet | null,
  made: NewNexthops,
): RouteOperation | Obstacle | null {
  const { rows } = fib;
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
  readonly #fib: Fib;
  readonly objects: Step[] = [];
  readonly groups: Step[] = [];
  /** Objects and plain groups, which are one for all destinations. */
  readonly #ids = new Map<HopSet, number>();
  #lastId: number | undefined;
  #newIds = 0;
  #newResilient = 0;
  #replacedGroups = 0;

  constructor(fib: Fib) {
    this.#fib = fib;
  }

  /** Resilient ones that get other members. */
  get replacedGroups(): number {
    return this.#replacedGroups;
  }

  /** The id that the row's route is to name; 0: there is none left. */
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
      this.groups.push({ about: "group", row, group: own, set, operation });
      this.#replacedGroups++;
      return own.id;
    }
    const id = this.#newId();
    if (id === 0) return 0;
    this.#newResilient++;
    this.groups.push({ about: "set", set, operation: { type: "add-resilient-group", id, members } });
    return id;
  }

  /** The id that the set's own object or plain group has, or will have; 0: there is none left. */
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
      this.objects.push({ about: "set", set, operation });
    } else this.groups.push({ about: "set", set, operation: { type: "add-group", id, members } });
    return id;
  }

  /** Null: there is no id left for one of them. */
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

/** Why a nexthop could not be made. */
interface NotMade {
  /** It is worth trying again at once. */
  readonly isRetried: boolean;
  readonly code: string;
  readonly message: string;
}

class ResultWriter implements Outcome {
  readonly #fib: Fib;
  readonly #nowMs: number;
  readonly failures: StepFailure[] = [];
  needsScan = false;
  /** Nexthops of this plan that could not be made. */
  readonly #notMade = new Map<number, NotMade>();

  constructor(fib: Fib, nowMs: number) {
    this.#fib = fib;
    this.#nowMs = nowMs;
  }

  done(step: Step): void {
    const fib = this.#fib;
    if (step.about === "set") {
      const { operation, set } = step;
      const members = operation.type === "add-nexthop" ? null : operation.members;
      const isResilient = operation.type === "add-resilient-group";
      const nexthop = fib.nexthops.add(operation.id, members, isResilient);
      fib.nexthops.setMeaning(nexthop, set);
      // Should no route come to name it.
      fib.nexthops.addGcCandidate(nexthop);
    } else if (step.about === "group") {
      const { group, set, row, operation } = step;
      fib.nexthops.setMembers(group, operation.members);
      fib.nexthops.setMeaning(group, set);
      if (fib.isRight(row)) fib.succeeded(row);
    } else if (step.about === "nexthop") fib.nexthops.delete(step.nexthop);
    else if (step.about === "row") {
      const { row, operation } = step;
      if (fib.rows.has(row, UNPROVEN) && operation.type === "add-route") fib.drift.routeMissing++;
      fib.rows.lower(row, SHRUNK | UNSURE | UNPROVEN);
      fib.setInstalled(row, operation.type === "delete-route" ? 0 : operation.nexthopId);
      if (fib.isRight(row)) fib.succeeded(row);
      else fib.changes.mark(row);
      fib.release(row);
    }
  }

  failed(step: Step, { code, message }: OperationFailure): void {
    const { operation } = step;
    const isGone = code === "ENOENT" || code === "ESRCH";
    if (operation.type === "delete-nexthop" || operation.type === "delete-route") {
      // Gone already is as good as deleted.
      if (isGone) this.done(step);
      else if (step.about === "row") this.#rowFailed(step.row, operation, code, message);
      else this.#note(operation, code, message, "other", 1);
    } else if (step.about === "set") this.#notMadeSet(step.operation, code, message);
    else if (step.about === "group") this.#groupFailed(step.row, step.operation, code, message);
    else if (step.about === "row") this.#routeFailed(step.row, step.operation, code, message, isGone);
  }

  #notMadeSet(operation: NexthopOperation, code: string, message: string): void {
    const isTaken = code === "EEXIST";
    const members = operation.type === "add-nexthop" ? [] : operation.members;
    const missing = members.flatMap(({ id }) => this.#notMade.get(id) ?? []);
    const isDependent = missing.length > 0;
    // What keeps a group from being made is what keeps its member from it.
    const reason = missing.find(({ isRetried }) => !isRetried) ?? { code, message };
    const isRetried = isTaken || (isDependent && missing.every((member) => member.isRetried));
    this.#notMade.set(operation.id, { code: reason.code, message: reason.message, isRetried });
    if (isTaken) this.#fib.nexthops.setForeign(operation.id, true);
    if (!isDependent) this.#note(operation, code, message, isTaken ? "collision" : "other", 1);
  }

  #routeFailed(row: number, operation: RouteOperation, code: string, message: string, isGone: boolean): void {
    const fib = this.#fib;
    const notMade = this.#notMade.get(operation.nexthopId);
    if (notMade !== undefined) this.#dependentFailed(row, operation, notMade, code, message);
    else if (operation.type === "replace-route" && isGone) {
      fib.drift.routeMissing++;
      fib.rows.lower(row, UNPROVEN);
      fib.setInstalled(row, 0);
      fib.changes.mark(row);
    } else if (operation.type === "add-route" && code === "EEXIST" && fib.rows.has(row, UNPROVEN)) {
      // It is there, as the book says.
      fib.rows.lower(row, UNPROVEN);
      if (fib.isRight(row)) fib.succeeded(row);
    } else if (operation.type === "add-route" && code === "EEXIST") {
      // The reading at the start had nothing to compare with: it may have missed an IPv6 route of ours (fib-reading.ts).
      const isPerhapsOurs = familyOf(row) === 6 && fib.scans === 1;
      if (fib.rows.has(row, UNSURE) || isPerhapsOurs) this.needsScan = true;
      fib.rows.lower(row, UNSURE);
      // Where the kernel could not tell all its routes, it may be one of ours.
      const isCollision = fib.isScanWhole;
      const { attempts } = fib.failed(row, { isCollision, code, message }, this.#nowMs);
      this.#note(operation, code, message, isCollision ? "collision" : "other", attempts, row);
    } else this.#rowFailed(row, operation, code, message);
  }

  /** The row's group stays as it was. */
  #groupFailed(row: number, operation: ReplaceGroup, code: string, message: string): void {
    const missing = operation.members.flatMap(({ id }) => this.#notMade.get(id) ?? []);
    const reason = missing.find(({ isRetried }) => !isRetried) ?? missing[0];
    if (reason !== undefined) this.#dependentFailed(row, operation, reason, code, message);
    else this.#rowFailed(row, operation, code, message);
  }

  #dependentFailed(row: number, operation: Operation, notMade: NotMade, code: string, message: string): void {
    const fib = this.#fib;
    if (notMade.isRetried) {
      fib.changes.mark(row);
      return;
    }
    const reason = `its nexthop could not be made: ${notMade.message}`;
    const fault = { isCollision: false, code: notMade.code, message: reason };
    const { attempts } = fib.failed(row, fault, this.#nowMs);
    this.#note(operation, code, message, "dependent", attempts);
  }

  #rowFailed(row: number, operation: Operation, code: string, message: string): void {
    const { attempts } = this.#fib.failed(row, { isCollision: false, code, message }, this.#nowMs);
    // Perhaps an object that we believe in has gone. Once it was looked for, the kernel means the route itself.
    if (attempts === 1) this.needsScan = true;
    this.#note(operation, code, message, "other", attempts);
  }

  #note(
    operation: Operation,
    code: string,
    message: string,
    kind: StepFailure["kind"],
    attempts: number,
    collidedRow: number | null = null,
  ): void {
    this.failures.push({ operation, code, message, kind, attempts, collidedRow });
  }
}
