/** The wrong part of a text: offsets in UTF-16 units, `start` up to `end`, which are equal if something is missing. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns two lines: the text, and under its wrong part `^~~~`, aligned by what a terminal shows (wide and
 * combining characters count as wide as they are).
 */
export function markedText(text: string, { start, end }: TextRange): string {
  const shown = printable(text);
  const indent = " ".repeat(Bun.stringWidth(shown.slice(0, start)));
  const widthCells = Math.max(1, Bun.stringWidth(shown.slice(start, end)));
  return `${shown}\n${indent}^${"~".repeat(widthCells - 1)}`;
}

/**
 * Returns the text with each control and direction-changing character replaced by U+FFFD, so that what a user (or a
 * script) passed in cannot move the terminal's cursor or break a line. All offsets stay.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}
