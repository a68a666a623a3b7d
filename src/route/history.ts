/*
 * The history has the last changes of a daemon, in order, for the questions "since when" and "what has changed". It is
 * a ring in typed arrays, so that recording a change allocates nothing.
 *
 *     numbers   0 … first … … … … … next-1 │ next
 *                     └─ still here ─────┘
 *
 *     entry n is row n mod `capacity`; the arrays grow as the first entries come, so that a daemon without changes has none
 *
 *     words of a row
 *     VNI           of a change of a route
 *     KIND          bits 0 to 2 kind, 3 existence, 4 IPv6 destination, 5 IPv6 hop, 6 to 8 type of the hop,
 *                   9 to 16 length of the destination, 17 to 24 reason
 *     TO            4 words of the destination's address
 *     HOP           4 words of the next hop's address
 *     TARGET_VNI
 *     PORTS         first NAT port in the low 16 bits, last in the high ones
 *     SOURCE        number of the peer or server that caused the change
 *
 * Numbers never repeat, so a reader that knows the number of the last entry it has seen continues after it without a gap, or
 * learns that entries are gone. A source's name is kept as long as an entry or an open session refers to it.
 *
 * An entry takes 60 bytes: 6 MB for the default of 100,000.
 */
import type { RouteFields } from "../wire/message.ts";
import type { NextHopType } from "../wire/protocol.ts";

/** The kind of an entry. */
export const HistoryKind = {
  ADD: 0,
  REMOVE: 1,
  /** A session was established, or has ended: the entry has no route. */
  UP: 2,
  DOWN: 3,
} as const;
export type HistoryKind = (typeof HistoryKind)[keyof typeof HistoryKind];

/** Why something changed, in the order of their numbers. The text is part of the API. */
export const HISTORY_REASONS = [
  /** The peer, or the server, announced the route. */
  "announced",
  "withdrawn",
  /** The peer is lost, and its routes are not retained. */
  "peer-lost",
  /** The time for which a lost peer's routes were retained is over. */
  "retention-ended",
  /** Another peer announced the route of a lost one, or withdrew its own. */
  "taken-over",
  /** A policy no longer allows the route. */
  "policy",
  /** The server did not announce the route again before its End-of-RIB. */
  "not-confirmed",
  "stale-time-ended",
  "unsubscribed",
  "server-removed",
  /** This client announces the route itself now, or has withdrawn its own. */
  "own-announcement",
  /** The route was given up for another one, since the destination has as many next hops as it may have. */
  "hop-limit",
  /** The session was established. */
  "established",
  /** The session has ended; the log has the reason. */
  "ended",
] as const;
export type HistoryReason = (typeof HISTORY_REASONS)[number];

const REASON_NUMBERS = new Map<HistoryReason, number>(HISTORY_REASONS.map((reason, i) => [reason, i]));

/** Returns the number of a reason, for {@link History.record}. */
export function reasonNumber(reason: HistoryReason): number {
  // Every reason is in the map.
  return REASON_NUMBERS.get(reason) ?? 0;
}

/** A peer or server that causes changes. */
export interface HistorySource {
  /** A server's number of its peer; null for other sources. */
  readonly id: number | null;
  /** Its address and port, as text for people. */
  readonly name: string;
}

/** An entry as it is read: filled in place. */
export class HistoryEntry {
  /** Its number in the history. */
  sequence = 0;
  /** The time by the clock of the daemon that recorded it. */
  timeMs = 0;
  kind: HistoryKind = HistoryKind.ADD;
  /** The route came into existence with the change, or ended with it: no other peer or server has it. */
  isExistence = false;
  reason: HistoryReason = "announced";
  source = 0;
  vni = 0;
  family: 4 | 6 = 4;
  /** The words of the destination and of the next hop (net/ip.ts). */
  p0 = 0;
  p1 = 0;
  p2 = 0;
  p3 = 0;
  lengthBits = 0;
  hopFamily: 4 | 6 = 6;
  h0 = 0;
  h1 = 0;
  h2 = 0;
  h3 = 0;
  targetVni = 0;
  hopType: NextHopType = 0;
  natPortFrom = 0;
  natPortTo = 0;
}

const ROW_WORDS = 13;
const VNI = 0;
const KIND = 1;
const TO = 2;
const HOP = 6;
const TARGET_VNI = 10;
const PORTS = 11;
const SOURCE = 12;

const EXISTENCE_BIT = 1 << 3;
const IPV6_BIT = 1 << 4;
const HOP_IPV6_BIT = 1 << 5;
const TYPE_SHIFT = 6;
const LENGTH_SHIFT = 9;
const REASON_SHIFT = 17;

/** Rows of the first arrays; the next ones have twice as many. */
const FIRST_ROWS = 1024;

export const DEFAULT_HISTORY_ENTRIES = 100_000;
/** 600 MB. */
export const MAX_HISTORY_ENTRIES = 10_000_000;

const NO_ROUTE = new HistoryEntry();

const ENTRIES_PER_PAUSE = 4096;
const NONE: readonly number[] = [];

