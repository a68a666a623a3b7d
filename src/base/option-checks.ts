/**
 * These functions check the options that programs pass. A program in JavaScript can pass anything, and one in
 * TypeScript what it has read from somewhere. An invalid value is refused at once, with the option's name; otherwise
 * the error would appear much later and elsewhere, or never.
 *
 * Undefined means the default everywhere; null does not.
 */
import { BadOptionError, isObject } from "./bunbond-error.ts";

/** Throws a BadOptionError if an option cannot have that value. */
export type OptionCheck = (option: string, value: unknown) => void;

/** A check for each option. */
export type OptionChecks<Options> = { readonly [Option in keyof Options]-?: OptionCheck };

/** Options that had another name in earlier versions: former name → name. */
const NEW_NAMES: ReadonlyMap<string, string> = new Map([
  ["hold", "staleTimes"],
  ["gentle", "pacing"],
  ["leave", "onStop"],
]);

/**
 * Checks all options. An option that does not exist is refused, too, since it is misspelt. `what` is the name of the
 * options' object.
 * @throws BadOptionError
 */
export function checkOptions<Options>(
  given: Partial<Options>,
  checks: OptionChecks<Options>,
  what = "options",
): void {
  if (!isObject(given) || Array.isArray(given)) {
    throw new BadOptionError(what, given, `must be an object, with ${listed(Object.keys(checks))}`);
  }
  for (const option of Object.keys(given)) {
    if (Object.hasOwn(checks, option)) continue;
    const newName = NEW_NAMES.get(option);
    const reason =
      newName !== undefined && Object.hasOwn(checks, newName)
        ? `it is called ${newName} now`
        : `unknown option; valid options are ${listed(Object.keys(checks))}`;
    throw new BadOptionError(option, Reflect.get(given, option), reason);
  }
  for (const [option, check] of Object.entries<OptionCheck>(checks))
    check(option, Reflect.get(given, option));
}

/** Accepts one of the words, or undefined. */
export function oneOf(...words: readonly string[]): OptionCheck {
  return (option, value) => {
    if (value === undefined || words.some((word) => word === value)) return;
    throw new BadOptionError(option, value, `must be ${listed(words, "or")}`);
  };
}

/** Accepts a function, or undefined. */
export const isFunction: OptionCheck = (option, value) => {
  if (value === undefined || typeof value === "function") return;
  throw new BadOptionError(option, value, "must be a function");
};

/** Accepts a whole number, or undefined. */
export function wholeNumber({ least, most }: { readonly least: number; readonly most: number }): OptionCheck {
  return (option, value) => {
    if (value === undefined) return;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
    throw new BadOptionError(option, value, `must be a whole number from ${least} to ${most}`);
  };
}

/** Accepts true, false, or undefined. */
export const isTrueOrFalse: OptionCheck = (option, value) => {
  if (value === undefined || typeof value === "boolean") return;
  throw new BadOptionError(option, value, "must be true or false");
};

/** Accepts undefined, or an object with at least these functions; what it has of `others` must be functions, too. */
export function objectWith(functions: readonly string[], others: readonly string[] = []): OptionCheck {
  return (option, value) => {
    if (value === undefined) return;
    if (!isObject(value)) {
      throw new BadOptionError(option, value, `must be an object with ${listed([...functions, ...others])}`);
    }
    for (const name of [...functions, ...others]) {
      const method: unknown = Reflect.get(value, name);
      if (typeof method === "function" || (method === undefined && others.includes(name))) continue;
      throw new BadOptionError(option, value, `${name} must be a function`);
    }
  };
}

/** Lists words as "a, b and c". */
function listed(words: readonly string[], last: "and" | "or" = "and"): string {
  const [end = "", ...others] = words.toReversed();
  return others.length === 0 ? end : `${others.reverse().join(", ")} ${last} ${end}`;
}

// --- times: an impossible one would fail much later, and silently ----------------------------------

/** The greatest interval: the field of a HELLO has 32 bits. */
const MAX_ENCODABLE_KEEPALIVE_SECONDS = 0xffffffff;
/** The longest time: timers count milliseconds in 31 bits, and end a longer time early. */
const MAX_TIMER_MS = 0x7fffffff;

/** Accepts a whole number of seconds from 1, or undefined. */
export const checkKeepalive: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const isKeepalive =
    typeof value === "number" &&
    Number.isInteger(value) &&
    value >= 1 &&
    value <= MAX_ENCODABLE_KEEPALIVE_SECONDS;
  if (!isKeepalive) throw new BadOptionError(option, value, "must be a whole number from 1");
};

/** Accepts seconds that a timer waits for, fractions included, or undefined. */
export function timerSeconds({ least }: { readonly least: number }): OptionCheck {
  return (option, value) => {
    if (value === undefined) return;
    const isTime = typeof value === "number" && value >= least && value * 1000 <= MAX_TIMER_MS;
    if (!isTime) throw new BadOptionError(option, value, `must be from ${least} to ${MAX_TIMER_MS / 1000}`);
  };
}

/** Accepts milliseconds of a wait, Infinity for an endless one, or undefined. */
export const checkTimeout: OptionCheck = (option, value) => {
  if (value === undefined) return;
  const isTime =
    typeof value === "number" && value >= 0 && (value <= MAX_TIMER_MS || value === Number.POSITIVE_INFINITY);
  if (!isTime) {
    throw new BadOptionError(option, value, `must be from 0 to ${MAX_TIMER_MS}, or Infinity for no limit`);
  }
};
