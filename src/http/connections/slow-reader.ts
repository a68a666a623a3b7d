/**
 * These functions decide when the reader of an HTTP answer is too slow. There are two rules:
 *
 * - A reader must take {@link SLICE_CHARS} in each {@link WINDOW_MS}, or its answer is cut off (answer-queue.ts). If it
 *   was faster, it has a credit of time.
 * - If connections are scarce, slow readers make room, the slowest one first (connection-limit.ts). A reader is slow if
 *   it has stalled for {@link STALLED_MS} and one more millisecond for each {@link BYTES_PER_MS} that it took, so that
 *   a patient reader on a busy machine does not lose a nearly complete answer; or if it has stalled for most of {@link
 *   SLOW_MS} or more.
 */

/** A slice of an answer with this much text ends early. */
export const SLICE_CHARS = 32 * 1024;
/** The least rate is one slice in this time. */
const WINDOW_MS = 10_000;
/** The limit of a credit: the system's socket buffers take megabytes at once, and then nothing for a while. */
const MAX_CREDIT_MS = 30_000;

/** A reader is slow after this time. The socket of a reader that reads as fast as it can is seldom full for so long. */
const STALLED_MS = 250;
/**
 * How much read data adds a millisecond to that time: the 10 MB that sockets take for a reader that never reads add a
 * second.
 */
const BYTES_PER_MS = 10_000;
/** A reader on a slow network has this long to show its rate. */
const SLOW_MS = 3_000;

/** Returns until when a reader without credit must take something. */
export function firstCreditUntilMs(nowMs: number): number {
  return nowMs + WINDOW_MS;
}

/** Returns until when a reader that has just taken this much text must take more. */
export function nextCreditUntilMs(creditUntilMs: number, nowMs: number, takenChars: number): number {
  const earnedMs = (takenChars / SLICE_CHARS) * WINDOW_MS;
  const creditMs = Math.max(creditUntilMs - nowMs, 0) + earnedMs;
  return nowMs + Math.max(WINDOW_MS, Math.min(creditMs, MAX_CREDIT_MS));
}

/** The state of a reader that takes nothing although text is waiting. */
export interface Stall {
  readonly sinceMs: number;
  /** How many bytes of this answer it has taken. */
  readonly takenBytes: number;
  /** The time since the answer was begun. */
  readonly forMs: number;
  /** For how much of that time text was waiting. */
  readonly blockedMs: number;
  /** True if text was waiting for most of the time. */
  readonly isUsual: boolean;
}

/** Returns true if the reader's connection may be closed to make room. */
export function isSlow({ sinceMs, takenBytes, forMs, isUsual }: Stall, nowMs: number): boolean {
  return (isUsual && forMs >= SLOW_MS) || nowMs - sinceMs >= STALLED_MS + takenBytes / BYTES_PER_MS;
}

/** Returns how many bytes the reader took per millisecond in which text was waiting. */
export function takenBytesPerMs({ takenBytes, blockedMs }: Stall): number {
  return takenBytes / Math.max(1, blockedMs);
}
