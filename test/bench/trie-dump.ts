/*
 * Makes the four tables of the trie benchmark, the same each time:
 *
 *     bun test/bench/trie-dump.ts DIRECTORY [PERCENT OF THE FULL SIZE]
 *
 *     bgp4.lpm  1,000,000 prefixes like the Internet's: 60 % /24, 5 % longer, the rest /8 to /23, in clusters
 *     ovl4.lpm  1,000,000 hosts in 768 /20 subnets of 10.0.0.0/8, each about a third full
 *     bgp6.lpm    200,000 prefixes like the Internet's: 42 % /48, many /32, /40, /44, under the registries' blocks
 *     ovl6.lpm  1,000,000 hosts in 4,096 /64 subnets of a /40, half with low and half with random host ids
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { encodeDump, type LpmDump } from "./lpm-dump.ts";

const KEYS = 1_000_000;

type Random = () => number;

/** Signed 32-bit words, the same sequence for the same seed (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return t ^ (t >>> 14);
  };
}

function below(random: Random, limit: number): number {
  return Math.floor(((random() >>> 0) / 2 ** 32) * limit);
}

/** Bits `from` to 31 set: what may vary below a prefix, within one word. */
function hostMask(from: number): number {
  return from <= 0 ? -1 : from >= 32 ? 0 : -1 >>> from;
}

function pick(random: Random, shares: readonly (readonly [number, number])[]): number {
  let left = below(
    random,
    shares.reduce((sum, [, share]) => sum + share, 0),
  );
  for (const [value, share] of shares) {
    left -= share;
    if (left < 0) return value;
  }
  throw new Error("shares must not be empty");
}

/** Share of each prefix length in 1000. */
const LENGTHS_4 = [
  [24, 600],
  [22, 100],
  [23, 85],
  [21, 45],
  [20, 42],
  [19, 24],
  [16, 14],
  [18, 14],
  [17, 8],
  [15, 4],
  [14, 3],
  [13, 2],
  [12, 2],
  [11, 1],
  [10, 1],
  [25, 10],
  [26, 8],
  [27, 6],
  [28, 6],
  [29, 7],
  [30, 5],
  [32, 13],
] as const;
const LENGTHS_6 = [
  [48, 420],
  [32, 125],
  [40, 95],
  [44, 100],
  [36, 45],
  [29, 40],
  [33, 25],
  [34, 20],
  [35, 10],
  [38, 15],
  [42, 20],
  [46, 20],
  [47, 15],
  [45, 10],
  [43, 5],
  [28, 5],
  [30, 5],
  [31, 3],
  [56, 8],
  [64, 14],
] as const;
/** First 32 bits of blocks that registries give networks from, with the blocks' lengths. */
const REGISTRIES_6 = [
  [0x20010200, 16],
  [0x24000000, 12],
  [0x26000000, 12],
  [0x28000000, 12],
  [0x2a000000, 12],
  [0x2c000000, 12],
] as const;

class TableMaker {
  readonly family: 4 | 6;
  readonly #words: 1 | 4;
  readonly #seen = new Set<string>();
  readonly #addresses: number[] = [];
  readonly #lengths: number[] = [];

  constructor(family: 4 | 6) {
    this.family = family;
    this.#words = family === 4 ? 1 : 4;
  }

  get size(): number {
    return this.#lengths.length;
  }

