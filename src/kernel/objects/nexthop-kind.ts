/**
 * Implements the verbs of object-kind.ts for nexthops: objects, and groups of them. fib/nexthops.ts is their model.
 *
 *     scan     an object of ours for another device stands for no hop set, nor does a group whose member was changed: no
 *              destination desires it, so its routes move away, and it is deleted
 *     notify   deleted: the kernel has deleted the IPv4 routes that named it without notification; the model finds them.
 *              changed, or made foreign: the routes that name it move to a new one
 *     plan     the deletion of what nothing needs any more. What is needed is made by the plan of the routes that name it
 *     result   what was made is in the model from then on; what could not be made is tried again with the routes
 */

import * as LOG from "../../base/log-events.ts";
import type { FibNexthop, HopSet } from "../desired/hop-set.ts";
import type { Fib } from "../fib/fib.ts";
import { sameMembers } from "../fib/nexthops.ts";
import { isSameNexthop, leadsTo, type NexthopVerdict } from "../fib/ownership.ts";
import type { FoundNexthop, GroupMember, KernelEvent, OperationFailure } from "../kernel.ts";
import type { NotificationContext, ObjectKind, Plan, PlanReport, ScanContext } from "./object-kind.ts";
import { isGone, type OperationBatch } from "./operation-batch.ts";
import { type NexthopOperation, planGarbage, type ReplaceGroup, type Step } from "./plan.ts";

const NEVER = Number.POSITIVE_INFINITY;

export class NexthopKind implements ObjectKind {
  readonly #fib: Fib;
  readonly #unneededForMs: number;
  /** When what is unneeded may be deleted; Infinity: nothing is. */
  #dueMs = NEVER;

  constructor(fib: Fib, unneededForMs: number) {
    this.#fib = fib;
    this.#unneededForMs = unneededForMs;
  }

  async scan({ kernel, linkIndex, ours }: ScanContext): Promise<boolean> {
    const scan = new NexthopScan(this.#fib, linkIndex);
    const isWhole = await kernel.eachNexthop(ours, (nexthop) => scan.visit(nexthop));
    scan.compare();
    return isWhole;
  }

  notify(event: KernelEvent, context: NotificationContext): void {
    if (event.type !== "nexthop") return;
    if (event.isDeleted) this.#deleted(event.nexthop, context);
    else this.#changed(event.nexthop, context);
  }

  isKnown(): boolean {
    return false;
  }

  plan(limit: number, nowMs: number, report: PlanReport): Plan | null {
    const fib = this.#fib;
    if (!fib.nexthops.hasGcCandidates || !fib.isScanWhole) {
      this.#dueMs = NEVER;
      return null;
    }
    if (this.#dueMs === NEVER) this.#dueMs = nowMs + this.#unneededForMs;
    if (nowMs < this.#dueMs) return null;
    const candidates = fib.nexthops.takeGcCandidates(limit);
    const { steps, pinned } = planGarbage(fib, candidates);
    for (const { id } of pinned) report.pinned(id);
    return { steps, taken: candidates.length };
  }

  get dueMs(): number {
    return this.#dueMs;
  }

  result(step: Step, failure: OperationFailure | null, batch: OperationBatch): void {
    if (step.about === "set") {
      if (failure === null) this.#made(step.operation, step.set);
      else this.#notMade(step.operation, failure, batch);
    } else if (step.about === "group") {
      const { group, set, row, operation } = step;
      if (failure === null) this.#groupReplaced(group, set, row, operation);
      else groupFailed(row, operation, failure, batch);
    } else if (step.about === "nexthop") {
      // Something that has gone already counts as deleted.
      if (failure === null || isGone(failure.code)) this.#fib.nexthops.delete(step.nexthop);
      else
        batch.note({
          operation: step.operation,
          code: failure.code,
          message: failure.message,
          kind: "other",
        });
    }
  }

  #deleted({ id }: FoundNexthop, { link, nowMs, log }: NotificationContext): void {
    const { nexthops, drift } = this.#fib;
    if (!nexthops.block.has(id)) return;
    const isOurs = nexthops.get(id) !== undefined;
    const routes = nexthops.routesOf(id);
    nexthops.setForeign(id, false);
    this.#fib.nexthopGone(id, nowMs);
    if (!isOurs) return;
    drift.nexthopMissing++;
    if (link?.isUp) log.log(LOG.nexthopDeleted, { id, routes });
  }

  #changed(found: FoundNexthop, context: NotificationContext): void {
    const fib = this.#fib;
    const { nexthops } = fib;
    const { id, members } = found;
    const verdict = fib.verdictOfNexthop(found);
    const known = nexthops.get(id);
    if (known !== undefined) this.#oursChanged(known, found, verdict, context);
    // It has our protocol and an id of our block, but we have not made it: the scan will find it, and it is deleted.
    else if (verdict !== "foreign") context.requestScan("a nexthop in our block was made by another program");
    else nexthops.setForeign(id, true);
    if (verdict !== "foreign") return;
    for (const member of members ?? []) fib.pin(member.id);
  }

  #oursChanged(
    known: FibNexthop,
    found: FoundNexthop,
    verdict: NexthopVerdict,
    { link, nowMs, log }: NotificationContext,
  ): void {
    const fib = this.#fib;
    const { id, members } = found;
    const isOurs = verdict !== "foreign" && isSameNexthop(known, found);
    if (isOurs && members !== null) {
      if (sameMembers(known.members ?? [], members)) return;
      fib.nexthops.setMembers(known, members);
    } else if (isOurs) {
      const hop = known.set?.hops[0];
      if (hop !== undefined && leadsTo(found, hop.address, link?.index ?? 0)) return;
    }
    const { routes } = known;
    fib.drift.nexthopChanged++;
    fib.nexthopChanged(known, isOurs, nowMs);
    log.log(LOG.nexthopChanged, { id, routes });
  }

