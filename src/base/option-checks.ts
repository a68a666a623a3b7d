/**
 * Options as programs give them. A program in JavaScript can give anything, and one in TypeScript what it has read from
 * somewhere: what makes no sense is refused at once, by its name, for it would show much later and elsewhere, or never.
 *
 * Undefined stands for the default everywhere; null does not.
 */
import { BadOptionError, isObject } from "./bunbond-error.ts";

/** Throws a BadOptionError when an option cannot have that value. */
export type OptionCheck = (option: string, value: unknown) => void;

/** One for each option there is. */
export type OptionChecks<Options> = { readonly [Option in keyof Options]-?: OptionCheck };

/** Options that had another name in earlier versions: former name → name. */
const NEW_NAMES: ReadonlyMap<string, string> = new Map([
  ["hold", "staleTimes"],
  ["gentle", "pacing"],
  ["leave", "onStop"],
]);

/**
 * An option that there is not is refused, too: it is another one misspelt. `what` names the options themselves.
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

/** Left out, or one of the words. */
export function oneOf(...words: readonly string[]): OptionCheck {
  return (option, value) => {
    if (value === undefined || words.some((word) => word === value)) return;
    throw new BadOptionError(option, value, `must be ${listed(words, "or")}`);
  };
}

/** Left out, or a function. */
export const isFunction: OptionCheck = (option, value) => {
  if (value === undefined || typeof value === "function") return;
  throw new BadOptionError(option, value, "must be a function");
};

/** Left out, or a whole number. */
export function wholeNumber({ least, most }: { readonly least: number; readonly most: number }): OptionCheck {
  return (option, value) => {
    if (value === undefined) return;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
    throw new BadOptionError(option, value, `must be a whole number from ${least} to ${most}`);
  };
}

/** Left out, or true or false. */
export const isTrueOrFalse: OptionCheck = (option, value) => {
  if (value === undefined || typeof value === "boolean") return;
  throw new BadOptionError(option, value, "must be true or false");
};

/** Left out, or an object that has at least these functions; those of `others` that it has are functions, too. */
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

/** "a, b and c" */
function listed(words: readonly string[], last: "and" | "or" = "and"): string {
  const [end = "", ...others] = words.toReversed();
  return others.length === 0 ? end : `${others.reverse().join(", ")} ${last} ${end}`;
}

// --- times: one that cannot be waited for would fail much later, and silently ---------------------

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
