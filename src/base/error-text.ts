import { systemErrorCode } from "./system-error.ts";

/** How many lines of a stack are put in a log line. */
const MAX_STACK_LINES = 4;

/**
 * Returns an error in BunBond itself as one line for the log: name, code, message, and where it occurred. It leaves out
 * the source text that Bun prints with an error, which in an executable is a page of minified code.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const systemCode = systemErrorCode(error);
  const code = systemCode === null ? "" : ` ${systemCode}`;
  const places = (error.stack ?? "").split("\n").filter((line) => /^\s*at /.test(line));
  const where = places.slice(0, MAX_STACK_LINES).map((line) => line.trim());
  const [message = ""] = error.message.split("\n");
  return [`${error.name}${code}: ${message}`, ...where].join(" ");
}
