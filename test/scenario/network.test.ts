/** The scenarios of whole networks on the fake clock; test/process/network.test.ts plays the same with real processes. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MemoryStage } from "../support/memory-stage.ts";
import { playNetworkScenario } from "../support/network-scenario.ts";
import { networkScenarios } from "./network/all.ts";

for (const [what, { routes, scenarios }] of Object.entries(networkScenarios)) {
  describe(what, () => {
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        await using stage = new MemoryStage();
        await playNetworkScenario(scenario, routes, stage);
      });
    }
  });
}

test("none is forgotten", () => {
  const names = readdirSync(join(import.meta.dir, "network")).filter((name) => name.endsWith(".json"));
  expect(Object.keys(networkScenarios)).toHaveLength(names.length);
});
