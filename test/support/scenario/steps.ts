/**
 * The steps of a scenario. A step has its number by its position, from 1 on. What it expects of the program is its output: the
 * group "output" in the pattern of its kind, which an update of the scenarios (update-scenarios.ts) can write anew.
 */

/** The pattern of a step, and what performs it, given the groups of the pattern. */
export type StepKind = readonly [
  pattern: RegExp,
  perform: (words: readonly string[]) => void | Promise<void>,
];

/** The program has another output than the one in the step. */
export class OutputDiffers extends Error {
  /** As it would be written in the step. */
  readonly real: string;

  constructor(expected: string, real: string) {
    super(`expected: ${expected}\n    real: ${real}`);
    this.real = real;
  }
}

/**
 * Performs the steps, and returns them. An output that differs ends the scenario with an error, or, if it is to be
 * rewritten, the step is returned with the real output.
 */
export async function runSteps(
  steps: readonly string[],
  kinds: readonly StepKind[],
  differentOutput: "fails" | "is rewritten",
): Promise<string[]> {
  const performed: string[] = [];
  for (const [index, step] of steps.entries()) {
    try {
      performed.push(await runStep(step, kinds, differentOutput));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`step ${index + 1}: ${step}\n${reason}`);
    }
  }
  return performed;
}

async function runStep(
  step: string,
  kinds: readonly StepKind[],
  differentOutput: "fails" | "is rewritten",
): Promise<string> {
  for (const [pattern, perform] of kinds) {
    const match = new RegExp(pattern, "d").exec(step);
    if (match === null) continue;
    const [, ...words] = match;
    try {
      await perform(words.map((word) => word ?? ""));
      return step;
    } catch (error) {
      const { output: place } = match.indices?.groups ?? {};
      if (!(error instanceof OutputDiffers) || differentOutput === "fails" || place === undefined)
        throw error;
      return step.slice(0, place[0]) + error.real + step.slice(place[1]);
    }
  }
  throw new Error("no such step");
}

/** Throws OutputDiffers if `real` is not `expected`, in this order. */
export function expectList(real: readonly string[], expected: readonly string[], separator: string): void {
  if (Bun.deepEquals(real, expected)) return;
  throw new OutputDiffers(textOf(expected, separator), textOf(real, separator));
}

/** Throws OutputDiffers if `real` is not `expected` in some order; the real output keeps the expected order where it can. */
export function expectSet(real: readonly string[], expected: readonly string[], separator: string): void {
  const added = [...real];
  const kept = expected.filter((item) => {
    const place = added.indexOf(item);
    if (place >= 0) added.splice(place, 1);
    return place >= 0;
  });
  if (added.length === 0 && kept.length === expected.length) return;
  throw new OutputDiffers(textOf(expected, separator), textOf([...kept, ...added.sort()], separator));
}

/** Returns the items of an output; "nothing" has none. */
export function itemsOf(text: string, separator: string): string[] {
  return text === "nothing" ? [] : text.split(separator);
}

function textOf(items: readonly string[], separator: string): string {
  return items.join(separator) || "nothing";
}
