/**
 * These types describe a command as data. They are citty's definitions with additions for strict reading (flags.ts) and
 * good help (help.ts). Both use the same description, so that neither has a flag that the other lacks.
 */
import type { BooleanArgDef, CommandMeta, StringArgDef } from "citty";

/** Names that work but are not shown, since other programs have them for the same flag. */
interface HiddenAliases {
  /** The long name in earlier versions. It is refused, and the message has the present name. */
  readonly formerName?: string;
  hiddenAlias?: string[];
}

/** A flag without value. */
export type SwitchDef = BooleanArgDef &
  HiddenAliases & {
    type: "boolean";
    description: string;
    /** True if the flag asks for JSON, also for errors, those in the command line included. */
    errorsAsJson?: true;
  };

export type ValueFlagDef = StringArgDef &
  HiddenAliases & {
    type: "string";
    description: string;
    /** The form of the value, for help: "HOST[:PORT]". */
    valueHint: string;
    /** A value for messages: "as in --server [2001:db8::10]:4711". */
    example: string;
    /** True for a list: the flag may be repeated, and a value may be several with commas. */
    repeatable?: true;
    /** A letter that names this flag only if digits follow; without them it is another flag's alias. */
    aliasBeforeDigits?: string;
  };

export type FlagDef = SwitchDef | ValueFlagDef;
export type FlagDefs = Record<string, FlagDef>;

/** The arguments of a command that are not flags, all of one kind. */
export interface WordsDef {
  /** The kind of argument, for help: "ROUTE". */
  valueHint: string;
  description: string;
  /** An argument for messages: "as in bunbond announce 100#10.0.1.0/24@2001:db8::1". */
  example: string;
  /** True if there may be several, and each may be several with commas. Otherwise there is exactly one. */
  repeatable?: true;
  /** True if it may be left out. */
  optional?: true;
  /** The form of the argument, if a text of another form is not one at all: a misplaced word of another command, perhaps. */
  form?: RegExp;
  /** An optional second argument of another kind, if the first is not repeatable. */
  second?: { valueHint: string; description: string };
}

/** A citty command definition that is plain data, and its words. */
export interface CommandDefinition {
  /** The name may be two words: "peer reset". */
  meta: CommandMeta & { name: string; description: string };
  args: FlagDefs;
  /** The arguments that are not flags. If they are left out, the command takes flags only. */
  words?: WordsDef;
}

/** Returns the names of a flag that help shows, dashes included, a letter first. */
export function shownNames(name: string, def: FlagDef): string[] {
  const letters = def.type === "string" && def.aliasBeforeDigits ? [def.aliasBeforeDigits] : [];
  return [...letters, name, ...aliases(def)].map(dashed).sort((a, b) => dashCount(a) - dashCount(b));
}

/** Returns every name that always means this flag, dashes included. */
export function allNames(name: string, def: FlagDef): string[] {
  return [name, ...aliases(def), ...(def.hiddenAlias ?? [])].map(dashed);
}

function aliases({ alias }: FlagDef): string[] {
  return typeof alias === "string" ? [alias] : (alias ?? []);
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function dashCount(dashedName: string): number {
  return dashedName.startsWith("--") ? 2 : 1;
}
