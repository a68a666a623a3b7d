/**
 * The catalogue of options: what an option of a daemon or of the library is. Names, units, defaults, ranges and help stand in
 * server-options.ts, client-options.ts and kernel-options.ts, and nowhere else. From there come
 *
 *     flags and their help, keys of the configuration file, man pages     cli/flags/option-flags.ts
 *     the settings in `bunbond help config`, and what a reload changes    cli/help/, cli/daemon/reload-changes.ts
 *     checks and defaults of the library                                  option-check.ts, and `.default` where one is used
 *     the tables of options in library/README.md                          cli/help/option-tables.ts
 *
 * An option's key in the catalogue is its name in a daemon's configuration in memory.
 */

/** When a running daemon takes a changed setting of its configuration file. */
export type TakesEffect = "at a reload" | "at next start";

interface OptionText {
  /** The long flag without dashes, and the key in a configuration file. Absent: only programs that use the library have the option. */
  readonly flag?: string;
  readonly alias?: string;
  /** Names that work but are not shown: those of other programs. */
  readonly hiddenAlias?: readonly string[];
  /** A letter that names the flag only if digits follow. */
  readonly aliasBeforeDigits?: string;
  /** The long flag in earlier versions, which is refused with the present name. */
  readonly formerName?: string;
  /** Of options with a flag. */
  readonly takesEffect?: TakesEffect;
  /** The name in the library. Absent: only daemons have the option. */
  readonly library?: string;
  /** The library's value and default, as in a program; for options whose flag is written in another way. */
  readonly libraryValue?: string;
  readonly libraryDefault?: string;
  /** One sentence or a few, for an operator. */
  readonly help: string;
  /** The same for programs, where it is different. */
  readonly libraryHelp?: string;
}

/** True or false; a flag without value. */
export interface SwitchOption extends OptionText {
  readonly type: "switch";
  readonly default: false;
}

/** A whole number. */
export interface CountOption extends OptionText {
  readonly type: "count";
  readonly unit:
    | "seconds"
    | "next hops"
    | "routes"
    | "VNIs"
    | "connections"
    | "changes"
    | "bytes"
    | "protocol number";
  readonly least: number;
  readonly most: number;
  /** A number within the range that is refused. */
  readonly exception?: { readonly value: number; readonly reason: string };
  /** Absent where the default is computed: then `libraryDefault` says how. */
  readonly default?: number;
  /** A value for messages and tables. */
  readonly example: string;
}

/** A time in seconds, with fractions. */
export interface SecondsOption extends OptionText {
  readonly type: "seconds";
  readonly least: number;
  /** Infinity, as a flag "forever", is allowed. */
  readonly mayBeForever?: true;
  readonly default: number;
  readonly example: string;
}

/** A time in milliseconds, or Infinity. Only programs have such options. */
export interface MillisecondsOption extends OptionText {
  readonly type: "milliseconds";
  readonly flag?: never;
  readonly library: string;
  readonly default: number;
}

/** One of some words. */
export interface WordOption extends OptionText {
  readonly type: "word";
  readonly words: readonly string[];
  readonly default: string;
  readonly example: string;
}

/** A text with a grammar of its own. */
export interface TextOption extends OptionText {
  readonly type: "text";
  /** The form of the value: "HOST[:PORT]". */
  readonly valueHint: string;
  readonly example: string;
  readonly default?: string;
}

/** A list of such texts. */
export interface ListOption extends OptionText {
  readonly type: "list";
  readonly valueHint: string;
  readonly example: string;
  /** An empty list is refused. */
  readonly required?: true;
}

/** An object or a function, which only programs can pass. */
export interface ObjectOption extends OptionText {
  readonly type: "object";
  readonly flag?: never;
  readonly library: string;
  readonly libraryValue: string;
}

export type Option =
  | SwitchOption
  | CountOption
  | SecondsOption
  | MillisecondsOption
  | WordOption
  | TextOption
  | ListOption
  | ObjectOption;

/** Options by their keys. */
export type Catalogue = Readonly<Record<string, Option>>;

/** The most seconds of a flag: timers count milliseconds in 31 bits, and fire at once beyond 24.8 days. */
export const MOST_SECONDS = 20 * 86_400;

/** The names that the options of a catalogue have in the library. */
export type LibraryName<C extends Catalogue> = Extract<C[keyof C], { readonly library: string }>["library"];

/** Returns the options that the library has, by their names there. */
export function libraryOptions<C extends Catalogue>(catalogue: C): Map<LibraryName<C>, Option> {
  const options = new Map<string, Option>();
  for (const option of Object.values(catalogue)) {
    if (option.library !== undefined) options.set(option.library, option);
  }
  // The keys are the values of `library`.
  return options as Map<LibraryName<C>, Option>;
}
