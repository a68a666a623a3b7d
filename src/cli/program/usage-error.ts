import { markedText, printable, type TextRange } from "../../base/marked-text.ts";

export type UsageErrorCode =
  | "NO_COMMAND"
  | "UNKNOWN_COMMAND"
  | "UNKNOWN_FLAG"
  | "MISSING_FLAG"
  | "REPEATED_FLAG"
  | "MISSING_VALUE"
  | "UNWANTED_VALUE"
  | "UNEXPECTED_ARGUMENT"
  | "MISSING_ARGUMENT"
  | "BAD_VALUE"
  // The following codes are only for configuration files.
  | "BAD_FILE"
  | "BAD_YAML"
  | "UNKNOWN_SETTING"
  | "REPEATED_SETTING";

/** A place in a configuration file. */
export interface FilePlace {
  /** The path as the user gave it. */
  readonly path: string;
  /** The line, from 1; null for the file as a whole. */
  readonly line: number | null;
}

/** A wrong value, and the wrong part of its text. */
export interface WrongValue {
  readonly text: string;
  readonly range: TextRange;
}

export interface UsageErrorDetail {
  /** What to do about the error, in a few words: "did you mean --server?" */
  readonly hint?: string;
  /** The wrong value, to be shown with a caret under the range. */
  readonly value?: WrongValue;
  /** The flag that the error is about, dashes included. */
  readonly flag?: string;
  readonly place?: FilePlace;
  /** Further errors, in order. */
  readonly others?: readonly UsageError[];
}

/** The command line or a configuration file is wrong, and the program has done nothing. The exit code is 2. */
export class UsageError extends Error {
  readonly code: UsageErrorCode;
  readonly hint: string | null;
  /** Two lines with a caret under the wrong part of a value. */
  readonly caret: string | null;
  readonly value: WrongValue | null;
  readonly flag: string | null;
  readonly place: FilePlace | null;
  readonly others: readonly UsageError[];

  constructor(
    code: UsageErrorCode,
    message: string,
    { hint, value, flag, place, others }: UsageErrorDetail = {},
  ) {
    super(printable(message));
    this.code = code;
    this.name = "UsageError";
    this.hint = hint === undefined ? null : printable(hint);
    this.caret = value === undefined ? null : markedText(value.text, value.range);
    this.value = value ?? null;
    this.flag = flag ?? null;
    this.place = place ?? null;
    this.others = others ?? [];
  }

  /** Returns the same error with some details replaced. */
  with(detail: UsageErrorDetail): UsageError {
    const { code, message, hint, value, flag, place, others } = this;
    return new UsageError(code, message, {
      ...(hint !== null && { hint }),
      ...(value !== null && { value }),
      ...(flag !== null && { flag }),
      ...(place !== null && { place }),
      others,
      ...detail,
    });
  }
}

/** Calls `run`, and appends its usage errors to `errors`. */
export function collectErrors(errors: UsageError[], run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    errors.push(error.with({ others: [] }));
    // There may be more than a call can have arguments.
    for (const other of error.others) errors.push(other);
  }
}

/** Throws the first error with the others in it. Does nothing if there is none. */
export function throwAll([first, ...others]: readonly UsageError[]): void {
  if (first !== undefined) throw first.with({ others });
}

/**
 * Returns the error as a sentence, with file and line if it is about a file. Below it, indented, is the place in a
 * wrong value: "edge.yaml:7: announce: the prefix length must be a number from 0 to 32."
 */
export function describeUsageError({ message, hint, caret, place }: UsageError): string {
  const end = hint === null ? "." : hint.endsWith("?") ? `; ${hint}` : `; ${hint}.`;
  const below = caret === null ? "" : `\n${caret.replace(/^/gm, "  ")}`;
  return `${place === null ? "" : `${formatPlace(place)}: `}${message}${end}${below}`;
}

/** Returns the place as "edge.yaml:7". */
export function formatPlace({ path, line }: FilePlace): string {
  return printable(line === null ? path : `${path}:${line}`);
}
