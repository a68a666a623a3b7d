/**
 * This class bounds how much of the process's memory, and of the table's numbers for prefixes, all routes and
 * subscriptions together take. The limits of a peer (limits.ts) do not bound many peers: twenty peers that each
 * subscribe to as many VNIs as allowed take 2 GB by 14 MB of frames, and a process that has no more memory is killed,
 * with all its sessions.
 *
 * So the last quarter is divided among the peers: a peer that has used its share gets no more. Refused messages are
 * skipped with the code TABLE_FULL.
 *
 * Memory is counted, not measured, since a process keeps memory that has become free. The figures are those of the
 * tables (route/table/route-table.ts) and, for objects, those measured with Bun 1.4.4.
 */

/** The present numbers of objects. */
export interface Held {
  readonly peers: number;
  readonly rows: number;
  readonly origins: number;
  readonly prefixes: number;
  /** The used part of the numbers for prefixes, from 0 to 1. */
  readonly prefixNumbersTaken: number;
  readonly vnis: number;
  readonly subscriptions: number;
  /** The memory of the bits of all subscriptions. */
  readonly sentBytes: number;
}

/** The memory of an origin, with the indexes of routes that many peers announce. */
const ORIGIN_BYTES = 48;
const ROW_BYTES = 40;
const PREFIX_BYTES = 48;
const VNI_BYTES = 500;
const SUBSCRIPTION_BYTES = 450;

/** Memory is counted again after this many additions: the less often, the more is left. */
const ADDITIONS_PER_LOOK = { least: 1_024, most: 16_384 } as const;
/** It is counted again before additions of this many times the usual size have taken what is left. */
const CAUTION = 4;
const SCARCE_PART = 0.75;
/** A peer's route or subscription usually takes at most this much. */
const ENTRY_BYTES = 1_000;

export class TableMemory {
  readonly #maxBytes: number;
  readonly #held: () => Held;
  #untilLook: number = ADDITIONS_PER_LOOK.least;
  /** A peer that has this many routes and subscriptions gets no more. */
  #mostOfPeer = Number.POSITIVE_INFINITY;

  constructor(maxBytes: number, held: () => Held) {
    this.#maxBytes = maxBytes;
    this.#held = held;
  }

  /** Returns true if there is room for one more route or subscription of a peer that has this many of them. */
  hasRoomFor(routesAndSubscriptions: number): boolean {
    if (--this.#untilLook <= 0) this.#look();
    return routesAndSubscriptions < this.#mostOfPeer;
  }

  #look(): void {
    const held = this.#held();
    const peers = Math.max(1, held.peers);
    const bytes = bytesOf(held);
    const bytesTaken = bytes / this.#maxBytes;
    const entriesOfBytes = this.#maxBytes / ENTRY_BYTES;
    const numbersTaken = held.prefixNumbersTaken;
    const entriesOfNumbers = held.prefixes / numbersTaken;
    const ofBytes = bytes >= this.#maxBytes ? 0 : shareOf(bytesTaken, entriesOfBytes, peers);
    // When all numbers are used, the table itself refuses new prefixes, and only these.
    const ofNumbers = shareOf(numbersTaken, entriesOfNumbers, peers);
    this.#mostOfPeer = Math.min(ofBytes, ofNumbers);
    const left = Math.min(leftOf(bytesTaken, entriesOfBytes), leftOf(numbersTaken, entriesOfNumbers));
    const { least, most } = ADDITIONS_PER_LOOK;
    this.#untilLook = Math.max(least, Math.min(most, Math.floor(left / CAUTION)));
  }
}

/** Returns how many entries there is room for until a supply for `entries`, of which the part `taken` is taken, is scarce. */
function leftOf(taken: number, entries: number): number {
  return taken === 0 ? Number.POSITIVE_INFINITY : (SCARCE_PART - taken) * entries;
}

/** Returns how many entries a peer may have if the part `taken`, from 0 to 1, of a supply for `entries` is used. */
function shareOf(taken: number, entries: number, peers: number): number {
  return taken < SCARCE_PART ? Number.POSITIVE_INFINITY : ((1 - SCARCE_PART) * entries) / peers;
}

function bytesOf({ rows, origins, prefixes, vnis, subscriptions, sentBytes }: Held): number {
  return (
    rows * ROW_BYTES +
    origins * ORIGIN_BYTES +
    prefixes * PREFIX_BYTES +
    vnis * VNI_BYTES +
    subscriptions * SUBSCRIPTION_BYTES +
    sentBytes
  );
}
