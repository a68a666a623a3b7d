import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PrefixCursor } from "../../../src/route/trie/prefix-cursor.ts";
import { NoSuchPrefixError, PrefixPool, TrieNotEmptyError } from "../../../src/route/trie/prefix-trie.ts";
import { checkTrie } from "../../support/models/check-trie.ts";
import { compareBits, GoldenPrefixTable, wordsOf } from "../../support/models/golden-prefix-table.ts";
import { SeededRandom } from "../../support/models/random.ts";

const FAMILIES = [4, 6] as const;

/** Leading bits under which random ones are put: nested, near word boundaries, far from each other. */
const HEADS: Record<4 | 6, readonly string[]> = {
  4: [
    "",
    "",
    "0",
    "00001010",
    "0000101000000001",
    "1100000010101000",
    "000010100000000100000010",
    "1".repeat(26),
  ],
  6: [
    "",
    "001",
    "00100000000000010000110110111000",
    `00100000000000010000110110111000${"0".repeat(29)}`,
    `00100000000000010000110110111000${"0".repeat(31)}1`,
    `00100000000000010000110110111000${"0".repeat(32)}`,
    `00100000000000010000110110111000${"0".repeat(90)}`,
    "1".repeat(121),
  ],
};

const randomBits = (maxLength: number) =>
  fc.array(fc.constantFrom("0", "1"), { maxLength }).map((bits) => bits.join(""));

/** Few distinct ones, so that they meet, contain each other and come again. */
const prefixBits = (family: 4 | 6) =>
  fc
    .tuple(
      fc.constantFrom(...HEADS[family]),
      randomBits(7),
      fc.constantFrom("", "", "", "0".repeat(99), "1".repeat(99)),
    )
    .map(([head, bits, tail]) => (head + bits + tail).slice(0, family === 4 ? 32 : 128));

const step = (family: 4 | 6) =>
  fc.record({
    kind: fc.constantFrom("insert", "insert", "insert", "remove", "remove", "lookup", "cover", "walk"),
    trie: fc.constantFrom(0, 0, 0, 1, 2),
    bits: prefixBits(family),
    pick: fc.nat(),
  });

class Tables {
  readonly family: 4 | 6;
  readonly pool: PrefixPool;
  readonly roots: number[] = [];
  readonly golden: GoldenPrefixTable[] = [];
  readonly live = new Set<number>();

  constructor(family: 4 | 6, tries: number) {
    this.family = family;
    this.pool = new PrefixPool(family);
    for (let i = 0; i < tries; i++) {
      this.roots.push(this.pool.createRoot());
      this.golden.push(new GoldenPrefixTable());
    }
  }

  pair(trie: number): { root: number; golden: GoldenPrefixTable } {
    const root = this.roots[trie];
    const golden = this.golden[trie];
    if (root === undefined || golden === undefined) throw new Error("no such trie");
    return { root, golden };
  }

  insert(trie: number, bits: string): void {
    const { root, golden } = this.pair(trie);
    const known = golden.find(bits);
    const handle = this.pool.insert(root, ...wordsOf(bits), bits.length);
    expect(this.pool.created).toBe(known === -1);
    if (known !== -1) {
      expect(handle).toBe(known);
      return;
    }
    expect(handle).toBeGreaterThan(0);
    expect(this.live.has(handle)).toBe(false);
    this.live.add(handle);
    golden.add(bits, handle);
  }

  remove(trie: number, bits: string): void {
    const { root, golden } = this.pair(trie);
    const handle = this.pool.find(root, ...wordsOf(bits), bits.length);
    expect(handle).toBe(golden.find(bits));
    if (handle === -1) return;
    this.pool.remove(root, handle);
    this.live.delete(handle);
    golden.delete(bits);
  }

