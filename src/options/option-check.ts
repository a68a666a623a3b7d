/** The library's checks of options, from the catalogue (see base/option-checks.ts). */
import {
  checkTimeout,
  isFunction,
  isTrueOrFalse,
  type OptionCheck,
  objectWith,
  oneOf,
  timerSeconds,
  wholeNumber,
} from "../base/option-checks.ts";
import type { Catalogue, LibraryName, ListOption, ObjectOption, Option, TextOption } from "./option.ts";
import type { SHARED_OBJECTS } from "./shared-options.ts";

/** The names of options whose type alone does not say what is allowed. */
type SpecialName<C extends Catalogue> = Extract<
  C[keyof C],
  (TextOption | ListOption | ObjectOption) & { readonly library: string }
>["library"];

/** A check for each name that the options of a catalogue have in the library. */
export type CatalogueChecks<C extends Catalogue> = Readonly<Record<LibraryName<C>, OptionCheck>>;

/**
 * Returns the checks of a catalogue's options. `special` has those of texts, lists and objects, and of numbers whose range in the
 * library is not the flag's.
 */
export function checksOf<C extends Catalogue>(
  catalogue: C,
  special: Readonly<Record<SpecialName<C>, OptionCheck>> & Partial<CatalogueChecks<C>>,
): CatalogueChecks<C> {
  const given = new Map<string, OptionCheck>(Object.entries<OptionCheck>(special));
  const checks = Object.values(catalogue).flatMap((option) => {
    const { library } = option;
    const check = library === undefined ? undefined : (given.get(library) ?? checkOf(option));
    return library === undefined || check === undefined ? [] : [[library, check] as const];
  });
  // One entry for each name: `special` has those for which checkOf has none.
  return Object.fromEntries(checks) as CatalogueChecks<C>;
}

function checkOf(option: Option): OptionCheck | undefined {
  switch (option.type) {
    case "switch":
      return isTrueOrFalse;
    case "count":
      return wholeNumber(option);
    case "seconds":
      return timerSeconds(option);
    case "milliseconds":
      return checkTimeout;
    case "word":
      return oneOf(...option.words);
    default:
      return undefined;
  }
}

/** Of the objects in SHARED_OBJECTS. */
export const OBJECT_CHECKS = {
  logger: objectWith(["debug", "info", "warn", "error"]),
  clock: objectWith(["nowMs", "after", "soon"]),
  network: objectWith(["listen", "connect"]),
  random: isFunction,
} as const satisfies Readonly<Record<keyof typeof SHARED_OBJECTS, OptionCheck>>;