/** Fields that IPv4 does not use have no meaning. */
function hashOf(f: RouteFields): number {
  let hash = Math.imul(f.vni ^ Math.imul(f.p0, 0x85ebca6b), 0xc2b2ae35);
  if (f.family === 6) {
    hash = Math.imul(hash ^ (hash >>> 15) ^ f.p1 ^ Math.imul(f.p2, 0x27d4eb2f), 0x165667b1);
    hash ^= f.p3;
  }
  hash = Math.imul(hash ^ (hash >>> 13) ^ f.lengthBits, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ Math.imul(f.h0, 0x9e3779b1), 0xc2b2ae35);
  if (f.hopFamily === 6) hash = Math.imul(hash ^ (hash >>> 13) ^ f.h3, 0x85ebca6b);
  return hash ^ (hash >>> 16);
}

function isSameRoute(a: RouteFields, b: RouteFields): boolean {
  return (
    a.vni === b.vni &&
    a.family === b.family &&
    a.lengthBits === b.lengthBits &&
    a.p0 === b.p0 &&
    (a.family === 4 || (a.p1 === b.p1 && a.p2 === b.p2 && a.p3 === b.p3)) &&
    a.hopFamily === b.hopFamily &&
    a.h0 === b.h0 &&
    (a.hopFamily === 4 || (a.h1 === b.h1 && a.h2 === b.h2 && a.h3 === b.h3)) &&
    a.targetVni === b.targetVni &&
    a.hopType === b.hopType &&
    a.natPortFrom === b.natPortFrom &&
    a.natPortTo === b.natPortTo
  );
}

export class History {
  readonly capacity: number;
  #words = new Int32Array(0);
  #times = new Float64Array(0);
  /** How many rows the arrays have. */
  #rows = 0;
  readonly #sources: (HistorySource | undefined)[] = [];
  /** By source: how many entries name it, and 1 more while it is open. */
  #references = new Int32Array(64);
  readonly #freeSources: number[] = [];
  #next = 0;
  /** The row of the next entry. */
  #nextRow = 0;
  /** Entries before this one are forgotten. */
  #first = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  readonly #readers = new Set<() => void>();
  #hasReaders = false;

  /** @param capacity how many entries are kept; 0 for none */
  constructor(capacity = DEFAULT_HISTORY_ENTRIES) {
    this.capacity = capacity;
  }

  /** The number of the oldest entry that is kept. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next entry gets. */
  get next(): number {
    return this.#next;
  }

