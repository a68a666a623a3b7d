/** A pending call that can still be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as an input. Everything that waits is given a clock, so that tests move hours in microseconds.
 * Times are milliseconds of a clock that never steps back; only differences mean anything.
 */
export interface Clock {
  nowMs(): number;
  /** Calls `run` once, not before `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` once the sockets have had a turn: behind all input that is waiting now. */
  soon(run: () => void): void;
  /**
   * The time of day, which steps whenever somebody sets it; left out: not known. It decides nothing but whether it has
   * gone on while the other one stood still (server/standstill.ts).
   */
  wallMs?(): number;
}

/** A number from 0 up to, not including, 1. */
export type Random = () => number;
