/** Promises that resolve when a condition is true, and reject when that takes too long. */
import type { Clock, Timer } from "../base/clock.ts";

interface Wait {
  isMet(): boolean;
  /** Resolves for null, or rejects with the error, which may be any value, as the reason of a signal. */
  end(failure: { readonly error: unknown } | null): void;
}

export class Waits {
  readonly #clock: Clock;
  readonly #waits = new Set<Wait>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves as soon as the condition is true, which is evaluated at once and at each {@link check}. After `timeoutMs` (Infinity
   * means never) it rejects with the error that `late` returns, or resolves if that is null. When the signal aborts, it rejects with
   * the signal's reason, as fetch does.
   */
  until(
    isMet: () => boolean,
    timeoutMs: number,
    late: () => Error | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (isMet()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: Timer | null = null;
      const aborted = () => wait.end({ error: signal?.reason });
      const wait: Wait = {
        isMet,
        end: (failure) => {
          this.#waits.delete(wait);
          timer?.cancel();
          signal?.removeEventListener("abort", aborted);
          if (failure === null) resolve();
          else reject(failure.error);
        },
      };
      this.#waits.add(wait);
      signal?.addEventListener("abort", aborted, { once: true });
      if (timeoutMs < Number.POSITIVE_INFINITY) {
        timer = this.#clock.after(timeoutMs, () => {
          const error = late();
          wait.end(error && { error });
        });
      }
    });
  }

  /** Evaluates all conditions, after something has changed. */
  check(): void {
    for (const wait of this.#waits) if (wait.isMet()) wait.end(null);
  }

  /** Rejects everything that waits, since nothing will change any more. */
  endAll(error: Error): void {
    for (const wait of this.#waits) wait.end({ error });
  }
}
