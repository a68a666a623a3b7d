/**
 * The merged view: named cases, then whatever chance brings, against maps that are looked through anew each time.
 *
 *     BUNBOND_RUNS=10000 bun test test/client/view/merged-view.test.ts        that many random runs
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ViewUnderTest } from "../../support/network/view-under-test.ts";

const { BUNBOND_RUNS } = process.env;

/**
 * Steps, and behind "=>" the events they are to bring, exactly; none where nothing stands there. Servers are
 * 0, 1, 2; routes a, b are in VNI 100, x, y in 200. `0 + a` announces, `0 ? a` announces what may be an echo, `0 - a`
 * withdraws, `0 refutes a`; `0 lost at 5`, `0 sweeps 100` (a VNI), `0 sweeps`, `0 expires 5`, `0 exact`, `0 heard`, `0 silent until 5` (then lost); `own + a`, `own - a`, `drop 100`.
 */
const CASES: Record<string, readonly string[]> = {
  "a route comes with its first server and goes with its last": [
    ...["0 + a => + a", "1 + a", "0 - a", "1 - a => - a"],
  ],
  "an ADD twice is one copy": ["0 + a => + a", "0 + a", "0 - a => - a"],
  "a withdrawal of what was never there changes nothing": ["0 - a", "0 + b => + b", "0 - a", "1 - b"],
  "servers may have different routes": ["0 + a => + a", "1 + b => + b", "0 - a => - a", "1 - b => - b"],
  "a lost server's routes stay": ["0 + a => + a", "0 + x => + x", "0 lost at 1"],
  "what a returned server confirms stays, the rest goes when it has said all": [
    ...["0 + a => + a", "0 + b => + b", "0 lost at 1", "0 + a", "0 sweeps 100 => - b", "0 sweeps"],
  ],
  "a sweep is of one VNI": [
    "0 + a => + a",
    "0 + x => + x",
    "0 lost at 1",
    "0 sweeps 100 => - a",
    "0 sweeps => - x",
  ],
  "a sweep is of one server": [
    ...["0 + a => + a", "1 + b => + b", "0 lost at 1", "1 lost at 2", "0 sweeps => - a", "1 sweeps => - b"],
  ],
  "a sweep leaves what another server has": [
    "0 + a => + a",
    "1 + a",
    "0 lost at 1",
    "0 sweeps",
    "1 - a => - a",
  ],
  "a sweep leaves another server's stale copy": [
    ...["0 + a => + a", "1 + a", "0 lost at 1", "1 lost at 2", "0 sweeps", "1 sweeps => - a"],
  ],
  "a live server's withdrawal takes the stale copies along": [
    ...["0 + a => + a", "1 + a", "0 lost at 1", "1 - a => - a", "0 sweeps"],
  ],
  "also where it had not announced the route itself": ["0 + a => + a", "0 lost at 1", "1 - a => - a"],
  "a live server's withdrawal leaves live copies": ["0 + a => + a", "1 + a", "1 - a", "0 - a => - a"],
  "what others withdrew while a server was silent goes with its loss": [
    ...[
      "0 + a => + a",
      "1 + a",
      "0 + b => + b",
      "0 heard",
      "1 - a",
      "0 silent until 1 => - a",
      "0 sweeps => - b",
    ],
  ],
  "but what they withdrew before it was heard again it still has": [
    ...["0 + a => + a", "1 + a", "1 - a", "0 heard", "0 silent until 1", "0 sweeps => - a"],
  ],
  "nor does it go when the server ends the connection itself": [
    ...["0 + a => + a", "1 + a", "1 - a", "0 lost at 1", "0 sweeps => - a"],
  ],
  "and another server that has it again keeps it": [
    ...["0 + a => + a", "1 + a", "1 - a", "2 + a", "0 silent until 1", "2 - a => - a"],
  ],
  "what was lost again before it was confirmed expires by its first loss": [
    ...["0 + a => + a", "0 + b => + b", "0 lost at 1", "0 + a", "0 lost at 5"],
    ...["0 expires 1 => - b", "0 expires 4", "0 expires 5 => - a"],
  ],
  "what is confirmed does not expire": ["0 + a => + a", "0 lost at 1", "0 + a", "0 expires 9"],
  "an echo is no route": ["own + a", "0 + a", "0 - a", "own - a"],
  "an own announcement hides what others announce, too": [
    "0 + a => + a",
    "own + a => - a",
    "0 - a",
    "own - a",
  ],
  "but one that was there before is no echo: it is back at once": [
    ...["0 + a => + a", "own + a => - a", "0 + a", "own - a => + a", "0 - a => - a"],
  ],
  "also where its server was lost meanwhile": [
    ...["0 + a => + a", "own + a => - a", "0 lost at 1", "own - a => + a", "0 sweeps => - a"],
  ],
  "or had been before, and has told it again": [
    ...["0 + a => + a", "0 lost at 1", "own + a => - a", "0 + a", "own - a => + a"],
  ],
  "what a server has no longer is refuted, whatever it was": [
    ...["0 + a => + a", "0 refutes a => - a", "own + a", "0 + a", "own - a", "0 refutes a", "0 refutes a"],
  ],
  "which changes nothing for others, nor for what is stale": [
    ...["0 + a => + a", "1 + a", "0 refutes a", "1 lost at 1", "1 refutes a", "1 sweeps => - a"],
  ],
  "what is there before, and is refuted while we announce it, is gone": [
    ...["0 + a => + a", "own + a => - a", "0 refutes a", "own - a"],
  ],
  "behind an own announcement an exact server's copy was somebody else's": [
    ...["0 exact", "own + a", "0 + a", "own - a => + a", "0 - a => - a"],
  ],
  "an echoing server's copy may be our own, and does not count": ["own + a", "0 + a", "own - a", "0 sweeps"],
  "one exact server is enough": ["1 exact", "own + a", "0 + a", "1 + a", "own - a => + a", "1 - a => - a"],
  "a unverified copy comes into view when its server turns out exact": [
    "own + a",
    "0 + a",
    "own - a",
    "0 exact => + a",
  ],
  "but not if it was withdrawn before": ["own + a", "0 + a", "own - a", "0 - a", "0 exact"],
  "nor if the connection was lost": ["own + a", "0 + a", "own - a", "0 lost at 1", "0 exact", "0 sweeps"],
  "nor if it is our own again": ["own + a", "0 + a", "own - a", "own + a", "0 exact", "own - a => + a"],
  "a unverified copy that is announced again is somebody else's": [
    "own + a",
    "0 + a",
    "own - a",
    "0 + a => + a",
  ],
  "an ADD that may be an echo is unverified": ["0 ? a", "0 - a", "0 ? b", "0 exact => + b"],
  "but not what the server had already": [
    "0 + a => + a",
    "0 ? a",
    "0 lost at 1",
    "0 ? a",
    "0 sweeps",
    "0 - a => - a",
  ],
  "a stale echo is dropped with our announcement": [
    "own + a",
    "0 + a",
    "0 lost at 1",
    "own - a",
    "0 + a => + a",
  ],
  "a stale copy of an exact server is somebody else's": [
    ...["0 exact", "own + a", "0 + a", "0 lost at 1", "own - a => + a", "0 sweeps => - a"],
  ],
  "a VNI no longer subscribed leaves with all copies": [
    ...["0 + a => + a", "1 + a", "0 + b => + b", "0 + x => + x", "1 lost at 1", "drop 100 => - a, - b"],
    ...["1 sweeps", "0 lost at 2", "0 sweeps => - x"],
  ],
  "an echo leaves with its VNI without an event": ["own + a", "0 + a", "drop 100", "own - a", "0 exact"],
};