  covering(trie: number, bits: string): number[] {
    const { root } = this.pair(trie);
    const found: number[] = [];
    let length = bits.length;
    for (;;) {
      const handle = this.pool.lookupWithin(root, ...wordsOf(bits), length);
      if (handle === -1) return found;
      found.push(handle);
      length = this.pool.lengthBitsOf(handle) - 1;
    }
  }

  check(trie: number): number {
    const { root, golden } = this.pair(trie);
    const words = checkTrie(this.pool, root);
    const walked: number[] = [];
    const cursor = new PrefixCursor(this.pool, root);
    for (let handle = cursor.next(); handle !== -1; handle = cursor.next()) walked.push(handle);
    const rows = golden.walk();
    expect(walked).toEqual(rows.map((row) => row.handle));
    for (const { bits, handle } of rows) {
      const [w0, w1, w2, w3] = wordsOf(bits);
      expect(this.pool.prefixOf(handle)).toEqual({
        family: this.family,
        w0,
        w1,
        w2,
        w3,
        lengthBits: bits.length,
      });
      expect(this.pool.find(root, w0, w1, w2, w3, bits.length)).toBe(handle);
    }
    return words;
  }

  /** All nodes in use and all that wait make up everything ever taken. */
  checkMemory(): void {
    let words = 1;
    for (let i = 0; i < this.roots.length; i++) words += this.check(i);
    const recordBytes = 4 * this.pool.store.recordWords;
    expect(this.pool.bytesUsed() - this.pool.bytesIdle()).toBe(
      4 * words + (this.live.size + 1) * recordBytes,
    );
    expect(this.pool.size).toBe(this.live.size);
  }
}

const fullAddress = (family: 4 | 6, bits: string): string => bits.padEnd(family === 4 ? 32 : 128, "0");

