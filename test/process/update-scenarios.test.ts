/** UPDATE_SCENARIOS=1 on a copy of the scenarios in which outputs are wrong. */
import { expect, test } from "bun:test";
import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../support/process/documents.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

/** File in test/scenario, a text that is in it once, and a wrong one in its place. */
const WRONG: readonly (readonly [file: string, right: string, wrong: string])[] = [
  ["handshake.json", "a receives HELLO 1 server; KEEPALIVE", "a receives nothing"],
  ["handshake.json", "a is closed for closed-by-peer", "a is closed for keepalive-timeout"],
  ["handshake.json", "server counts repeatedHellos 1", "server counts repeatedHellos 77"],
  [
    "network/one-server.json",
    "c reports, in any order, + R, + Q, + M, - R",
    "c reports, in any order, + R, + Q, + M",
  ],
  ["network/one-server.json", "b reports + R, + Q, - R", "b reports - R, + Q"],
  // Each changes for how long the steps before the next output wait.
  ["network/one-server.json", "a sees M", "a sees Q"],
  ["network/one-server.json", "server s comes to have 3 routes", "server s comes to have 7 routes"],
];

test("the switch writes the outputs of the program, and nothing else", async () => {
  using directory = temporaryDirectory();
  const copy = directory.path;
  for (const path of [
    "src",
    "test/scenario",
    "test/support",
    "package.json",
    "bunfig.toml",
    "tsconfig.json",
  ]) {
    cpSync(join(REPOSITORY, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));
  const names = Array.from(new Bun.Glob("**/*.json").scanSync(join(REPOSITORY, "test/scenario"))).sort();
  const read = (root: string) =>
    Promise.all(names.map((name) => Bun.file(join(root, "test/scenario", name)).text()));
  const right = await read(REPOSITORY);

  for (const [name, from, to] of WRONG) {
    const file = Bun.file(join(copy, "test/scenario", name));
    const text = await file.text();
    await file.write(text.replace(JSON.stringify(from), JSON.stringify(to)));
  }
  expect(await read(copy)).not.toEqual(right);

  // Without the switch they fail, and nothing is written.
  const wrong = await read(copy);
  expect((await runTests(copy, {})).exitCode).toBe(1);
  expect(await read(copy)).toEqual(wrong);

  const { exitCode, output } = await runTests(copy, { UPDATE_SCENARIOS: "1" });
  expect({ exitCode, output: exitCode === 0 ? "" : output }).toEqual({ exitCode: 0, output: "" });
  expect(await read(copy)).toEqual(right);
});

async function runTests(cwd: string, env: Readonly<Record<string, string>>) {
  const run = Bun.spawn([process.execPath, "test", "test/scenario"], {
    cwd,
    env: { ...process.env, BUNBOND_RUNS: "1", ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
  const output = await run.stderr.text();
  return { exitCode: await run.exited, output };
}
