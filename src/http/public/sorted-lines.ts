/**
 * This function sorts in small steps. Sorting a million lines in one go would block the event loop, and so keepalives,
 * for a second or more. So lines are gathered into short sorted runs, and the runs are merged while the result is read:
 *
 *     lines → runs of RUN_LINES, each sorted at once → a tree of two-way merges → sorted lines
 *
 * Reading a line takes about log2(number of runs) comparisons, and no second copy of all lines is made.
 */

const RUN_LINES = 1024;

/**
 * Returns the lines in the order of their UTF-16 units, and keeps equal ones. The caller may pause at a null: between
 * two values there is at most the work of gathering and sorting one run (about a millisecond), except before the first
 * line, for which each run is visited once.
 */
export function* sortedLines(lines: Iterable<string>): Generator<string | null> {
  const runs: string[][] = [];
  let run: string[] = [];
  for (const line of lines) {
    run.push(line);
    if (run.length < RUN_LINES) continue;
    runs.push(run.sort());
    run = [];
    yield null;
  }
  runs.push(run.sort());
  yield* mergedRuns(runs);
}

/** Merges the runs, of which there is at least one. */
function mergedRuns(runs: readonly string[][]): Iterable<string> {
  const [first = [], ...others] = runs;
  if (others.length === 0) return first;
  const middle = runs.length >>> 1;
  return merged(mergedRuns(runs.slice(0, middle)), mergedRuns(runs.slice(middle)));
}

function* merged(left: Iterable<string>, right: Iterable<string>): Generator<string> {
  const lefts = left[Symbol.iterator]();
  const rights = right[Symbol.iterator]();
  let a = lefts.next();
  let b = rights.next();
  while (!a.done || !b.done) {
    if (b.done || (!a.done && a.value <= b.value)) {
      yield a.value;
      a = lefts.next();
    } else {
      yield b.value;
      b = rights.next();
    }
  }
}
