/**
 * This file reads a command's flags and arguments strictly, by its citty definition. citty's own parser ignores unknown
 * flags, keeps only the last of a repeated one and reads a missing value as an empty one. So the arguments are split by
 * node:util's parseArgs and checked here: a flag that the command does not define is refused, with the nearest one that
 * it does define.
 *
 *     --flag value   --flag=value   -f value   -fvalue   -f=value   -vj (flags without value)   -- (ends flags)
 *
 * Three forms of the Go program are accepted: lists may be written with commas, a flag without value may be given as
 * --flag=true or =false, and -v is one flag with a number after it and another one without.
 */
import { parseArgs } from "node:util";
import {
  allNames,
  type CommandDefinition,
  type FlagDef,
  type FlagDefs,
  type ValueFlagDef,
  type WordsDef,
} from "./command-definition.ts";
import { nearest } from "./nearest.ts";
import { UsageError } from "./usage-error.ts";

type FlagValue<T> = T extends { type: "boolean" }
  ? boolean
  : T extends { repeatable: true }
    ? string[]
    : T extends { default: string } | { required: true }
      ? string
      : string | undefined;

/**
 * The values of all flags. A switch is false and a list empty if not given; other flags have their default or are
 * undefined.
 */
export type FlagValues<T extends FlagDefs> = { [Name in keyof T]: FlagValue<T[Name]> };

/** The given values by the flags' names in the definition: of a switch, a text, or the items of a list. */
export type GivenValues = ReadonlyMap<string, boolean | string | readonly string[]>;

const NO_VALUES: GivenValues = new Map();

/**
 * Reads flags. `fromFile` has the values of a configuration file. The command line takes precedence over them, also for
 * a whole list.
 * @throws UsageError for anything except the defined flags, used as defined
 */
export function parseFlags<T extends FlagDefs>(
  defs: T,
  rawArgs: readonly string[],
  fromFile: GivenValues = NO_VALUES,
): FlagValues<T> {
  return complete(defs, new Map([...fromFile, ...givenFlags(defs, rawArgs)]));
}

export interface Arguments<T extends FlagDefs> {
  readonly flags: FlagValues<T>;
  /** At least one if the command takes arguments; more only if they are repeatable or have a second one. */
  readonly words: readonly string[];
}

/**
 * Reads flags and arguments, in any order. Everything after "--" is an argument.
 * @throws UsageError as {@link parseFlags}
 */
export function parseArguments<T extends CommandDefinition>(
  { meta, args, words: def }: T,
  rawArgs: readonly string[],
): Arguments<T["args"]> {
  const { values, words } = read(args, def ?? null, rawArgs);
  if (def !== undefined && !def.optional && words.length === 0) {
    const hint = `give ${def.repeatable ? "at least one" : "it"}, as in bunbond ${meta.name} ${def.example}`;
    throw new UsageError("MISSING_ARGUMENT", `${def.valueHint} is missing`, { hint });
  }
  return { flags: complete<T["args"]>(args, values), words };
}

/**
 * Returns the flags on the command line alone. Missing flags are no error here.
 * @throws UsageError as {@link parseFlags}
 */
export function givenFlags(defs: FlagDefs, rawArgs: readonly string[]): GivenValues {
  return read(defs, null, rawArgs).values;
}

function read(defs: FlagDefs, wordsDef: WordsDef | null, rawArgs: readonly string[]) {
  const names = namesOf(defs);
  const values = new Map<string, boolean | string | string[]>();
  const words: string[] = [];
  let previous: FoundFlag | null = null;
  for (const token of tokenize(defs, names, rawArgs)) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (wordsDef === null) throw unexpectedArgument(defs, token.value, previous);
      for (const word of takeWord(wordsDef, token.value, words.length)) words.push(word);
      continue;
    }
    const name = names.get(token.rawName);
    const def = name === undefined ? undefined : defs[name];
    if (name === undefined || def === undefined) throw unknownFlag(token.rawName, names, defs);
    previous = { rawName: token.rawName, def };
    if (def.type === "boolean") {
      refuseSecond(values.has(name), token.rawName);
      values.set(name, switchValue(token.rawName, token.value));
      continue;
    }
    const value = requireValue(previous, def, token.value, token.inlineValue);
    if (def.repeatable) {
      const list = values.get(name);
      const items = listItems(token.rawName, value);
      if (!Array.isArray(list)) values.set(name, items);
      else for (const item of items) list.push(item);
    } else {
      refuseSecond(values.has(name), token.rawName);
      values.set(name, value);
    }
  }
  return { values, words };
}

