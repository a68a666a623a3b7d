import { expect, test } from "bun:test";
import { Fib } from "../../../src/kernel/fib/fib.ts";
import type { Operation, OperationFailure } from "../../../src/kernel/kernel.ts";
import { takeDueRows } from "../../../src/kernel/reconcile/due-rows.ts";
import { planRows } from "../../../src/kernel/reconcile/plan.ts";
import { applyResults } from "../../../src/kernel/reconcile/results.ts";
import { FIRST_ID, PROTOCOL, route } from "../../support/kernel/installer-under-test.ts";

const IDS = 2 ** 20;
const SETTINGS = {
  excludedTypes: [],
  nat: "plain",
  ipv4Only: false,
  preferredNetworks: [],
  ecmp: "plain",
} as const;

/** Plans and carries out all that has changed. */
function work(fib: Fib): { operations: Operation[]; stuck: string[] } {
  const stuck: string[] = [];
  const plan = planRows(fib, takeDueRows(fib, 100).rows);
  for (const { obstacle } of plan.stuck) stuck.push(obstacle.code);
  const failures: OperationFailure[] = [];
  applyResults(fib, plan.steps, failures, 0);
  return { operations: plan.steps.map(({ operation }) => operation), stuck };
}

test("the last nexthop id goes to one hop, and who gets none is told", () => {
  const fib = new Fib(PROTOCOL, SETTINGS, () => {});
  fib.setMappings([{ vni: 100, table: 100 }]);
  for (let id = FIRST_ID + 1; id < FIRST_ID + IDS; id++) fib.nexthops.setForeign(id, true);
  for (const n of [1, 2]) fib.added(route(`100 10.0.${n}.0/24 via 2001:db8::${n}`));
  const { operations, stuck } = work(fib);
  expect(operations).toMatchObject([
    { type: "add-nexthop", id: FIRST_ID },
    { type: "add-route", nexthopId: FIRST_ID },
  ]);
  expect(stuck).toEqual(["ENOSPC"]);
});
