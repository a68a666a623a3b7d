/**
 * This class converts a configuration file's settings to the values of a command's flags. The command's own definition
 * decides which settings there are and which are lists, and its own readers check the values, so that a file and a
 * command line have the same rules. Their errors are changed here to name the setting and its line.
 */
import {
  allNames,
  type CommandDefinition,
  type FlagDefs,
  type ValueFlagDef,
} from "../program/command-definition.ts";
import { type GivenValues, listItems, newNameOf } from "../program/flags.ts";
import { nearest } from "../program/nearest.ts";
import {
  collectErrors,
  throwAll,
  UsageError,
  type UsageErrorCode,
  type UsageErrorDetail,
} from "../program/usage-error.ts";
import { type ConfigFile, type ConfigSetting, isMapping } from "./config-file.ts";

/** The setting that is not a flag. It names the command that the file is for. */
export const ROLE_SETTING = "role";
/** The flag that is not a setting. */
const CONFIG_FLAG = "config";

/** Returns the flag of each name in a file. These are the long names of flags, without dashes. */
export function settingNames(defs: FlagDefs): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, def] of Object.entries(defs)) {
    if (name === CONFIG_FLAG) continue;
    for (const dashed of allNames(name, def)) if (dashed.startsWith("--")) names.set(dashed.slice(2), name);
  }
  return names;
}

/** One value in the file. */
interface FileText {
  readonly text: string;
  readonly line: number | null;
}

interface Source {
  readonly setting: ConfigSetting;
  /** The lines of the values by text. */
  readonly linesByText: Map<string, TextLines>;
}

interface TextLines {
  readonly lines: (number | null)[];
  /** For how many of the lines, from the first one on, an error was reported. */
  reported: number;
}

export class ConfigValues {
  readonly #file: ConfigFile;
  readonly #definition: CommandDefinition;
  /** The values that can be read, by the flags' names in the definition. */
  readonly values: GivenValues;
  /** The errors that were found before the values are checked, in the order of the file. */
  readonly errors: readonly UsageError[];
  readonly #sources = new Map<string, Source>();
  /** The name of the flag by the name in the file. */
  readonly #names: ReadonlyMap<string, string>;

