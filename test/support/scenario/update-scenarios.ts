/**
 * `UPDATE_SCENARIOS=1 bun test test/scenario` writes the outputs that the program has into the files of the scenarios, instead of comparing
 * them. What changed is then reviewed with `git diff`.
 */

/** What files of scenarios have in common. */
interface ScenarioFile {
  readonly scenarios: { readonly name: string; steps: readonly string[] }[];
}

const { UPDATE_SCENARIOS } = process.env;
export const isUpdating = UPDATE_SCENARIOS === "1";

/** A rewritten output can change how long a step waits, and so later outputs. */
const MAX_RUNS = 10;

/**
 * Runs each scenario of a file until its outputs stay as they are, and writes those that differ. The file keeps its format:
 * that of JSON.stringify, which Biome is set to for these files. Returns the names of the scenarios that changed.
 */
export async function updateScenarios<F extends ScenarioFile>(
  path: string,
  run: (scenario: F["scenarios"][number], file: F) => Promise<readonly string[]>,
): Promise<string[]> {
  const file: F = await Bun.file(path).json();
  const changed: string[] = [];
  for (const scenario of file.scenarios) {
    const before = scenario.steps;
    await updateSteps(scenario, (s) => run(s, file));
    if (!Bun.deepEquals(scenario.steps, before)) changed.push(scenario.name);
  }
  if (changed.length > 0) await Bun.write(path, `${JSON.stringify(file, null, 2)}\n`);
  return changed;
}

async function updateSteps<S extends ScenarioFile["scenarios"][number]>(
  scenario: S,
  run: (scenario: S) => Promise<readonly string[]>,
): Promise<void> {
  for (let runs = 0; runs < MAX_RUNS; runs++) {
    const steps = await run(scenario);
    if (Bun.deepEquals(steps, scenario.steps)) return;
    scenario.steps = steps;
  }
  throw new Error(`"${scenario.name}": its outputs are other ones with each run`);
}
