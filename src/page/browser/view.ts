/** A view of the page: the content of one tab. */
import type { LiveState } from "../view/live-state.ts";
import { RefusedError } from "./daemon.ts";

export interface PageView {
  /** What was searched for last. */
  readonly search: string;
  /** The view comes into sight. */
  show(search: string): void;
  /** Something has changed at the daemon, and the view is in sight. */
  refresh(state: LiveState): void;
  /** Called each second, also out of sight. */
  tick?(state: LiveState): void;
}

/**
 * Loads one thing at a time. A request that comes meanwhile is made afterwards, once, so that a slow daemon is never asked faster
 * than it answers.
 */
export class Loader {
  readonly #load: () => Promise<void>;
  readonly #onRefused: (message: string) => void;
  #isLoading = false;
  #again = false;

  constructor(load: () => Promise<void>, onRefused: (message: string) => void = () => {}) {
    this.#load = load;
    this.#onRefused = onRefused;
  }

  async start(): Promise<void> {
    this.#again = this.#isLoading;
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await this.#load();
    } catch (error) {
      // Without a connection, the notice says so.
      if (error instanceof RefusedError) this.#onRefused(error.message);
      else if (!isNetworkError(error)) throw error;
    } finally {
      this.#isLoading = false;
    }
    if (this.#again) await this.start();
  }
}

/** fetch() fails with a TypeError, a time-out with a DOMException, and an answer that is cut off with a SyntaxError. */
function isNetworkError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError;
}
