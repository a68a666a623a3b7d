/**
 * Returns what the user most likely meant by `word`: a candidate that it abbreviates, or from which it differs by few
 * keystrokes, at most one in three letters. Returns null if there is none.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const abbreviated = candidates.filter((candidate) => word.length >= 2 && candidate.startsWith(word));
  if (abbreviated[0] !== undefined && abbreviated.length === 1) return abbreviated[0];
  let best: string | null = null;
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    // At least this many letters are inserted or deleted.
    if (Math.abs(word.length - candidate.length) >= fewest) continue;
    const keystrokes = editDistance(word, candidate);
    if (keystrokes >= fewest) continue;
    best = candidate;
    fewest = keystrokes;
  }
  return best;
}

/**
 * Returns how many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`. This is the
 * optimal string alignment distance of Damerau and Levenshtein, with three rows of its matrix at a time.
 */
export function editDistance(a: string, b: string): number {
  let twoAbove: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(above, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, at(above, j) + 1, at(row, j - 1) + 1);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, at(twoAbove, j - 2) + 1);
      row.push(least);
    }
    twoAbove = above;
    above = row;
  }
  return at(above, b.length);
}

/** Returns a cell of the matrix. Cells outside of it never lead to the minimum. */
function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
