/** `bunbond help TOPIC`. */
import { describe, expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { settingNames } from "../../../src/cli/config/config-values.ts";
import { clientDefinition } from "../../../src/cli/daemon/client-command.ts";
import { serverDefinition } from "../../../src/cli/daemon/server-command.ts";
import { parseMarkdown } from "../../../src/cli/help/markdown.ts";
import { helpTopics, topicPages } from "../../../src/cli/help/topics.ts";
import { versionCommand } from "../../../src/cli/program/version-command.ts";
import { runInProcess, type Terminal } from "../in-process.ts";

const ALL = [...commands, versionCommand];
const TOPICS = helpTopics(ALL);
const NAMES = TOPICS.map(({ name }) => name);

const run = (argv: readonly string[], terminal?: Terminal) => runInProcess(argv, commands, terminal, TOPICS);

test("help lists every topic with its title", async () => {
  const { exitCode, stdout } = await run(["help"]);
  expect(exitCode).toBe(0);
  for (const { name, title } of TOPICS)
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(` ${name} ${title}. `);
});

test("no topic has the name of a command, or of the first word of one", () => {
  const words = ALL.map(({ definition }) => definition.meta.name.split(" ")[0] ?? "");
  expect(NAMES.filter((name) => words.includes(name) || name === "help")).toEqual([]);
  expect(new Set(NAMES).size).toBe(NAMES.length);
});

describe.each(NAMES)("help %s", (name) => {
  test("prints the page, without signs of Markdown, as wide as help is", async () => {
    const { exitCode, stdout, stderr } = await run(["help", name]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    const prose = stdout.split("\n").filter((line) => !line.startsWith("    "));
    expect(prose.filter((line) => /`|\*\*|\{\{|^\||^#|\]\(/.test(line))).toEqual([]);
    const tooWide = prose.filter((line) => Bun.stringWidth(line) > 80);
    expect(tooWide).toEqual([]);
  });

  test("has colours on a terminal only, and the same text", async () => {
    const piped = (await run(["help", name])).stdout;
    const shown = (await run(["help", name], { stdoutIsTty: true })).stdout;
    expect(piped).not.toContain("\x1b");
    expect(shown).toStartWith("\x1b[1m");
    expect(Bun.stripANSI(shown)).toBe(piped);
  });

  test("uses no Markdown that is not rendered", () => {
    const { markdown = "" } = topicPages(ALL).find((page) => page.name === name) ?? {};
    const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, "").split("\n");
    // Other marks of items, items in items, quotations, pictures and HTML.
    expect(prose.filter((line) => /^\s*[*+>] |^ +(-|\d+\.) |!\[|^\s*<|^(===|---)/.test(line))).toEqual([]);
  });

  test("has one title, and headings of two more levels at most", () => {
    const { markdown = "" } = topicPages(ALL).find((page) => page.name === name) ?? {};
    const levels = parseMarkdown(markdown).flatMap((block) =>
      block.type === "heading" ? [block.level] : [],
    );
    expect([levels[0], levels.filter((level) => level === 1).length]).toEqual([1, 1]);
    expect(Math.max(...levels)).toBeLessThanOrEqual(3);
  });
});

describe("the topics that belong to a command", () => {
  test.each(ALL.map((command) => [command.definition.meta.name, command.topics ?? []] as const))(
    "%s: %j",
    async (name, topics) => {
      expect(topics.filter((topic) => !NAMES.includes(topic))).toEqual([]);
      const { stdout } = await run(["help", ...name.split(" ")]);
      const [, seeAlso = ""] = stdout.split("\nSee also:\n");
      const named = Array.from(seeAlso.matchAll(/^ {2}bunbond help (\S+) /gm), ([, topic = ""]) => topic);
      expect(named.toSorted()).toEqual(topics.toSorted());
    },
  );

  test("every topic but the exit codes belongs to one", () => {
    const named = new Set(ALL.flatMap(({ topics = [] }) => topics));
    expect(NAMES.filter((name) => !named.has(name))).toEqual(["exit-codes"]);
  });
});

describe("a wrong name", () => {
  test.each([
    ["help cofig", "unknown command or topic cofig; did you mean config?"],
    ["help migraton", "unknown command or topic migraton; did you mean migration?"],
    ["help exit-code", "unknown command or topic exit-code; did you mean exit-codes?"],
    ["help clent", "unknown command clent; did you mean client?"],
    ["help nonsense", "unknown command nonsense."],
    ["help log-events more", 'unexpected argument "more"; help takes the name of one command or topic.'],
    ["config", "unknown command config; 'bunbond help config' is about it."],
  ])("%s", async (line, message) => {
    const { exitCode, stdout, stderr } = await run(line.split(" "));
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith(`bunbond: ${message}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("the page about the configuration file", () => {
  const { markdown = "" } = topicPages(ALL).find(({ name }) => name === "config") ?? {};
  const tables = parseMarkdown(markdown).flatMap((block) => (block.type === "table" ? [block.rows] : []));

  test.each([
    ["server", serverDefinition, tables[0] ?? []],
    ["client", clientDefinition, tables[1] ?? []],
  ] as const)("has every setting of a %s", (_, { args }, rows) => {
    const shown = rows.flatMap(([names = ""]) => names.replaceAll("`", "").split(", "));
    const names = settingNames(args);
    const hidden = Object.values(args).flatMap((def) =>
      "hiddenAlias" in def ? (def.hiddenAlias as string[]) : [],
    );
    expect(shown.toSorted()).toEqual([...names.keys()].filter((name) => !hidden.includes(name)).sort());
  });
});
