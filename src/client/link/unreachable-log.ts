/**
 * What is logged of one server while it is away. It is tried every few seconds for as long as it takes, and a warning
 * for each try would be 500 an hour that say the same. So there is one when it goes, one for each other reason, and one now
 * and then that says that it still is away; who hunts a fault sees all tries.
 */
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";

/** So long after a warning there is another one for the same reason. */
const REPEAT_MS = 300_000;

export class UnreachableLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #server: string;
  /** Told already, since `#loggedSinceMs`. */
  readonly #reasons = new Set<string>();
  #loggedSinceMs = 0;
  /** Null: it is not. */
  #unreachableSinceMs: number | null = null;

  constructor(logger: Logger, clock: Clock, server: string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#server = server;
  }

  /** A connection ended, or could not be made; the next one is tried then. */
  unreachable(reason: string, retryAfterMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#unreachableSinceMs ??= nowMs;
    if (nowMs - this.#loggedSinceMs >= REPEAT_MS) this.#reasons.clear();
    if (this.#reasons.size === 0) this.#loggedSinceMs = nowMs;
    const level = this.#reasons.has(reason) ? "debug" : "warn";
    this.#reasons.add(reason);
    this.#logger[level]("server away, trying again", {
      server: this.#server,
      reason,
      afterSeconds: seconds(retryAfterMs),
      awayForSeconds: seconds(nowMs - this.#unreachableSinceMs),
    });
  }

  /** Since its connection ended, or the first attempt failed; null: it is not away, or it is not known yet. */
  get awayForMs(): number | null {
    return this.#unreachableSinceMs === null ? null : this.#clock.nowMs() - this.#unreachableSinceMs;
  }

  reachable(): void {
    this.#unreachableSinceMs = null;
    this.#reasons.clear();
  }
}

/** With a decimal. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
