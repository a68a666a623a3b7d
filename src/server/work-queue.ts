/**
 * Long jobs, done a piece at a time, so that nobody else has to wait for them.
 *
 * Work is counted in steps: one look at something that is probably not in the processor's cache, some 5 ns.
 */

/** Some 1 to 2 ms of work. */
export const STEPS_PER_TURN = 1 << 18;

/** Runs something in the next turn of the event loop, in the order of asking. */
export type Soon = (run: () => void) => void;

/** What may be done in one turn of the event loop, however many ask for it. */
export class TurnBudget {
  #left: number;
  #isRefillAsked = false;

  /** @param soon undefined: there are no turns, and no limit */
  constructor(
    private readonly soon: Soon | undefined,
    private readonly stepsPerTurn: number,
  ) {
    this.#left = stepsPerTurn;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** May go beyond what is left: a piece of work counts what it has really taken. */
  spend(steps: number): void {
    if (this.soon === undefined) return;
    this.#left -= steps;
    if (this.#isRefillAsked) return;
    this.#isRefillAsked = true;
    this.soon(this.#refill);
  }

  readonly #refill = (): void => {
    this.#isRefillAsked = false;
    this.#left = this.stepsPerTurn;
  };
}

/** Goes on with the job until the budget is spent. True: it is finished. */
export type Job = (budget: TurnBudget) => boolean;

interface QueuedJob {
  readonly job: Job;
  next: QueuedJob | null;
}

/** Jobs take turns, all of them together one budget per turn. */
export class WorkQueue {
  readonly #budget: TurnBudget;
  #first: QueuedJob | null = null;
  #last: QueuedJob | null = null;
  #isAsked = false;

  constructor(
    private readonly soon: Soon | undefined,
    stepsPerTurn: number,
  ) {
    this.#budget = new TurnBudget(soon, stepsPerTurn);
  }

  /** Begins at once with what this turn has left. */
  add(job: Job): void {
    this.#append(job);
    // Whoever waits for the next turn has spent this one's budget.
    if (!this.#isAsked) this.#work();
  }

  readonly #work = (): void => {
    this.#isAsked = false;
    while (!this.#budget.isSpent) {
      const first = this.#first;
      if (first === null) return;
      this.#first = first.next;
      if (this.#first === null) this.#last = null;
      if (!first.job(this.#budget)) this.#append(first.job);
    }
    if (this.#first === null || this.soon === undefined) return;
    this.#isAsked = true;
    this.soon(this.#work);
  };

  #append(job: Job): void {
    const queued = { job, next: null };
    if (this.#last === null) this.#first = queued;
    else this.#last.next = queued;
    this.#last = queued;
  }
}
