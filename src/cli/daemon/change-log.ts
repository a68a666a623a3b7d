/**
 * Logs each change of a server's routes while the log's level is debug. The history is read twice a second, so that a change itself
 * costs nothing more for it; a line says how long ago its change was. Of very many changes the first ones of each half second are logged,
 * and how many were left out.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { formatNextHop } from "../../route/announcement-text.ts";
import { type History, HistoryEntry, HistoryKind } from "../../route/history.ts";
import { destinationOf, nextHopOf } from "../../wire/codec.ts";
import type { LevelledLogger } from "../program/console-logger.ts";

const PERIOD_MS = 500;
/** Some milliseconds of work. */
const MAX_LINES = 500;

export class ChangeLog {
  readonly #history: History;
  readonly #logger: Pick<LevelledLogger, "debug" | "level">;
  readonly #clock: Clock;
  readonly #entry = new HistoryEntry();
  /** The number of the first change that is not logged. */
  #next: number;
  #timer: Timer;

  constructor(history: History, logger: Pick<LevelledLogger, "debug" | "level">, clock: Clock) {
    this.#history = history;
    this.#logger = logger;
    this.#clock = clock;
    this.#next = history.next;
    this.#timer = clock.after(PERIOD_MS, this.#run);
  }

  stop(): void {
    this.#timer.cancel();
  }

  readonly #run = (): void => {
    this.#timer = this.#clock.after(PERIOD_MS, this.#run);
    const { next } = this.#history;
    if (this.#logger.level === "debug") this.#logUntil(next);
    this.#next = next;
  };

  #logUntil(end: number): void {
    const entry = this.#entry;
    let lines = 0;
    for (let number = this.#next; number < end && lines < MAX_LINES; number++) {
      // Sessions have lines of their own.
      if (!this.#history.read(number, entry) || entry.kind > HistoryKind.REMOVE) continue;
      lines++;
      const { id, name } = this.#history.sourceOf(entry.source);
      this.#logger.debug(entry.kind === HistoryKind.ADD ? "route added" : "route removed", {
        number,
        vni: entry.vni,
        destination: formatPrefix(destinationOf(entry)),
        nextHop: formatNextHop(nextHopOf(entry)),
        reason: entry.reason,
        peer: name,
        ...(id !== null && { id }),
        agoMs: Math.round(this.#clock.nowMs() - entry.timeMs),
      });
    }
    const changes = end - this.#next;
    if (lines === MAX_LINES && changes > lines) {
      this.#logger.debug("further changes are not logged", { changes: changes - lines });
    }
  }
}
