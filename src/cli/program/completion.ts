/**
 * What a shell can complete, from the same definitions that flags are read by: commands of one word and of two, flags, fixed values,
 * files, and topics of help. completion-scripts.ts prints it for each shell.
 */
import type { Command } from "./command.ts";
import { type FlagDef, shownNames } from "./command-definition.ts";

/** What may stand in the place of a value: some words, a file, or something that a shell cannot know. */
export interface Completion {
  readonly words: readonly string[];
  readonly isFile: boolean;
}

export interface FlagCompletion {
  /** With dashes: "--pacing", "-s". */
  readonly names: readonly string[];
  readonly description: string;
  /** Null: the flag has no value. */
  readonly value: Completion | null;
}

export interface CommandCompletion {
  /** One word, or two: "peer reset". */
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagCompletion[];
  /** What its words can be, the first one, then the second one if it has another kind. */
  readonly words: readonly Completion[];
}

const HELP_FLAG: FlagCompletion = { names: ["--help"], description: "Print this help.", value: null };

/** Returns all commands, with "help" and what it takes. */
export function completions(
  commands: readonly Command[],
  topics: readonly string[],
): readonly CommandCompletion[] {
  const names = commands.map(({ definition }) => definition.meta.name);
  const help: CommandCompletion = {
    name: "help",
    description: "Print a command's flags and examples, or the page of a topic.",
    flags: [],
    words: [{ words: [...names.filter((name) => !name.includes(" ")), ...topics], isFile: false }],
  };
  return [...commands.map(completionOf), help];
}

function completionOf({ definition: { meta, args, words } }: Command): CommandCompletion {
  const hints = words === undefined ? [] : [words.valueHint, words.second?.valueHint];
  return {
    name: meta.name,
    description: firstSentence(meta.description),
    flags: [...Object.entries(args).map(([name, def]) => flagCompletion(name, def)), HELP_FLAG],
    words: hints.filter((hint) => hint !== undefined).map(valueCompletion),
  };
}

function flagCompletion(name: string, def: FlagDef): FlagCompletion {
  return {
    // A letter that is a flag only before digits is no flag to complete.
    names: shownNames(name, def).filter((each) => !isBeforeDigits(each, def)),
    description: firstSentence(def.description),
    value: def.type === "boolean" ? null : valueCompletion(def.valueHint),
  };
}

function isBeforeDigits(name: string, def: FlagDef): boolean {
  return def.type === "string" && def.aliasBeforeDigits !== undefined && name === `-${def.aliasBeforeDigits}`;
}

/** "auto|always|never" and "SEC|forever" have words of their own, in lower case; FILE and PATH are files. */
function valueCompletion(hint: string): Completion {
  const words = hint.split("|").filter((word) => hint.includes("|") && /^[a-z0-9][a-z0-9-]*$/.test(word));
  return { words, isFile: /^(FILE|PATH)\b/.test(hint) };
}

/** Without its full stop. */
function firstSentence(text: string): string {
  const [sentence = text] = /^.*?(?=[.:;] |\.$)/.exec(text) ?? [];
  return sentence;
}
