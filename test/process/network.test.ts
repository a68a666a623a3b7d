/** The scenarios of whole networks with real processes; test/scenario/network.test.ts plays the same on a fake clock. */
import { describe, test } from "bun:test";
import { networkScenarios } from "../scenario/network/all.ts";
import { playNetworkScenario } from "../support/scenario/network-scenario.ts";
import { ProcessStage } from "../support/scenario/process-stage.ts";

for (const [what, { routes, scenarios }] of Object.entries(networkScenarios)) {
  describe(what, () => {
    for (const scenario of scenarios) {
      // They mostly wait for times to pass.
      test.concurrent(scenario.name, async () => {
        await using stage = new ProcessStage();
        await playNetworkScenario(scenario, routes, stage);
      });
    }
  });
}
