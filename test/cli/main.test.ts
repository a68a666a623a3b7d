import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

async function run(command: string[]) {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

test("--version is one line", async () => {
  const { exitCode, stdout, stderr } = await run([process.execPath, MAIN, "--version"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^bunbond \d+\.\d+\.\d+ \(commit \w+, bun \d+\.\d+\.\d+\)\n$/);
});

test("an unknown flag is exit code 2 and one line", async () => {
  expect(await run([process.execPath, MAIN, "version", "--jsn"])).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "bunbond version: unknown flag --jsn; did you mean --json? Run 'bunbond version --help'.\n",
  });
});

test("--help into head ends in good order", async () => {
  const pipeline = `set -o pipefail; "$0" "$1" --help | head -n 1`;
  const { exitCode, stdout, stderr } = await run(["bash", "--norc", "-c", pipeline, process.execPath, MAIN]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
});

test("a full disk is exit code 1 and one line", async () => {
  const { exitCode, stderr } = await run([
    "bash",
    "--norc",
    "-c",
    `"$0" "$1" --help >/dev/full`,
    process.execPath,
    MAIN,
  ]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^bunbond: cannot write the output: .*ENOSPC.*\n$/);
});
