/**
 * The log lines about one server while it is unreachable. The client tries to connect every few seconds, and a warning
 * for each attempt would be 500 equal lines an hour. So there is a warning when the server becomes unreachable, one for each other
 * reason, and a repetition every five minutes. The attempts between are logged at debug level.
 */
import type { Clock } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";

/** The same warning is repeated at most this often. */
const REPEAT_MS = 300_000;

export class UnreachableLog {
  readonly #logger: EventLog;
  readonly #clock: Clock;
  readonly #server: string;
  /** The reasons that were warned of since `#loggedSinceMs`. */
  readonly #reasons = new Set<string>();
  #loggedSinceMs = 0;
  /** Null while the server is reachable. */
  #unreachableSinceMs: number | null = null;

  constructor(logger: EventLog, clock: Clock, server: string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#server = server;
  }

  /** Records that a connection ended or could not be made, and that the next attempt follows after `retryAfterMs`. */
  unreachable(reason: string, retryAfterMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#unreachableSinceMs ??= nowMs;
    if (nowMs - this.#loggedSinceMs >= REPEAT_MS) this.#reasons.clear();
    if (this.#reasons.size === 0) this.#loggedSinceMs = nowMs;
    const fields = {
      server: this.#server,
      reason,
      afterSeconds: seconds(retryAfterMs),
      awayForSeconds: seconds(nowMs - this.#unreachableSinceMs),
    };
    if (this.#reasons.has(reason)) this.#logger.debug(LOG.serverUnreachable.message, fields);
    else this.#logger.log(LOG.serverUnreachable, fields);
    this.#reasons.add(reason);
  }

  /** How long ago its connection ended or the first attempt failed; null if the server is reachable, or was not tried yet. */
  get awayForMs(): number | null {
    return this.#unreachableSinceMs === null ? null : this.#clock.nowMs() - this.#unreachableSinceMs;
  }

  /** Records that the server is reachable again. */
  reachable(): void {
    this.#unreachableSinceMs = null;
    this.#reasons.clear();
  }
}

/** Returns seconds with one decimal. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
