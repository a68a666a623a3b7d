/** The scenarios of whole networks on the fake clock; test/process/network.test.ts runs the same with real processes. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MemoryEnvironment } from "../support/scenario/memory-environment.ts";
import { type NetworkScenarios, runNetworkScenario } from "../support/scenario/network-scenario.ts";
import { isUpdating, updateScenarios } from "../support/scenario/update-scenarios.ts";
import { networkScenarios } from "./network/all.ts";

const { BUNBOND_RUNS } = process.env;
/** Of random delays: seeds 1, 2, … */
const RUNS = Number(BUNBOND_RUNS ?? 5);

const FOLDER = join(import.meta.dir, "network");

for (const [what, { routes, scenarios }] of Object.entries(networkScenarios)) {
  if (isUpdating) {
    const path = join(FOLDER, fileOf(what));
    test(`outputs of ${what} are written`, async () => {
      await updateScenarios<NetworkScenarios>(path, async (scenario, file) => {
        await using environment = new MemoryEnvironment();
        return await runNetworkScenario(scenario, file.routes, environment, "is rewritten");
      });
    });
    continue;
  }
  describe(what, () => {
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        await using environment = new MemoryEnvironment();
        await runNetworkScenario(scenario, routes, environment);
      });

      // A step that counts on what another process did before it, without waiting for that, fails here.
      test(`${scenario.name}; at any speed of its links`, async () => {
        for (let seed = 1; seed <= RUNS; seed++) {
          try {
            await using environment = new MemoryEnvironment(seed);
            await runNetworkScenario(scenario, routes, environment);
          } catch (error) {
            throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
          }
        }
      });
    }
  });
}

test("none is forgotten", () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  expect(Object.keys(networkScenarios).map(fileOf).sort()).toEqual(names.sort());
});

/** "one server" stands in one-server.json. */
function fileOf(what: string): string {
  return `${what.replaceAll(" ", "-")}.json`;
}
