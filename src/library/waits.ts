/** Promises that are kept when something is so, and broken when that takes too long. */
import type { Clock, Timer } from "../base/clock.ts";

interface Wait {
  isMet(): boolean;
  /** Keeps the promise, or breaks it with what is given, which may be anything: a signal's reason. */
  end(failure: { readonly error: unknown } | null): void;
}

export class Waits {
  readonly #clock: Clock;
  readonly #waits = new Set<Wait>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Looks at once, and at each {@link check}. After `timeoutMs` (Infinity: never) it rejects with what `late` makes, or
   * resolves all the same for null. When the signal aborts, it rejects with the signal's reason, as fetch does.
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

  /** Something has changed. */
  check(): void {
    for (const wait of this.#waits) if (wait.isMet()) wait.end(null);
  }

  /** Nothing will change any more. */
  endAll(error: Error): void {
    for (const wait of this.#waits) wait.end({ error });
  }
}
