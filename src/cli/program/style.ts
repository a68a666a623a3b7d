/** The functions that highlight text on a terminal. */
export interface Style {
  bold(text: string): string;
  name(text: string): string;
  dim(text: string): string;
  warning(text: string): string;
  error(text: string): string;
}

/** Returns the plain style, unless the stream is a terminal and NO_COLOR (no-color.org) is unset or empty. */
export function styleFor(isTty: boolean, environment: Readonly<Record<string, string | undefined>>): Style {
  const { NO_COLOR, TERM } = environment;
  const isColoured = isTty && !NO_COLOR && TERM !== "dumb";
  return isColoured ? COLOURED : PLAIN;
}

const unchanged = (text: string) => text;
const sgr = (on: number, off: number) => (text: string) => `\x1b[${on}m${text}\x1b[${off}m`;

const PLAIN: Style = {
  bold: unchanged,
  name: unchanged,
  dim: unchanged,
  warning: unchanged,
  error: unchanged,
};

const COLOURED: Style = {
  bold: sgr(1, 22),
  name: sgr(36, 39),
  dim: sgr(2, 22),
  warning: sgr(33, 39),
  error: sgr(31, 39),
};
