/** These functions make help texts from the definitions by which flags are read. */
import type { Command, Example } from "./command.ts";
import { type FlagDef, shownNames, type WordsDef } from "./command-definition.ts";
import { COMMON_EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import type { Style } from "./style.ts";

/** The program in one sentence. */
export const PROGRAM_DESCRIPTION =
  "BunBond distributes routes of virtual networks between hypervisors (MetalBond protocol).";

export interface HelpLayout {
  readonly style: Style;
  /** The terminal's width in cells, if it is known. */
  readonly columns: number | undefined;
}

/** A page of `bunbond help` about a subject, rather than about one command. */
export interface HelpTopic {
  /** The name, which is one word and not that of a command. */
  readonly name: string;
  /** The page's title, without a full stop. */
  readonly title: string;
  /** Returns the page as it is printed. */
  text(layout: HelpLayout): string;
}

/** Returns the help of one command. `allTopics` are the program's; the help names those that belong to the command. */
export function commandHelp(
  { definition, examples, exitCodes = [], topics = [] }: Command,
  allTopics: readonly HelpTopic[],
  layout: HelpLayout,
): string {
  const { style } = layout;
  const { meta, args, words } = definition;
  const required = Object.entries(args).flatMap(([name, def]) =>
    def.type === "string" && def.required
      ? [` --${name} ${def.valueHint}${def.repeatable ? "..." : ""}`]
      : [],
  );
  const flags = Object.entries(args).map(([name, def]) => flagRow(name, def));
  const seeAlso = allTopics
    .filter(({ name }) => topics.includes(name))
    .map(({ name, title }): Row => ({ left: `bunbond help ${name}`, right: `${title}.` }));
  const second = words?.second === undefined ? "" : ` [${words.second.valueHint}]`;
  const wordsUsage =
    words === undefined ? "" : ` ${bracketed(words)}${words.repeatable ? "..." : ""}${second}`;
  return [
    paragraph(meta.description, layout),
    `${style.bold("Usage:")} bunbond ${meta.name}${wordsUsage}${required.join("")} [flags]\n`,
    ...(words === undefined ? [] : [section("Arguments", wordsRows(words), layout)]),
    section("Flags", [...flags, HELP_ROW], layout),
    section("Environment", [COLOR_ROW], layout),
    exampleSection(examples, layout),
    section("Exit codes", [...EXIT_CODE_ROWS, ...exitCodes.map(exitCodeRow)], layout),
    ...(seeAlso.length === 0 ? [] : [section("See also", seeAlso, layout)]),
  ].join("\n");
}

/** Returns the program's help: its commands and topics. */
export function programHelp(
  commands: readonly Command[],
  topics: readonly HelpTopic[],
  layout: HelpLayout,
): string {
  const { style } = layout;
  const rows = commands.map(
    ({ definition: { meta } }): Row => ({ left: meta.name, right: firstSentence(meta.description) }),
  );
  const helpRow: Row = {
    left: "help NAME",
    right: "Print a command's flags and examples, or the page of a topic.",
  };
  const topicRows = topics.map(({ name, title }): Row => ({ left: name, right: `${title}.` }));
  return [
    paragraph(PROGRAM_DESCRIPTION, layout),
    `${style.bold("Usage:")} bunbond COMMAND [flags]\n`,
    section("Commands", [...rows, helpRow], layout),
    ...(topicRows.length === 0 ? [] : [section("Topics", topicRows, layout)]),
    section("Flags", [HELP_ROW, VERSION_ROW], layout),
    section("Environment", [COLOR_ROW], layout),
    exampleSection(
      commands.slice(0, SHOWN_COMMANDS).flatMap(({ examples }) => examples.slice(0, 1)),
      layout,
    ),
    section("Exit codes", [...EXIT_CODE_ROWS, ...exitCodesOf(commands).map(exitCodeRow)], layout),
  ].join("\n");
}

/** Returns the exit codes that only some of the commands have. */
export function exitCodesOf(commands: readonly Command[]): ExitCode[] {
  const all = commands.flatMap(({ exitCodes = [] }) => exitCodes);
  const byCode = new Map(all.map((exitCode) => [exitCode.code, exitCode]));
  return [...byCode.values()].sort((a, b) => a.code - b.code);
}

/** Returns the first sentence. The others are only in the command's own help. */
function firstSentence(description: string): string {
  return /^.*?\.(?= |$)/.exec(description)?.[0] ?? description;
}

/** A name and its description. */
export interface Row {
  readonly left: string;
  readonly right: string;
}

export const HELP_ROW: Row = { left: "-h, --help", right: "Print this help." };
export const VERSION_ROW: Row = { left: "    --version", right: "Print the version." };
export const COLOR_ROW: Row = {
  left: "NO_COLOR",
  right: "If set, output has no colours, not even on a terminal.",
};
export const EXIT_CODE_ROWS: readonly Row[] = COMMON_EXIT_CODES.map(exitCodeRow);

/** How many commands have an example in the program's help: all examples would double its length. */
const SHOWN_COMMANDS = 3;

/** Width of the left column in cells; longer names get a line of their own. */
const LEFT_CELLS = 34;

export function exitCodeRow({ code, meaning }: ExitCode): Row {
  return { left: `${code}`, right: meaning };
}

/** Returns the kind of word, in brackets if it may be left out. */
function bracketed({ valueHint, optional }: WordsDef): string {
  return optional ? `[${valueHint}]` : valueHint;
}

function wordsRows({ valueHint, description, repeatable, second }: WordsDef): Row[] {
  const fact = repeatable ? " (one or more, or separated by commas)" : "";
  const first = { left: valueHint, right: `${description}${fact}` };
  return second === undefined ? [first] : [first, { left: second.valueHint, right: second.description }];
}

function flagRow(name: string, def: FlagDef): Row {
  const names = shownNames(name, def).join(", ");
  // Flags without a letter are aligned with the long names of those that have one.
  const left = `${names.startsWith("--") ? "    " : ""}${names}`;
  const facts = flagFacts(def);
  if (def.type === "boolean") return { left, right: def.description };
  const right = facts.length === 0 ? def.description : `${def.description} (${facts.join("; ")})`;
  return { left: `${left} ${def.valueHint}`, right };
}

/** Returns facts about a flag that follow its description. */
export function flagFacts(def: FlagDef): string[] {
  if (def.type === "boolean") return [];
  return [
    def.required && "required",
    def.repeatable && "repeat it, or separate by commas",
    def.aliasBeforeDigits && `-${def.aliasBeforeDigits} only before a number`,
    def.default !== undefined && `default ${def.default}`,
  ].filter((fact) => typeof fact === "string");
}

function paragraph(text: string, layout: HelpLayout): string {
  return `${Bun.wrapAnsi(text, widthCells(layout))}\n`;
}

function section(title: string, rows: readonly Row[], layout: HelpLayout): string {
  const leftCells = Math.min(LEFT_CELLS, Math.max(...rows.map(({ left }) => Bun.stringWidth(left))));
  const indent = " ".repeat(2 + leftCells + 2);
  const lines = rows.map(({ left, right }) => {
    const wrapped = Bun.wrapAnsi(right, widthCells(layout) - indent.length).replaceAll("\n", `\n${indent}`);
    const missingCells = leftCells - Bun.stringWidth(left);
    const gap = missingCells < 0 ? `\n${indent}` : " ".repeat(missingCells + 2);
    return `  ${layout.style.name(left)}${gap}${wrapped}\n`;
  });
  return `${layout.style.bold(`${title}:`)}\n${lines.join("")}`;
}

/** Returns the examples. Command lines are not wrapped, so that they can be copied. */
function exampleSection(examples: readonly Example[], { style }: HelpLayout): string {
  const lines = examples.map(({ comment, line }) => `  ${style.dim(`# ${comment}`)}\n  ${line}\n`);
  return `${style.bold("Examples:")}\n${lines.join("")}`;
}

/**
 * Returns the width of help. If it were narrower, a column would have single words; if it were wider, it would be hard
 * to read.
 */
export function widthCells({ columns }: HelpLayout): number {
  return Math.min(100, Math.max(80, columns ?? 80));
}
