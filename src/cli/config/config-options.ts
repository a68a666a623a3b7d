/**
 * These functions read a daemon's options from its command line and, with --config, from a file. The command line takes
 * precedence.
 */
import type { CommandDefinition } from "../program/command-definition.ts";
import { type GivenValues, givenFlags } from "../program/flags.ts";
import { throwAll, UsageError } from "../program/usage-error.ts";
import { type ConfigFile, parseConfig, readConfigText } from "./config-file.ts";
import { ConfigValues } from "./config-values.ts";

/** @throws UsageError */
export type OptionsParser<Options> = (rawArgs: readonly string[], fromFile?: GivenValues) => Options;

/**
 * Reads the command line, and the file anew each time.
 * @throws UsageError, with all others, if the command line or the file is wrong, or the file cannot be read
 */
export async function readOptions<Options>(
  definition: CommandDefinition,
  rawArgs: readonly string[],
  parse: OptionsParser<Options>,
): Promise<Options> {
  const path = givenFlags(definition.args, rawArgs).get("config");
  if (typeof path !== "string") return parse(rawArgs);
  const judgement = judgeOptions(definition, rawArgs, parseConfig(path, await readConfigText(path)), parse);
  throwAll(judgement.errors);
  return judgement.options;
}

export interface Judgement<Options> {
  /** The options, which are valid only if there are no errors. */
  readonly options: Options;
  /** The errors in the order of the file; missing settings come last. */
  readonly errors: readonly UsageError[];
}

/**
 * Finds all errors, not only the first: a wrong value is replaced by its flag's example, so that the next one can be
 * checked.
 * @throws UsageError if the command line alone is wrong
 */
export function judgeOptions<Options>(
  definition: CommandDefinition,
  rawArgs: readonly string[],
  file: ConfigFile,
  parse: OptionsParser<Options>,
): Judgement<Options> {
  const inFile = new ConfigValues(file, definition);
  const values = new Map(inFile.values);
  const errors = [...inFile.errors];
  const replaced = new Set<string>();
  for (;;) {
    try {
      return { options: parse(rawArgs, values), errors: errors.sort(byLine) };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const name = error.flag?.replace(/^--/, "") ?? "";
      const def = definition.args[name];
      if (def?.type !== "string" || replaced.has(name)) throw error;
      if (error.code !== "MISSING_FLAG") {
        for (const one of [error, ...error.others]) errors.push(inFile.placed(one, name));
      } else if (!inFile.has(name) || values.has(name)) {
        errors.push(inFile.missing(name, def));
      }
      values.set(name, def.repeatable ? [def.example] : def.example);
      replaced.add(name);
    }
  }
}

function byLine(a: UsageError, b: UsageError): number {
  return lineOf(a) - lineOf(b);
}

/** Returns a finite number, so that two can be subtracted. */
function lineOf({ place }: UsageError): number {
  return place?.line ?? Number.MAX_SAFE_INTEGER;
}
