/** Waits until the kernel is up to date, for programs: as a promise that signals can end. */
import { BadOptionError } from "../base/bunbond-error.ts";

/** Calls `run` once, as soon as the kernel is up to date. Returns a function that cancels this. */
export type OnceUpToDate = (run: () => void) => () => void;

/**
 * Resolves when the kernel is up to date. Rejects with the reason of the first of both signals that aborts before.
 * @throws BadOptionError for a `signal` that is not an AbortSignal
 */
export function untilUpToDate(
  onceUpToDate: OnceUpToDate,
  closing: AbortSignal,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new BadOptionError("signal", signal, "must be an AbortSignal");
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A program that gives the promise away before it awaits it has not failed for that.
  promise.catch(() => {});
  const ends = signal === undefined ? closing : AbortSignal.any([closing, signal]);
  if (ends.aborted) {
    reject(ends.reason);
    return promise;
  }
  const aborted = () => {
    cancel();
    reject(ends.reason);
  };
  ends.addEventListener("abort", aborted, { once: true });
  const cancel = onceUpToDate(() => {
    ends.removeEventListener("abort", aborted);
    resolve();
  });
  return promise;
}
