/** Tables of reference in Markdown, made from the commands' definitions. */
import { settingNames } from "../config/config-values.ts";
import { CLIENT_AT_START, SERVER_AT_START } from "../daemon/config-diff.ts";
import type { Command } from "../program/command.ts";
import type { FlagDef } from "../program/command-definition.ts";
import { EXIT_CODE_ROWS, exitCodeRow, exitCodesOf } from "../program/help.ts";

/** The flags that a running daemon cannot change. */
const AT_START: Readonly<Record<"server" | "client", readonly string[]>> = {
  server: Object.values(SERVER_AT_START),
  client: Object.values(CLIENT_AT_START),
};

/** What a configuration file of that daemon can hold. */
export function settingsTable(daemon: "server" | "client", commands: readonly Command[]): string {
  const command = commands.find(({ definition }) => definition.meta.name === daemon);
  if (command === undefined) return "";
  const { args } = command.definition;
  const names = Map.groupBy(settingNames(args), ([, flag]) => flag);
  const rows = [...names].flatMap(([flag, settings]) => {
    const def = args[flag];
    if (def === undefined) return [];
    const hidden = new Set(def.hiddenAlias ?? []);
    const shown = settings.flatMap(([setting]) => (hidden.has(setting) ? [] : [code(setting)]));
    const takesEffect = AT_START[daemon].includes(flag) ? "at next start" : "at a reload";
    return [[shown.join(", "), valueText(def), defaultText(def), takesEffect]];
  });
  return markdownTable(["setting", "value", "default", "takes effect"], rows);
}

export function exitCodeTable(commands: readonly Command[]): string {
  const rows = [...EXIT_CODE_ROWS, ...exitCodesOf(commands).map(exitCodeRow)];
  return markdownTable(
    ["code", "meaning"],
    rows.map(({ left, right }) => [code(left), right]),
  );
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