  /** @throws UsageError if the file's role is another command */
  constructor(file: ConfigFile, definition: CommandDefinition) {
    this.#file = file;
    this.#definition = definition;
    this.#names = settingNames(definition.args);
    const values = new Map<string, boolean | string | readonly string[]>();
    const errors: UsageError[] = [];
    const role = file.settings.find(({ name }) => name === ROLE_SETTING);
    if (role !== undefined) this.#judgeRole(role);
    for (const setting of file.settings) collectErrors(errors, () => this.#take(setting, values));
    this.values = values;
    this.errors = errors;
  }

  /** Returns true if the file sets this flag, even with a wrong value. */
  has(flagName: string): boolean {
    return this.#sources.has(flagName);
  }

  /** Returns an error about a flag's value as an error about the setting, with the next line that has the value. */
  placed(error: UsageError, flagName: string): UsageError {
    const source = this.#sources.get(flagName);
    if (source === undefined) return error;
    const { setting, linesByText } = source;
    const found = linesByText.get(error.value?.text ?? "");
    const line = found === undefined ? setting.line : (nextLine(found) ?? setting.line);
    return this.#error(setting, error.code, error.message.replace(`--${flagName}`, setting.name), {
      line,
      ...(error.hint !== null && { hint: error.hint }),
      ...(error.value !== null && { value: error.value }),
    });
  }

  /** Returns the error that a setting is missing. */
  missing(flagName: string, { example }: ValueFlagDef): UsageError {
    const hint = `give at least ${flagName}: ${yamlOf(example)}`;
    const place = { path: this.#file.path, line: null };
    return new UsageError("MISSING_FLAG", `${flagName} is missing`, { hint, place });
  }

  #take(setting: ConfigSetting, values: Map<string, boolean | string | readonly string[]>): void {
    if (setting.name === ROLE_SETTING) return;
    const flagName = this.#names.get(setting.name);
    const def = flagName === undefined ? undefined : this.#definition.args[flagName];
    if (flagName === undefined || def === undefined) throw this.#unknown(setting);
    const other = this.#sources.get(flagName)?.setting;
    if (other !== undefined) {
      const message = `${setting.name} means the same as ${other.name}`;
      const hint = `set one of them${other.line === null ? "" : `; ${other.name} is on line ${other.line}`}`;
      throw this.#error(setting, "REPEATED_SETTING", message, { hint });
    }
    const source: Source = { setting, linesByText: new Map() };
    this.#sources.set(flagName, source);
    if (def.type === "boolean") {
      values.set(flagName, this.#switch(setting));
      return;
    }
    const texts = this.#texts(setting, def);
    for (const { text, line } of texts) {
      source.linesByText.getOrInsertComputed(text, () => ({ lines: [], reported: 0 })).lines.push(line);
    }
    values.set(flagName, def.repeatable ? texts.map(({ text }) => text) : (texts[0]?.text ?? ""));
  }

  #judgeRole(setting: ConfigSetting): void {
    const { name } = this.#definition.meta;
    if (setting.value === name) return;
    throw this.#error(
      setting,
      "BAD_VALUE",
      `${ROLE_SETTING}: the file is not for a ${name}`,
      whole(setting.value),
    );
  }

  #unknown(setting: ConfigSetting): UsageError {
    const names = [...this.#names.keys(), ROLE_SETTING];
    const bare = setting.name.replace(/^-+/, "").toLowerCase();
    const newName = newNameOf(bare, this.#definition.args);
    const hint =
      bare === CONFIG_FLAG
        ? "a file cannot include another one"
        : names.includes(bare)
          ? `write ${bare}`
          : newName !== null
            ? `it is called ${newName} now`
            : didYouMean(nearest(bare, names));
    const message = `unknown setting ${setting.name}`;
    return this.#error(setting, "UNKNOWN_SETTING", message, hint === undefined ? {} : { hint });
  }

  #switch(setting: ConfigSetting): boolean {
    const { name, value } = setting;
    if (typeof value === "boolean") return value;
    throw this.#error(setting, "BAD_VALUE", `${name}: true or false is needed`, whole(value));
  }

  #texts(setting: ConfigSetting, def: ValueFlagDef): FileText[] {
    const { name, value, line, itemLines } = setting;
    if (!Array.isArray(value)) return this.#itemTexts(setting, def, value, line);
    if (!def.repeatable) {
      const hint = `write ${name}: ${yamlOf(def.example)}`;
      throw this.#error(setting, "BAD_VALUE", `${name}: one value is needed, not a list`, { hint });
    }
    const texts: FileText[] = [];
    const errors: UsageError[] = [];
    value.forEach((item: unknown, index) => {
      collectErrors(errors, () => {
        for (const text of this.#itemTexts(setting, def, item, itemLines[index] ?? line)) texts.push(text);
      });
    });
    throwAll(errors);
    return texts;
  }

  /**
   * Returns the texts of a value that is not a list. As on the command line, it may be several with commas if the flag
   * is a list.
   */
  #itemTexts(setting: ConfigSetting, def: ValueFlagDef, value: unknown, line: number | null): FileText[] {
    const { name } = setting;
    if (value === null || value === "") {
      throw this.#error(
        setting,
        "MISSING_VALUE",
        `${name} needs a value, as in ${name}: ${yamlOf(def.example)}`,
        {
          line,
          ...(def.repeatable && { hint: `for none write ${name}: []` }),
        },
      );
    }
    if (isMapping(value) || Array.isArray(value)) {
      const kind = Array.isArray(value) ? "a list within the list" : "a mapping";
      const hint = `write ${name}: ${yamlOf(def.example)}`;
      throw this.#error(setting, "BAD_VALUE", `${name}: a plain value is needed, not ${kind}`, {
        line,
        hint,
      });
    }
    const text = String(value);
    if (!def.repeatable) return [{ text, line }];
    try {
      return listItems(name, text).map((item) => ({ text: item, line }));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw this.#error(setting, error.code, error.message, { line });
    }
  }

  #error(
    setting: ConfigSetting,
    code: UsageErrorCode,
    message: string,
    { line = setting.line, ...detail }: UsageErrorDetail & { line?: number | null } = {},
  ): UsageError {
    return new UsageError(code, message, { ...detail, place: { path: this.#file.path, line } });
  }
}

/** Returns the first line without a reported error; if there is none, the last line. */
function nextLine(found: TextLines): number | null {
  const line = found.lines[found.reported] ?? null;
  if (found.reported < found.lines.length - 1) found.reported++;
  return line;
}

/** Returns the detail that a plain value is wrong as a whole. */
function whole(value: unknown): UsageErrorDetail {
  if (value === null || value === "" || typeof value === "object") return {};
  const text = String(value);
  return { value: { text, range: { start: 0, end: text.length } } };
}

/** Returns a text as YAML, with quotes if it needs them. */
function yamlOf(text: string): string {
  return /^\d+$/.test(text) ? text : Bun.YAML.stringify(text);
}

function didYouMean(guess: string | null): string | undefined {
  return guess === null ? undefined : `did you mean ${guess}?`;
}
