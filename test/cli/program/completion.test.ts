/** Completion as bash, zsh and fish do it, each without a terminal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../../src/cli/commands.ts";
import { TOPIC_NAMES } from "../../../src/cli/help/topics.ts";
import { completions } from "../../../src/cli/program/completion.ts";
import { completionScript, SHELLS, type Shell } from "../../../src/cli/program/completion-scripts.ts";
import { versionCommand } from "../../../src/cli/program/version-command.ts";
import { runInProcess } from "../in-process.ts";

const { PATH = "" } = process.env;
const KNOWN = completions([...commands, versionCommand], TOPIC_NAMES);

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bunbond-completion-"));
  await writeFile(join(directory, "client.yaml"), "");
  for (const shell of SHELLS) await writeFile(join(directory, shell), completionScript(shell, KNOWN));
});
afterAll(() => rm(directory, { recursive: true }));

/** Prints what completes the last word of the line, a completion a line. */
const PROGRAMS: Readonly<Record<Shell, (words: readonly string[]) => string>> = {
  bash: (words) =>
    `source ./bash; COMP_WORDS=(${words.map(quoted).join(" ")}); COMP_CWORD=${words.length - 1}; _bunbond; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // zsh's own functions exist only while it edits a line: these print what theirs would offer, of which zsh takes what fits.
  zsh: (words) =>
    `compadd() { shift; printf '%s\\n' $@ }; _files() { print -l *(N) }; compset() { :; }
     words=(${words.map(quoted).join(" ")}); CURRENT=${words.length}; source ./zsh; _bunbond`,
  fish: (words) => `source ./fish; complete -C ${quoted(words.join(" "))}`,
};

function quoted(text: string): string {
  return `'${text}'`;
}

function complete(shell: Shell, line: string): string[] {
  const words = line.split(" ");
  const flags = shell === "bash" ? ["--norc", "--noprofile"] : shell === "zsh" ? ["-f"] : ["--no-config"];
  // bash splits words at "=".
  const given = shell === "bash" ? words.flatMap((word) => word.split(/(?<=^--[a-z-]+)(=)/)) : words;
  const { stdout, stderr } = Bun.spawnSync([shell, ...flags, "-c", PROGRAMS[shell](given)], {
    cwd: directory,
    env: { PATH, HOME: directory, TERM: "dumb" },
  });
  expect(stderr.toString()).toBe("");
  const last = (words.at(-1) ?? "").replace(/^--[a-z-]+=/, "");
  const lines = stdout
    .toString()
    .split("\n")
    .map((each) => each.split("\t")[0] ?? "");
  const found = lines.map((each) => each.replace(/^--[a-z-]+=/, "")).filter((each) => each !== "");
  return (shell === "zsh" ? found.filter((each) => each.startsWith(last)) : found).sort();
}

const CASES: [line: string, completions: string[]][] = [
  ["bunbond cl", ["cleanup", "client"]],
  ["bunbond cli", ["client"]],
  ["bunbond s", ["server", "status", "subscribe"]],
  ["bunbond --v", ["--version"]],
  ["bunbond peer re", ["reset"]],
  ["bunbond client dr", ["drain"]],
  ["bunbond client --pac", ["--pacing"]],
  ["bunbond client drain --u", ["--undo"]],
  ["bunbond client --pacing a", ["always", "auto"]],
  ["bunbond client --pacing=a", ["always", "auto"]],
  ["bunbond client -s one.example --on-stop k", ["keep"]],
  ["bunbond client --stale-time-alone f", ["forever"]],
  ["bunbond server --config cl", ["client.yaml"]],
  ["bunbond check-config cl", ["client.yaml"]],
  ["bunbond check-config client.yaml s", ["server"]],
  ["bunbond status -o y", ["yaml"]],
  ["bunbond status --output w", ["wide"]],
  ["bunbond help met", ["metrics"]],
  ["bunbond help be", ["bench"]],
  ["bunbond completion z", ["zsh"]],
  ["bunbond bench --mode f", ["fanout"]],
  ["bunbond nothing x", []],
  ["bunbond client --keepalive 5", []],
];

describe.each([...SHELLS])("%s", (shell) => {
  const isMissing = Bun.which(shell) === null;
  // With CI set, .ci/run has installed it.
  const { CI } = process.env;
  const runs = test.skipIf(isMissing && CI === undefined);

  runs("completes", () => {
    const found = CASES.map(([line]) => [line, complete(shell, line)]);
    expect(found).toEqual(CASES.map(([line, words]) => [line, words]));
  });

  runs("completes every command and every long flag", () => {
    for (const { name, flags } of KNOWN) {
      const words = name.split(" ");
      expect(complete(shell, `bunbond ${name}`)).toContain(words.at(-1) ?? "");
      if (flags.length === 0) continue;
      const names = flags.flatMap((flag) => flag.names.filter((each) => each.startsWith("--")));
      expect(complete(shell, `bunbond ${name} --`)).toEqual(names.toSorted());
    }
  });

  test("has a script that the command prints", async () => {
    const { stdout, exitCode } = await runInProcess(["completion", shell], commands);
    expect([stdout, exitCode]).toEqual([completionScript(shell, KNOWN), 0]);
  });
});

test("an unknown shell is refused", async () => {
  const { stderr, exitCode } = await runInProcess(["completion", "tcsh"], commands);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("bash, zsh, fish")]);
});
