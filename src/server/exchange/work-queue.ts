/**
 * Long jobs, done a piece at a time, so that nobody else has to wait for them.
 *
 * Work is counted in steps: one look at something that is probably not in the processor's cache, some 5 ns.
 */

/** Some 1 to 2 ms of work. */
export const STEPS_PER_TURN = 1 << 18;
/** What a job may take before it is another one's turn: a peer that announced some routes is done with by then. */
const STEPS_PER_SLICE = 1 << 11;

/** Runs something in the next turn of the event loop, in the order of asking. */
export type Soon = (run: () => void) => void;

/** One call in the next turn for all who want one: under load a turn makes few such calls (transport/turn-queue.ts). */
export class NextTurn {
  readonly soon: Soon | undefined;
  readonly #runs: (() => void)[] = [];
  #isAsked = false;

  /** @param soon undefined: there are no turns, and no limits */
  constructor(soon: Soon | undefined) {
    this.soon = soon;
  }

  /** `run` is called in each turn that was asked for, by whomever. */
  join(run: () => void): void {
    this.#runs.push(run);
  }

  ask(): void {
    if (this.#isAsked || this.soon === undefined) return;
    this.#isAsked = true;
    this.soon(this.#run);
  }

  readonly #run = (): void => {
    this.#isAsked = false;
    for (const run of this.#runs) run();
  };
}

/** What may be done in one turn of the event loop, however many ask for it. */
export class TurnBudget {
  readonly #turn: NextTurn;
  #left: number;

  constructor(turn: NextTurn, stepsPerTurn: number) {
    this.#turn = turn;
    this.#left = stepsPerTurn;
    turn.join(() => {
      this.#left = stepsPerTurn;
    });
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** May go beyond what is left: a piece of work counts what it has really taken. */
  spend(steps: number): void {
    if (this.#turn.soon === undefined) return;
    this.#left -= steps;
    this.#turn.ask();
  }
}

/** What a job may take now. */
export interface JobBudget {
  readonly isSpent: boolean;
  spend(steps: number): void;
}

/** Goes on with the job until the budget is spent. True: it is finished. */
export type Job = (budget: JobBudget) => boolean;

/** A job's part of a turn. */
class Slice implements JobBudget {
  readonly #turn: TurnBudget;
  #left = 0;

  constructor(turn: TurnBudget) {
    this.#turn = turn;
  }

  begin(): void {
    this.#left = STEPS_PER_SLICE;
  }

  get isSpent(): boolean {
    return this.#left <= 0 || this.#turn.isSpent;
  }

  spend(steps: number): void {
    this.#left -= steps;
    this.#turn.spend(steps);
  }
}

interface QueuedJob {
  readonly job: Job;
  next: QueuedJob | null;
}

/** First in, first out. */
class JobList {
  first: QueuedJob | null = null;
  #last: QueuedJob | null = null;

  append(job: Job): void {
    const queued = { job, next: null };
    if (this.#last === null) this.first = queued;
    else this.#last.next = queued;
    this.#last = queued;
  }

  shift(): Job | null {
    const { first } = this;
    if (first === null) return null;
    this.first = first.next;
    if (this.first === null) this.#last = null;
    return first.job;
  }
}

/**
 * Jobs take turns by slices, all of them together one budget per turn. Slices go by turns to a job that is new and to one that has
 * had a slice before: so a short job is done soon, however many long ones there are, and a crowd of short ones holds up no long one.
 */
export class WorkQueue {
  readonly #budget: TurnBudget;
  readonly #slice: Slice;
  readonly #new = new JobList();
  readonly #begun = new JobList();
  #isNewNext = true;

  constructor(turn: NextTurn, stepsPerTurn: number) {
    this.#budget = new TurnBudget(turn, stepsPerTurn);
    this.#slice = new Slice(this.#budget);
    // After the budget's: it has been filled up by then.
    turn.join(() => this.#work());
  }

  /** Begins at once with what this turn has left. */
  add(job: Job): void {
    this.#new.append(job);
    this.#work();
  }

  #work(): void {
    while (!this.#budget.isSpent) {
      const job = this.#next();
      if (job === null) return;
      this.#slice.begin();
      if (!job(this.#slice)) this.#begun.append(job);
    }
  }

  #next(): Job | null {
    const [list, other] = this.#isNewNext ? [this.#new, this.#begun] : [this.#begun, this.#new];
    this.#isNewNext = !this.#isNewNext;
    return list.shift() ?? other.shift();
  }
}