describe.each([...FAMILIES])("IPv%i", (family) => {
  test("answers like the golden table, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(step(family), { minLength: 1, maxLength: 400, size: "max" }), (steps) => {
        const tables = new Tables(family, 3);
        for (const { kind, trie, bits, pick } of steps) {
          const { root, golden } = tables.pair(trie);
          if (kind === "insert") tables.insert(trie, bits);
          if (kind === "remove") {
            const rows = golden.walk();
            tables.remove(trie, rows[pick % (rows.length + 1)]?.bits ?? bits);
          }
          if (kind === "lookup") {
            const address = fullAddress(family, bits);
            expect(tables.pool.lookup(root, ...wordsOf(address))).toBe(golden.lookup(address));
          }
          if (kind === "cover") {
            expect(tables.covering(trie, bits)).toEqual(golden.covering(bits));
            const cursor = new PrefixCursor(tables.pool, root);
            cursor.seekInside(...wordsOf(bits), bits.length);
            const covered: number[] = [];
            for (let h = cursor.next(); h !== -1; h = cursor.next()) covered.push(h);
            expect(covered).toEqual(golden.covered(bits));
            expect(cursor.next()).toBe(-1);
          }
          if (kind === "walk") {
            const cursor = new PrefixCursor(tables.pool, root);
            cursor.seek(...wordsOf(bits), bits.length);
            expect(cursor.next()).toBe(
              golden.walk().find((row) => compareBits(row.bits, bits) >= 0)?.handle ?? -1,
            );
            cursor.seekBehind(...wordsOf(bits), bits.length);
            expect(cursor.next()).toBe(
              golden.walk().find((row) => compareBits(row.bits, bits) > 0)?.handle ?? -1,
            );
          }
        }
        tables.checkMemory();
        for (let trie = 0; trie < 3; trie++) {
          const { root, golden } = tables.pair(trie);
          for (const { bits } of golden.walk()) tables.remove(trie, bits);
          expect(tables.pool.isEmpty(root)).toBe(true);
        }
        tables.checkMemory();
      }),
      { numRuns: 150 },
    );
  });

  test("holds large tables of many shapes, and gives all of their memory back to the pool", () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom("shuffled", "sorted", "backwards"), (seed, order) => {
        const random = randomOf(seed);
        const tables = new Tables(family, 2);
        const bits = [...new Set(Array.from({ length: 3000 }, () => realisticBits(family, random)))];
        if (order !== "shuffled") bits.sort(compareBits);
        if (order === "backwards") bits.reverse();
        for (const [i, one] of bits.entries()) tables.insert(i % 7 === 0 ? 1 : 0, one);
        tables.checkMemory();
        const addresses = Array.from({ length: 500 }, (_, i) => {
          const base = i % 3 === 0 ? "" : (bits[Math.floor(random() * bits.length)] ?? "");
          let address = base;
          while (address.length < (family === 4 ? 32 : 128)) address += random() < 0.5 ? "0" : "1";
          return address;
        });
        const lookups = (): void => {
          const { root, golden } = tables.pair(0);
          const words = new Int32Array(addresses.flatMap((a) => wordsOf(a).slice(0, family === 4 ? 1 : 4)));
          const answers = new Int32Array(addresses.length);
          tables.pool.lookupMany(root, words, addresses.length, answers);
          for (const [i, address] of addresses.entries()) {
            const expected = golden.lookup(address);
            expect(tables.pool.lookup(root, ...wordsOf(address))).toBe(expected);
            expect(answers[i]).toBe(expected);
          }
        };
        lookups();
        for (const [i, one] of bits.entries()) if (i % 2 === 1) tables.remove(i % 7 === 0 ? 1 : 0, one);
        tables.checkMemory();
        lookups();
        for (const [i, one] of bits.entries()) if (i % 2 === 0) tables.remove(i % 7 === 0 ? 1 : 0, one);
        tables.checkMemory();
      }),
      { numRuns: 12 },
    );
  });

  test("a walk goes on after changes: what stays comes once, in order", () => {
    fc.assert(
      fc.property(fc.array(prefixBits(family), { minLength: 1 }), fc.array(step(family)), (bits, steps) => {
        const tables = new Tables(family, 1);
        for (const one of bits) tables.insert(0, one);
        const { root, golden } = tables.pair(0);
        const staying = new Set(bits);
        const cursor = new PrefixCursor(tables.pool, root);
        const seen: string[] = [];
        const todo = [...steps];
        for (let handle = cursor.next(); handle !== -1; handle = cursor.next()) {
          const row = golden.walk().find((one) => one.handle === handle);
          if (row === undefined) throw new Error("the walk gave a handle that is not there");
          const before = seen.at(-1);
          if (before !== undefined) expect(compareBits(before, row.bits)).toBeLessThan(0);
          seen.push(row.bits);
          const change = todo.pop();
          if (change?.kind === "insert") tables.insert(0, change.bits);
          if (change?.kind === "remove") {
            const victim = golden.walk()[change.pick % golden.size]?.bits ?? "";
            tables.remove(0, victim);
            staying.delete(victim);
          }
        }
        for (const one of staying) expect(seen).toContain(one);
      }),
      { numRuns: 300 },
    );
  });

  test("ten routes in each of many VNIs cost no more than the stated bytes", () => {
    const random = randomOf(7);
    const pool = new PrefixPool(family);
    const routes = 1000 * 10;
    const before = pool.bytesUsed();
    for (let vni = 0; vni < 1000; vni++) {
      const root = pool.createRoot();
      for (let i = 0; i < 10; ) {
        const bits = realisticBits(family, random);
        pool.insert(root, ...wordsOf(bits), bits.length);
        if (pool.created) i++;
      }
    }
    expect(pool.size).toBe(routes);
    expect((pool.bytesUsed() - before) / routes).toBeLessThanOrEqual(family === 4 ? 30 : 45);
  });

  test("a table that comes and goes many times takes no more memory than the first time", () => {
    const pool = new PrefixPool(family);
    const root = pool.createRoot();
    let first = 0;
    for (let round = 0; round < 6; round++) {
      const random = randomOf(round);
      const handles: number[] = [];
      for (let i = 0; i < 4000; i++) {
        const bits = realisticBits(family, random);
        const handle = pool.insert(root, ...wordsOf(bits), bits.length);
        if (pool.created) handles.push(handle);
      }
      for (const handle of handles) pool.remove(root, handle);
      if (round === 0) first = pool.bytesUsed();
    }
    expect(pool.isEmpty(root)).toBe(true);
    expect(pool.bytesUsed()).toBeLessThan(first * 1.25);
  });

  test("a bounded number of prefixes takes bounded memory, whatever shapes follow one another", () => {
    const COUNT = 5000;
    const bits = family === 4 ? 32 : 128;
    const pool = new PrefixPool(family);
    const root = pool.createRoot();
    const random = new SeededRandom(5);
    const binary = (value: number, width: number): string => value.toString(2).padStart(width, "0");
    // Groups of 1 to 64 neighbours, far apart: each has its nodes of another size.
    const group = (size: number) => (i: number) =>
      binary(Math.imul(Math.floor(i / size), 0x9e3779b1) >>> 0, 32)
        .slice(0, bits - 6)
        .padEnd(bits - 6, "0") + binary(i % size, 6);
    const shapes = [
      ...[1, 2, 4, 8, 16, 32, 64].map(group),
      (i: number) => binary(i, bits),
      (i: number) =>
        binary(i, 16)
          .slice(0, 1 + (i % 16))
          .padEnd(16, "0")
          .padEnd(1 + (i % bits), "1"),
    ];
    let live: number[] = [];
    let peak = 0;
    let most = 0;
    for (let round = 0; round < 60; round++) {
      live = random.shuffled(live);
      for (const handle of live.splice(round % 3 === 0 ? 0 : COUNT / 10)) pool.remove(root, handle);
      const shape = shapes[round % shapes.length];
      for (const i of random.shuffled(Array.from({ length: COUNT }, (_, index) => index))) {
        const prefix = shape?.(i) ?? "";
        const handle = pool.insert(root, ...wordsOf(prefix), prefix.length);
        if (pool.created) live.push(handle);
        if (live.length === COUNT) break;
      }
      peak = Math.max(peak, pool.bytesUsed() - pool.bytesIdle());
      most = Math.max(most, pool.bytesUsed());
    }
    expect(most).toBeLessThan(2 * peak);
  });

  test("a prefix that contains all others is one step, and goes again", () => {
    const tables = new Tables(family, 1);
    const random = randomOf(3);
    for (let i = 0; i < 2000; i++) tables.insert(0, realisticBits(family, random));
    for (let length = 12; length >= 0; length--) {
      tables.insert(0, (family === 4 ? "000010100000" : "001000000000").slice(0, length));
    }
    tables.checkMemory();
    for (let length = 0; length <= 12; length++) {
      tables.remove(0, (family === 4 ? "000010100000" : "001000000000").slice(0, length));
    }
    tables.checkMemory();
  });

  test("a trie goes only when it is empty, and its root serves again", () => {
    const pool = new PrefixPool(family);
    const root = pool.createRoot();
    const handle = pool.insert(root, 0, 0, 0, 0, 0);
    expect(() => pool.disposeRoot(root)).toThrow(TrieNotEmptyError);
    pool.remove(root, handle);
    expect(() => pool.remove(root, handle)).toThrow(NoSuchPrefixError);
    pool.disposeRoot(root);
    expect(pool.createRoot()).toBe(root);
    expect(pool.isEmpty(root)).toBe(true);
  });
});

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Clusters of subnets with hosts in them, some aggregates above. */
function realisticBits(family: 4 | 6, random: () => number): string {
  const number = (value: number, bits: number): string => Math.floor(value).toString(2).padStart(bits, "0");
  if (family === 4) {
    const net = `00001010${number(random() * random() * 256, 8)}`;
    const kind = random();
    if (kind < 0.1) return net.slice(0, 8 + Math.floor(random() * 9));
    if (kind < 0.5) return (net + number(random() * 256, 8)).slice(0, 17 + Math.floor(random() * 8));
    return net + number(random() * 4, 8) + number(random() * 256, 8);
  }
  const net = `0010000000000001000011011011${number(random() * 16, 4)}${number(random() * random() * 65536, 16)}`;
  const kind = random();
  if (kind < 0.1) return net.slice(0, 20 + Math.floor(random() * 29));
  if (kind < 0.5) return net + number(random() * 65536, 16);
  const low = number(random() * 256, 8);
  return `${net}${"0".repeat(16)}${kind < 0.75 ? "0".repeat(56) : number(random() * 2 ** 28, 56)}${low}`;
}

