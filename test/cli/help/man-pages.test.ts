/** The manual has every command, flag, example and topic, and is valid for man(1) where groff is installed. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commands } from "../../../src/cli/commands.ts";
import { manPages } from "../../../src/cli/help/man-pages.ts";
import { roffBold, roffText } from "../../../src/cli/help/roff.ts";
import { topicPages } from "../../../src/cli/help/topics.ts";
import { shownNames } from "../../../src/cli/program/command-definition.ts";
import { versionCommand } from "../../../src/cli/program/version-command.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const ALL = [...commands, versionCommand];
const TOPICS = topicPages(ALL);
const PAGES = manPages({ commands: ALL, topics: TOPICS, version: "1.2.3" });
const textOf = (fileName: string) => PAGES.find((page) => page.fileName === fileName)?.text ?? "";
const fileOf = (command: string) => `bunbond-${command.replaceAll(" ", "-")}.1`;

test("there is a page for the program, for each command and for each topic", () => {
  expect(PAGES.map(({ fileName }) => fileName)).toEqual([
    "bunbond.1",
    ...ALL.map(({ definition }) => fileOf(definition.meta.name)),
    ...TOPICS.map(({ name }) => `bunbond-${name}.7`),
  ]);
});

test("the program's page refers to all others", () => {
  const text = textOf("bunbond.1");
  for (const { fileName } of PAGES.slice(1)) {
    const [, name = "", section] = /^(.*)\.(\d)$/.exec(fileName) ?? [];
    expect(text).toContain(`${roffBold(name)}(${section})`);
  }
});

test.each(ALL)("a command's page has its flags, words, exit codes and examples", (command) => {
  const { definition, examples, exitCodes = [] } = command;
  const text = textOf(fileOf(definition.meta.name));
  expect(text).toContain(roffText(definition.meta.description));
  for (const [name, def] of Object.entries(definition.args)) {
    for (const shown of shownNames(name, def)) expect(text).toContain(roffBold(shown));
    expect(text).toContain(roffText(def.description));
    if (def.type === "string" && def.default !== undefined)
      expect(text).toContain(`default ${roffText(def.default)}`);
  }
  if (definition.words !== undefined) expect(text).toContain(roffText(definition.words.description));
  for (const { line } of examples) expect(text).toContain(`\n${roffText(line)}\n`);
  for (const { meaning } of exitCodes) expect(text).toContain(roffText(meaning));
});

test.each(TOPICS)("a topic's page has all of its sections", ({ name, markdown }) => {
  const text = textOf(`bunbond-${name}.7`);
  for (const [, heading = ""] of markdown.matchAll(/^## (.*)$/gm)) {
    expect(text).toContain(`.SH "${roffText(heading.replaceAll("`", ""))}"`);
  }
});

test.each(PAGES)("a page has a name, and no line that is a request by mistake", ({ text }) => {
  expect(text).toMatch(/^('\\" t\n)?\.TH "BUNBOND[A-Z\\-]*" "[17]" "" "bunbond 1\.2\.3" "BunBond"\n/);
  expect(text).toMatch(/\n\.SH NAME\n[a-z\\-]+ \\- \S.*\n/);
  const requests = text.match(/^[.'].*$/gm) ?? [];
  const known = /^(\.(TH|SH|SS|PP|TP|IP|TS|TE|nf|fi|in|ad|nh)\b|'\\" t$)/;
  expect(requests.filter((line) => !known.test(line))).toEqual([]);
});

const noGroff = Bun.which("groff") === null || Bun.which("tbl") === null;
describe.skipIf(noGroff)(`groff${noGroff ? " (skipped: groff is not installed)" : ""}`, () => {
  test.each(PAGES)("has nothing against $fileName", ({ text }) => {
    // Long words in narrow columns, which cannot be broken, are no fault.
    const { stdout, stderr } = Bun.spawnSync(["groff", "-t", "-man", "-Tutf8", "-ww", "-Wbreak"], {
      stdin: new TextEncoder().encode(text),
    });
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toContain("bunbond 1.2.3");
  });
});

test("npm run man writes them", async () => {
  await using directory = temporaryDirectory();
  const { exitCode, stdout } = Bun.spawnSync(
    [process.execPath, "src/cli/write-man-pages.ts", directory.path],
    {
      cwd: REPOSITORY,
    },
  );
  expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining(`${PAGES.length} pages`)]);
  for (const { fileName } of PAGES)
    expect(await Bun.file(join(directory.path, fileName)).text()).toContain(".TH ");
});
