/** Decides when the kernel is to be scanned, and why. Times are the clock's, in milliseconds. */

/** The least time from the end of a scan to the start of the next. */
const SCAN_PAUSE_MS = 1_000;
/** The time from a change by another program to the scan that shows its result. */
const LATER_MS = 100;

export class ScanSchedule {
  /** The time between two scans that nothing else has requested; 0: there are none. */
  readonly #intervalMs: number;
  #reason: string | null = null;
  /** When the last scan ended. */
  #lastMs: number | null = null;
  /** When the present interval began. */
  #sinceMs: number;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  /** When a scan that may wait a moment is due; Infinity: none is requested. */
  #laterMs = Number.POSITIVE_INFINITY;
  #laterReason = "";
  #isUrgent = false;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#sinceMs = nowMs;
  }

  /** Whether nothing may be changed in the kernel before the next scan. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** When the last scan ended; null if there was none. */
  get lastMs(): number | null {
    return this.#lastMs;
  }

  /** When the next scan is due, as things stand; Infinity: never. */
  get dueMs(): number {
    if (this.#reason !== null) return this.#notBeforeMs;
    const intervalMs = this.#intervalMs > 0 ? this.#intervalMs : Number.POSITIVE_INFINITY;
    return Math.max(Math.min(this.#sinceMs + intervalMs, this.#laterMs), this.#notBeforeMs);
  }

  /** Requests a scan as soon as the pause after the last one is over. */
  ask(reason: string): void {
    this.#reason ??= reason;
  }

  /** Requests a scan in a moment, which serves all requests of this kind until then. */
  askLater(reason: string, nowMs: number): void {
    if (this.#laterMs !== Number.POSITIVE_INFINITY) return;
    this.#laterMs = nowMs + LATER_MS;
    this.#laterReason = reason;
  }

  /** Requests a scan before anything is changed: foreign routes may have come in place of ours. */
  insist(reason: string): void {
    this.ask(reason);
    this.#isUrgent = true;
  }

  /** Takes a scan that is due. Returns its reason; null if none is due. */
  takeDue(nowMs: number): string | null {
    if (nowMs < this.dueMs) return null;
    const later = this.#laterMs <= nowMs ? this.#laterReason : "interval";
    const reason = this.#reason ?? later;
    this.#reason = null;
    this.#laterMs = Number.POSITIVE_INFINITY;
    this.#sinceMs = nowMs;
    return reason;
  }

  /** Records that a scan has ended. */
  ended(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#sinceMs = nowMs;
    this.#notBeforeMs = nowMs + SCAN_PAUSE_MS;
    this.#isUrgent = false;
  }

  /** Records that the socket has failed. */
  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + SCAN_PAUSE_MS;
    this.insist("socket failed");
  }
}
