/*
 * Searches for the most expensive single update of a prefix trie, and prints one line of JSON per table and one for all:
 *
 *     bun test/bench/trie-worst.ts [--spread N] [--recipes N] [--seed N] [--only WORD]
 *
 * The tables are those of hostile-prefixes.ts and some made at random. Between two updates of a table N prefixes go into
 * others (default 8), so that what belongs together does not lie side by side: the whole is some million prefixes.
 * Per table: `max_steps`; the longest update with everything in the caches (`hot_us`); and the longest among those of most
 * steps and most time after 64 MB of other memory were written (`cold_us`). Each time is the best of three passes, so that
 * what the machine does beside does not count. Updates for which an array grew are left out: growable-int32-array.ts.
 */
import { parseArgs } from "node:util";
import { PrefixPool } from "../../src/route/trie/prefix-trie.ts";
import { wordsOf } from "../support/models/golden-prefix-table.ts";
import {
  changedRecipe,
  HOSTILE_TABLES,
  type Recipe,
  randomRecipe,
  type Update,
  updatesOf,
} from "../support/models/hostile-prefixes.ts";
import { SeededRandom } from "../support/models/random.ts";

const PASSES = 3;
const CANDIDATES = 24;
const OTHER_ROOTS = 64;

const other = new Int32Array((64 << 20) / 4);
let written = 0;

function coolDown(): void {
  written++;
  for (let i = 0; i < other.length; i += 16) other[i] = written;
}

interface Worst {
  readonly table: string;
  readonly family: 4 | 6;
  readonly prefixes: number;
  readonly max_steps: number;
  readonly hot_us: number;
  readonly cold_us: number;
  readonly cold_steps: number;
  readonly cold_update: string;
}

/** The indexes of the greatest values. */
function greatest(values: Float64Array, count: number): number[] {
  return [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0)).slice(0, count);
}

function measure(table: string, family: 4 | 6, updates: Update[], spread: number): Worst {
  const list = [...updates];
  const address = (list[0]?.bits ?? "").padEnd(family === 4 ? 32 : 128, "0");
  for (let length = 0; length <= address.length; length++) {
    const bits = address.slice(0, length);
    list.push({ kind: "remove", bits }, { kind: "insert", bits }, { kind: "remove", bits });
  }
  const words = Int32Array.from(list.flatMap(({ bits }) => wordsOf(bits)));
  const steps = new Float64Array(list.length);
  const hot = new Float64Array(list.length).fill(Number.POSITIVE_INFINITY);
  const cold = new Float64Array(list.length).fill(Number.POSITIVE_INFINITY);
  let prefixes = 0;

  const pass = (timings: Float64Array, chosen: ReadonlySet<number> | null): void => {
    const random = new SeededRandom(7);
    const pool = new PrefixPool(family);
    const root = pool.createRoot();
    const others = Array.from({ length: OTHER_ROOTS }, () => pool.createRoot());
    for (let i = 0; i < list.length; i++) {
      const { kind, bits } = list[i] as Update;
      const at = 4 * i;
      const [w0, w1, w2, w3] = [words[at], words[at + 1], words[at + 2], words[at + 3]] as [
        number,
        number,
        number,
        number,
      ];
      const handle = kind === "remove" ? pool.find(root, w0, w1, w2, w3, bits.length) : -1;
      const isCold = chosen?.has(i) === true;
      const { nodes, records } = pool.store;
      if (isCold) coolDown();
      const start = Bun.nanoseconds();
      if (kind === "insert") pool.insert(root, w0, w1, w2, w3, bits.length);
      else if (handle !== -1) pool.remove(root, handle);
      const took = Bun.nanoseconds() - start;
      const hasGrown = pool.store.nodes !== nodes || pool.store.records !== records;
      if ((chosen === null || isCold) && !hasGrown && took < (timings[i] ?? 0)) timings[i] = took;
      steps[i] = pool.steps;
      for (let j = 0; j < spread; j++) {
        const word = random.word();
        pool.insert(
          others[word & (OTHER_ROOTS - 1)] as number,
          word,
          random.word(),
          0,
          0,
          family === 4 ? 32 : 64,
        );
      }
    }
    prefixes = pool.size;
  };

  for (let i = 0; i < PASSES; i++) pass(hot, null);
  for (const [i, took] of hot.entries()) if (!Number.isFinite(took)) hot[i] = 0;
  const chosen = new Set([...greatest(steps, CANDIDATES), ...greatest(hot, CANDIDATES)]);
  for (let i = 0; i < PASSES; i++) pass(cold, chosen);
  for (const [i, took] of cold.entries()) if (!Number.isFinite(took)) cold[i] = 0;
  const [longest = 0] = greatest(cold, 1);
  const us = (ns: number | undefined): number => Math.round((ns ?? 0) / 1000);
  const { kind, bits } = list[longest] as Update;
  return {
    table,
    family,
    prefixes,
    max_steps: steps[greatest(steps, 1)[0] ?? 0] ?? 0,
    hot_us: us(hot[greatest(hot, 1)[0] ?? 0]),
    cold_us: us(cold[longest]),
    cold_steps: steps[longest] ?? 0,
    cold_update: `${kind} of ${bits.length} bits`,
  };
}

const { values } = parseArgs({
  options: {
    spread: { type: "string", default: "8" },
    recipes: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const spread = Number(values.spread);
let worst: Worst | undefined;
function report(one: Worst): void {
  console.log(JSON.stringify(one));
  if (worst === undefined || one.cold_us > worst.cold_us) worst = one;
}
for (const { name, families, updates } of HOSTILE_TABLES) {
  if (!name.includes(values.only)) continue;
  for (const family of families) {
    report(measure(name, family, [...updates(family, new SeededRandom(1))], spread));
  }
}
const random = new SeededRandom(Number(values.seed));
let best: { recipe: Recipe; us: number } | undefined;
for (let i = 0; i < Number(values.recipes); i++) {
  const recipe: Recipe =
    best === undefined || i < Number(values.recipes) / 2
      ? randomRecipe(random)
      : changedRecipe(best.recipe, random);
  const found = measure(JSON.stringify(recipe), i % 2 === 0 ? 6 : 4, updatesOf(recipe, 6, random), spread);
  report(found);
  if (best === undefined || found.cold_us > best.us) best = { recipe, us: found.cold_us };
}
console.log(JSON.stringify({ worst }));
