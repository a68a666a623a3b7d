/*
 * Runs the prefix tries beside Go's bart and Rust's prefix-trie on the four tables, in turn, and prints a
 * line per figure: ours, theirs, the ratio to bart and whether it reaches the goal.
 *
 *     bun test/bench/trie-compare.ts [ROUNDS, 3] [TABLE...]
 *
 * Needs go and cargo. A figure is the best (and in brackets the median) over all passes of all rounds:
 * what else runs on the machine makes the single ones worse, never better.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const HERE = import.meta.dir;
const TABLES = ["bgp4", "ovl4", "bgp6", "ovl6"];
const PROGRAMS = ["bart", "prefix-trie", "bunbond"] as const;
const CHECKSUMS = ["sum_hit", "sum_rand", "sum_hit_half", "sum_rand_half", "sum_sorted"];
const MAX_UPDATE_US = 2000;

/** Figures, and what share of bart's they may take at most; none where there is no goal. */
const FIGURES: readonly { readonly key: string; readonly goal?: (table: string) => number }[] = [
  { key: "lookup_hit_ns", goal: (table) => (table === "ovl6" ? 0.3 : 0.55) },
  { key: "lookup_many_hit_ns" },
  { key: "lookup_rand_ns" },
  { key: "lookup_many_rand_ns" },
  { key: "lookup_dependent_ns" },
  { key: "insert_ns", goal: () => 1.6 },
  { key: "delete_ns", goal: () => 1.3 },
  { key: "exact_get_ns" },
  { key: "update_ns" },
  { key: "iterate_sorted_ns" },
  { key: "bytes_per_prefix", goal: () => 0.8 },
];

type Figures = Record<string, number | string | { readonly best: number; readonly median: number }>;

function run(command: string[], cwd: string, env: Record<string, string> = {}): string {
  const done = Bun.spawnSync(command, { cwd, env: { ...process.env, ...env }, stderr: "inherit" });
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")} failed with ${done.exitCode}`);
  return done.stdout.toString();
}

/** Best and median over the rounds of one figure. */
function figureOf(rounds: readonly Figures[], key: string): { best: number; median: number } | undefined {
  const values = rounds.map((figures) => figures[key]);
  const best: number[] = [];
  const medians: number[] = [];
  for (const value of values) {
    if (typeof value === "number") {
      best.push(value);
      medians.push(value);
    } else if (typeof value === "object") {
      best.push(value.best);
      medians.push(value.median);
    }
  }
  const middle = medians.toSorted((a, b) => a - b)[medians.length >> 1];
  return middle === undefined ? undefined : { best: Math.min(...best), median: middle };
}

const [roundsText, ...chosen] = process.argv.slice(2);
const rounds = Number(roundsText ?? 3);
const directory = mkdtempSync(join(tmpdir(), "bunbond-trie-"));
try {
  run(["go", "build", "-o", join(directory, "bart"), "."], join(HERE, "bart"));
  run(
    ["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", join(directory, "rust")],
    join(HERE, "prefix-trie-rs"),
    { RUSTFLAGS: "-C target-cpu=native" },
  );
  run([process.execPath, join(HERE, "trie-dump.ts"), directory], HERE);
  const commands = {
    bart: [join(directory, "bart")],
    "prefix-trie": [join(directory, "rust/release/bench-prefix-trie")],
    bunbond: [process.execPath, join(HERE, "trie.ts")],
  };
  for (const table of TABLES.filter((name) => chosen.length === 0 || chosen.includes(name))) {
    const dump = join(directory, `${table}.lpm`);
    if (!existsSync(dump)) throw new Error(`no table ${table}`);
    const results: Record<(typeof PROGRAMS)[number], Figures[]> = {
      bart: [],
      "prefix-trie": [],
      bunbond: [],
    };
    for (let round = 0; round < rounds; round++) {
      for (const program of PROGRAMS) {
        results[program].push(JSON.parse(run([...commands[program], dump], directory)) as Figures);
      }
    }
    report(table, results);
  }
} finally {
  rmSync(directory, { recursive: true });
}

function report(table: string, results: Record<(typeof PROGRAMS)[number], Figures[]>): void {
  for (const { key, goal } of FIGURES) {
    const ours = figureOf(results.bunbond, key);
    const bart = figureOf(results.bart, key) ?? figureOf(results.bart, key.replace("_many", ""));
    const rust = figureOf(results["prefix-trie"], key);
    if (ours === undefined || bart === undefined) continue;
    const ratio = ours.best / bart.best;
    const limit = goal?.(table);
    const verdict =
      limit === undefined ? "" : ratio <= limit ? `reached (<= ${limit})` : `NOT REACHED (<= ${limit})`;
    const show = (value: { best: number; median: number } | undefined): string =>
      value === undefined ? "-" : `${value.best} (${value.median})`;
    console.log(
      [
        table.padEnd(5),
        key.padEnd(19),
        `ours ${show(ours)}`.padEnd(22),
        `bart ${show(bart)}`.padEnd(22),
        `prefix-trie ${show(rust)}`.padEnd(28),
        `ratio ${ratio.toFixed(2)} (${(ours.median / bart.median).toFixed(2)})`.padEnd(20),
        verdict,
      ].join(" "),
    );
  }
  const longest = figureOf(results.bunbond, "max_update_us")?.best ?? Number.NaN;
  console.log(
    `${table.padEnd(5)} max_update_us       ours ${longest} ${longest <= MAX_UPDATE_US ? "reached" : "NOT REACHED"} (<= ${MAX_UPDATE_US})`,
  );
  const all = PROGRAMS.flatMap((program) => results[program]);
  const same = CHECKSUMS.filter((key) => all.every((figures) => figures[key] === all[0]?.[key]));
  console.log(
    `${table.padEnd(5)} checksums           ${same.length} of ${CHECKSUMS.length} the same in all programs and rounds`,
  );
}
