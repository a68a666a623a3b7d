/** When the kernel is to be read, and why. Times are the clock's, in milliseconds. */

/** From the end of a reading to the start of the next, whatever happens. */
const READING_PAUSE_MS = 1_000;

export class ReadingSchedule {
  #reason: string | null = null;
  /** When the last one ended. */
  #lastMs: number | null = null;
  /** From here the interval counts. */
  #sinceMs: number;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #isUrgent = false;

  constructor(
    /** Between two readings that nobody asked for; 0: there are none. */
    private readonly intervalMs: number,
    nowMs: number,
  ) {
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
    const intervalMs = this.intervalMs > 0 ? this.intervalMs : Number.POSITIVE_INFINITY;
    return Math.max(this.#sinceMs + intervalMs, this.#notBeforeMs);
  }

  ask(reason: string): void {
    this.#reason ??= reason;
  }

  /** What the kernel holds is not known: foreign routes may have come in place of ours. */
  insist(reason: string): void {
    this.ask(reason);
    this.#isUrgent = true;
  }

  /** The reason for a reading that is due, which is asked for no longer; null: none is. */
  takeDue(nowMs: number): string | null {
    if (nowMs < this.dueMs) return null;
    const reason = this.#reason ?? "interval";
    this.#reason = null;
    this.#sinceMs = nowMs;
    return reason;
  }

  /** One has ended. */
  read(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#sinceMs = nowMs;
    this.#notBeforeMs = nowMs + READING_PAUSE_MS;
    this.#isUrgent = false;
  }

  /** The socket has failed. */
  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + READING_PAUSE_MS;
    this.insist("socket failed");
  }
}
