/** In which routes servers differ, route by route: see src/client/view/rib-comparison.ts. */
import { expect, test } from "bun:test";
import { MergedView } from "../../../src/client/view/merged-view.ts";
import { Echo } from "../../../src/client/view/own-echoes.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const A = 0;
const B = 1;
const C = 2;

type Step = (view: MergedView) => void;

function fields(text: string): UpdateFields {
  const { vni, destination, nextHop } = routeOfText(text);
  const filled = new UpdateFields();
  fillUpdateFields(filled, vni, destination, nextHop);
  return filled;
}

const announced =
  (server: number, echo: Echo = Echo.NEVER): Step =>
  (view) => {
    view.received(server, fields(R), echo);
  };
const withdrawn =
  (server: number): Step =>
  (view) =>
    view.withdrawn(server, fields(R));
const lost =
  (server: number): Step =>
  (view) =>
    view.serverLost(server, 0);
const own: Step = (view) => view.announced(routeOfText(R));

/** Steps, and which servers have and lack the route then; null if there is no difference. */
const CASES: readonly (readonly [what: string, steps: Step[], has: number[] | null, lacks: number[]])[] = [
  ["none has it", [], null, []],
  ["all have it", [announced(A), announced(B), announced(C)], null, []],
  ["one has it", [announced(A)], [A], [B, C]],
  ["one lacks it", [announced(A), announced(C)], [A, C], [B]],
  ["one has withdrawn it", [announced(A), announced(B), announced(C), withdrawn(B)], [A, C], [B]],
  ["a server that is not compared has it", [announced(3)], null, []],
  [
    "one announced it again after it had withdrawn it",
    [announced(A), withdrawn(A), announced(A)],
    [A],
    [B, C],
  ],
  ["one sent it twice", [announced(A), announced(A)], [A], [B, C]],
  ["this client announces it", [announced(A), own], null, []],
  ["a copy may be an echo", [announced(A), announced(B, Echo.PERHAPS)], [A], [C]],
  ["a copy is stale", [announced(A), announced(B), lost(B)], [A], [C]],
  ["the only copy is stale", [announced(A), lost(A)], null, []],
];

test.each(CASES)("%s", (_what, steps, has, lacks) => {
  const view = new MergedView({ added() {}, removed() {}, leftOut() {} }, () => {});
  for (const step of steps) step(view);
  const comparison = view.comparison;
  const compared = { vni: 100, servers: [A, B, C] };
  const bits = (servers: readonly number[]) => servers.reduce((sum, server) => sum | (1 << server), 0);
  const expected =
    has === null
      ? []
      : [{ route: routeOfText(R), row: expect.any(Number), has: bits(has), lacks: bits(lacks) }];
  const found = [...comparison.differences(compared)].flat();
  expect(found).toEqual(expected);
  for (const difference of found) expect(comparison.remaining(difference, compared)).toEqual(difference);
});

/** What may happen between the look that finds a difference and the next one. */
const CHANGES: readonly (readonly [what: string, steps: Step[], remains: boolean])[] = [
  ["nothing", [], true],
  ["the other one announces it", [announced(B)], false],
  ["the other one announces and withdraws it", [announced(B), withdrawn(B)], false],
  ["the one withdraws it", [withdrawn(A)], false],
  ["the one withdraws and announces it", [withdrawn(A), announced(A)], false],
  ["the one announces it again", [announced(A)], true],
  ["the one is lost", [lost(A)], false],
  ["this client announces it", [own], false],
  ["this client announces and withdraws it", [own, (view) => view.ownWithdrawn(routeOfText(R))], false],
];

test.each(CHANGES)("a difference, and then %s", (_what, steps, remains) => {
  const view = new MergedView({ added() {}, removed() {}, leftOut() {} }, () => {});
  const { comparison } = view;
  announced(A)(view);
  const compared = { vni: 100, servers: [A, B] };
  const [difference] = [...comparison.differences(compared)].flat();
  if (difference === undefined) throw new Error("no difference");
  for (const step of steps) step(view);
  expect(comparison.remaining(difference, compared)).toEqual(remains ? difference : null);
  comparison.forget();
  expect(comparison.remaining(difference, compared)).toBe(null);
});
