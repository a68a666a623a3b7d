/** The npm package: it can be published, and its command runs in a project that has only the packed archive. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ChildProcess } from "../support/process/child-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { projectWithLibrary } from "../support/process/library-project.ts";

const VERSION_LINE = /^bunbond \d+\.\d+\.\d+ \(commit dev, bun [\d.]+\)$/;
const npm = Bun.which("npm");
const npx = Bun.which("npx");
const because = npm === null || npx === null ? " (skipped: npm is not installed)" : "";

describe.skipIf(because !== "")(`npm${because}`, () => {
  test("publish --dry-run warns of nothing but the missing login, and types are inside", async () => {
    await using publish = new ChildProcess({
      // No registry is asked: nothing listens there.
      command: [npm ?? "", "publish", "--dry-run", "--fetch-retries=0", "--registry=http://127.0.0.1:9"],
      cwd: REPOSITORY,
      env: { NODE_ENV: undefined },
    });
    expect(await publish.ended).toBe(0);
    const warnings = publish.stderrLines.filter((line) => /^npm (warn|error)/i.test(line));
    expect(warnings).toEqual([expect.stringContaining("requires you to be logged in")]);
    const files = publish.stderrLines.map((line) => line.split(" ").at(-1));
    expect(files).toContain("dist/types/index.d.ts");
    expect(files).toContain("src/main.ts");
    expect(files).not.toContain("build.ts");
  });
});

test("bunx and npx run the command of the packed archive", async () => {
  const directory = await projectWithLibrary();
  try {
    const runners = [[process.execPath, "x"], ...(npx === null ? [] : [[npx]])];
    for (const runner of runners) {
      await using version = new ChildProcess({
        command: [...runner, "bunbond", "version"],
        cwd: directory,
        env: {
          NODE_ENV: undefined,
          PATH: `${join(REPOSITORY, "node_modules/.bin")}:${npx === null ? "" : dirname(npx)}:/usr/bin:/bin`,
          npm_config_offline: "true",
          npm_config_cache: `${directory}/npm-cache`,
        },
      });
      expect(await version.ended).toBe(0);
      expect(version.stdoutLines.at(-1)).toMatch(VERSION_LINE);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
