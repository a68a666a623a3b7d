/*
 * Measures the prefix tries on a table of prefixes and prints one line of JSON:
 *
 *     bun test/bench/trie.ts DUMP...
 *     bun test/bench/trie.ts --hostile     tables that make single updates expensive (hostile-prefixes.ts)
 *
 * DUMP has the format of lpm-dump.ts; trie-dump.ts makes four. Times are nanoseconds per operation: the
 * median of the passes, and as the best the sum over slices of some thousand operations of each slice's
 * best pass, so that what else the machine does shows little. Each pass inserts in the dump's order into an
 * empty pool and withdraws in that order, by prefix. `max_update_us` is the longest single update: per update the best of the
 * passes, so that what the machine does beside does not count; `max_update_seen_us` is the longest with it.
 * Checksums are those of the peers in bart/ and prefix-trie-rs/: value i for prefix i, a miss counts 0.
 */
import { PrefixCursor } from "../../src/route/trie/prefix-cursor.ts";
import { PrefixPool } from "../../src/route/trie/prefix-trie.ts";
import { wordsOf } from "../support/models/golden-prefix-table.ts";
import { HOSTILE_TABLES, type HostileTable, type Update } from "../support/models/hostile-prefixes.ts";
import { SeededRandom } from "../support/models/random.ts";
import { decodeDump, type LpmDump } from "./lpm-dump.ts";

const PASSES = 3;

/** Words of one address out of many, for calls that take four. */
class Keys {
  readonly words: Int32Array;
  readonly width: 1 | 4;
  constructor(words: Int32Array, width: 1 | 4) {
    this.words = words;
    this.width = width;
  }
  get count(): number {
    return this.words.length / this.width;
  }
  word(i: number, k: number): number {
    return k < this.width ? (this.words[i * this.width + k] ?? 0) : 0;
  }
}

class Table {
  readonly dump: LpmDump;
  readonly pool: PrefixPool;
  readonly root: number;
  readonly count: number;
  readonly keys: Keys;

  constructor(dump: LpmDump) {
    this.dump = dump;
    this.pool = new PrefixPool(dump.family);
    this.root = this.pool.createRoot();
    this.count = dump.lengths.length;
    this.keys = new Keys(dump.addresses, dump.family === 4 ? 1 : 4);
  }

  insert(i: number): number {
    const { keys, dump } = this;
    return this.pool.insert(
      this.root,
      keys.word(i, 0),
      keys.word(i, 1),
      keys.word(i, 2),
      keys.word(i, 3),
      dump.lengths[i] ?? 0,
    );
  }

  find(i: number): number {
    const { keys, dump } = this;
    return this.pool.find(
      this.root,
      keys.word(i, 0),
      keys.word(i, 1),
      keys.word(i, 2),
      keys.word(i, 3),
      dump.lengths[i] ?? 0,
    );
  }

  withdraw(i: number): void {
    this.pool.remove(this.root, this.find(i));
  }

  lookup(keys: Keys, i: number): number {
    return this.pool.lookup(this.root, keys.word(i, 0), keys.word(i, 1), keys.word(i, 2), keys.word(i, 3));
  }

  insertAll(from: number, to: number): void {
    for (let i = from; i < to; i++) this.insert(i);
  }

  withdrawAll(from: number, to: number): void {
    for (let i = from; i < to; i++) this.withdraw(i);
  }

  findAll(from: number, to: number): number {
    let sum = 0;
    for (let i = from; i < to; i++) sum = (sum + this.find(i)) | 0;
    return sum;
  }

  lookupAll(keys: Keys, from: number, to: number): number {
    const { pool, root } = this;
    const words = keys.words;
    let sum = 0;
    if (keys.width === 1) {
      for (let i = from; i < to; i++) sum = (sum + pool.lookup(root, words[i] ?? 0, 0, 0, 0)) | 0;
      return sum;
    }
    for (let at = 4 * from; at < 4 * to; at += 4) {
      const handle = pool.lookup(
        root,
        words[at] ?? 0,
        words[at + 1] ?? 0,
        words[at + 2] ?? 0,
        words[at + 3] ?? 0,
      );
      sum = (sum + handle) | 0;
    }
    return sum;
  }

  lookupMany(keys: Keys, from: number, to: number, answers: Int32Array): void {
    const { words, width } = keys;
    this.pool.lookupMany(this.root, words.subarray(from * width, to * width), to - from, answers);
  }

  /** Each key is chosen by the answer before it. */
  lookupDependent(keys: Keys, from: number, to: number): number {
    let handle = 0;
    for (let i = from; i < to; i++) handle = this.lookup(keys, i + (handle >> 30) - (handle >> 31));
    return handle;
  }

