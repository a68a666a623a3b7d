/**
 * Two servers, four clients, and whatever can go wrong, in any order; then quiet. At last every client sees
 * exactly what it should, and on the way each of its events was a change.
 *
 *     BUNBOND_RUNS=1000 bun test test/client/fault-schedule.test.ts        that many schedules of either kind
 *
 * A failure prints its seed and the shortest schedule found; fast-check's `seed` and `path` repeat it.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { arbitraryStep, FaultWorld } from "../support/fault-world.ts";

const { BUNBOND_RUNS } = process.env;
const NUM_RUNS = Number(BUNBOND_RUNS ?? 30);
const TIMEOUT_MS = 60_000 + 1_000 * NUM_RUNS;

for (const isSecondForeign of [false, true]) {
  const servers = isSecondForeign ? "a server of ours and one of another make" : "two servers of ours";
  test(
    `${servers}: views are exact after any schedule of faults`,
    async () => {
      const schedule = fc.array(arbitraryStep, { minLength: 20, maxLength: 80 });
      await fc.assert(
        fc.asyncProperty(fc.integer(), schedule, async (seed, steps) => {
          const world = new FaultWorld({ seed, isSecondForeign });
          await world.run(steps);
          expect(world.views).toEqual(world.expectedViews);
          expect(world.harm).toEqual([]);
          expect(await world.timersLeftAtTheEnd()).toBe(0);
        }),
        { numRuns: NUM_RUNS },
      );
    },
    TIMEOUT_MS,
  );
}
