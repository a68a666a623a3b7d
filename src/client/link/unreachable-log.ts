/**
 * What is logged of one server while it is away. It is tried every few seconds for as long as it takes, and a warning
 * for each try would be 500 an hour that say the same. So there is one when it goes, one for each other reason, and one now
 * and then that says that it still is away; who hunts a fault sees all tries.
 */
import type { Clock } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";

/** So long after a warning there is another one for the same reason. */
const REPEAT_MS = 300_000;

export class UnreachableLog {
  readonly #logger: EventLog;
  readonly #clock: Clock;
  readonly #server: string;
  /** Told already, since `#toldSinceMs`. */
  readonly #reasons = new Set<string>();
  #toldSinceMs = 0;
  /** Null: it is not. */
  #awaySinceMs: number | null = null;

  constructor(logger: EventLog, clock: Clock, server: string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#server = server;
  }

  /** A connection ended, or could not be made; the next one is tried then. */
  away(reason: string, retryAfterMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#awaySinceMs ??= nowMs;
    if (nowMs - this.#toldSinceMs >= REPEAT_MS) this.#reasons.clear();
    if (this.#reasons.size === 0) this.#toldSinceMs = nowMs;
    const fields = {
      server: this.#server,
      reason,
      afterSeconds: seconds(retryAfterMs),
      awayForSeconds: seconds(nowMs - this.#awaySinceMs),
    };
    if (this.#reasons.has(reason)) this.#logger.debug(LOG.serverUnreachable.message, fields);
    else this.#logger.log(LOG.serverUnreachable, fields);
    this.#reasons.add(reason);
  }

  /** Since its connection ended, or the first attempt failed; null: it is not away, or it is not known yet. */
  get awayForMs(): number | null {
    return this.#awaySinceMs === null ? null : this.#clock.nowMs() - this.#awaySinceMs;
  }

  back(): void {
    this.#awaySinceMs = null;
    this.#reasons.clear();
  }
}

/** With a decimal. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