  #made(operation: NexthopOperation, set: HopSet): void {
    const { nexthops } = this.#fib;
    const members = operation.type === "add-nexthop" ? null : operation.members;
    const nexthop = nexthops.add(operation.id, members, operation.type === "add-resilient-group");
    nexthops.setMeaning(nexthop, set);
    // In case that no route comes to name it.
    nexthops.addGcCandidate(nexthop);
  }

  #notMade(operation: NexthopOperation, { code, message }: OperationFailure, batch: OperationBatch): void {
    const isTaken = code === "EEXIST";
    const members = operation.type === "add-nexthop" ? [] : operation.members;
    const missing = batch.notMade(members.map(({ id }) => id));
    const isDependent = missing.length > 0;
    // What keeps a group from being made is what keeps its member from it.
    const reason = missing.find(({ isRetried }) => !isRetried) ?? { code, message };
    const isRetried = isTaken || (isDependent && missing.every((member) => member.isRetried));
    batch.nexthopNotMade(operation, { code: reason.code, message: reason.message, isRetried });
    if (isTaken) this.#fib.nexthops.setForeign(operation.id, true);
    if (!isDependent) batch.note({ operation, code, message, kind: isTaken ? "collision" : "other" });
  }

  #groupReplaced(group: FibNexthop, set: HopSet, row: number, { members }: ReplaceGroup): void {
    const fib = this.#fib;
    fib.nexthops.setMembers(group, members);
    fib.nexthops.setMeaning(group, set);
    if (fib.isRight(row)) fib.succeeded(row);
  }
}

/** The row's group stays as it was. */
function groupFailed(
  row: number,
  operation: ReplaceGroup,
  { code, message }: OperationFailure,
  batch: OperationBatch,
): void {
  const missing = batch.notMade(operation.members.map(({ id }) => id));
  const reason = missing.find(({ isRetried }) => !isRetried) ?? missing[0];
  if (reason !== undefined) batch.dependentFailed(row, operation, reason, code, message);
  else batch.rowFailed(row, operation, code, message);
}

type FoundGroup = Pick<FoundNexthop, "isResilient"> & { readonly members: readonly GroupMember[] };

class NexthopScan {
  readonly #fib: Fib;
  readonly #linkIndex: number;
  readonly #objects = new Map<number, FoundNexthop>();
  readonly #groups = new Map<number, FoundGroup>();
  readonly #pinnedIds: number[] = [];

  constructor(fib: Fib, linkIndex: number) {
    this.#fib = fib;
    this.#linkIndex = linkIndex;
    fib.nexthops.beginScan();
  }

  visit(found: FoundNexthop): void {
    const { id, members, isResilient } = found;
    const verdict = this.#fib.verdictOfNexthop(found);
    if (verdict === "foreign") this.#noteForeign(id, members);
    else if (members !== null) this.#groups.set(id, { members, isResilient });
    else this.#objects.set(id, found);
  }

  /** Compares what was visited with the model. */
  compare(): void {
    const { nexthops, hops } = this.#fib;
    for (const nexthop of [...nexthops.all()]) {
      nexthop.isPinned = false;
      const found = this.#objects.get(nexthop.id) ?? this.#groups.get(nexthop.id);
      if (found !== undefined && isSameNexthop(nexthop, found)) continue;
      this.#fib.countScanDrift("nexthopMissing");
      nexthops.delete(nexthop);
    }
    this.#adoptObjects();
    this.#adoptGroups();
    for (const id of this.#pinnedIds) this.#fib.pin(id);
    for (const nexthop of nexthops.all()) nexthops.addGcCandidate(nexthop);
    hops.disposeUnusedNew();
  }

  #adoptObjects(): void {
    const { nexthops, hops } = this.#fib;
    for (const found of this.#objects.values()) {
      const object = nexthops.get(found.id);
      const meant = object?.set?.hops[0]?.address;
      if (object === undefined || meant === undefined) continue;
      if (leadsTo(found, meant, this.#linkIndex)) continue;
      this.#fib.countScanDrift("nexthopChanged");
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
        this.#fib.countScanDrift("nexthopChanged");
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
    this.#fib.countScanDrift("nexthopExtra");
    const nexthop = this.#fib.nexthops.add(id, members, isResilient);
    nexthop.isAdopted = true;
    return nexthop;
  }

  #noteForeign(id: number, members: readonly GroupMember[] | null): void {
    this.#fib.nexthops.setForeign(id, true);
    for (const member of members ?? []) this.#pinnedIds.push(member.id);
  }
}
