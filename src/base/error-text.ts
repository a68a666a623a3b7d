import { systemErrorCode } from "./system-error.ts";

/** As many lines of a stack as a log line has room for. */
const MAX_STACK_LINES = 4;

/**
 * A fault of ours in one line, for the log: name, code and message, and where it arose, without the source text that
 * Bun prints with an error: in an executable that is a page of minified code.
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
