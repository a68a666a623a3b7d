/** Every command line in the documents is one that the program, the package or the tests know. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { parseBenchOptions } from "../../src/cli/commands/bench-command.ts";
import { commands } from "../../src/cli/commands.ts";
import { parseClientOptions } from "../../src/cli/daemon/client-command.ts";
import { parseServerOptions } from "../../src/cli/daemon/server-command.ts";
import { topicPages } from "../../src/cli/help/topics.ts";
import type { Command } from "../../src/cli/program/command.ts";
import { parseArguments } from "../../src/cli/program/flags.ts";
import { versionCommand } from "../../src/cli/program/version-command.ts";
import { OPTION_NAMES } from "../../src/kernel/option-names.ts";
import { findTunnel } from "../../src/kernel/reconcile/tunnel-device.ts";
import { runInProcess } from "../cli/in-process.ts";
import {
  block,
  CODE_BLOCKS,
  commandLines,
  DOCUMENT_PATHS,
  REPOSITORY,
  readDocument,
  wordsOf,
} from "../support/process/documents.ts";

const ALL = [...commands, versionCommand];
const TOPICS = topicPages(ALL).map(({ name }) => name);

describe.each([...DOCUMENT_PATHS])("command lines of %s", (path) => {
  const lines = CODE_BLOCKS.filter((each) => each.path === path && each.language === "sh").flatMap(
    ({ text }) => commandLines(text),
  );

  // A document without any has still this test.
  test.each([...lines, "npm test"])("%s", async (line) => {
    const words = wordsOf(line);
    // What the switch does is in test/process/update-scenarios.test.ts.
    if (words[0] === "UPDATE_SCENARIOS=1") words.shift();
    while (/^BUNBOND_\w+=/.test(words[0] ?? ""))
      await expectVariable(words.shift() ?? "", words.at(-1) ?? "");
    expectCommand(words[0] === "npx" ? words.slice(1) : words);
  });
});

/** Those in the text between code blocks, as far as they name a command: `bunbond help log-events`. */
describe("in the text", () => {
  const named = new Set(
    DOCUMENT_PATHS.flatMap((path) => [
      ...readDocument(path).matchAll(/`(bunbond [^`]*|npm run [^`]*)`/g),
    ]).map(([, line = ""]) => line),
  );

  test.each([...named])("%s", (line) => {
    const words = wordsOf(line);
    const isName = ALL.some(({ definition }) => line === `bunbond ${definition.meta.name}`);
    // "bunbond client --server … --announce …" is an outline.
    if (!isName && !line.includes("…")) expectCommand(words);
  });

  test("there are many", () => {
    expect(named.size).toBeGreaterThan(10);
  });
});

const PATH = "/usr/local/bin/bunbond";
/** Beside a running one, too, whose file cannot be written to. */
const INSTALLED = /^root@server-1\.example:\/usr\/local\/bin\/(bunbond\.new)?$/;

/** What the commands of an upgrade do is in test/process/rolling-upgrade.test.ts. */
function expectCommand([program = "", first = "", ...rest]: readonly string[]): void {
  if (program === "bunbond" || program === "dist/bunbond") expectBunbond(first, rest);
  else if (program === "scp")
    expect([first, ...rest]).toEqual(["dist/bunbond", expect.stringMatching(INSTALLED)]);
  else if (program === "mv") expect([first, ...rest]).toEqual([`${PATH}.new`, PATH]);
  else if (program === "pkill" || program === "pidwait") expect([first, ...rest]).toEqual(["-x", "bunbond"]);
  else if (program === "ip") expectIp([program, first, ...rest].join(" "));
  else if (program === "bun" && first === "test") expectPaths(rest);
  else if (program === "bun" && first.startsWith("test/")) expectPaths([first]);
  else if (`${program} ${first}` === "bun add") {
    expect(rest).toEqual([`./${manifest.name}-${manifest.version}.tgz`]);
  } else if (program === "npm" || program === "bun") {
    // Packed and added it is in library.test.ts, where the library's example is run.
    if (first === "pack") expect(rest).toEqual([]);
    else if (first === "run") expectScript(rest[0] ?? "");
    else if (first !== "install") expectScript(first);
  } else if (program === "apt") {
    expect([first, ...rest]).toEqual(["install", `./dist/${manifest.name}_${manifest.version}_amd64.deb`]);
  } else if (program === "podman") {
    // That the layout is a good one is in test/packaging/.
    expect([first, ...rest]).toEqual(["pull", "oci:dist/image"]);
  } else if (program !== "curl") {
    // curl's are carried out in outputs.test.ts
    throw new Error(`a document has a command that nothing here checks: ${program}`);
  }
}