describe("a full pool", () => {
  const host = (i: number): string => (Math.imul(i, 0x9e3779b1) >>> 0).toString(2).padStart(32, "0");

  test("insert answers -1 for a new prefix and the handle for a known one, and goes on after a removal", () => {
    const pool = new PrefixPool(4, { maxPrefixes: 100 });
    const root = pool.createRoot();
    const handles = Array.from({ length: 100 }, (_, i) => pool.insert(root, ...wordsOf(host(i)), 32));
    const words = checkTrie(pool, root);
    const { version } = pool;
    expect(pool.insert(root, ...wordsOf(host(100)), 32)).toBe(-1);
    expect(pool.created).toBe(false);
    expect(pool.insert(root, 0, 0, 0, 0, 0)).toBe(-1);
    expect(pool.insert(root, ...wordsOf(host(7)), 32)).toBe(handles[7] ?? -1);
    expect(pool.version).toBe(version);
    expect(pool.size).toBe(100);
    expect(checkTrie(pool, root)).toBe(words);
    pool.remove(root, handles[7] ?? -1);
    expect(pool.insert(root, ...wordsOf(host(100)), 32)).toBe(handles[7] ?? -1);
    expect(pool.created).toBe(true);
    expect(pool.insert(root, ...wordsOf(host(7)), 32)).toBe(-1);
    checkTrie(pool, root);
  });

  test.each([...FAMILIES])(
    "memory refused, IPv%i: nothing half done stays, all can be removed, it fills again",
    (family) => {
      const pool = new PrefixPool(family, { maxWords: 1_100_000 });
      const root = pool.createRoot();
      const random = randomOf(11);
      const golden = new GoldenPrefixTable();
      const fill = (): number => {
        for (let refused = 0; refused < 20; ) {
          const bits = fullBits(family, random).slice(0, random() < 0.9 ? 128 : 20);
          const known = golden.find(bits);
          const { size, version } = pool;
          const handle = pool.insert(root, ...wordsOf(bits), bits.length);
          if (handle !== -1) {
            if (known === -1) golden.add(bits, handle);
            else if (handle !== known) throw new Error("a known prefix has another handle");
            continue;
          }
          if (known !== -1 || pool.size !== size || pool.version !== version)
            throw new Error("changed, or known");
          refused++;
        }
        checkTrie(pool, root);
        return pool.size;
      };
      const first = fill();
      expect(first).toBeGreaterThan(10_000);
      for (const { bits, handle } of golden.walk()) {
        if (pool.find(root, ...wordsOf(bits), bits.length) !== handle) throw new Error(`${bits} has gone`);
        pool.remove(root, handle);
        golden.delete(bits);
      }
      expect(pool.isEmpty(root)).toBe(true);
      expect(fill()).toBeGreaterThan(first * 0.7);
    },
  );

  test("a root is refused where there is no memory for it", () => {
    const pool = new PrefixPool(4, { maxWords: 1000 });
    expect(pool.createRoot()).toBe(-1);
  });
});

function fullBits(family: 4 | 6, random: () => number): string {
  const word = (): string =>
    Math.floor(random() * 2 ** 32)
      .toString(2)
      .padStart(32, "0");
  return family === 4 ? word() : word() + word() + word() + word();
}
