/**
 * Strict reading of a command's flags from its citty definition. citty's own parser lets unknown flags pass,
 * keeps only the last of a repeated one and takes a missing value for an empty one, so the words are split by
 * node:util's parseArgs and judged here: what a command does not define is refused, with the nearest it does.
 *
 *     --flag value   --flag=value   -f value   -fvalue   -f=value   -vj (flags without value)   -- (ends flags)
 *
 * Three habits of the Go program are kept: lists may be written with commas, a flag without value may be given
 * as --flag=true or =false, and -v means one flag with a number behind it and another one without.
 */
import { parseArgs } from "node:util";
import { allNames, type FlagDef, type FlagDefs, type ValueFlagDef } from "./command-definition.ts";
import { nearest } from "./nearest.ts";
import { UsageError } from "./usage-error.ts";

type FlagValue<T> = T extends { type: "boolean" }
  ? boolean
  : T extends { repeatable: true }
    ? string[]
    : T extends { default: string } | { required: true }
      ? string
      : string | undefined;

/** A switch is false and a list empty when not given; other flags have their default or are undefined. */
export type FlagValues<T extends FlagDefs> = { [Name in keyof T]: FlagValue<T[Name]> };

/** @throws UsageError for anything but flags that the definition has, used as it says */
export function parseFlags<T extends FlagDefs>(defs: T, rawArgs: readonly string[]): FlagValues<T> {
  const names = namesOf(defs);
  const values = new Map<string, boolean | string | string[]>();
  let previous: FoundFlag | null = null;
  for (const token of tokenize(defs, names, rawArgs)) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") throw unexpectedArgument(token.value, previous);
    const name = names.get(token.rawName);
    const def = name === undefined ? undefined : defs[name];
    if (name === undefined || def === undefined) throw unknownFlag(token.rawName, names);
    previous = { rawName: token.rawName, def };
    if (def.type === "boolean") {
      refuseSecond(values.has(name), token.rawName);
      values.set(name, switchValue(token.rawName, token.value));
      continue;
    }
    const value = requireValue(previous, def, token.value, token.inlineValue);
    if (def.repeatable) {
      const list = values.get(name);
      values.set(name, [...(Array.isArray(list) ? list : []), ...listItems(token.rawName, value)]);
    } else {
      refuseSecond(values.has(name), token.rawName);
      values.set(name, value);
    }
  }
  return complete(defs, values);
}

interface FoundFlag {
  /** As the user wrote it: "-s" or "--server". */
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
    // parseArgs finds the option "s" for "-s"; that it would also take "--s" does no harm, `names` lacks it.
    options[dashedName.replace(/^-+/, "")] = { type: defs[name]?.type === "boolean" ? "boolean" : "string" };
  }
  const args = normalize(defs, names, rawArgs);
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/**
 * Rewrites the spellings that parseArgs cannot know. It may look at each word alone, since no flag takes a
 * value that begins with "-".
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
    } else if (numberFlag !== undefined && attached === "" && startsNumberList(next)) {
      args.push(`--${numberFlag}=${next}`);
      i++;
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
  if (value !== undefined && value !== "" && (isInline || !value.startsWith("-"))) return value;
  throw new UsageError("MISSING_VALUE", `${rawName} needs a value, as in ${rawName} ${example}`);
}

function refuseSecond(isSecond: boolean, rawName: string): void {
  if (isSecond) throw new UsageError("REPEATED_FLAG", `${rawName} is given twice; give it once`);
}

function listItems(rawName: string, value: string): string[] {
  const items = value.split(",").map((item) => item.trim());
  if (!items.includes("")) return items;
  throw new UsageError("MISSING_VALUE", `${rawName} has an empty item in its list "${value}"`);
}

function unknownFlag(rawName: string, names: ReadonlyMap<string, string>): UsageError {
  // "--s" is near to "-s" for a reader, not for a spelling checker.
  const guess = names.has(rawName.slice(1)) ? rawName.slice(1) : nearestLong(rawName, names);
  const message = `unknown flag ${rawName}`;
  return new UsageError("UNKNOWN_FLAG", message, guess === null ? {} : { hint: `did you mean ${guess}?` });
}

/** Compared without their dashes, which all have in common. */
function nearestLong(rawName: string, names: ReadonlyMap<string, string>): string | null {
  if (!rawName.startsWith("--")) return null;
  const longNames = [...names.keys(), "--help"].flatMap((name) =>
    name.startsWith("--") ? [name.slice(2)] : [],
  );
  const guess = nearest(rawName.slice(2).toLowerCase(), longNames);
  return guess === null ? null : `--${guess}`;
}

function unexpectedArgument(value: string, previous: FoundFlag | null): UsageError {
  let hint = "everything here is given by flags";
  if (previous?.def.type === "boolean") hint = `${previous.rawName} takes no value`;
  else if (previous !== null && "repeatable" in previous.def) {
    hint = `for more than one value repeat ${previous.rawName}, or put commas between them`;
  }
  return new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${value}"`, { hint });
}

function complete<T extends FlagDefs>(
  defs: T,
  given: ReadonlyMap<string, boolean | string | string[]>,
): FlagValues<T> {
  const values: Record<string, boolean | string | string[] | undefined> = {};
  for (const [name, def] of Object.entries(defs)) {
    values[name] = given.get(name) ?? def.default ?? absent(def);
    if (def.type === "string" && def.required && !given.has(name)) {
      const example = `--${name} ${def.example}`;
      throw new UsageError("MISSING_FLAG", `--${name} is missing`, { hint: `give at least ${example}` });
    }
  }
  // Each name has what FlagValue says of its definition: the loops above went by the same properties.
  return values as FlagValues<T>;
}

function absent(def: FlagDef): false | string[] | undefined {
  if (def.type === "boolean") return false;
  return "repeatable" in def ? [] : undefined;
}
