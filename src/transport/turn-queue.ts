/**
 * What is to be done "soon", class by class. Each turn does all classes in their order, each until its share of the turn is
 * over, but at least one call of each: what is urgent is not behind a flood's rest, and a long job comes to its end.
 *
 * Pure: a function of its input and of the clock that it is given.
 */
import type { TurnClass } from "../session/clock.ts";

/** In their order, with the time from the turn's beginning until which more calls of the class are made. */
const CLASSES: readonly (readonly [turnClass: TurnClass, untilMs: number])[] = [
  ["urgent", 3],
  ["output", 5],
  ["input", 7],
  ["background", 8],
];

/** First in, first out; taking one is constant work. */
class Fifo {
  #calls: (() => void)[] = [];
  #head = 0;

  get length(): number {
    return this.#calls.length - this.#head;
  }

  push(run: () => void): void {
    this.#calls.push(run);
  }

  shift(): (() => void) | undefined {
    const run = this.#calls[this.#head++];
    if (this.#head === this.#calls.length) {
      this.#calls = [];
      this.#head = 0;
    }
    return run;
  }
}

export class TurnQueue {
  readonly #queues = Object.fromEntries(CLASSES.map(([turnClass]) => [turnClass, new Fifo()])) as Record<
    TurnClass,
    Fifo
  >;
  #isAsked = false;

  constructor(
    private readonly nowMs: () => number,
    /** Has the function called in the next turn of the event loop, once the sockets have had theirs. */
    private readonly nextTurn: (run: () => void) => void,
  ) {}

  soon(run: () => void, turnClass: TurnClass): void {
    this.#queues[turnClass].push(run);
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    const startMs = this.nowMs();
    let left = 0;
    // What is asked for meanwhile waits for the next turn; what one that throws leaves undone, too.
    const waiting = CLASSES.map(([turnClass]) => this.#queues[turnClass].length);
    try {
      for (const [i, [turnClass, untilMs]] of CLASSES.entries()) {
        const queue = this.#queues[turnClass];
        for (let calls = waiting[i] as number; calls > 0; calls--) {
          queue.shift()?.();
          if (this.nowMs() - startMs >= untilMs) break;
        }
      }
    } finally {
      for (const [turnClass] of CLASSES) left += this.#queues[turnClass].length;
      this.#isAsked = false;
      if (left > 0) this.#ask();
    }
  };
}
