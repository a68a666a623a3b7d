/**
 * What is to be done "soon", class by class. Each turn does all classes in their order, each until its share of the turn is
 * over, but at least one call of each: what is urgent is not behind a flood's rest, and a long job comes to its end.
 *
 * Pure: a function of its input and of the clock that it is given.
 */
import type { TurnClass } from "../../base/clock.ts";

/** In their order. */
const CLASSES: readonly TurnClass[] = ["urgent", "output", "input", "background"];
const INDEX_OF: Readonly<Record<TurnClass, number>> = { urgent: 0, output: 1, input: 2, background: 3 };
/** Likewise: the time from the turn's beginning until which more calls of the class are made. */
const UNTIL_MS: readonly number[] = [3, 5, 7, 8];

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
  readonly #nowMs: () => number;
  /** Has the function called in the next turn of the event loop, once the sockets have had theirs. */
  readonly #nextTurn: (run: () => void) => void;
  readonly #queues = CLASSES.map(() => new Fifo());
  /** How many calls each class had when the turn began. */
  readonly #waiting = CLASSES.map(() => 0);
  #isAsked = false;

  constructor(nowMs: () => number, nextTurn: (run: () => void) => void) {
    this.#nowMs = nowMs;
    this.#nextTurn = nextTurn;
  }

  soon(run: () => void, turnClass: TurnClass): void {
    (this.#queues[INDEX_OF[turnClass]] as Fifo).push(run);
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    const startMs = this.#nowMs();
    const queues = this.#queues;
    const waiting = this.#waiting;
    // What is asked for meanwhile waits for the next turn; what one that throws leaves undone, too.
    for (let i = 0; i < queues.length; i++) waiting[i] = (queues[i] as Fifo).length;
    try {
      for (let i = 0; i < queues.length; i++) this.#runClass(i, startMs);
    } finally {
      let left = 0;
      for (let i = 0; i < queues.length; i++) left += (queues[i] as Fifo).length;
      this.#isAsked = false;
      if (left > 0) this.#ask();
    }
  };

  #runClass(index: number, startMs: number): void {
    const queue = this.#queues[index] as Fifo;
    const untilMs = UNTIL_MS[index] as number;
    for (let calls = this.#waiting[index] as number; calls > 0; calls--) {
      queue.shift()?.();
      if (this.#nowMs() - startMs >= untilMs) return;
    }
  }
}
