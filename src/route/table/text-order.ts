/**
 * This walk returns prefixes in the order of their text, which is not the order of their addresses: "10.0.0.0/8" comes
 * before "2.0.0.0/8", and "fd00:1::/64" before "fd00::/64". Sorting them would take memory for the text of a whole
 * table; this walk has only a cursor that moves by address, and the text of some hundred prefixes at a time.
 *
 * Text is compared from left to right. So the walk divides the prefixes by the beginning of their text:
 *
 *     all of 10.  ──▶  10.0.  10.1.  10.10.  10.100.  …  10.2.  …      octets in the order of their text
 *                       └──▶  10.0.0.  10.0.1.  10.0.10.  …
 *
 * Each beginning is a cell, which is a range of addresses. A cell with at most {@link CELL_PREFIXES} prefixes is read
 * and sorted; a larger one is divided by the next octet or group of hexadecimal digits.
 *
 * The "::" of IPv6 replaces the first longest run of at least two zero groups (RFC 5952, 4.2), and any group may follow
 * it. So the prefixes that have the run in one place form a cell for each length of the run, and these cells are merged
 * by text:
 *
 *     fd00::  ──▶  fd00:0:0:x…   fd00:0:0:0:x…   …   written fd00::x…
 */
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix, maskWord } from "../../net/prefix.ts";

/**
 * Prefixes of one family, by address and then by length. Those that are added or removed during the walk may be
 * returned or not.
 */
export interface OrderedPrefixes {
  /** Moves to the first prefix whose address is not before this one. */
  seek(w0: number, w1: number, w2: number, w3: number): void;
  /** Returns the next prefix, or null at the end. */
  next(): Prefix | null;
}

export interface PrefixWithText {
  readonly prefix: Prefix;
  /** "10.0.1.0/24" */
  readonly text: string;
}

/** A cell of at most this many prefixes is read and sorted without a pause, in a fraction of a millisecond. */
const CELL_PREFIXES = 320;
/** At most this many prefixes are read without a pause when few are expected. */
const FEW_PREFIXES = 32;
const PARTS_PER_BATCH = 128;
/** How many prefixes are read between two pauses. */
const PREFIXES_PER_PAUSE = 256;
/** How many positions are searched between two pauses. */
const SEEKS_PER_PAUSE = 256;

type Words = readonly [w0: number, w1: number, w2: number, w3: number];

/** The zero groups that are written as "::"; if there are none, `length` is 0 and `start` is after the last group. */
interface ZeroRun {
  readonly start: number;
  readonly length: number;
}

/**
 * How the text continues after the part that a cell's prefixes have in common:
 * - `octets`: decimal numbers, as in IPv4 and after "::ffff:"
 * - `groups`: hexadecimal groups, and "::" may still come
 * - `run`: with "::", for a run of any length
 * - `groups-after-run`: hexadecimal groups, and "::" has come
 */
type Notation = "octets" | "groups" | "run" | "groups-after-run";

/** The prefixes whose addresses begin with the first `bits` bits of `words`, and whose "::" is at `run`. */
interface Cell {
  readonly words: Words;
  readonly bits: number;
  readonly notation: Notation;
  /** The position of "::". Its `length` is 0 if there is none, or if it may replace a run of any length. */
  readonly run: ZeroRun;
  /** The first address to be read. */
  readonly from: Words;
}

const ZEROS: Words = [0, 0, 0, 0];
const GROUPS = 8;
const ADDRESS_BITS = 128;
const GROUP_BITS = 16;
const OCTET_BITS = 8;
/** The bit at which the last group begins. */
const LAST_GROUP = ADDRESS_BITS - GROUP_BITS;
const NO_RUN: ZeroRun = { start: GROUPS, length: 0 };
/** Addresses in ::ffff:0:0/96 are written with dots. */
const MAPPED: Words = [0, 0, 0xffff, 0];
const MAPPED_BITS = 96;
const ALL_IPV4: Cell = { words: ZEROS, bits: 0, notation: "octets", run: NO_RUN, from: ZEROS };
const ALL_IPV6: Cell = { ...ALL_IPV4, notation: "groups" };

