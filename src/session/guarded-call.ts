/**
 * Calls what a program has given us. `failed` hears of what it throws, and of what a promise that it returns rejects with:
 * an async function is taken for one that returns nothing, and its rejection would end the process.
 */
export function guardedCall(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(failed);
  } catch (error) {
    failed(error);
  }
}
