/** The flags of a daemon, from the catalogue of options (options/option.ts), and the values that they are given. */
import type {
  Catalogue,
  CountOption,
  MillisecondsOption,
  ObjectOption,
  Option,
  SwitchOption,
} from "../../options/option.ts";
import type { FlagDef, SwitchDef, ValueFlagDef } from "../program/command-definition.ts";
import type { FlagValues } from "../program/flags.ts";
import {
  badValue,
  formatSecondsOrForever,
  readOneOf,
  readSeconds,
  readSecondsOrForever,
  readWholeNumber,
  whole,
} from "./values.ts";

/** An option of a daemon. */
type FlagOption = Exclude<Option, ObjectOption | MillisecondsOption> & { readonly flag: string };
/** One whose flag has a value. */
type ValueOption = Exclude<FlagOption, SwitchOption>;

type FlagOf<O> = O extends { readonly type: "switch" }
  ? SwitchDef
  : O extends { readonly type: "list" }
    ? ValueFlagDef & { repeatable: true }
    : O extends { readonly default: unknown }
      ? ValueFlagDef & { default: string }
      : ValueFlagDef;

/** The flags of a catalogue, by their long names. */
export type FlagsOf<C extends Catalogue> = {
  [Key in keyof C as C[Key] extends { readonly flag: infer Flag extends string } ? Flag : never]: FlagOf<
    C[Key]
  >;
};

type ValueOf<O> = O extends { readonly type: "switch" }
  ? boolean
  : O extends { readonly type: "count" | "seconds" }
    ? number
    : O extends { readonly type: "word"; readonly words: readonly (infer Word)[] }
      ? Word
      : O extends { readonly type: "list" }
        ? readonly string[]
        : O extends { readonly default: unknown }
          ? string
          : string | undefined;

/** The values of a catalogue's flags, by the keys of the options. Those of texts and lists are to be read further. */
export type ValuesOf<C extends Catalogue> = {
  readonly [Key in keyof C as C[Key] extends { readonly flag: string } ? Key : never]: ValueOf<C[Key]>;
};

/** Returns the flag of one option. */
export function flagFor<O extends FlagOption>(option: O): FlagOf<O> {
  // FlagOf says the same in types.
  return flagOf(option) as FlagOf<O>;
}

/** Returns the flags of the options that have one, in the order of the catalogue. */
export function flagsOf<C extends Catalogue>(catalogue: C): FlagsOf<C> {
  const flags = Object.values(catalogue).flatMap((option) =>
    hasFlag(option) ? [[option.flag, flagOf(option)] as const] : [],
  );
  // FlagsOf says the same in types.
  return Object.fromEntries(flags) as FlagsOf<C>;
}

function hasFlag(option: Option): option is FlagOption {
  return option.flag !== undefined;
}

function flagOf(option: FlagOption): FlagDef {
  const { alias, hiddenAlias, formerName, help: description } = option;
  const names = {
    ...(alias !== undefined && { alias }),
    ...(hiddenAlias !== undefined && { hiddenAlias: [...hiddenAlias] }),
    ...(formerName !== undefined && { formerName }),
  };
  if (option.type === "switch") return { type: "boolean", ...names, description };
  const { aliasBeforeDigits, example } = option;
  return {
    type: "string",
    ...names,
    ...(aliasBeforeDigits !== undefined && { aliasBeforeDigits }),
    ...(option.type === "list" && { repeatable: true }),
    ...(option.type === "list" && option.required && { required: true }),
    valueHint: valueHint(option),
    example,
    ...defaultOf(option),
    description,
  };
}

function valueHint(option: ValueOption): string {
  switch (option.type) {
    case "count":
      return option.unit === "seconds" ? "SEC" : "N";
    case "seconds":
      return option.mayBeForever ? "SEC|forever" : "SEC";
    case "word":
      return option.words.join("|");
    default:
      return option.valueHint;
  }
}

function defaultOf(option: ValueOption): { default?: string } {
  if (option.type === "list" || option.default === undefined) return {};
  const { default: value } = option;
  return { default: typeof value === "number" ? formatSecondsOrForever(value) : value };
}

/**
 * Reads the values of flags by the types of their options.
 * @throws UsageError
 */
export function readValues<C extends Catalogue>(catalogue: C, flags: FlagValues<FlagsOf<C>>): ValuesOf<C> {
  const given = new Map<string, boolean | string | readonly string[] | undefined>(Object.entries(flags));
  const values = Object.entries(catalogue).flatMap(([key, option]) =>
    hasFlag(option) ? [[key, readValue(option, given.get(option.flag))] as const] : [],
  );
  // ValuesOf says the same in types.
  return Object.fromEntries(values) as ValuesOf<C>;
}

function readValue(option: FlagOption, given: boolean | string | readonly string[] | undefined) {
  if (typeof given !== "string") return given;
  switch (option.type) {
    case "count":
      return readCount(option, given);
    case "seconds":
      return option.mayBeForever
        ? readSecondsOrForever(`--${option.flag}`, given)
        : readSeconds(`--${option.flag}`, given, option.least);
    case "word":
      return readOneOf(`--${option.flag}`, given, option.words);
    default:
      return given;
  }
}

/** Reads the whole number of one option; for commands that have no others of its catalogue, too. */
export function readCount(option: CountOption & { readonly flag: string }, text: string): number {
  const { flag, least, most, unit, exception } = option;
  const count = readWholeNumber(`--${flag}`, text, least, most, unit === "seconds" ? unit : undefined);
  if (count !== exception?.value) return count;
  throw badValue(`--${flag}`, text, whole(text), exception.reason);
}
