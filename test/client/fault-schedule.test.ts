/**
 * Two servers, four clients and two with Go's habits, and whatever can go wrong, in any order; then quiet. At last every
 * client sees exactly what it should, on the way each of its events was a change, and no route went that an undisturbed
 * server had of its owner all the time.
 *
 *     BUNBOND_RUNS=1000 bun test test/client/fault-schedule.test.ts        that many schedules of each kind
 *     BUNBOND_SEED=1                                                       and always the same ones
 *
 * The seed is printed; a failure prints the shortest schedule found, too.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { arbitraryStaleTimes, arbitraryStep } from "../support/models/fault-steps.ts";
import { NetworkUnderFaults } from "../support/scenario/network-under-faults.ts";

const { BUNBOND_RUNS, BUNBOND_SEED } = process.env;
const NUM_RUNS = Number(BUNBOND_RUNS ?? 60);
const SEED = BUNBOND_SEED === undefined ? (Math.random() * 2 ** 32) | 0 : Number(BUNBOND_SEED);
const TIMEOUT_MS = 60_000 + 1_000 * NUM_RUNS;

console.log(`${NUM_RUNS} fault schedules of each kind, BUNBOND_SEED=${SEED}`);

for (const isSecondForeign of [false, true]) {
  const servers = isSecondForeign ? "a server of ours and one of another make" : "two servers of ours";
  test(
    `${servers}: views are exact after any schedule of faults`,
    async () => {
      const schedule = fc.array(arbitraryStep, { minLength: 30, maxLength: 120 });
      await fc.assert(
        fc.asyncProperty(fc.integer(), arbitraryStaleTimes, schedule, async (seed, staleTimes, steps) => {
          const network = new NetworkUnderFaults({ seed, isSecondForeign, staleTimes });
          await network.run(steps);
          expect(network.views).toEqual(network.expectedViews);
          expect(network.goViews).toEqual(network.expectedGoViews);
          expect(network.lost).toEqual([]);
          expect(network.harm).toEqual([]);
          expect(await network.timersLeftAtTheEnd()).toBe(0);
        }),
        { numRuns: NUM_RUNS, seed: SEED },
      );
    },
    TIMEOUT_MS,
  );
}

test(
  "nobody loses a route while one of two servers is undisturbed, whatever becomes of the other",
  async () => {
    const schedule = fc.array(arbitraryStep, { minLength: 60, maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(fc.integer(), arbitraryStaleTimes, schedule, async (seed, staleTimes, steps) => {
        const network = new NetworkUnderFaults({ seed, isSecondForeign: false, staleTimes, calmPort: 2 });
        await network.run(steps);
        expect(network.lost).toEqual([]);
        expect(network.views).toEqual(network.expectedViews);
      }),
      { numRuns: NUM_RUNS, seed: SEED },
    );
  },
  TIMEOUT_MS,
);
