/** Texts and command lines in units, by the rules of systemd.service(5). */

/** Letters that mean nothing to systemd. "#" begins a comment only at the start of a line. */
const PLAIN = /^[\w@:/.,=#[\]+-]+$/;

/** Returns a text as a value in a unit, where "%" begins a specifier. */
export function unitText(text: string): string {
  return text.replaceAll("%", "%%");
}

/** Returns a command line for ExecStart=, of which systemd makes the same words again. */
export function unitCommandLine(words: readonly string[]): string {
  return words.map(unitWord).join(" ");
}

function unitWord(word: string): string {
  // "$" begins a variable, also within quotes.
  const escaped = unitText(word).replaceAll("$", "$$$$");
  if (PLAIN.test(word)) return escaped;
  return `"${escaped.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t")}"`;
}
