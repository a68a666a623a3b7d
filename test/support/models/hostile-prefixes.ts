import type { SeededRandom } from "./random.ts";

/*
 * Tables that make single updates of a prefix trie as expensive as they can be, as sequences of updates. A prefix is
 * its leading bits. What they aim at: all slots of a large node, each with something behind it that lies elsewhere in
 * memory (chains of prefixes that contain one another, nodes), and the doubling and halving of such nodes.
 */

export interface Update {
  readonly kind: "insert" | "remove";
  readonly bits: string;
}

export interface HostileTable {
  readonly name: string;
  readonly families: readonly (4 | 6)[];
  readonly updates: (family: 4 | 6, random: SeededRandom) => Iterable<Update>;
}

const bitsIn = (family: 4 | 6): number => (family === 4 ? 32 : 128);
const binary = (value: number, bits: number): string =>
  bits === 0 ? "" : value.toString(2).padStart(bits, "0");
const insert = (bits: string): Update => ({ kind: "insert", bits });
const remove = (bits: string): Update => ({ kind: "remove", bits });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** An address that begins with `bits`, then `tail`, then zeros. */
function host(family: 4 | 6, bits: string, tail = ""): string {
  return (bits + tail).padEnd(bitsIn(family), "0");
}

function randomHost(family: 4 | 6, random: SeededRandom, bits = ""): string {
  let all = bits;
  while (all.length < bitsIn(family)) all += binary(random.word(), 32);
  return all.slice(0, bitsIn(family));
}

/** A node of 2^strideBits slots at bit 0, with a host in each. */
function* wideNode(family: 4 | 6, strideBits: number): Generator<Update> {
  for (const i of numbers(1 << strideBits)) yield insert(host(family, binary(i, strideBits)));
}

/** Prefixes of the given lengths of the first host of each slot. */
function* chains(family: 4 | 6, strideBits: number, lengths: readonly number[]): Generator<Update> {
  for (const i of numbers(1 << strideBits)) {
    const all = host(family, binary(i, strideBits));
    for (const length of lengths) yield insert(all.slice(0, length));
  }
}

/** From `longest` down to `shortest`, at most `count`. */
function falling(longest: number, shortest: number, count = 200): number[] {
  return numbers(Math.min(count, longest - shortest + 1)).map((i) => longest - i);
}

/** Direct children of `inner` slots each below `count` of the slots, all of whose slots and halves are in use. */
function directChildren(family: 4 | 6, strideBits: number, count: number, innerBits: number): Update[] {
  const updates: Update[] = [];
  for (const d of numbers(count)) {
    const slot = binary(Math.floor((d * 2 ** strideBits) / count), strideBits);
    updates.push(insert(slot), insert(`${slot}0`), insert(`${slot}1`));
    for (const j of numbers(1 << innerBits)) {
      const inner = slot + binary(j, innerBits);
      for (let length = strideBits + 1; length <= inner.length; length++)
        updates.push(insert(inner.slice(0, length)));
      const all = host(family, inner, "1");
      for (const length of [bitsIn(family), bitsIn(family) - 3, bitsIn(family) - 5]) {
        updates.push(insert(all.slice(0, length)));
      }
    }
  }
  return updates;
}

/** Forks at the bit where the node ends, one slot after the other: what makes it double. */
function* forks(family: 4 | 6, strideBits: number, kind: "insert" | "remove" = "insert"): Generator<Update> {
  for (const i of numbers(1 << strideBits))
    yield { kind, bits: host(family, binary(i, strideBits), "1".repeat(8)) };
}

