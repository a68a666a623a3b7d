import type { Random } from "../base/clock.ts";

/** Bounds of the wait before a client connects again, in milliseconds. */
export interface RetryBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** The default spreads the clients of a restarted server over five seconds. */
export const DEFAULT_RETRY: RetryBounds = { minMs: 5_000, maxMs: 10_000 };

/** Returns a random wait within the bounds. */
export function retryAfterMs(bounds: RetryBounds, random: Random): number {
  return bounds.minMs + (bounds.maxMs - bounds.minMs) * random();
}