/**
 * Returns all prefixes in the order of their text (by UTF-16 units), in batches. The caller may pause at each batch,
 * also at an empty one: less than a millisecond of work lies between two batches. A pause may last as long as the
 * cursor allows.
 */
export function inTextOrder(cursor: OrderedPrefixes, family: 4 | 6): Iterable<readonly PrefixWithText[]> {
  const all = family === 4 ? ALL_IPV4 : ALL_IPV6;
  const few = fewPrefixesOf(cursor, all);
  return few === null ? walk(cursor, all) : [few];
}

function* walk(cursor: OrderedPrefixes, cell: Cell): Generator<readonly PrefixWithText[]> {
  const prefixes = yield* prefixesOf(cursor, cell);
  if (prefixes !== null) yield prefixes;
  else if (cell.notation === "run") yield* merged(byRunLength(cell).map((part) => walk(cursor, part)));
  else yield* walkParts(cursor, cell, yield* partsOf(cursor, cell));
}

/** Walks the parts of a cell. Most parts have a prefix or two: these are read directly, and put into one batch. */
function* walkParts(
  cursor: OrderedPrefixes,
  cell: Cell,
  values: Uint16Array,
): Generator<readonly PrefixWithText[]> {
  let batch: PrefixWithText[] = [];
  let parts = 0;
  for (const part of cellsOf(values, cell)) {
    const few = fewPrefixesOf(cursor, part);
    if (few === null) {
      yield batch;
      batch = [];
      yield* walk(cursor, part);
      continue;
    }
    batch.push(...few);
    if (++parts % PARTS_PER_BATCH !== 0) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

function byText(a: PrefixWithText, b: PrefixWithText): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}

/** Returns the prefixes of a cell in order, or null if there are more than {@link CELL_PREFIXES}. */
function* prefixesOf(cursor: OrderedPrefixes, cell: Cell): Generator<never[], PrefixWithText[] | null> {
  const found: PrefixWithText[] = [];
  cursor.seek(...cell.from);
  for (let looked = 1; ; looked++) {
    const prefix = cursor.next();
    if (prefix === null || !isInRange(prefix, cell)) return found.sort(byText);
    if (isWrittenAs(prefix, cell)) {
      if (found.length === CELL_PREFIXES) return null;
      found.push({ prefix, text: formatPrefix(prefix) });
    }
    if (looked % PREFIXES_PER_PAUSE === 0) yield [];
  }
}

/** Returns the prefixes of a cell in order, or null if more than {@link FEW_PREFIXES} had to be read. */
function fewPrefixesOf(cursor: OrderedPrefixes, cell: Cell): PrefixWithText[] | null {
  const found: PrefixWithText[] = [];
  cursor.seek(...cell.from);
  for (let looked = 0; looked <= FEW_PREFIXES; looked++) {
    const prefix = cursor.next();
    if (prefix === null || !isInRange(prefix, cell)) return found.sort(byText);
    if (isWrittenAs(prefix, cell)) found.push({ prefix, text: formatPrefix(prefix) });
  }
  return null;
}

function isInRange({ w0, w1, w2, w3 }: Prefix, { words, bits }: Cell): boolean {
  return (
    ((w0 ^ words[0]) & maskWord(bits, 0)) === 0 &&
    ((w1 ^ words[1]) & maskWord(bits, 1)) === 0 &&
    ((w2 ^ words[2]) & maskWord(bits, 2)) === 0 &&
    ((w3 ^ words[3]) & maskWord(bits, 3)) === 0
  );
}

/** Returns true if the prefix, which is in the cell's range, has its "::" where the cell's prefixes have it. */
function isWrittenAs(prefix: Prefix, { notation, bits, run }: Cell): boolean {
  if (notation === "octets") return true;
  const found = zeroRunOf(prefix);
  const [start, length] = [found >>> 4, found & 15];
  if (notation === "groups") return start >= bits / GROUP_BITS;
  if (notation === "run") return start === run.start;
  return start === run.start && length === run.length;
}

/** Returns the run that formatAddress writes as "::", as start × 16 + length. */
function zeroRunOf(prefix: Prefix): number {
  let found = NO_RUN.start * 16;
  let longest = 1;
  let zeros = 0;
  for (let group = 0; group < GROUPS; group++) {
    zeros = partOf(prefix, group * GROUP_BITS, GROUP_BITS) === 0 ? zeros + 1 : 0;
    if (zeros <= longest) continue;
    longest = zeros;
    found = (group + 1 - zeros) * 16 + zeros;
  }
  return found;
}

/** Returns the parts of a cell of notation `run`, each with a run of one length. */
function byRunLength({ words, run: { start } }: Cell): Cell[] {
  return Array.from({ length: GROUPS - start - 1 }, (_, i): Cell => {
    const run: ZeroRun = { start, length: i + 2 };
    const bits = (start + run.length) * GROUP_BITS;
    // The run is followed by a group that is not zero, or by nothing.
    const from = bits === ADDRESS_BITS ? words : withPart(words, bits, GROUP_BITS, 1);
    return { words, bits, notation: "groups-after-run", run, from };
  });
}

/** Returns the next octets or groups that exist, in the order of their text. */
function* partsOf(cursor: OrderedPrefixes, cell: Cell): Generator<never[], Uint16Array> {
  const { ranks, values } = orderOf(cell);
  const partBits = partBitsOf(cell);
  const last = (1 << partBits) - 1;
  const found = new GrowingRanks();
  let from = cell.from;
  for (;;) {
    cursor.seek(...from);
    const prefix = cursor.next();
    if (prefix === null || !isInRange(prefix, cell)) break;
    const value = partOf(prefix, cell.bits, partBits);
    found.push(ranks[value] as number);
    if (value === last) break;
    from = withPart(cell.words, cell.bits, partBits, value + 1);
    if (found.count % SEEKS_PER_PAUSE === 0) yield [];
  }
  return found.sorted().map((rank) => values[rank] as number);
}

function partBitsOf({ notation }: Cell): number {
  return notation === "octets" ? OCTET_BITS : GROUP_BITS;
}

/**
 * Returns the cells of a cell's parts. The one that continues with "::" is in its place: a colon comes after digits and
 * before letters.
 */
function* cellsOf(values: Uint16Array, cell: Cell): Iterable<Cell> {
  const { words, bits, notation, run } = cell;
  let runIsDue = notation === "groups" && bits < LAST_GROUP && values.includes(0);
  const start = bits / GROUP_BITS;
  const ofRun = {
    words,
    bits: bits + 2 * GROUP_BITS,
    notation: "run",
    run: { start, length: 0 },
    from: words,
  } as const;
  for (const value of values) {
    if (runIsDue && firstHexDigitOf(value) > 9) {
      runIsDue = false;
      yield ofRun;
    }
    const part = withPart(words, bits, partBitsOf(cell), value);
    const end = bits + partBitsOf(cell);
    const isMapped = notation === "groups-after-run" && end === MAPPED_BITS && isSame(part, MAPPED);
    yield { words: part, bits: end, notation: isMapped ? "octets" : notation, run, from: part };
  }
  if (runIsDue) yield ofRun;
}

function firstHexDigitOf(value: number): number {
  return value >>> (value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0);
}

function isSame(a: Words, b: Words): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** The order of numbers as text. It is made when it is first needed. */
class TextOrder {
  /** The numbers in the order of their text. */
  readonly values: Uint16Array;
  /** The rank of each number in that order. */
  readonly ranks: Uint16Array;

  /**
   * Orders the numbers 0 to `max` of that base. The end of a number comes before all digits or, if it is a colon, after
   * 9 and before a.
   */
  constructor(base: number, max: number, endsInColon: boolean) {
    const values: number[] = [];
    const visit = (value: number) => {
      const visitLonger = (from: number, to: number) => {
        // Only the number 0 begins with 0.
        for (let digit = from; value > 0 && digit < to && value * base + digit <= max; digit++) {
          visit(value * base + digit);
        }
      };
      if (!endsInColon) values.push(value);
      visitLonger(0, 10);
      if (endsInColon) values.push(value);
      visitLonger(10, base);
    };
    for (let digit = 0; digit < base; digit++) visit(digit);
    this.values = Uint16Array.from(values);
    this.ranks = new Uint16Array(values.length);
    for (const [rank, value] of values.entries()) this.ranks[value] = rank;
  }
}

let octets: TextOrder | null = null;
let groups: TextOrder | null = null;
let lastGroups: TextOrder | null = null;

function orderOf({ notation, bits }: Cell): TextOrder {
  if (notation === "octets") {
    octets ??= new TextOrder(10, 0xff, false);
    return octets;
  }
  if (bits === LAST_GROUP) {
    lastGroups ??= new TextOrder(16, 0xffff, false);
    return lastGroups;
  }
  groups ??= new TextOrder(16, 0xffff, true);
  return groups;
}

class GrowingRanks {
  #ranks = new Uint16Array(16);
  count = 0;

  push(rank: number): void {
    if (this.count === this.#ranks.length) {
      const ranks = new Uint16Array(2 * this.count);
      ranks.set(this.#ranks);
      this.#ranks = ranks;
    }
    this.#ranks[this.count++] = rank;
  }

  sorted(): Uint16Array {
    return this.#ranks.subarray(0, this.count).sort();
  }
}

/** Returns the `length` bits from bit `at` on: 8 or 16, which lie in one word. */
function partOf({ w0, w1, w2, w3 }: Prefix, at: number, length: number): number {
  const word = at < 64 ? (at < 32 ? w0 : w1) : at < 96 ? w2 : w3;
  return (word << (at & 31)) >>> (32 - length);
}

/** Returns `words` with `value` in the part that {@link partOf} reads, which is 0 before. */
function withPart(words: Words, at: number, length: number, value: number): Words {
  const shifted = value << (32 - length - (at & 31));
  const [w0, w1, w2, w3] = words;
  const word = at >>> 5;
  return [
    word === 0 ? w0 | shifted : w0,
    word === 1 ? w1 | shifted : w1,
    word === 2 ? w2 | shifted : w2,
    word === 3 ? w3 | shifted : w3,
  ];
}

/**
 * Merges walks into one in the order of text. They share a cursor, so one continues only when no other is in the middle
 * of a batch.
 */
function* merged(
  walks: readonly Generator<readonly PrefixWithText[]>[],
): Generator<readonly PrefixWithText[]> {
  const heads = walks.map((batches) => new Head(batches));
  for (const head of heads) yield* head.fill();
  let batch: PrefixWithText[] = [];
  for (;;) {
    let least: Head | null = null;
    for (const head of heads) {
      if (head.first !== null && (least?.first == null || byText(head.first, least.first) < 0)) least = head;
    }
    if (least?.first == null) break;
    batch.push(least.first);
    if (batch.length === CELL_PREFIXES) {
      yield batch;
      batch = [];
    }
    least.drop();
    if (least.first === null) yield* least.fill();
  }
  yield batch;
}

/** The next prefixes of a walk. */
class Head {
  readonly #batches: Generator<readonly PrefixWithText[]>;
  #batch: readonly PrefixWithText[] = [];
  #index = 0;

  constructor(batches: Generator<readonly PrefixWithText[]>) {
    this.#batches = batches;
  }

  /** The first of them; null at the end of the batch and, after {@link fill}, at the end of the walk. */
  get first(): PrefixWithText | null {
    return this.#batch[this.#index] ?? null;
  }

  drop(): void {
    this.#index++;
  }

  /** Reads the next batch, and passes its pauses on. */
  *fill(): Generator<never[]> {
    this.#index = 0;
    for (;;) {
      const { done, value } = this.#batches.next();
      this.#batch = done ? [] : value;
      if (done || value.length > 0) return;
      yield [];
    }
  }
}
