/**
 * Compares the routes of two daemons, VNI by VNI:
 *
 *     /v1/vnis of both ──▶ VNIs whose digests differ ──▶ /v1/vnis/:vni/routes of both, two ordered streams, merged
 *
 * So memory does not grow with the tables. Both sides change while they are read, and at different moments, so what differs is
 * read again after a second, and only what differs still counts.
 *
 * A client has the routes of the VNIs that it subscribes to, and only these are compared. What a client announces itself is not
 * compared: it is not among its routes, and may be among those of the other daemon.
 */
import type { NextHopEntry, RouteEntry, VniList } from "../../http/queries/api.ts";
import { comparePrefix, parsePrefix } from "../../net/prefix.ts";
import { NEXT_HOP_TYPES, PROTOCOL_TYPE_NAMES } from "../../route/next-hop-type.ts";

/** A daemon whose routes are compared. */
export interface DiffSide {
  readonly name: string;
  vnis(): Promise<VniList>;
  /** Iterates over the destinations of a VNI in the order of their addresses, IPv4 first. */
  routes(vni: number): AsyncIterable<RouteEntry>;
}

/** A route that one side has and the other lacks. */
export interface DifferentRoute {
  /** Null if a kernel table has no VNI. */
  readonly vni: number | null;
  readonly destination: string;
  readonly nextHop: string;
  readonly has: string;
  readonly lacks: string;
}

export interface DiffReport {
  readonly a: string;
  readonly b: string;
  readonly equal: boolean;
  /** How many VNIs, or kernel routes, were compared. */
  readonly compared: number;
  /** How many routes differ. */
  readonly count: number;
  /** The first of them. */
  readonly differences: readonly DifferentRoute[];
}

/** Differences of the first look that are remembered; where there are more, all of the second look count. */
const MAX_REMEMBERED = 10_000;
const LOOK_AGAIN_MS = 1_000;

export interface DiffOptions {
  /** How many differences are returned; all are counted. */
  readonly limit: number;
  readonly sleep: (ms: number) => Promise<void>;
}

export async function diffSides(
  a: DiffSide,
  b: DiffSide,
  { limit, sleep }: DiffOptions,
): Promise<DiffReport> {
  const vnis = await differentVnis(a, b);
  const remembered = new Set<string>();
  const suspicious = new Set<number>();
  let isCut = false;
  for (const vni of vnis.different) {
    for await (const route of differencesOf(a, b, vni)) {
      suspicious.add(vni);
      if (remembered.size < MAX_REMEMBERED) remembered.add(keyOf(route));
      else isCut = true;
    }
  }
  const differences: DifferentRoute[] = [];
  let count = 0;
  if (suspicious.size > 0) {
    await sleep(LOOK_AGAIN_MS);
    const { different } = await differentVnis(a, b);
    for (const vni of different) {
      if (!suspicious.has(vni)) continue;
      for await (const route of differencesOf(a, b, vni)) {
        if (!isCut && !remembered.has(keyOf(route))) continue;
        count++;
        if (differences.length < limit) differences.push(route);
      }
    }
  }
  return { a: a.name, b: b.name, equal: count === 0, compared: vnis.compared, count, differences };
}

export function keyOf({ vni, destination, nextHop, has }: DifferentRoute): string {
  return `${vni} ${destination} ${nextHop} ${has}`;
}

/** Resolves to the VNIs whose digests differ, in order, and how many were compared. */
async function differentVnis(
  a: DiffSide,
  b: DiffSide,
): Promise<{ readonly different: readonly number[]; readonly compared: number }> {
  const [ofA, ofB] = await Promise.all([a.vnis(), b.vnis()]);
  const digestsA = digests(ofA);
  const digestsB = digests(ofB);
  const compared = [...new Set([...digestsA.keys(), ...digestsB.keys()])].filter((vni) => {
    return isCompared(vni, ofA, digestsA) && isCompared(vni, ofB, digestsB);
  });
  const different = compared
    .filter((vni) => (digestsA.get(vni) ?? NO_ROUTES) !== (digestsB.get(vni) ?? NO_ROUTES))
    .sort((one, other) => one - other);
  return { different, compared: compared.length };
}

