/**
 * Runs the tests that need no process, no socket and no C library, with few random inputs: `npm run test:fast`.
 *
 *     bun test/fast.ts [--list]        --list: only the names of the files
 */
import { dirname } from "node:path";
import { fastTestFiles, readTestSources, testFilesOf } from "./support/fast-tests.ts";

const sources = await readTestSources();
const files = fastTestFiles(sources);
if (process.argv.includes("--list")) {
  console.log(files.join("\n"));
} else {
  console.log(`${files.length} of ${testFilesOf(sources).length} test files`);
  const run = Bun.spawnSync(
    [process.execPath, "test", "--only-failures", "--preload", "./test/support/no-edges.ts", ...files],
    {
      cwd: dirname(import.meta.dir),
      env: { BUNBOND_RUNS: "1", BUNBOND_FUZZ: "2000", ...process.env },
      stdio: ["inherit", "inherit", "inherit"],
    },
  );
  process.exitCode = run.exitCode;
}