  /** Adds a source of changes and returns its number. */
  open(described: HistorySource): number {
    const source = this.#freeSources.pop() ?? this.#sources.length;
    this.#sources[source] = described;
    if (source >= this.#references.length) {
      const grown = new Int32Array(2 * this.#references.length);
      grown.set(this.#references);
      this.#references = grown;
    }
    this.#references[source] = 1;
    return source;
  }

  /** Notes that the source causes no more changes. Its name is kept as long as an entry has it. */
  close(source: number): void {
    this.#release(source);
  }

  /** Returns the name of a source that is open or that an entry has. */
  sourceOf(source: number): HistorySource {
    const found = this.#sources[source];
    if (found === undefined) throw new Error(`no source ${source} in the history`);
    return found;
  }

  /** Records a change of the route in `f`. `reason` is a {@link reasonNumber}. */
  record(
    timeMs: number,
    kind: HistoryKind,
    isExistence: boolean,
    reason: number,
    source: number,
    f: RouteFields,
  ): void {
    const row = this.#nextRow;
    if (row >= this.#rows && !this.#grow()) return;
    if (this.#next - this.#first >= this.capacity) this.#forget();
    this.#next++;
    this.#nextRow = row + 1 === this.capacity ? 0 : row + 1;
    // Bisection needs times in order, also where what one connection sent is read after what another sent later.
    if (timeMs > this.#lastMs) this.#lastMs = timeMs;
    this.#times[row] = this.#lastMs;
    const words = this.#words;
    const at = row * ROW_WORDS;
    words[at + VNI] = f.vni;
    words[at + KIND] =
      kind |
      (isExistence ? EXISTENCE_BIT : 0) |
      (f.family === 6 ? IPV6_BIT : 0) |
      (f.hopFamily === 6 ? HOP_IPV6_BIT : 0) |
      (f.hopType << TYPE_SHIFT) |
      (f.lengthBits << LENGTH_SHIFT) |
      (reason << REASON_SHIFT);
    words[at + TO] = f.p0;
    if (f.family === 6) {
      words[at + TO + 1] = f.p1;
      words[at + TO + 2] = f.p2;
      words[at + TO + 3] = f.p3;
    }
    words[at + HOP] = f.h0;
    words[at + HOP + 1] = f.h1;
    words[at + HOP + 2] = f.h2;
    words[at + HOP + 3] = f.h3;
    words[at + TARGET_VNI] = f.targetVni;
    words[at + PORTS] = f.natPortFrom | (f.natPortTo << 16);
    words[at + SOURCE] = source;
    this.#references[source] = (this.#references[source] as number) + 1;
    if (this.#hasReaders) this.#wakeReaders();
  }

  /** Records that a session of the source was established, or has ended. */
  recordSession(timeMs: number, isUp: boolean, source: number): void {
    const kind = isUp ? HistoryKind.UP : HistoryKind.DOWN;
    this.record(timeMs, kind, false, reasonNumber(isUp ? "established" : "ended"), source, NO_ROUTE);
  }

  /** Puts entry `sequence` into `out`. Returns false if it is forgotten, or not recorded yet. */
  read(sequence: number, out: HistoryEntry): boolean {
    if (sequence < this.#first || sequence >= this.#next) return false;
    const row = sequence % this.capacity;
    const words = this.#words;
    const at = row * ROW_WORDS;
    const kind = words[at + KIND] as number;
    const ports = words[at + PORTS] as number;
    out.sequence = sequence;
    out.timeMs = this.#times[row] as number;
    // The bits hold only what `record` was given.
    out.kind = (kind & 7) as HistoryKind;
    out.isExistence = (kind & EXISTENCE_BIT) !== 0;
    out.reason = HISTORY_REASONS[(kind >>> REASON_SHIFT) & 0xff] as HistoryReason;
    out.source = words[at + SOURCE] as number;
    out.vni = (words[at + VNI] as number) >>> 0;
    out.family = (kind & IPV6_BIT) === 0 ? 4 : 6;
    out.p0 = words[at + TO] as number;
    const isIpv6 = out.family === 6;
    out.p1 = isIpv6 ? (words[at + TO + 1] as number) : 0;
    out.p2 = isIpv6 ? (words[at + TO + 2] as number) : 0;
    out.p3 = isIpv6 ? (words[at + TO + 3] as number) : 0;
    out.lengthBits = (kind >>> LENGTH_SHIFT) & 0xff;
    out.hopFamily = (kind & HOP_IPV6_BIT) === 0 ? 4 : 6;
    out.h0 = words[at + HOP] as number;
    out.h1 = words[at + HOP + 1] as number;
    out.h2 = words[at + HOP + 2] as number;
    out.h3 = words[at + HOP + 3] as number;
    out.targetVni = (words[at + TARGET_VNI] as number) >>> 0;
    out.hopType = ((kind >>> TYPE_SHIFT) & 7) as NextHopType;
    out.natPortFrom = ports & 0xffff;
    out.natPortTo = ports >>> 16;
    return true;
  }

  /**
   * Counts for each of these routes the entries about it. Pauses at each value that it yields, between some thousand entries; entries
   * that come meanwhile do not count. The last value is the counts.
   */
  *countChanges(routes: readonly RouteFields[]): Generator<null, number[]> {
    const counts = routes.map(() => 0);
    const byHash = new Map<number, number[]>();
    for (const [i, route] of routes.entries()) {
      byHash.getOrInsertComputed(hashOf(route), () => []).push(i);
    }
    const entry = new HistoryEntry();
    const end = this.#next;
    for (let sequence = this.#first; sequence < end; sequence++) {
      if (sequence % ENTRIES_PER_PAUSE === 0) yield null;
      // Entries are forgotten during a pause.
      if (!this.read(sequence, entry) || entry.kind > HistoryKind.REMOVE) continue;
      for (const i of byHash.get(hashOf(entry)) ?? NONE) {
        if (isSameRoute(entry, routes[i] as RouteFields)) counts[i] = (counts[i] as number) + 1;
      }
    }
    return counts;
  }

  /** Returns the number of the first entry at that time or after it, by bisection; `next` if there is none. */
  firstSince(timeMs: number): number {
    let from = this.#first;
    let to = this.#next;
    while (from < to) {
      const middle = from + Math.floor((to - from) / 2);
      if (this.#timeOf(middle) < timeMs) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Calls `read` once, after the next entry is recorded, within the change that it records. Returns a function that cancels this. */
  onceRecorded(read: () => void): () => void {
    this.#readers.add(read);
    this.#hasReaders = true;
    return () => this.#readers.delete(read);
  }

  #timeOf(sequence: number): number {
    return this.#times[sequence % this.capacity] as number;
  }

  #forget(): void {
    const row = this.#first++ % this.capacity;
    this.#release(this.#words[row * ROW_WORDS + SOURCE] as number);
  }

  #release(source: number): void {
    const left = (this.#references[source] as number) - 1;
    this.#references[source] = left;
    if (left > 0) return;
    this.#sources[source] = undefined;
    this.#freeSources.push(source);
  }

  /** Makes room for more rows, if there are to be more. Returns false if there are not, or if the system refuses the memory. */
  #grow(): boolean {
    const rows = Math.min(this.capacity, Math.max(FIRST_ROWS, 2 * this.#rows));
    if (rows === this.#rows) return false;
    try {
      const words = new Int32Array(rows * ROW_WORDS);
      const times = new Float64Array(rows);
      words.set(this.#words);
      times.set(this.#times);
      this.#words = words;
      this.#times = times;
      this.#rows = rows;
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #wakeReaders(): void {
    const readers = [...this.#readers];
    this.#readers.clear();
    this.#hasReaders = false;
    for (const read of readers) read();
  }
}