describe("the merged view", () => {
  for (const [name, steps] of Object.entries(CASES)) {
    test(name, () => {
      const view = new ViewUnderTest();
      for (const step of steps) {
        const [act = "", events = ""] = step.split(" => ");
        expect([step, view.act(act).sort()]).toEqual([step, events === "" ? [] : events.split(", ").sort()]);
      }
      view.checkEmptyAfterwards();
    });
  }
});

const server = fc.constantFrom("0", "1", "2");
const route = fc.constantFrom("a", "b", "x", "y");
const vni = fc.constantFrom("100", "200");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(server, fc.constantFrom("+", "-", "?", "refutes"), route) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("own"), fc.constantFrom("+", "-"), route) },
  { weight: 2, arbitrary: fc.tuple(server, fc.constantFrom("lost at now", "silent until now", "heard")) },
  { weight: 1, arbitrary: fc.tuple(server, fc.constantFrom("sweeps", "exact", "expires 10", "expires 20")) },
  { weight: 1, arbitrary: fc.tuple(server, fc.constant("sweeps"), vni) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("drop"), vni) },
);

const LONG_MS = 3_600_000;

test(
  "random steps: events are the changes of the model's view, and nothing is left at the end",
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const view = new ViewUnderTest();
        steps.forEach((words, index) => {
          view.act(words.join(" ").replace("now", String(index)));
        });
        view.checkEmptyAfterwards();
      }),
      { numRuns: Number(BUNBOND_RUNS ?? 400) },
    );
  },
  LONG_MS,
);