  iterate(): number {
    const cursor = new PrefixCursor(this.pool, this.root);
    let sum = 0;
    for (let handle = cursor.next(); handle !== -1; handle = cursor.next()) sum = (sum + handle) | 0;
    return sum;
  }
}

interface Timing {
  readonly best: number;
  readonly median: number;
}

const SLICES = 200;

/** Times of many passes over `count` operations. */
class Timer {
  readonly count: number;
  readonly #best = new Float64Array(SLICES).fill(Number.POSITIVE_INFINITY);
  readonly #passes: number[] = [];

  constructor(count: number) {
    this.count = count;
  }

  pass(run: (from: number, to: number) => void): void {
    let whole = 0;
    for (let slice = 0; slice < SLICES; slice++) {
      const from = Math.floor((slice * this.count) / SLICES);
      const to = Math.floor(((slice + 1) * this.count) / SLICES);
      const start = Bun.nanoseconds();
      run(from, to);
      const took = Bun.nanoseconds() - start;
      whole += took;
      if (took < (this.#best[slice] ?? 0)) this.#best[slice] = took;
    }
    this.#passes.push(whole);
  }

  /** A pass in one slice. */
  whole(run: () => void): void {
    const start = Bun.nanoseconds();
    run();
    const took = Bun.nanoseconds() - start;
    this.#passes.push(took);
    this.#best.fill(0, 1);
    if (took < (this.#best[0] ?? 0)) this.#best[0] = took;
  }

  result(): Timing {
    const round = (ns: number | undefined): number => Math.round(((ns ?? 0) / this.count) * 10) / 10;
    const sorted = this.#passes.toSorted((a, b) => a - b);
    return {
      best: round(this.#best.reduce((sum, ns) => sum + ns, 0)),
      median: round(sorted[sorted.length >> 1]),
    };
  }
}

function passes(count: number, run: (from: number, to: number) => void): Timing {
  const timer = new Timer(count);
  for (let pass = 0; pass < PASSES; pass++) timer.pass(run);
  return timer.result();
}

/** Writes into `best` how long each update took, where that is less; returns the longest seen. */
function timeEach(count: number, update: (i: number) => void, best: Float64Array): number {
  let longest = 0;
  for (let i = 0; i < count; i++) {
    const start = Bun.nanoseconds();
    update(i);
    const took = Bun.nanoseconds() - start;
    if (took > longest) longest = took;
    if (took < (best[i] ?? 0)) best[i] = took;
  }
  return longest;
}

/** Updates that span most of the table: the shortest prefixes, in and out. */
function* coveringUpdates(table: Table): Generator<() => void> {
  const { pool, root } = table;
  const deepest = table.dump.family === 4 ? 20 : 44;
  const mask = (bits: number): number => (bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits));
  for (let length = deepest; length >= 0; length--) {
    const w0 = table.keys.word(0, 0) & mask(length);
    const w1 = table.keys.word(0, 1) & mask(length - 32);
    if (pool.find(root, w0, w1, 0, 0, length) !== -1) continue;
    let handle = -1;
    yield () => {
      handle = pool.insert(root, w0, w1, 0, 0, length);
    };
    yield () => pool.remove(root, handle);
  }
}

const checksum = (sum: number, value: number): number => (Math.imul(sum, 31) + value + 1) | 0;

function measure(path: string, file: ArrayBuffer): object {
  const dump = decodeDump(file);
  const width = dump.family === 4 ? 1 : 4;
  const hits = new Keys(dump.hits, width);
  const random = new Keys(dump.random, width);
  const count = dump.lengths.length;

  const inserts = new Timer(count);
  const withdraws = new Timer(count);
  let table = new Table(dump);
  for (let pass = 0; pass < PASSES; pass++) {
    table = new Table(dump);
    inserts.pass((from, to) => table.insertAll(from, to));
    withdraws.pass((from, to) => table.withdrawAll(from, to));
  }

  const bestInserts = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const bestWithdraws = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const bestCovering = new Float64Array(1000).fill(Number.POSITIVE_INFINITY);
  let longest = 0;
  for (let pass = 0; pass < 3; pass++) {
    table = new Table(dump);
    longest = Math.max(
      longest,
      timeEach(count, (i) => table.insert(i), bestInserts),
    );
    const covering = [...coveringUpdates(table)];
    longest = Math.max(
      longest,
      timeEach(covering.length, (i) => covering[i]?.(), bestCovering.subarray(0, covering.length)),
    );
    longest = Math.max(
      longest,
      timeEach(count, (i) => table.withdraw(i), bestWithdraws),
    );
  }
  let longestBest = 0;
  for (const times of [bestInserts, bestWithdraws, bestCovering]) {
    for (const took of times) if (Number.isFinite(took)) longestBest = Math.max(longestBest, took);
  }

  table = new Table(dump);
  const values = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) values[table.insert(i)] = i;
  const bytes = table.pool.bytesUsed();
  const idle = table.pool.bytesIdle();
  const answers = new Int32Array(Math.max(hits.count, random.count));
  const iterations = new Timer(count);
  for (let pass = 0; pass < PASSES; pass++) {
    iterations.whole(() => table.iterate());
  }
  const figures = {
    insert_ns: inserts.result(),
    delete_ns: withdraws.result(),
    exact_get_ns: passes(count, (from, to) => table.findAll(from, to)),
    update_ns: passes(count, (from, to) => table.insertAll(from, to)),
    lookup_hit_ns: passes(hits.count, (from, to) => table.lookupAll(hits, from, to)),
    lookup_rand_ns: passes(random.count, (from, to) => table.lookupAll(random, from, to)),
    lookup_dependent_ns: passes(hits.count, (from, to) => table.lookupDependent(hits, from, to)),
    lookup_many_hit_ns: passes(hits.count, (from, to) => table.lookupMany(hits, from, to, answers)),
    lookup_many_rand_ns: passes(random.count, (from, to) => table.lookupMany(random, from, to, answers)),
    iterate_sorted_ns: iterations.result(),
  };

  const sumOf = (keys: Keys): number => {
    let sum = 0;
    for (let i = 0; i < keys.count; i++) {
      const handle = table.lookup(keys, i);
      sum = checksum(sum, handle === -1 ? -1 : (values[handle] ?? 0));
    }
    return sum >>> 0;
  };
  let sumSorted = 0;
  const cursor = new PrefixCursor(table.pool, table.root);
  for (let handle = cursor.next(); handle !== -1; handle = cursor.next()) {
    sumSorted = checksum(sumSorted, values[handle] ?? 0);
  }
  const sumHit = sumOf(hits);
  const sumRandom = sumOf(random);
  for (let i = 1; i < count; i += 2) table.withdraw(i);
  return {
    table: path.split("/").at(-1),
    program: "bunbond",
    n: count,
    ...figures,
    bytes_per_prefix: Math.round((bytes / count) * 10) / 10,
    idle_bytes_per_prefix: Math.round((idle / count) * 10) / 10,
    max_update_us: Math.round(longestBest / 1000),
    max_update_seen_us: Math.round(longest / 1000),
    sum_hit: sumHit,
    sum_rand: sumRandom,
    sum_hit_half: sumOf(hits),
    sum_rand_half: sumOf(random),
    sum_sorted: sumSorted >>> 0,
  };
}

/** All updates of a hostile table, then each prefix of its first address in and out; the longest as above. */
function measureHostile({ name, updates }: HostileTable, family: 4 | 6): object {
  const random = new SeededRandom(1);
  const list: Update[] = [...updates(family, random)];
  const address = (list[0]?.bits ?? "").padEnd(family === 4 ? 32 : 128, "0");
  for (let length = 0; length <= address.length; length++) {
    const bits = address.slice(0, length);
    list.push({ kind: "remove", bits }, { kind: "insert", bits }, { kind: "remove", bits });
  }
  const words = Int32Array.from(list.flatMap(({ bits }) => wordsOf(bits)));
  const best = new Float64Array(list.length).fill(Number.POSITIVE_INFINITY);
  let steps = 0;
  let longest = 0;
  let prefixes = 0;
  for (let pass = 0; pass < 7; pass++) {
    const pool = new PrefixPool(family);
    const root = pool.createRoot();
    const call = (i: number): void => {
      const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words.subarray(4 * i, 4 * i + 4);
      const { kind, bits } = list[i] as Update;
      const handle = kind === "remove" ? pool.find(root, w0, w1, w2, w3, bits.length) : -1;
      const start = Bun.nanoseconds();
      if (kind === "insert") pool.insert(root, w0, w1, w2, w3, bits.length);
      else if (handle !== -1) pool.remove(root, handle);
      const took = Bun.nanoseconds() - start;
      if (took > longest) longest = took;
      if (took < (best[i] ?? 0)) best[i] = took;
      steps = Math.max(steps, pool.steps);
      prefixes = Math.max(prefixes, pool.size);
    };
    for (let i = 0; i < list.length; i++) call(i);
  }
  return {
    table: name,
    family,
    prefixes,
    max_steps: steps,
    max_update_us: Math.round(best.reduce((most, took) => Math.max(most, took), 0) / 1000),
    max_update_seen_us: Math.round(longest / 1000),
  };
}

if (process.argv[2] === "--hostile") {
  for (const table of HOSTILE_TABLES) {
    for (const family of table.families) console.log(JSON.stringify(measureHostile(table, family)));
  }
  process.exit();
}
for (const path of process.argv.slice(2)) {
  console.log(JSON.stringify(measure(path, await Bun.file(path).arrayBuffer())));
}