const NO_ROUTES = "0".repeat(16);

/** Returns the digests of the VNIs that are compared on a side. */
function digests({ vnis }: VniList): Map<number, string> {
  return new Map(
    vnis.flatMap(({ vni, digest, subscribed }) => (subscribed === false ? [] : [[vni, digest]])),
  );
}

/** Returns true if the side has to have the VNI: a client lists all that it subscribes to, a server only those with routes. */
function isCompared(vni: number, { program }: VniList, listed: ReadonlyMap<number, string>): boolean {
  return program === "server" || listed.has(vni);
}

/** Iterates over the differences of a VNI, by address. */
export async function* differencesOf(a: DiffSide, b: DiffSide, vni: number): AsyncGenerator<DifferentRoute> {
  const readerA = new RouteReader(a.routes(vni));
  const readerB = new RouteReader(b.routes(vni));
  try {
    let [nextA, nextB] = await Promise.all([readerA.next(), readerB.next()]);
    while (nextA !== null || nextB !== null) {
      const order = compareDestinations(nextA, nextB);
      const entryA = order <= 0 ? nextA : null;
      const entryB = order >= 0 ? nextB : null;
      yield* lackingHops(vni, entryA, entryB, a.name, b.name);
      yield* lackingHops(vni, entryB, entryA, b.name, a.name);
      if (entryA !== null) nextA = await readerA.next();
      if (entryB !== null) nextB = await readerB.next();
    }
  } finally {
    await Promise.all([readerA.close(), readerB.close()]);
  }
}

class RouteReader {
  readonly #entries: AsyncIterator<RouteEntry>;

  constructor(entries: AsyncIterable<RouteEntry>) {
    this.#entries = entries[Symbol.asyncIterator]();
  }

  async next(): Promise<RouteEntry | null> {
    const { done, value } = await this.#entries.next();
    return done === true ? null : value;
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }
}

/** The end of a side comes after all destinations. */
function compareDestinations(a: RouteEntry | null, b: RouteEntry | null): number {
  if (a === null || b === null) return a === null ? 1 : -1;
  const prefixA = parsePrefix(a.destination)?.prefix;
  const prefixB = parsePrefix(b.destination)?.prefix;
  if (prefixA === undefined || prefixB === undefined) throw new Error(`no prefix: ${a.destination}`);
  return comparePrefix(prefixA, prefixB);
}

/** Yields the next hops of `entry` that `other`, the same destination at the other side, does not have. */
function* lackingHops(
  vni: number,
  entry: RouteEntry | null,
  other: RouteEntry | null,
  has: string,
  lacks: string,
): Generator<DifferentRoute> {
  if (entry === null) return;
  // One that is not used may be there or not.
  const known = new Set(other?.nextHops.map(hopText));
  for (const hop of entry.nextHops) {
    const nextHop = hopText(hop);
    if (hop.used && !known.has(nextHop)) yield { vni, destination: entry.destination, nextHop, has, lacks };
  }
}

/** The same words as in formatNextHop: "2001:db8::1 type nat ports 1024-2047". */
export function hopText({ address, type, targetVni, natPortFrom, natPortTo }: NextHopEntry): string {
  let text = address;
  if (type !== "STANDARD") text += ` type ${SHORT_NAMES.get(type) ?? type}`;
  if (natPortFrom !== 0 || natPortTo !== 0) text += ` ports ${natPortFrom}-${natPortTo}`;
  if (targetVni !== 0) text += ` target-vni ${targetVni}`;
  return text;
}

/** By the protocol's names. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(NEXT_HOP_TYPES).map(([short, type]) => [PROTOCOL_TYPE_NAMES[type], short]),
);
