/**
 * A destination that moves is never without a hop at anybody who has seen one, whatever happens to servers and
 * to those who watch (network-under-moves.ts says what, and what it may rely on).
 *
 *     BUNBOND_RUNS=1000 bun test test/client/moving-destinations.test.ts   that many schedules of each kind
 *     BUNBOND_SEED=1                                                       and always the same ones
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { arbitraryMoveStep } from "../support/models/move-steps.ts";
import { NetworkUnderMoves } from "../support/scenario/network-under-moves.ts";

const { BUNBOND_RUNS, BUNBOND_SEED } = process.env;
const NUM_RUNS = Number(BUNBOND_RUNS ?? 70);
const SEED = BUNBOND_SEED === undefined ? (Math.random() * 2 ** 32) | 0 : Number(BUNBOND_SEED);
const TIMEOUT_MS = 60_000 + 2_000 * NUM_RUNS;

console.log(`${NUM_RUNS} schedules of moves of each kind, BUNBOND_SEED=${SEED}`);

test.each([
  ["retaining", "two servers that retain, announcers that are cut off"],
  ["sharing", "two servers, announcers of the same hops"],
  ["foreign", "a server of ours and one of another make"],
] as const)(
  "%s: %s: a destination that moves always has a hop",
  async (kind) => {
    const capacity = fc.constantFrom(150, 400, 65_536);
    const schedule = fc.array(arbitraryMoveStep, { maxLength: 120, size: "max" });
    await fc.assert(
      fc.asyncProperty(fc.integer(), capacity, schedule, async (seed, capacityBytes, steps) => {
        const network = new NetworkUnderMoves({ seed, kind, capacityBytes });
        await network.run(steps);
        expect(network.gaps).toEqual([]);
        expect(network.views).toEqual(network.expectedViews);
      }),
      { numRuns: NUM_RUNS, seed: SEED },
    );
  },
  TIMEOUT_MS,
);
