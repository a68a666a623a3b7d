/** The scenarios of whole networks on the fake clock; test/process/network.test.ts plays the same with real processes. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MemoryEnvironment } from "../support/scenario/memory-environment.ts";
import { playNetworkScenario } from "../support/scenario/network-scenario.ts";
import { networkScenarios } from "./network/all.ts";

const { BUNBOND_RUNS } = process.env;
/** Of random delays: seeds 1, 2, … */
const RUNS = Number(BUNBOND_RUNS ?? 5);

for (const [what, { routes, scenarios }] of Object.entries(networkScenarios)) {
  describe(what, () => {
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        await using stage = new MemoryEnvironment();
        await playNetworkScenario(scenario, routes, stage);
      });

      // A step that counts on what another process did before it, without waiting for that, fails here.
      test(`${scenario.name}; at any speed of its links`, async () => {
        for (let seed = 1; seed <= RUNS; seed++) {
          try {
            await using stage = new MemoryEnvironment(seed);
            await playNetworkScenario(scenario, routes, stage);
          } catch (error) {
            throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      });
    }
  });
}

test("none is forgotten", () => {
  const names = readdirSync(join(import.meta.dir, "network")).filter((name) => name.endsWith(".json"));
  expect(Object.keys(networkScenarios)).toHaveLength(names.length);
});
