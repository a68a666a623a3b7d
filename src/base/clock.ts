/** A pending call that can be cancelled. */
export interface Timer {
  cancel(): void;
}

/**
 * The purpose of a call, in the order in which each turn of the event loop makes calls (transport/schedule/turns.ts):
 *
 * - `urgent`: a deadline is judged
 * - `output`: frames that are due are written
 * - `input`: the rest of what was received is read
 * - `background`: slices of long jobs
 */
export type TurnClass = "urgent" | "output" | "input" | "background";

/**
 * A clock makes time an input: all code that waits gets one, so that tests pass hours in microseconds. Times are
 * milliseconds of a clock that never steps back; only differences have a meaning.
 */
export interface Clock {
  nowMs(): number;
  /** Calls `run` once, not before `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer;
  /**
   * Calls `run` once the sockets have had a turn. The class prevents that many calls of one kind delay another; a clock
   * may ignore it. Default `background`.
   */
  soon(run: () => void, turnClass?: TurnClass): void;
  /**
   * The time of day, which steps when it is set; left out if it is not known. It serves only to detect that time has passed while
   * the other clock was suspended (server/suspension.ts).
   */
  wallMs?(): number;
}

/** Returns a number from 0 up to, but not including, 1. */
export type Random = () => number;