function expectPaths(paths: readonly string[]): void {
  expect(paths.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
}

/** What the commands for a virtual machine's own routes do is in kernel-recipe.test.ts. */
const VM_ROUTE_LINES = commandLines(block("sh", "The virtual machines' own routes"));

/** The tunnel is what a client without one asks for, and the table after the others is a mapped one. */
function expectIp(line: string): void {
  if (VM_ROUTE_LINES.includes(line)) return;
  if (!/ (rule|vrf) /.test(line)) expect(() => findTunnel([], "overlay", OPTION_NAMES)).toThrow(line);
  else
    expect(line).toMatch(
      /^ip (rule add iif (tap7|overlay) lookup 100|link add tenant-200 type vrf table 200)$/,
    );
}

function expectScript(name: string): void {
  expect(Object.keys(manifest.scripts)).toContain(name);
}

function expectBunbond(command: string, args: readonly string[]): void {
  if (command === "help") expectHelp(args);
  else if (command === "server" && args[0]?.startsWith("-")) parseServerOptions(args);
  else if (command === "client" && args[0]?.startsWith("-")) expectClient(args);
  else if (command === "bench" && args.length > 0) parseBenchOptions(args);
  else if (command === "--version") expect(args).toEqual([]);
  else expectControl([command, ...args]);
}

/** "TOPIC" stands for the name of one. */
function expectHelp(words: readonly string[]): void {
  const name = words.join(" ");
  const names = ALL.map(({ definition }) => definition.meta.name);
  if (words.length > 0) expect([...names, ...TOPICS, "TOPIC"]).toContain(name);
}

/** What a configuration file holds is checked where it is shown. */
function expectClient(args: readonly string[]): void {
  if (args[0] === "--config") expect(args).toEqual(["--config", "client.yaml"]);
  else expect(parseClientOptions(args).warnings).toEqual([]);
}

/** A command whose name is one word or two, before its own words and flags. */
function expectControl(words: readonly string[]): void {
  const line = `${words.join(" ")} `;
  const isNamed = ({ definition }: Command) => line.startsWith(`${definition.meta.name} `);
  const command =
    ALL.findLast((each) => isNamed(each) && each.definition.meta.name.includes(" ")) ?? ALL.find(isNamed);
  if (command === undefined) throw new Error(`no command ${words.join(" ")}`);
  const { name } = command.definition.meta;
  parseArguments(command.definition, words.slice(name.split(" ").length));
}

/** An environment variable is one that the test file behind it reads. */
async function expectVariable(assignment: string, path: string): Promise<void> {
  expect(await Bun.file(join(REPOSITORY, path)).text()).toContain(assignment.split("=", 1)[0] ?? "");
}

test("the configuration file is a good one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bunbond-docs-"));
  const file = join(directory, "client.yaml");
  await writeFile(file, block("yaml", "The configuration file, and what a reload changes"));
  const { exitCode, stdout } = await runInProcess(["check-config", file, "client"], commands);
  await rm(directory, { recursive: true });
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("2 servers, 2 VNIs, 2 announcements")]);
});

test("npm start is a server on the default ports", () => {
  const [bun, main, command, ...args] = wordsOf(manifest.scripts.start);
  expect([bun, main, command]).toEqual(["bun", "src/main.ts", "server"]);
  expect(parseServerOptions(args)).toMatchObject({
    listen: { host: "::", port: 4711 },
    http: { host: "::1", port: 4712 },
  });
});