export const HOSTILE_TABLES: readonly HostileTable[] = [
  {
    name: "broom: chains below all slots of a wide node, with more hosts beside",
    families: [4, 6],
    *updates(family) {
      for (const r of ["00", "01", "10"])
        for (const i of numbers(4096)) yield insert(host(family, binary(i, 12), r));
      yield* chains(family, 12, falling(bitsIn(family) - 1, 14, 12));
    },
  },
  {
    name: "broom2: chains below all slots of a wide node, the hosts beside are gone",
    families: [4, 6],
    *updates(family) {
      for (const r of ["00", "01", "10", "11"])
        for (const i of numbers(4096)) yield insert(host(family, binary(i, 12), r));
      for (const r of ["01", "10", "11"])
        for (const i of numbers(4096)) yield remove(host(family, binary(i, 12), r));
      yield* chains(family, 12, falling(bitsIn(family) - 1, 14, 12));
    },
  },
  {
    name: "broom of short chains from the slot's own length on, rising",
    families: [4, 6],
    *updates(family) {
      yield* wideNode(family, 12);
      yield* chains(family, 12, [12, 13, 14, 15, 16, 17, 18]);
    },
  },
  {
    name: "all prefixes of up to 13 bits",
    families: [4, 6],
    *updates(family) {
      yield* wideNode(family, 12);
      for (let length = 13; length >= 0; length--)
        for (const i of numbers(1 << length)) yield insert(binary(i, length));
    },
  },
  {
    name: "comb: a fork at each bit of a path",
    families: [4, 6],
    *updates(family, random) {
      for (const _ of numbers(100)) {
        const path = randomHost(family, random);
        for (const bit of numbers(path.length))
          yield insert(`${path.slice(0, bit)}${path[bit] === "0" ? "1" : "0"}${path.slice(bit + 1)}`);
      }
    },
  },
  {
    name: "deep: all lengths of some addresses",
    families: [4, 6],
    *updates(family, random) {
      for (const _ of numbers(150)) {
        const path = randomHost(family, random);
        for (let length = 0; length <= path.length; length++) yield insert(path.slice(0, length));
      }
    },
  },
  {
    name: "pairs that differ in the last bit, far apart",
    families: [4, 6],
    *updates(family, random) {
      for (const _ of numbers(6000)) {
        const path = randomHost(family, random).slice(0, -1);
        yield insert(`${path}0`);
        yield insert(`${path}1`);
      }
    },
  },
  {
    name: "a run of neighbours, rising, then every second one gone, then falling",
    families: [4, 6],
    *updates(family) {
      const bits = bitsIn(family);
      const all = numbers(20_000).map((i) => binary(i, bits));
      for (const one of all) yield insert(one);
      for (const [i, one] of all.entries()) if (i % 2 === 1) yield remove(one);
      for (const one of all.toReversed()) yield insert(one);
    },
  },
  {
    name: "a full node of 2,048 slots doubles: long chains in all, direct children of 16 slots in some",
    families: [4, 6],
    *updates(family, random) {
      yield* wideNode(family, 11);
      const below = [
        ...chains(family, 11, falling(bitsIn(family) - 1, 20, 6)),
        ...directChildren(family, 11, 170, 5),
      ];
      yield* random.shuffled(below);
      yield* forks(family, 11);
    },
  },
  {
    name: "a full node of 2,048 slots doubles: chains of two, direct children of two slots",
    families: [4, 6],
    *updates(family, random) {
      yield* wideNode(family, 11);
      yield* random.shuffled([...chains(family, 11, [20]), ...directChildren(family, 11, 170, 1)]);
      yield* forks(family, 11);
    },
  },
  {
    name: "a node of few slots doubles: direct children as large as may be, filled",
    families: [4, 6],
    *updates(family, random) {
      for (const strideBits of [1, 2, 3, 4, 5]) {
        yield* wideNode(family, strideBits);
        yield* random.shuffled(directChildren(family, strideBits, 1 << strideBits, 12 - strideBits));
        yield* forks(family, strideBits);
      }
    },
  },
  {
    name: "a wide node halves down to nothing: what is left stands side by side",
    families: [4, 6],
    *updates(family) {
      yield* wideNode(family, 12);
      for (const i of numbers(2048)) yield insert(binary(i, 11));
      yield* chains(family, 12, [14, 15, 16]);
      for (const i of numbers(4096))
        if (i >= 171)
          for (const length of [14, 15, 16, bitsIn(family)])
            yield remove(host(family, binary(i, 12)).slice(0, length));
      for (const i of numbers(171))
        for (const length of [14, 15, 16, bitsIn(family)])
          yield remove(host(family, binary(i, 12)).slice(0, length));
    },
  },
  {
    name: "growth and shrinking, to and fro about the threshold of a doubling",
    families: [4, 6],
    *updates(family) {
      yield* wideNode(family, 11);
      yield* chains(family, 11, [20, 22]);
      for (const _ of numbers(3)) {
        yield* forks(family, 11);
        yield* forks(family, 11, "remove");
      }
      const some = [...forks(family, 11)].slice(0, 171);
      for (const _ of numbers(20)) for (const { bits } of some.slice(-2)) yield* [insert(bits), remove(bits)];
    },
  },
  {
    name: "a wide node deep in the address: chains of two below all slots, and all that spans them",
    families: [6],
    *updates(family, random) {
      const above = binary(random.word() >>> 0, 32).repeat(2);
      const below = [...chains(family, 12, [16, 14])].map(({ bits }) => bits);
      const hosts = [...wideNode(family, 12)].map(({ bits }) => bits);
      for (const bits of random.shuffled([...hosts, ...below])) yield insert((above + bits).slice(0, 128));
      for (const kind of ["insert", "remove"] as const)
        for (let length = 11; length > 0; length--)
          for (const i of numbers(1 << length)) yield { kind, bits: above + binary(i, length) };
    },
  },
  {
    name: "a node with a prefix over each two of its slots halves",
    families: [4, 6],
    *updates(family, random) {
      yield* wideNode(family, 12);
      yield* random.shuffled(numbers(2048).map((i) => insert(binary(i, 11))));
      yield* random.shuffled([...wideNode(family, 12)].map(({ bits }) => remove(bits)));
    },
  },
];

