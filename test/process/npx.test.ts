/**
 * A clone after `npm install`, on a machine with Node.js alone: `npx bunbond` finds the package's own command, and Bun in
 * node_modules. No registry is asked.
 */
import { describe, expect, test } from "bun:test";
import { copyFileSync, cpSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { ChildProcess } from "../support/process/child-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const EXECUTABLE_BITS = 0o111;

const npx = Bun.which("npx");
describe.skipIf(npx === null)(`npx${npx === null ? " (skipped: npx is not installed)" : ""}`, () => {
  test("runs bunbond in a clone without anything on PATH", async () => {
    await using directory = temporaryDirectory();
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(REPOSITORY, file), join(directory.path, file));
    cpSync(join(REPOSITORY, "src"), join(directory.path, "src"), { recursive: true });
    symlinkSync(join(REPOSITORY, "node_modules"), join(directory.path, "node_modules"));
    await using version = new ChildProcess({
      command: [npx ?? "", "bunbond", "version"],
      cwd: directory.path,
      env: {
        NODE_ENV: undefined,
        PATH: `${dirname(npx ?? "")}:/usr/bin:/bin`,
        npm_config_cache: join(directory.path, ".cache"),
        npm_config_offline: "true",
      },
    });
    expect(await version.ended).toBe(0);
    expect(version.stdoutLines.at(-1)).toMatch(/^bunbond \d+\.\d+\.\d+ \(commit dev, bun [\d.]+\)$/);
  });

  test("finds the command executable, and so changes nothing in the clone", () => {
    expect(statSync(join(REPOSITORY, "src/main.ts")).mode & EXECUTABLE_BITS).toBe(EXECUTABLE_BITS);
  });
});