function takeWord(def: WordsDef, word: string, wordsBefore: number): string[] {
  const { valueHint, repeatable, second, form } = def;
  if (repeatable) return listItems(valueHint, word);
  const hasPlace = wordsBefore < (second === undefined ? 1 : 2);
  if (hasPlace && word !== "" && (form?.test(word) ?? true)) return [word];
  throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${word}"`, {
    hint: `the command takes one ${valueHint}${second === undefined ? "" : `, and ${second.valueHint} after it`}`,
  });
}

interface FoundFlag {
  /** The name as the user wrote it: "-s" or "--server". */
  readonly rawName: string;
  readonly def: FlagDef;
}

/** Everything a user may write for a flag ("-s", "--server", "--listener") → its name in the definition. */
function namesOf(defs: FlagDefs): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, def] of Object.entries(defs)) {
    for (const dashedName of allNames(name, def)) names.set(dashedName, name);
  }
  return names;
}

function tokenize(defs: FlagDefs, names: ReadonlyMap<string, string>, rawArgs: readonly string[]) {
  const options: Record<string, { type: "boolean" | "string" }> = {};
  for (const [dashedName, name] of names) {
    // parseArgs finds the option "s" for "-s". It also accepts "--s", which `names` lacks, so it is refused.
    options[dashedName.replace(/^-+/, "")] = { type: defs[name]?.type === "boolean" ? "boolean" : "string" };
  }
  const args = normalize(defs, names, rawArgs);
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/**
 * Rewrites the forms that parseArgs does not accept. It reads each argument alone, since no flag takes a value that
 * begins with "-".
 */
function normalize(defs: FlagDefs, names: ReadonlyMap<string, string>, rawArgs: readonly string[]): string[] {
  const args: string[] = [];
  for (let i = 0; i < rawArgs.length; i++) {
    const arg = rawArgs[i] ?? "";
    if (arg === "--") return [...args, ...rawArgs.slice(i)];
    const [, letter = "", attached = ""] = /^-([A-Za-z])=?(.*)$/s.exec(arg) ?? [];
    const numberFlag = letter === "" ? undefined : flagBeforeDigits(defs, letter);
    const next = rawArgs[i + 1] ?? "";
    if (arg.startsWith("-") && names.has(`-${arg}`)) {
      throw new UsageError("UNKNOWN_FLAG", `unknown flag ${arg}`, { hint: `did you mean -${arg}?` });
    } else if (numberFlag !== undefined && startsNumberList(attached)) {
      args.push(`--${numberFlag}=${attached}`);
    } else if (numberFlag !== undefined && attached === "" && (startsNumberList(next) || isNegative(next))) {
      args.push(`--${numberFlag}=${next}`);
      i++;
    } else if (numberFlag !== undefined && arg[2] !== "=" && !areSwitches(defs, names, attached)) {
      throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected "${attached}" after -${letter}`, {
        hint: numberOrSwitch(letter, numberFlag),
      });
    } else if (arg[2] === "=" && names.has(`-${letter}`)) {
      args.push(`--${names.get(`-${letter}`)}=${attached}`);
    } else {
      args.push(arg);
    }
  }
  return args;
}

function flagBeforeDigits(defs: FlagDefs, letter: string): string | undefined {
  return Object.keys(defs).find((name) => {
    const def = defs[name];
    return def !== undefined && "aliasBeforeDigits" in def && def.aliasBeforeDigits === letter;
  });
}

/** Returns true if the letters are switches in one argument: "-vj". */
function areSwitches(defs: FlagDefs, names: ReadonlyMap<string, string>, letters: string): boolean {
  return [...letters].every((letter) => defs[names.get(`-${letter}`) ?? ""]?.type === "boolean");
}

function numberOrSwitch(letter: string, numberFlag: string): string {
  return `with a number, as in -${letter} 100, it is --${numberFlag}; otherwise it is a flag without value`;
}

/** Returns true for a negative number: no flag begins like this, so it is a wrong value. */
function isNegative(text: string): boolean {
  return /^-\.?\d/.test(text);
}

function startsNumberList(text: string): boolean {
  return /^\d[\d,]*$/.test(text);
}

function switchValue(rawName: string, value: string | undefined): boolean {
  if (value === undefined || value === "true") return true;
  if (value === "false") return false;
  throw new UsageError("UNWANTED_VALUE", `${rawName} takes no value but true or false, not "${value}"`);
}

function requireValue(
  { rawName }: FoundFlag,
  { example }: ValueFlagDef,
  value: string | undefined,
  isInline: boolean | undefined,
): string {
  if (value !== undefined && value !== "" && (isInline || !value.startsWith("-") || isNegative(value))) {
    return value;
  }
  throw new UsageError("MISSING_VALUE", `${rawName} needs a value, as in ${rawName} ${example}`);
}

function refuseSecond(isSecond: boolean, rawName: string): void {
  if (isSecond) throw new UsageError("REPEATED_FLAG", `${rawName} is given twice; give it once`);
}

/** Returns the items of a list with commas. */
export function listItems(rawName: string, value: string): string[] {
  const items = value.split(",").map((item) => item.trim());
  if (!items.includes("")) return items;
  throw new UsageError("MISSING_VALUE", `${rawName} has an empty item in its list "${value}"`);
}

function unknownFlag(rawName: string, names: ReadonlyMap<string, string>, defs: FlagDefs): UsageError {
  const newName = newNameOf(rawName.replace(/^--/, ""), defs);
  if (newName !== null) {
    return new UsageError("UNKNOWN_FLAG", `unknown flag ${rawName}`, {
      hint: `it is called --${newName} now`,
    });
  }
  // A reader takes "--s" for "-s", but the edit distance does not show that.
  const guess = names.has(rawName.slice(1)) ? rawName.slice(1) : nearestLong(rawName, names);
  const message = `unknown flag ${rawName}`;
  return new UsageError("UNKNOWN_FLAG", message, guess === null ? {} : { hint: `did you mean ${guess}?` });
}

/** Returns the long name of the flag that had this one in earlier versions; null if none had it. */
export function newNameOf(formerName: string, defs: FlagDefs): string | null {
  return Object.keys(defs).find((name) => defs[name]?.formerName === formerName) ?? null;
}

/** Returns the nearest long name, compared without the dashes, which all have in common. */
function nearestLong(rawName: string, names: ReadonlyMap<string, string>): string | null {
  if (!rawName.startsWith("--")) return null;
  const longNames = [...names.keys(), "--help"].flatMap((name) =>
    name.startsWith("--") ? [name.slice(2)] : [],
  );
  const guess = nearest(rawName.slice(2).toLowerCase(), longNames);
  return guess === null ? null : `--${guess}`;
}

function unexpectedArgument(defs: FlagDefs, value: string, previous: FoundFlag | null): UsageError {
  let hint = "this command takes flags only";
  const letter = previous?.rawName.slice(1) ?? "";
  const numberFlag = letter.length === 1 ? flagBeforeDigits(defs, letter) : undefined;
  if (numberFlag !== undefined) hint = numberOrSwitch(letter, numberFlag);
  else if (previous?.def.type === "boolean") hint = `${previous.rawName} takes no value`;
  else if (previous !== null && "repeatable" in previous.def) {
    hint = `for several values repeat ${previous.rawName}, or separate them by commas`;
  }
  return new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${value}"`, { hint });
}

function complete<T extends FlagDefs>(defs: T, given: GivenValues): FlagValues<T> {
  const values: Record<string, boolean | string | readonly string[] | undefined> = {};
  for (const [name, def] of Object.entries(defs)) {
    const value = given.get(name);
    values[name] = value ?? def.default ?? absent(def);
    if (def.type === "string" && def.required && (value === undefined || isEmptyList(value))) {
      const flag = `--${name}`;
      const hint = `give at least ${flag} ${def.example}`;
      throw new UsageError("MISSING_FLAG", `${flag} is missing`, { flag, hint });
    }
  }
  // Each value has the type that FlagValue derives from the definition: the loops above use the same properties.
  return values as FlagValues<T>;
}

function isEmptyList(value: boolean | string | readonly string[]): boolean {
  return Array.isArray(value) && value.length === 0;
}

function absent(def: FlagDef): false | string[] | undefined {
  if (def.type === "boolean") return false;
  return "repeatable" in def ? [] : undefined;
}
