/** A pending call that can still be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * What a call is for, in the order in which each turn of the event loop makes them:
 *
 * - `urgent`: a deadline is judged
 * - `output`: frames that are due are written
 * - `input`: the rest of what was received is read
 * - `background`: slices of long jobs
 */
export type TurnClass = "urgent" | "output" | "input" | "background";

/**
 * Time as an input. Everything that waits is given a clock, so that tests move hours in microseconds.
 * Times are milliseconds of a clock that never steps back; only differences mean anything.
 */
export interface Clock {
  nowMs(): number;
  /** Calls `run` once, not before `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer;
  /**
   * Calls `run` once the sockets have had a turn. Classes may be ignored: they are there so that much of one kind does
   * not hold up another. Default `background`.
   */
  soon(run: () => void, turnClass?: TurnClass): void;
  /**
   * The time of day, which steps whenever somebody sets it; left out: not known. It decides nothing but whether it has
   * gone on while the other one stood still (server/suspension.ts).
   */
  wallMs?(): number;
}

/** A number from 0 up to, not including, 1. */
export type Random = () => number;
