/**
 * What is planned, as a table of cases in plan-cases.txt; test/support/kernel/plan-case.ts says how they read.
 * UPDATE_SCENARIOS=1 writes the plans anew, for a review of the difference.
 */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { formatPlanCases, parsePlanCases, playPlanCase } from "../../support/kernel/plan-case.ts";

const { UPDATE_SCENARIOS } = process.env;
const FILE = `${import.meta.dirname}/plan-cases.txt`;
const CASES = parsePlanCases(readFileSync(FILE, "utf8"));

if (UPDATE_SCENARIOS === "1") {
  const played: typeof CASES = [];
  for (const { name, given } of CASES) played.push({ name, given, plans: await playPlanCase(given) });
  writeFileSync(FILE, formatPlanCases(played));
} else {
  test.each(CASES)("$name", async ({ given, plans }) => {
    expect(await playPlanCase(given)).toEqual([...plans]);
  });
}
