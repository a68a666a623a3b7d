/** Plays every file of this folder; what the steps mean stands in support/scenario.ts. */
import { describe, test } from "bun:test";
import { playScenario, type Scenario } from "../support/scenario.ts";
import breaches from "./breaches.json";
import endMarks from "./end-marks.json";
import handshake from "./handshake.json";
import origins from "./origins.json";
import skipped from "./skipped.json";
import subscriptions from "./subscriptions.json";
import time from "./time.json";

interface ScenarioFile {
  /** A line that draws who is who. */
  readonly who: string;
  readonly scenarios: readonly Scenario[];
}

const files: readonly ScenarioFile[] = [handshake, subscriptions, origins, endMarks, breaches, skipped, time];

for (const { who, scenarios } of files) {
  describe(who, () => {
    for (const scenario of scenarios) test(scenario.name, () => playScenario(scenario));
  });
}
