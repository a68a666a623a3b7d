/** The reports of several runs of `bun test --only-failures`, read from their output and merged into one. */

/** What Bun counts at the end of a run, in its order. An error is one outside of tests, as in a file that cannot be loaded. */
const COUNTS = ["pass", "skip", "todo", "fail", "error", "expect() calls"] as const;
type Count = (typeof COUNTS)[number];

export interface TestReport {
  /** The output without Bun's first line and its summary: the failures, and what tests have printed. */
  readonly text: string;
  readonly counts: ReadonlyMap<Count, number>;
  readonly files: number;
  /** Bun has reached its summary: otherwise the run broke off, and `text` is all that is known. */
  readonly isComplete: boolean;
}

export function readReport(output: string): TestReport {
  const counts = new Map<Count, number>();
  const rest: string[] = [];
  let files = 0;
  let isComplete = false;
  for (const line of output.split("\n")) {
    const [, number, name] = /^ +(\d+) (.+)$/.exec(line) ?? [];
    const count = COUNTS.find((known) => known === name || `${known}s` === name);
    const [, fileCount] = /^Ran \d+ tests? across (\d+) files?\. \[.*\]$/.exec(line) ?? [];
    if (count !== undefined) counts.set(count, (counts.get(count) ?? 0) + Number(number));
    else if (fileCount !== undefined) {
      files += Number(fileCount);
      isComplete = true;
    } else if (!line.startsWith("bun test v")) rest.push(line);
  }
  return { text: rest.join("\n").trim(), counts, files, isComplete };
}

/** Returns the summary of all runs together, as Bun's. */
export function mergedSummary(reports: readonly TestReport[], forMs: number): string {
  const sum = (count: Count) => reports.reduce((total, { counts }) => total + (counts.get(count) ?? 0), 0);
  const lines = COUNTS.filter((count) => sum(count) > 0 || count === "pass" || count === "fail").map(
    (count) => ` ${sum(count)} ${count}`,
  );
  const tests = sum("pass") + sum("skip") + sum("todo") + sum("fail");
  const files = reports.reduce((total, report) => total + report.files, 0);
  return [
    ...lines,
    `Ran ${tests} tests across ${files} ${files === 1 ? "file" : "files"}. [${(forMs / 1000).toFixed(2)}s]`,
  ].join("\n");
}
