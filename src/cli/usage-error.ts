import { caretText, printable, type TextRange } from "../route/caret.ts";

export type UsageErrorCode =
  | "NO_COMMAND"
  | "UNKNOWN_COMMAND"
  | "UNKNOWN_FLAG"
  | "MISSING_FLAG"
  | "REPEATED_FLAG"
  | "MISSING_VALUE"
  | "UNWANTED_VALUE"
  | "UNEXPECTED_ARGUMENT"
  | "BAD_VALUE";

export interface UsageErrorDetail {
  /** What to do about it, in a few words: "did you mean --server?" */
  readonly hint?: string;
  /** The value that is wrong, to be shown with a caret under the range. */
  readonly value?: { readonly text: string; readonly range: TextRange };
}

/** The command line is wrong, and the program has done nothing: exit code 2. */
export class UsageError extends Error {
  readonly hint: string | null;
  /** Two lines with a caret under the wrong part of a value. */
  readonly caret: string | null;

  constructor(
    readonly code: UsageErrorCode,
    message: string,
    { hint, value }: UsageErrorDetail = {},
  ) {
    super(printable(message));
    this.name = "UsageError";
    this.hint = hint === undefined ? null : printable(hint);
    this.caret = value === undefined ? null : caretText(value.text, value.range);
  }
}