/** A hostile table as a few numbers, for a search to vary. */
export interface Recipe {
  /** Bits of the wide node. */
  readonly strideBits: number;
  /** Prefixes in the chain below each slot, and their lengths beyond the slot's. */
  readonly chain: number;
  readonly chainFromBits: number;
  readonly chainStepBits: number;
  /** Share of the slots with a direct child, in 1024ths, and how wide those are. */
  readonly direct: number;
  readonly innerBits: number;
  /** Chain below each slot of a direct child. */
  readonly innerChain: number;
  /** Whether the prefixes between the node and the slots of the direct children are there. */
  readonly isFilled: boolean;
  /** Share of the prefixes of at most `strideBits`, in 1024ths. */
  readonly ranges: number;
  /** Share of everything that is removed in the end, in 1024ths, and whether from one side on. */
  readonly removed: number;
  readonly isRemovedInOrder: boolean;
  readonly isShuffled: boolean;
}

/** The worst that a longer search has found: 12,463 steps. */
export const WORST_FOUND: Recipe = {
  strideBits: 11,
  chain: 0,
  chainFromBits: 1,
  chainStepBits: 1,
  direct: 0,
  innerBits: 4,
  innerChain: 2,
  isFilled: false,
  ranges: 1024,
  removed: 900,
  isRemovedInOrder: true,
  isShuffled: true,
};

/** Took 23,079 steps when a doubling might pass 7,168 slots and take a work of 6,400. */
export const MANY_DIRECT_CHILDREN: Recipe = {
  strideBits: 10,
  chain: 3,
  chainFromBits: 2,
  chainStepBits: 2,
  direct: 512,
  innerBits: 6,
  innerChain: 1,
  isFilled: false,
  ranges: 100,
  removed: 500,
  isRemovedInOrder: false,
  isShuffled: false,
};

const FIELDS: Record<keyof Recipe, (random: SeededRandom) => number | boolean> = {
  strideBits: (random) => random.pick([1, 3, 5, 7, 8, 9, 10, 11, 11, 12]),
  chain: (random) => random.pick([0, 0, 1, 2, 3, 5]),
  chainFromBits: (random) => random.below(4),
  chainStepBits: (random) => 1 + random.below(3),
  direct: (random) => random.pick([0, 40, 86, 100, 200, 512, 1024]),
  innerBits: (random) => 1 + random.below(7),
  innerChain: (random) => random.below(4),
  isFilled: (random) => random.chance(0.5),
  ranges: (random) => random.pick([0, 0, 100, 1024]),
  removed: (random) => random.pick([0, 500, 900, 1000]),
  isRemovedInOrder: (random) => random.chance(0.5),
  isShuffled: (random) => random.chance(0.5),
};

export function randomRecipe(random: SeededRandom): Recipe {
  return Object.fromEntries(
    Object.entries(FIELDS).map(([name, draw]) => [name, draw(random)]),
  ) as unknown as Recipe;
}

/** The same with one number drawn anew. */
export function changedRecipe(recipe: Recipe, random: SeededRandom): Recipe {
  const field = random.pick(Object.keys(FIELDS)) as keyof Recipe;
  return { ...recipe, [field]: FIELDS[field](random) };
}

/** The updates of a recipe: the wide node, then all that goes into it, then forks that make it double, then removals. */
export function updatesOf(recipe: Recipe, family: 4 | 6, random: SeededRandom): Update[] {
  const { strideBits, chainFromBits, chainStepBits } = recipe;
  const below: Update[] = [];
  const chainLengths = (from: number, count: number): number[] =>
    numbers(count)
      .map((i) => from + i * chainStepBits)
      .filter((length) => length < bitsIn(family));
  below.push(...chains(family, strideBits, chainLengths(strideBits + chainFromBits, recipe.chain)));
  for (const slot of numbers(1 << strideBits)) {
    if (random.below(1024) >= recipe.direct) continue;
    for (const j of numbers(1 << recipe.innerBits)) {
      const inner = binary(slot, strideBits) + binary(j, recipe.innerBits);
      const all = host(family, inner, "01");
      below.push(insert(all));
      for (const length of chainLengths(inner.length + 1, recipe.innerChain))
        below.push(insert(all.slice(0, length)));
      if (recipe.isFilled)
        for (let length = strideBits + 1; length <= inner.length; length++)
          below.push(insert(inner.slice(0, length)));
    }
  }
  for (let length = strideBits; length > 0; length--)
    for (const i of numbers(1 << length))
      if (random.below(1024) < recipe.ranges) below.push(insert(binary(i, length)));
  const inserts = [
    ...wideNode(family, strideBits),
    ...(recipe.isShuffled ? random.shuffled(below) : below),
    ...forks(family, strideBits),
  ];
  const order = recipe.isRemovedInOrder ? inserts : random.shuffled(inserts);
  const removed = order.slice(0, (order.length * recipe.removed) >> 10).map(({ bits }) => remove(bits));
  return [...inserts, ...removed];
}