  add(address: readonly number[], lengthBits: number): void {
    const masked = address.map((word, i) => word & ~hostMask(lengthBits - 32 * i));
    const key = `${masked.join()}/${lengthBits}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#addresses.push(...masked);
    this.#lengths.push(lengthBits);
  }

  /** `block` and its length cover the table. */
  finish(random: Random, block: readonly number[], blockBits: number): LpmDump {
    const words = this.#words;
    const count = this.size;
    for (let i = count - 1; i > 0; i--) {
      const j = below(random, i + 1);
      [this.#lengths[i], this.#lengths[j]] = [this.#lengths[j] ?? 0, this.#lengths[i] ?? 0];
      for (let k = 0; k < words; k++) {
        const [a, b] = [i * words + k, j * words + k];
        [this.#addresses[a], this.#addresses[b]] = [this.#addresses[b] ?? 0, this.#addresses[a] ?? 0];
      }
    }
    const hits = new Int32Array(KEYS * words);
    const uniform = new Int32Array(KEYS * words);
    for (let i = 0; i < KEYS; i++) {
      const row = below(random, count);
      for (let k = 0; k < words; k++) {
        const mask = hostMask((this.#lengths[row] ?? 0) - 32 * k);
        hits[i * words + k] = (this.#addresses[row * words + k] ?? 0) | (random() & mask);
        uniform[i * words + k] = (block[k] ?? 0) | (random() & hostMask(blockBits - 32 * k));
      }
    }
    return {
      family: this.family,
      addresses: Int32Array.from(this.#addresses),
      lengths: Uint8Array.from(this.#lengths),
      hits,
      random: uniform,
    };
  }
}

function bgp4(size: number, random: Random): LpmDump {
  const table = new TableMaker(4);
  // Networks hold blocks of /12 to /19 and announce in some of them much, in most little.
  const blocks = Array.from({ length: Math.ceil(size / 25) }, () => ({
    word: ((1 + below(random, 223)) << 24) | (random() & 0xffffff),
    lengthBits: 12 + below(random, 8),
  }));
  while (table.size < size) {
    const lengthBits = pick(random, LENGTHS_4);
    const block = blocks[Math.floor(blocks.length * ((random() >>> 0) / 2 ** 32) ** 1.5)];
    if (block === undefined) continue;
    const free = lengthBits < block.lengthBits ? 8 : block.lengthBits;
    table.add([(block.word & ~hostMask(free)) | (random() & hostMask(free))], lengthBits);
  }
  return table.finish(random, [0], 0);
}

function ovl4(size: number, random: Random): LpmDump {
  const table = new TableMaker(4);
  const subnets = new Set<number>();
  while (subnets.size < Math.ceil((768 * size) / 1e6)) subnets.add(below(random, 4096));
  const list = [...subnets];
  while (table.size < size) {
    const subnet = list[below(random, list.length)] ?? 0;
    table.add([0x0a000000 | (subnet << 12) | (random() & 0xfff)], 32);
  }
  return table.finish(random, [0x0a000000], 8);
}

function bgp6(size: number, random: Random): LpmDump {
  const table = new TableMaker(6);
  const blocks = Array.from({ length: Math.ceil(size / 8) }, () => {
    const [word, bits] = REGISTRIES_6[below(random, REGISTRIES_6.length)] ?? [0, 0];
    // Registries give from the start of their blocks upwards, in steps.
    const used = bits + 3;
    return word | (random() & hostMask(used) & ~hostMask(29 + below(random, 4)));
  });
  while (table.size < size) {
    const lengthBits = pick(random, LENGTHS_6);
    const block = blocks[Math.floor(blocks.length * ((random() >>> 0) / 2 ** 32) ** 1.5)] ?? 0;
    // Low subnet numbers are more common than high ones.
    const w1 = below(random, 2) === 0 ? random() : random() & 0x0fffffff;
    table.add([block, w1, random(), random()], lengthBits);
  }
  return table.finish(random, [0x20000000], 3);
}

function ovl6(size: number, random: Random): LpmDump {
  const table = new TableMaker(6);
  const subnets = Array.from({ length: Math.ceil((4096 * size) / 1e6) }, () => random() & 0xffffff);
  while (table.size < size) {
    const subnet = subnets[below(random, subnets.length)] ?? 0;
    const low = below(random, 2) === 0;
    table.add([0xfd00bb0b | 0, subnet, low ? 0 : random(), low ? below(random, 256) : random()], 128);
  }
  return table.finish(random, [0xfd00bb0b | 0, 0], 40);
}

const [directory, percent] = process.argv.slice(2);
if (directory === undefined) {
  console.error("usage: bun test/bench/trie-dump.ts DIRECTORY [PERCENT]");
  process.exit(2);
}
const scale = Number(percent ?? 100) / 100;
mkdirSync(directory, { recursive: true });
for (const [name, make, size, seed] of [
  ["bgp4", bgp4, 1_000_000, 1],
  ["ovl4", ovl4, 1_000_000, 2],
  ["bgp6", bgp6, 200_000, 3],
  ["ovl6", ovl6, 1_000_000, 4],
] as const) {
  await Bun.write(join(directory, `${name}.lpm`), encodeDump(make(Math.ceil(size * scale), randomOf(seed))));
}
