/** Plays every file of this folder; what the steps mean stands in support/scenario.ts. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { playScenario, type Scenario } from "../support/scenario/scenario.ts";
import breaches from "./breaches.json";
import endOfRibs from "./end-of-rib.json";
import handshake from "./handshake.json";
import origins from "./origins.json";
import retain from "./retain.json";
import skipped from "./skipped.json";
import subscriptions from "./subscriptions.json";
import time from "./time.json";

interface ScenarioFile {
  /** A line that draws who is who. */
  readonly who: string;
  readonly scenarios: readonly Scenario[];
}

const files: readonly ScenarioFile[] = [
  ...[handshake, subscriptions, origins, retain],
  ...[endOfRibs, breaches, skipped, time],
];

test("none is forgotten", () => {
  const names = readdirSync(import.meta.dir).filter((name) => name.endsWith(".json"));
  expect(files).toHaveLength(names.length);
  expect(new Set(files).size).toBe(files.length);
});

for (const { who, scenarios } of files) {
  describe(who, () => {
    for (const scenario of scenarios) test(scenario.name, () => playScenario(scenario));
  });
}
