/*
 * The digest of the routes of one VNI has 64 bits. It is equal for equal sets of routes, in whatever order they were
 * added, and each change updates it. So two daemons compare thousands of routes by one number.
 *
 *     digest = the sum of the hashes of all routes, each 32-bit lane modulo 2^32
 *
 *     hash:   next hop (address, target VNI, NAT ports, type) ─▶ two lanes, kept once per next hop (table/next-hops.ts)
 *                                                                   │
 *             destination (address, length, family) ────────────────┴─▶ two lanes per route
 *
 * It is a sum rather than an XOR, in which a route that is counted twice by mistake would vanish. The hash has no seed,
 * since two daemons must compute the same. So a peer that may announce routes can make two sets with one digest: a
 * digest finds faults and losses, but is no protection against an attacker.
 *
 * The value is part of the API (status, metrics): a change of the hash makes every comparison between versions fail.
 */

/** The sum of the hashes of a set of routes. */
export class RouteDigest {
  /** Signed 32-bit words. */
  high = 0;
  low = 0;

  add(high: number, low: number): void {
    this.high = (this.high + high) | 0;
    this.low = (this.low + low) | 0;
  }

  remove(high: number, low: number): void {
    this.high = (this.high - high) | 0;
    this.low = (this.low - low) | 0;
  }

  equals(other: RouteDigest): boolean {
    return this.high === other.high && this.low === other.low;
  }

  /** Returns the upper 52 bits as a number, which a double holds exactly: for metrics. */
  toNumber(): number {
    return (this.high >>> 0) * 2 ** 20 + (this.low >>> 12);
  }

  /** Returns 16 hex digits. The digest of no routes is 0000000000000000. */
  toString(): string {
    return hex(this.high) + hex(this.low);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

/** The lanes before the first word. */
export const HIGH_START = 0x3c6ef372;
export const LOW_START = 0x1b873593;

/** Adds a word to the high lane (murmur3's step for a block). */
export function mixHigh(lane: number, word: number): number {
  const mixed = lane ^ Math.imul(word, 0xcc9e2d51);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Adds a word to the low lane: another multiplier and rotation, so that words which cancel in one lane differ in the other. */
export function mixLow(lane: number, word: number): number {
  const mixed = lane ^ Math.imul(word, 0x9e3779b1);
  return (Math.imul((mixed << 17) | (mixed >>> 15), 0x85ebca77) + 0x27d4eb2f) | 0;
}

/** Spreads each bit of a lane over the whole word (murmur3's finalizer), without which sums of similar routes would be similar. */
export function finish(lane: number): number {
  let spread = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  spread = Math.imul(spread ^ (spread >>> 13), 0xc2b2ae35);
  return spread ^ (spread >>> 16);
}
