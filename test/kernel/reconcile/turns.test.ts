/** How long the installer's turns of the event loop are, on a kernel whose operations take a given time by the fake clock. */
import { describe, expect, test } from "bun:test";
import { KERNEL_OPERATIONS_MS, KERNEL_ROWS_PER_TURN, KERNEL_STEP_MS } from "../../../src/base/turn-budget.ts";
import { InstallerUnderTest, route } from "../../support/kernel/installer-under-test.ts";

const ROUTES = 4_000;
const USUAL_MS = 0.01;
const SLOW_MS = 5;
const LARGEST_STEP = 512;

interface Turn {
  ms: number;
  operations: number;
  slow: number;
}

/** Installs routes. `msOf`: the time of the nth operation. */
async function turnsOf(msOf: (n: number) => number, routes = ROUTES): Promise<Turn[]> {
  const rig = await InstallerUnderTest.started();
  const { clock, kernel } = rig;
  const turns: Turn[] = [];
  let turn: Turn | null = null;
  let operations = 0;
  kernel.onOperation = () => {
    if (turn === null) {
      turn = { ms: 0, operations: 0, slow: 0 };
      turns.push(turn);
      // Runs before the installer's next turn.
      clock.soon(() => {
        turn = null;
      });
    }
    const ms = msOf(operations++);
    turn.operations++;
    turn.ms += ms;
    if (ms >= SLOW_MS) turn.slow++;
    clock.freeze(ms);
  };
  for (let n = 0; n < routes; n++) {
    rig.added(route(`100 10.${n >> 8}.${n & 255}.0/24 via 2001:db8::1`));
  }
  await rig.settle();
  expect(kernel.ours()).toHaveLength(routes);
  return turns;
}

describe("a turn of the event loop", () => {
  test("takes as many operations as there is time for", async () => {
    const turns = await turnsOf(() => USUAL_MS);
    const longestMs = Math.max(...turns.map(({ ms }) => ms));
    expect(longestMs).toBeLessThanOrEqual(KERNEL_OPERATIONS_MS + 2 * KERNEL_STEP_MS);
    // The last one may be shorter.
    const shortestMs = Math.min(...turns.slice(0, -1).map(({ ms }) => ms));
    expect(shortestMs).toBeGreaterThanOrEqual(KERNEL_OPERATIONS_MS);
  });

  test.each([100, 257, 1_000])("ends after a slow operation: every %dth takes 5 ms", async (every) => {
    const turns = await turnsOf((n) => (n % every === 0 ? SLOW_MS : USUAL_MS));
    expect(turns.filter(({ slow }) => slow > 1)).toEqual([]);
    const longestMs = Math.max(...turns.map(({ ms }) => ms));
    expect(longestMs).toBeLessThanOrEqual(KERNEL_OPERATIONS_MS + 2 * KERNEL_STEP_MS + SLOW_MS);
  });

  test("is one operation where all are slow", async () => {
    const turns = await turnsOf(() => SLOW_MS);
    // Nothing is known about the kernel in the first one.
    expect(new Set(turns.slice(1).map(({ operations }) => operations))).toEqual(new Set([1]));
  });

  test("takes no more rows than a limit, however quick the kernel is", async () => {
    const turns = await turnsOf(() => 0, KERNEL_ROWS_PER_TURN + 2_000);
    expect(turns).toHaveLength(2);
    expect(turns[0]?.operations).toBeLessThanOrEqual(KERNEL_ROWS_PER_TURN + LARGEST_STEP);
  });
});
