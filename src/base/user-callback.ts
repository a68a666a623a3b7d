/**
 * Calls a callback of a program that uses the library (a handler of events). `onFailure` gets the text of what it throws, or of
 * what a promise that it returns rejects with: a program may pass an async function where none is expected, and its rejection
 * would end the process.
 */
export function runUserCallback(call: () => unknown, onFailure: (text: string) => void): void {
  const failed = (error: unknown): void => onFailure(failureText(error));
  try {
    const result = call();
    if (result instanceof Promise) result.catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** Returns the text of anything that was thrown, with the stack of an error. */
export function failureText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
