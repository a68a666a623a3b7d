/** These functions make reference tables in Markdown from the commands' definitions and the catalogues. */
import type { LogEvent } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { METRIC_NAMES, METRICS, type Metric } from "../../base/metrics.ts";
import { type Catalogue, type CountOption, libraryOptions, type Option } from "../../options/option.ts";
import { LIMIT_CODES } from "../../server/exchange/limits.ts";
import { CLOSE_REASONS } from "../../session/close-reason.ts";
import { CLOSING_CODES, describeCode, SKIP_CODES } from "../../wire/protocol-error.ts";
import { settingNames } from "../config/config-values.ts";
import { flagsOf } from "../flags/option-flags.ts";
import type { Command } from "../program/command.ts";
import type { FlagDef, FlagDefs } from "../program/command-definition.ts";
import { EXIT_CODE_ROWS, exitCodeRow, exitCodesOf } from "../program/help.ts";

/** Returns the settings of a daemon's configuration file. */
export function settingsTable(catalogue: Catalogue): string {
  const flags: FlagDefs = flagsOf(catalogue);
  const names = Map.groupBy(settingNames(flags), ([, flag]) => flag);
  const rows = Object.values(catalogue).flatMap(({ flag, takesEffect = "" }) => {
    const def = flag === undefined ? undefined : flags[flag];
    const settings = flag === undefined ? undefined : names.get(flag);
    if (def === undefined || settings === undefined) return [];
    const hidden = new Set(def.hiddenAlias ?? []);
    const shown = settings.flatMap(([setting]) => (hidden.has(setting) ? [] : [code(setting)]));
    return [[shown.join(", "), valueText(def), defaultText(def), takesEffect]];
  });
  return markdownTable(["setting", "value", "default", "takes effect"], rows);
}

/** What a program can pass to a call of the library. */
export function libraryOptionTable(catalogue: Catalogue): string {
  const rows = Array.from(libraryOptions(catalogue), ([name, option]) => [
    code(name),
    option.libraryValue ?? libraryValue(option),
    option.libraryDefault ?? libraryDefault(option),
    option.libraryHelp ?? option.help,
  ]);
  return markdownTable(["option", "value", "default", "what it does"], rows);
}

function libraryValue(option: Option): string {
  switch (option.type) {
    case "switch":
      return "boolean";
    case "count":
      return `${option.least} to ${option.most}${option.unit === "protocol number" ? exceptionText(option) : ` ${option.unit}`}`;
    case "seconds":
      return `seconds from ${option.least}`;
    case "milliseconds":
      return "milliseconds, or `Infinity`";
    case "word":
      return option.words.map((word) => code(`"${word}"`)).join(", ");
    case "list":
      return `list of ${code(option.valueHint)}`;
    case "text":
      return code(`"${option.valueHint}"`);
    case "object":
      return option.libraryValue;
  }
}

function exceptionText({ exception }: CountOption): string {
  return exception === undefined ? "" : ` without ${exception.value}`;
}

function libraryDefault(option: Option): string {
  if (option.type === "object" || option.type === "list" || option.default === undefined) return "";
  return code(typeof option.default === "string" ? `"${option.default}"` : `${option.default}`);
}

export function exitCodeTable(commands: readonly Command[]): string {
  const rows = [...EXIT_CODE_ROWS, ...exitCodesOf(commands).map(exitCodeRow)];
  return markdownTable(
    ["code", "meaning"],
    rows.map(({ left, right }) => [code(left), right]),
  );
}

/** The events of these levels, level by level, in the order of their messages. */
export function logEventTable(...levels: readonly LogEvent["level"][]): string {
  const events: readonly LogEvent[] = Object.values(LOG);
  const ordered = events.toSorted((a, b) => (a.message < b.message ? -1 : 1));
  const rows = levels.flatMap((level) =>
    ordered
      .filter((event) => event.level === level)
      .map(({ message, fields, whatToDo }) => [code(level), code(message), whatToDo + fieldsText(fields)]),
  );
  return markdownTable(["level", "message", "what it means, and what to do"], rows);
}

function fieldsText(fields: readonly string[]): string {
  return fields.length === 0 ? "" : ` Fields: ${fields.map(code).join(", ")}.`;
}

export function closeReasonTable(): string {
  const rows = Object.entries(CLOSE_REASONS).map(([reason, meaning]) => [code(reason), meaning]);
  return markdownTable(["reason", "what happened"], rows);
}

/** The protocol errors after which a connection is closed. */
export function closingCodeTable(): string {
  const rows = CLOSING_CODES.map((name) => [code(name), sentence(describeCode(name))]);
  return markdownTable(["code", "what the peer did"], rows);
}

/** The codes for which a message is skipped. */
export function skipCodeTable(): string {
  const meanings = [
    ...SKIP_CODES.map((name) => [name, describeCode(name)] as const),
    ...Object.entries(LIMIT_CODES),
  ];
  const rows = meanings.map(([name, meaning]) => [code(name), sentence(meaning)]);
  return markdownTable(["code", "what is wrong with the message"], rows);
}

/** A list, since the names are too long for a column of a table. */
export function metricList(): string {
  return METRIC_NAMES.map((name) => {
    const metric: Metric = METRICS[name];
    const labels = metric.labels.length === 0 ? "" : `{${metric.labels.join()}}`;
    const of = metric.of.length > 1 ? "" : `${metric.of.join()}, `;
    return `- ${code(name + labels)} (${of}${typeText(metric)}): ${metric.help}.`;
  }).join("\n");
}

function typeText({ type, unit }: Metric): string {
  if (unit === "1") return `${type}, 0 or 1`;
  return unit === "seconds" || unit === "bytes" ? `${type} in ${unit}` : `${type} of ${unit}`;
}

/** The values of a label. */
export function labelTable(
  meanings: Readonly<Record<string, string>>,
  valueHead = "label",
  meaningHead = "what is counted",
): string {
  return markdownTable(
    [valueHead, meaningHead],
    Object.entries(meanings).map(([label, meaning]) => [code(label), meaning]),
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function valueText(def: FlagDef): string {
  if (def.type === "boolean") return "`true` or `false`";
  return `${def.repeatable ? "list of " : ""}${code(def.valueHint)}`;
}

function defaultText(def: FlagDef): string {
  if (def.type === "boolean") return code("false");
  if (def.required) return "required";
  return def.default === undefined ? "" : code(def.default);
}

function code(text: string): string {
  return `\`${text}\``;
}

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}
