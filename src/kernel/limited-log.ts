/** A logger that does not drown the reader: of each message some lines a minute, then how many there were more. */
import type { Clock } from "../session/clock.ts";
import type { LogFields, Logger } from "../session/logger.ts";

const WINDOW_MS = 60_000;
const LINES_PER_WINDOW = 10;

interface Window {
  readonly sinceMs: number;
  lines: number;
}

export class LimitedLog {
  readonly #windows = new Map<string, Window>();

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  /** Lines that do not fit are still there for who hunts a fault. */
  warn(message: string, fields: LogFields): void {
    const nowMs = this.clock.nowMs();
    let window = this.#windows.get(message);
    if (window === undefined || nowMs - window.sinceMs >= WINDOW_MS) {
      const left = (window?.lines ?? 0) - LINES_PER_WINDOW;
      if (left > 0) this.logger.warn(`${message}: and more`, { lines: left });
      window = { sinceMs: nowMs, lines: 0 };
      this.#windows.set(message, window);
    }
    window.lines++;
    if (window.lines <= LINES_PER_WINDOW) this.logger.warn(message, fields);
    else this.logger.debug(message, fields);
  }
}
