/**
 * This file makes the manual from the same definitions as `bunbond help`: bunbond(1), a page for each command in
 * section 1, and a page for each topic in section 7.
 */
import type { Command, Example } from "../program/command.ts";
import { type FlagDef, shownNames } from "../program/command-definition.ts";
import {
  COLOR_ROW,
  EXIT_CODE_ROWS,
  exitCodeRow,
  exitCodesOf,
  flagFacts,
  HELP_ROW,
  PROGRAM_DESCRIPTION,
  type Row,
  VERSION_ROW,
} from "../program/help.ts";
import { roffArgument, roffBold, roffCode, roffEntry, roffItalic, roffOfMarkdown, roffText } from "./roff.ts";
import { pageBody, type TopicPage } from "./topics.ts";

export interface ManPage {
  /** "bunbond-client.1" */
  readonly fileName: string;
  readonly text: string;
}

export interface Manual {
  readonly commands: readonly Command[];
  readonly topics: readonly TopicPage[];
  /** The version of the program. */
  readonly version: string;
}

export function manPages(manual: Manual): ManPage[] {
  return [
    programPage(manual),
    ...manual.commands.map((command) => commandPage(command, manual)),
    ...manual.topics.map((topic) => topicPage(topic, manual)),
  ];
}

function programPage({ commands, topics, version }: Manual): ManPage {
  return page("bunbond", 1, version, [
    ...nameSection("bunbond", "distribute routes of virtual networks between hypervisors"),
    ".SH SYNOPSIS",
    `${roffBold("bunbond")} ${roffItalic("COMMAND")} [flags]`,
    ".SH DESCRIPTION",
    roffText(PROGRAM_DESCRIPTION),
    ".SH COMMANDS",
    ...commands.flatMap(({ definition: { meta } }) =>
      roffEntry(reference(commandPageName(meta.name), 1), roffText(meta.description)),
    ),
    ".SH TOPICS",
    ...topics.flatMap(({ name, title }) => roffEntry(reference(`bunbond-${name}`, 7), roffText(title))),
    ".SH OPTIONS",
    ...[HELP_ROW, VERSION_ROW].flatMap(rowEntry),
    ...environmentSection(),
    ...exampleSection(commands.slice(0, 3).flatMap(({ examples }) => examples.slice(0, 1))),
    ...exitSection(exitCodesOf(commands).map(exitCodeRow)),
  ]);
}

function commandPage(
  { definition, examples, exitCodes = [] }: Command,
  { topics, version }: Manual,
): ManPage {
  const { meta, args, words } = definition;
  const name = commandPageName(meta.name);
  const flags = Object.entries(args);
  const required = flags.flatMap(([flag, def]) =>
    def.type === "string" && def.required ? [`${roffBold(`--${flag}`)} ${roffItalic(def.valueHint)}`] : [],
  );
  const wordHints =
    words === undefined
      ? []
      : [
          `${words.optional ? `[${roffItalic(words.valueHint)}]` : roffItalic(words.valueHint)}${words.repeatable ? "..." : ""}`,
          ...(words.second === undefined ? [] : [`[${roffItalic(words.second.valueHint)}]`]),
        ];
  return page(name, 1, version, [
    ...nameSection(name, summaryOf(meta.description)),
    ".SH SYNOPSIS",
    [roffBold(`bunbond ${meta.name}`), ...wordHints, ...required, "[flags]"].join(" "),
    ".SH DESCRIPTION",
    roffText(meta.description),
    ...(words === undefined
      ? []
      : [
          ".SH ARGUMENTS",
          ...roffEntry(
            roffItalic(words.valueHint),
            roffText(
              `${words.description}${words.repeatable ? " One or more, or separated by commas." : ""}`,
            ),
          ),
          ...(words.second === undefined
            ? []
            : roffEntry(roffItalic(words.second.valueHint), roffText(words.second.description))),
        ]),
    ".SH OPTIONS",
    ...flags.flatMap(([flag, def]) => flagEntry(flag, def)),
    ...rowEntry(HELP_ROW),
    ...environmentSection(),
    ...exampleSection(examples),
    ...exitSection(exitCodes.map(exitCodeRow)),
    ...seeAlsoSection([["bunbond", 1], ...topics.map((topic) => [`bunbond-${topic.name}`, 7] as const)]),
  ]);
}

function topicPage(topic: TopicPage, { version }: Manual): ManPage {
  const name = `bunbond-${topic.name}`;
  const title = topic.title.charAt(0).toLowerCase() + topic.title.slice(1);
  const body = roffOfMarkdown(pageBody(topic));
  return page(name, 7, version, [
    ...nameSection(name, title),
    ...(body[0]?.startsWith(".SH") ? body : [".SH DESCRIPTION", ...body]),
    ...seeAlsoSection([["bunbond", 1]]),
  ]);
}

/**
 * `'\" t` on the first line has man(1) run tbl. Without a date, equal sources give equal pages. Words are neither spread
 * nor hyphenated (`.ad l`, `.nh`), so that a log message can be searched for.
 */
function page(name: string, section: 1 | 7, version: string, body: readonly string[]): ManPage {
  const title = [name.toUpperCase(), `${section}`, "", `bunbond ${version}`, "BunBond"].map(roffArgument);
  const hasTable = body.includes(".TS");
  const lines = [...(hasTable ? [`'\\" t`] : []), `.TH ${title.join(" ")}`, ".ad l", ".nh", ...body, ""];
  return { fileName: `${name}.${section}`, text: lines.join("\n") };
}

/** "bunbond-peer-reset" */
function commandPageName(command: string): string {
  return `bunbond-${command.replaceAll(" ", "-")}`;
}

/** The first sentence without its full stop, as whatis(1) shows it. */
function summaryOf(description: string): string {
  const [sentence = description] = /^.*?(?=[.:;] |\.$)/.exec(description) ?? [];
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function nameSection(name: string, summary: string): string[] {
  return [".SH NAME", `${roffText(name)} \\- ${roffText(summary)}`];
}

function flagEntry(name: string, def: FlagDef): string[] {
  const names = shownNames(name, def).map(roffBold).join(", ");
  const term = def.type === "string" ? `${names} ${roffItalic(def.valueHint)}` : names;
  const facts = flagFacts(def);
  const end = facts.length === 0 ? "" : ` (${facts.join("; ")})`;
  return roffEntry(term, roffText(`${def.description}${end}`));
}

function rowEntry({ left, right }: Row): string[] {
  return roffEntry(roffBold(left.trim()), roffText(right));
}

function environmentSection(): string[] {
  return [".SH ENVIRONMENT", ...rowEntry(COLOR_ROW)];
}

function exitSection(more: readonly Row[]): string[] {
  return [".SH EXIT STATUS", ...[...EXIT_CODE_ROWS, ...more].flatMap(rowEntry)];
}

function exampleSection(examples: readonly Example[]): string[] {
  if (examples.length === 0) return [];
  return [
    ".SH EXAMPLES",
    ...examples.flatMap(({ comment, line }) => [".PP", roffText(`${comment}:`), ...roffCode([line])]),
  ];
}

function reference(name: string, section: 1 | 7): string {
  return `${roffBold(name)}(${section})`;
}

function seeAlsoSection(pages: readonly (readonly [name: string, section: 1 | 7])[]): string[] {
  const references = pages.map(([name, section]) => reference(name, section));
  return [".SH SEE ALSO", references.join(",\n")];
}
