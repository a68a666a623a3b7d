/**
 * The turn queue has the calls to be made in the next turn of the event loop, class by class. Each turn makes calls of
 * all classes in their order, of each until its share of the turn is over, but at least one. So urgent calls do not
 * wait for the rest of a flood, and a long job comes to its end.
 *
 * The queue is pure: clock and event loop are passed in.
 */
import type { TurnClass } from "../../base/clock.ts";
import { CLASS_UNTIL_MS } from "../../base/turn-budget.ts";

/** The classes in the order of a turn. */
const CLASSES: readonly TurnClass[] = ["urgent", "output", "input", "background"];
const INDEX_OF: Readonly<Record<TurnClass, number>> = { urgent: 0, output: 1, input: 2, background: 3 };
const UNTIL_MS: readonly number[] = CLASSES.map((turnClass) => CLASS_UNTIL_MS[turnClass]);

/** A queue, first in, first out. Removing a call takes constant time. */
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
  /** Calls a function in the next turn of the event loop, once the sockets have had their turn. */
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
    // Calls that are added in the meantime wait for the next turn, as do those after a call that throws.
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
