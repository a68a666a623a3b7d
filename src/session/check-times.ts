/** Times as programs give them: those that cannot be would fail much later, and without a word. */
import { BadOptionError } from "../net/bunbond-error.ts";

/** The field of a HELLO has 32 bits. */
const MAX_KEEPALIVE_SECONDS = 0xffffffff;
/** Timers count milliseconds in 31 bits, and end a longer time early. */
const MAX_TIMER_MS = 0x7fffffff;

/**
 * Undefined is left to the default.
 * @throws BadOptionError
 */
export function checkKeepalive(seconds: number | undefined): void {
  if (seconds === undefined) return;
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_KEEPALIVE_SECONDS) return;
  throw new BadOptionError("keepaliveSeconds", seconds, "must be a whole number from 1");
}

/**
 * Of a time that a timer waits for, 0 and fractions included; undefined is left to the default.
 * @throws BadOptionError
 */
export function checkTimerSeconds(option: string, seconds: number | undefined): void {
  if (seconds === undefined || (seconds >= 0 && seconds * 1000 <= MAX_TIMER_MS)) return;
  throw new BadOptionError(option, seconds, `must be from 0 to ${MAX_TIMER_MS / 1000}`);
}

/**
 * Of a wait that Infinity makes endless.
 * @throws BadOptionError
 */
export function checkTimeout(option: string, ms: number): void {
  const isTime = typeof ms === "number" && ms >= 0 && (ms <= MAX_TIMER_MS || ms === Number.POSITIVE_INFINITY);
  if (isTime) return;
  throw new BadOptionError(option, ms, `must be from 0 to ${MAX_TIMER_MS}, or Infinity: for ever`);
}
