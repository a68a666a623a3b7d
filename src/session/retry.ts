import type { Random } from "../base/clock.ts";

/** Bounds of the wait before a client connects again, in milliseconds. */
export interface RetryBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** A server that restarts gets its clients back spread over five seconds, not all at once. */
export const DEFAULT_RETRY: RetryBounds = { minMs: 5_000, maxMs: 10_000 };

export function retryAfterMs(bounds: RetryBounds, random: Random): number {
  return bounds.minMs + (bounds.maxMs - bounds.minMs) * random();
}
