/**
 * This logger cannot be flooded by peers, HTTP clients or other programs, which can cause thousands of lines. After a
 * burst of one kind only one line is logged in each interval, with the number of lines that were left out
 * (`suppressed`). A kind is an event (log-event.ts).
 *
 * No timer reports the lines that are left out at the end of a burst: it would keep a program alive that has nothing
 * else to do.
 */
import type { Clock } from "./clock.ts";
import type { EventLog, LogEvent } from "./log-event.ts";
import type { LogFields, Logger } from "./logger.ts";

export interface LogLimits {
  /** How many lines of one kind are logged one after the other. */
  readonly burst: number;
  /** After a burst one line is logged in each interval. The burst becomes available again at the same rate. */
  readonly intervalMs: number;
}

/** With these limits operators see a line for each peer, as long as there are not too many to be read. */
const DEFAULT_LIMITS: LogLimits = { burst: 100, intervalMs: 1_000 };

/** A token bucket. */
interface Kind {
  tokens: number;
  filledMs: number;
  suppressed: number;
}

export class LimitedLog implements EventLog {
  readonly #kinds = new Map<LogEvent, Kind>();
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #limits: LogLimits;

  constructor(logger: Logger, clock: Clock, limits = DEFAULT_LIMITS) {
    this.#logger = logger;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Logs a debug line. These are not limited: they are enabled to see all of them. */
  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(message, fields);
  }

  /** Logs an event. Lines that are left out are still logged at debug level. */
  log(event: LogEvent, fields: LogFields): void {
    const kind = this.#kindOf(event);
    const { level, message } = event;
    if (kind.tokens < 1) {
      kind.suppressed++;
      this.#logger.debug(message, fields);
      return;
    }
    kind.tokens--;
    const { suppressed } = kind;
    kind.suppressed = 0;
    this.#logger[level](message, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  #kindOf(event: LogEvent): Kind {
    const { burst, intervalMs } = this.#limits;
    const nowMs = this.#clock.nowMs();
    const known = this.#kinds.get(event);
    if (known === undefined) {
      const kind = { tokens: burst, filledMs: nowMs, suppressed: 0 };
      this.#kinds.set(event, kind);
      return kind;
    }
    known.tokens = Math.min(burst, known.tokens + (nowMs - known.filledMs) / intervalMs);
    known.filledMs = nowMs;
    return known;
  }
}
