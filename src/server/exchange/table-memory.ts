/**
 * Bounds what routes and subscriptions take in all of this process's memory, and of the table's numbers for prefixes. The limits of
 * a peer (limits.ts) do not bound what many peers take: twenty that each subscribe to as many VNIs as they may take 2 GB with 14 MB
 * of frames, and a process that has no more memory is killed, with all its sessions.
 *
 * So the last quarter is divided among the peers: a peer that has its share of it, or more, gets no more. What is refused is
 * skipped as TABLE_FULL.
 *
 * Memory is counted, not measured: what a process has taken stays its own when most of it is free again. The figures are those
 * of the tables (route/table/route-table.ts) and, for objects, what was measured with Bun 1.4.4.
 */

/** How many objects there are now. */
export interface Held {
  readonly peers: number;
  readonly rows: number;
  readonly origins: number;
  readonly prefixes: number;
  /** The part of the numbers for prefixes that is taken, from 0 to 1. */
  readonly prefixNumbersTaken: number;
  readonly vnis: number;
  readonly subscriptions: number;
  /** Memory of the bits of what was sent to whom. */
  readonly sentBytes: number;
}

/** Includes the indexes of origins that many peers share. */
const ORIGIN_BYTES = 48;
const ROW_BYTES = 40;
const PREFIX_BYTES = 48;
const VNI_BYTES = 500;
const SUBSCRIPTION_BYTES = 450;

/** Memory is counted again after this many additions. */
const ADDITIONS_PER_LOOK = 1_024;
const SCARCE_PART = 0.75;
/** As a rule a peer's route or subscription takes at most this much. */
const ENTRY_BYTES = 1_000;

export class TableMemory {
  readonly #maxBytes: number;
  readonly #held: () => Held;
  #untilLook = ADDITIONS_PER_LOOK;
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
    this.#untilLook = ADDITIONS_PER_LOOK;
    const held = this.#held();
    const peers = Math.max(1, held.peers);
    const bytes = bytesOf(held);
    const ofBytes =
      bytes >= this.#maxBytes ? 0 : shareOf(bytes / this.#maxBytes, this.#maxBytes / ENTRY_BYTES, peers);
    // Once all numbers are taken, the table itself refuses what is new, and that alone.
    const ofNumbers = shareOf(held.prefixNumbersTaken, held.prefixes / held.prefixNumbersTaken, peers);
    this.#mostOfPeer = Math.min(ofBytes, ofNumbers);
  }
}

/** Returns how many entries a peer may have if the part `taken`, from 0 to 1, of a supply for `entries` is taken. */
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
