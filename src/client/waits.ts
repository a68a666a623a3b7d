/** Promises that are kept when something is so, and broken when that takes too long. */
import type { Clock, Timer } from "../session/clock.ts";

interface Wait {
  isMet(): boolean;
  /** Keeps the promise, or breaks it. */
  end(error: Error | null): void;
}

export class Waits {
  readonly #waits = new Set<Wait>();

  constructor(private readonly clock: Clock) {}

  /**
   * Looks at once, and at each {@link check}. After `timeoutMs` (Infinity: never) it rejects with what `late` makes, or
   * resolves all the same for null.
   */
  until(isMet: () => boolean, timeoutMs: number, late: () => Error | null): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: Timer | null = null;
      const wait: Wait = {
        isMet,
        end: (error) => {
          this.#waits.delete(wait);
          timer?.cancel();
          if (error === null) resolve();
          else reject(error);
        },
      };
      this.#waits.add(wait);
      if (timeoutMs < Number.POSITIVE_INFINITY) timer = this.clock.after(timeoutMs, () => wait.end(late()));
    });
  }

  /** Something has changed. */
  check(): void {
    for (const wait of this.#waits) if (wait.isMet()) wait.end(null);
  }

  /** Nothing will change any more. */
  endAll(error: Error): void {
    for (const wait of this.#waits) wait.end(error);
  }
}
