/** The scenarios of whole networks with real processes; test/scenario/network.test.ts runs the same on a fake clock. */
import { describe, test } from "bun:test";
import { networkScenarios } from "../scenario/network/all.ts";
import { runNetworkScenario } from "../support/scenario/network-scenario.ts";
import { ProcessEnvironment } from "../support/scenario/process-environment.ts";

for (const [what, { routes, scenarios }] of Object.entries(networkScenarios)) {
  describe(what, () => {
    for (const scenario of scenarios) {
      // They mostly wait for times to pass.
      test.concurrent(scenario.name, async () => {
        await using environment = new ProcessEnvironment();
        await runNetworkScenario(scenario, routes, environment);
      });
    }
  });
}
