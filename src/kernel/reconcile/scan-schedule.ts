/** When the kernel is to be read, and why. Times are the clock's, in milliseconds. */

/** From the end of a reading to the start of the next, whatever happens. */
const SCAN_PAUSE_MS = 1_000;
/** From what others do to the reading that shows what came of it. */
const LATER_MS = 100;

export class ScanSchedule {
  /** Between two readings that nobody asked for; 0: there are none. */
  readonly #intervalMs: number;
  #reason: string | null = null;
  /** When the last one ended. */
  #lastMs: number | null = null;
  /** From here the interval counts. */
  #sinceMs: number;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** One that may wait a moment, for more of the kind may follow: when it is due; Infinity: none is. */
  #laterMs = Number.POSITIVE_INFINITY;
  #laterReason = "";
  #isUrgent = false;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#sinceMs = nowMs;
  }

  /** Nothing is to be done before the next one. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** When the last one ended; null: there was none. */
  get lastMs(): number | null {
    return this.#lastMs;
  }

  /** When the next one is due, as things stand; Infinity: never. */
  get dueMs(): number {
    if (this.#reason !== null) return this.#notBeforeMs;
    const intervalMs = this.#intervalMs > 0 ? this.#intervalMs : Number.POSITIVE_INFINITY;
    return Math.max(Math.min(this.#sinceMs + intervalMs, this.#laterMs), this.#notBeforeMs);
  }

  ask(reason: string): void {
    this.#reason ??= reason;
  }

  /** Asks for one that reads what this and those that follow within a moment have changed. */
  askLater(reason: string, nowMs: number): void {
    if (this.#laterMs !== Number.POSITIVE_INFINITY) return;
    this.#laterMs = nowMs + LATER_MS;
    this.#laterReason = reason;
  }

  /** What the kernel holds is not known: foreign routes may have come in place of ours. */
  insist(reason: string): void {
    this.ask(reason);
    this.#isUrgent = true;
  }

  /** The reason for a reading that is due, which is asked for no longer; null: none is. */
  takeDue(nowMs: number): string | null {
    if (nowMs < this.dueMs) return null;
    const later = this.#laterMs <= nowMs ? this.#laterReason : "interval";
    const reason = this.#reason ?? later;
    this.#reason = null;
    this.#laterMs = Number.POSITIVE_INFINITY;
    this.#sinceMs = nowMs;
    return reason;
  }

  /** One has ended. */
  ended(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#sinceMs = nowMs;
    this.#notBeforeMs = nowMs + SCAN_PAUSE_MS;
    this.#isUrgent = false;
  }

  /** The socket has failed. */
  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + SCAN_PAUSE_MS;
    this.insist("socket failed");
  }
}
