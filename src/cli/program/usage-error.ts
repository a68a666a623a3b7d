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
  // Of configuration files alone.
  | "BAD_FILE"
  | "BAD_YAML"
  | "UNKNOWN_SETTING"
  | "REPEATED_SETTING";

/** Where in a configuration file. */
export interface FilePlace {
  /** As the user named it. */
  readonly path: string;
  /** From 1; null: the file as a whole. */
  readonly line: number | null;
}

/** A wrong value, and where in its text. */
export interface WrongValue {
  readonly text: string;
  readonly range: TextRange;
}

export interface UsageErrorDetail {
  /** What to do about it, in a few words: "did you mean --server?" */
  readonly hint?: string;
  /** The value that is wrong, to be shown with a caret under the range. */
  readonly value?: WrongValue;
  /** The flag that it is about, dashes included. */
  readonly flag?: string;
  readonly place?: FilePlace;
  /** More that is wrong, in order. */
  readonly others?: readonly UsageError[];
}

/** The command line is wrong, or a configuration file, and the program has done nothing: exit code 2. */
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

  /** The same error, with other details than some of its own. */
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

/** Runs it: usage errors that come of it are put into `errors`. */
export function collectErrors(errors: UsageError[], run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    errors.push(error.with({ others: [] }));
    // There may be more than a call takes arguments.
    for (const other of error.others) errors.push(other);
  }
}

/** Throws the first of them, with the others; nothing if there is none. */
export function throwAll([first, ...others]: readonly UsageError[]): void {
  if (first !== undefined) throw first.with({ others });
}

/**
 * The error as a sentence, with file and line where it is about a file, and under it, indented, the place in a wrong
 * value: "edge.yaml:7: announce: the prefix length must be a number from 0 to 32."
 */
export function describeUsageError({ message, hint, caret, place }: UsageError): string {
  const end = hint === null ? "." : hint.endsWith("?") ? `; ${hint}` : `; ${hint}.`;
  const below = caret === null ? "" : `\n${caret.replace(/^/gm, "  ")}`;
  return `${place === null ? "" : `${formatPlace(place)}: `}${message}${end}${below}`;
}

/** "edge.yaml:7" */
export function formatPlace({ path, line }: FilePlace): string {
  return printable(line === null ? path : `${path}:${line}`);
}
