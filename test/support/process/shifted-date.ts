/**
 * To be preloaded: the wall clock of this process is wrong by $CLOCK_AHEAD_SECONDS, and jumps an hour ahead and back
 * ten times a second, as one that is being set by two sources at once. There is no time namespace for it.
 */
const { CLOCK_AHEAD_SECONDS } = process.env;
const AHEAD_MS = 1000 * Number(CLOCK_AHEAD_SECONDS);
const JUMP_MS = 3_600_000;
const Right = Date;

function wrongNow(): number {
  const now = Right.now();
  return now + AHEAD_MS + (Math.floor(now / 100) % 2 === 0 ? JUMP_MS : 0);
}

class WrongDate extends Right {
  // Its own constructor's many forms all come down to these.
  constructor(...given: [] | [value: number | string | Date]) {
    super(given.length === 0 ? wrongNow() : given[0]);
  }

  static override now(): number {
    return wrongNow();
  }
}

Object.defineProperty(globalThis, "Date", { value: WrongDate });
