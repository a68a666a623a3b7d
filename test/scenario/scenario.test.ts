/** Runs every file of this folder; what the steps mean stands in support/scenario/scenario.ts. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runScenario, type Scenario } from "../support/scenario/scenario.ts";
import { isUpdating, updateScenarios } from "../support/scenario/update-scenarios.ts";
import breaches from "./breaches.json";
import endOfRib from "./end-of-rib.json";
import handshake from "./handshake.json";
import origins from "./origins.json";
import retain from "./retain.json";
import skipped from "./skipped.json";
import subscriptions from "./subscriptions.json";
import time from "./time.json";

interface ScenarioFile {
  /** A line that draws who is who. */
  readonly who: string;
  readonly scenarios: Scenario[];
}

const files: Readonly<Record<string, ScenarioFile>> = {
  ...{ handshake, subscriptions, origins, retain },
  ...{ "end-of-rib": endOfRib, breaches, skipped, time },
};

test("none is forgotten", () => {
  const names = readdirSync(import.meta.dir).filter((name) => name.endsWith(".json"));
  expect(
    Object.keys(files)
      .map((name) => `${name}.json`)
      .sort(),
  ).toEqual(names.sort());
});

for (const [name, { who, scenarios }] of Object.entries(files)) {
  if (isUpdating) {
    test(`outputs of ${name} are written`, () =>
      updateScenarios<ScenarioFile>(join(import.meta.dir, `${name}.json`), (scenario) =>
        runScenario(scenario, "is rewritten"),
      ));
    continue;
  }
  describe(who, () => {
    for (const scenario of scenarios) test(scenario.name, () => runScenario(scenario));
  });
}
