/** These functions read errors of system calls that Bun and Node.js throw. */

/** Returns the system's code of an error, as "EADDRINUSE"; null if it has none. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** Returns an error's text with the system's code, which the text alone may lack. */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemErrorCode(error);
  return code === null || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
