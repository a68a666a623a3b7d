/** Times as programs give them: those that cannot be would fail much later, and without a word. */
import { BadOptionError } from "./bunbond-error.ts";
import type { OptionCheck } from "./option-checks.ts";

/** The field of a HELLO has 32 bits. */
const MAX_KEEPALIVE_SECONDS = 0xffffffff;
/** Timers count milliseconds in 31 bits, and end a longer time early. */
const MAX_TIMER_MS = 0x7fffffff;

/** A whole number of seconds; undefined is left to the default. */
export const checkKeepalive: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const isKeepalive =
    typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_KEEPALIVE_SECONDS;
  if (!isKeepalive) throw new BadOptionError(option, value, "must be a whole number from 1");
};

/** Seconds that a timer waits for, fractions included; undefined is left to the default. */
export function timerSeconds({ least }: { readonly least: number }): OptionCheck {
  return (option, value) => {
    if (value === undefined) return;
    const isTime = typeof value === "number" && value >= least && value * 1000 <= MAX_TIMER_MS;
    if (!isTime) throw new BadOptionError(option, value, `must be from ${least} to ${MAX_TIMER_MS / 1000}`);
  };
}

/** Milliseconds of a wait that Infinity makes endless; undefined is left to the default. */
export const checkTimeout: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const isTime =
    typeof value === "number" && value >= 0 && (value <= MAX_TIMER_MS || value === Number.POSITIVE_INFINITY);
  if (!isTime) {
    throw new BadOptionError(option, value, `must be from 0 to ${MAX_TIMER_MS}, or Infinity: for ever`);
  }
};
