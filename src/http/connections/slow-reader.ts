/**
 * Decides when the reader of an HTTP answer is too slow. There are two rules:
 *
 * - A reader has to take {@link SLICE_CHARS} in each {@link WINDOW_MS}, or it is cut off (answer-queue.ts). What it took faster
 *   counts for later, as a credit of time.
 * - A reader that is slow makes room where connections are scarce, the slowest one first (connection-limit.ts): one that has stalled
 *   for {@link STALLED_MS} and a millisecond for each {@link BYTES_PER_MS} that it took, since a patient reader on a busy machine is
 *   not to lose what it has nearly all of; or one that has stalled for most of {@link SLOW_MS} and more.
 */

/** A slice of an answer with this much text ends early. */
export const SLICE_CHARS = 32 * 1024;
/** The least rate is a slice in so long. */
const WINDOW_MS = 10_000;
/** The limit of a credit: the system's socket buffers take megabytes at once, and then nothing for long. */
const MAX_CREDIT_MS = 30_000;

/** The socket of a reader that takes as fast as it can is seldom full for this long. */
const STALLED_MS = 250;
/** The 10 MB that sockets take for readers that never read thus add a second. */
const BYTES_PER_MS = 10_000;
/** A reader on a slow network has this long to show its rate. */
const SLOW_MS = 3_000;

/** Returns until when a reader that has no credit has to take something. */
export function firstCreditUntilMs(nowMs: number): number {
  return nowMs + WINDOW_MS;
}

/** Returns until when a reader has to take something that has taken this much text now. */
export function nextCreditUntilMs(creditUntilMs: number, nowMs: number, takenChars: number): number {
  const earnedMs = (takenChars / SLICE_CHARS) * WINDOW_MS;
  const creditMs = Math.max(creditUntilMs - nowMs, 0) + earnedMs;
  return nowMs + Math.max(WINDOW_MS, Math.min(creditMs, MAX_CREDIT_MS));
}

/** A reader that takes nothing although something waits. */
export interface Stall {
  readonly sinceMs: number;
  /** Of this answer. */
  readonly takenBytes: number;
  /** Since the answer was begun. */
  readonly forMs: number;
  /** For how long of that something waited. */
  readonly blockedMs: number;
  /** For most of it. */
  readonly isUsual: boolean;
}

/** Returns true if the reader may have to make room. */
export function isSlow({ sinceMs, takenBytes, forMs, isUsual }: Stall, nowMs: number): boolean {
  return (isUsual && forMs >= SLOW_MS) || nowMs - sinceMs >= STALLED_MS + takenBytes / BYTES_PER_MS;
}

/** Returns what the reader took in each millisecond in which there was something to take. */
export function takenBytesPerMs({ takenBytes, blockedMs }: Stall): number {
  return takenBytes / Math.max(1, blockedMs);
}
