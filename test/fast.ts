/**
 * Runs the tests that need no process, no socket and no C library, with few random inputs: `npm run test:fast`.
 *
 *     bun test/fast.ts [--list] [PATH…]
 *
 *     --list    prints only the names of the files
 *     PATH      runs only files whose paths begin so, as test/wire
 *
 * Bun collects all garbage between two files, which takes longer the more files a process has loaded, and uses one core. So the
 * files are dealt out into small groups, and as many processes as there are cores take one group after the other.
 */
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fastTestFiles, readTestSources, testFilesOf } from "./support/fast-tests.ts";
import { mergedSummary, readReport, type TestReport } from "./support/test-report.ts";

/** Smaller groups are balanced better, but each one is a process that has to start. */
const FILES_PER_GROUP = 16;
/**
 * The optimising compilers of JavaScriptCore take more processor time than they save in tests this short. Bun passes BUN_JSC_… on to
 * the engine as an option.
 */
const ENGINE = { BUN_JSC_useDFGJIT: "0" };
const REPOSITORY = dirname(import.meta.dir);

/** Deals the files out, the largest first, so that all groups take about the same time. */
function dealt(files: readonly string[], count: number): string[][] {
  const groups = Array.from({ length: count }, (): string[] => []);
  const bySize = files.toSorted((a, b) => sizeBytes(b) - sizeBytes(a));
  for (const [place, file] of bySize.entries()) groups[place % count]?.push(file);
  return groups.filter((group) => group.length > 0);
}

function sizeBytes(file: string): number {
  return statSync(`${REPOSITORY}/${file}`).size;
}

/** Runs the files in a process, and prints what is wrong. Returns false if something is. */
async function run(files: readonly string[], reports: TestReport[]): Promise<boolean> {
  const child = Bun.spawn(
    [process.execPath, "test", "--only-failures", "--preload", "./test/support/no-edges.ts", ...files],
    {
      cwd: REPOSITORY,
      env: { BUNBOND_RUNS: "1", BUNBOND_FUZZ: "2000", ...ENGINE, ...process.env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [printed, errors, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  const report = readReport(`${printed}${errors}`);
  reports.push(report);
  if (exitCode === 0 && report.isComplete) return true;
  console.log(report.text);
  if (!report.isComplete) console.log(`a run ended with ${exitCode} before its summary: ${files.join(" ")}`);
  return false;
}

const sources = await readTestSources();
const paths = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const isChosen = (file: string): boolean => paths.length === 0 || paths.some((path) => file.startsWith(path));
const files = fastTestFiles(sources).filter(isChosen);
if (files.length === 0) {
  console.error(`no fast test file begins with ${paths.join(" or ")}; --list shows all`);
  process.exitCode = 2;
} else if (process.argv.includes("--list")) {
  console.log(files.join("\n"));
} else {
  const startMs = performance.now();
  const processes = availableParallelism();
  const groups = dealt(files, Math.max(processes, Math.ceil(files.length / FILES_PER_GROUP)));
  const reports: TestReport[] = [];
  console.log(`${files.length} of ${testFilesOf(sources).length} test files, ${processes} processes`);
  const worker = async (): Promise<boolean> => {
    let isGood = true;
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      if (!(await run(group, reports))) isGood = false;
    }
    return isGood;
  };
  const results = await Promise.all(Array.from({ length: processes }, worker));
  console.log(mergedSummary(reports, performance.now() - startMs));
  process.exitCode = results.every((isGood) => isGood) ? 0 : 1;
}
