/**
 * The work queue does long jobs in slices, so that nothing else has to wait for them.
 *
 * Work is counted in steps. A step is one access to memory that is probably not in the processor's cache, some 5 ns.
 */

/** The steps of a slice, after which another job has its turn. They are enough to remove a peer with some routes. */
const STEPS_PER_SLICE = 1 << 11;

/** Runs a function in the next turn of the event loop; several run in the order of the calls. */
export type Soon = (run: () => void) => void;

/**
 * Requests one call in the next turn for several users: under load a turn makes few such calls
 * (transport/schedule/turn-queue.ts).
 */
export class NextTurn {
  readonly soon: Soon | undefined;
  readonly #runs: (() => void)[] = [];
  #isAsked = false;

  /** @param soon if undefined, there are no turns and no limits */
  constructor(soon: Soon | undefined) {
    this.soon = soon;
  }

  /** Makes `run` a member: it is called in each turn that any member has requested. */
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

/** Bounds the steps of one turn of the event loop, however many jobs share them. */
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

  /** Counts steps that were taken. They may be more than were left. */
  spend(steps: number): void {
    if (this.#turn.soon === undefined) return;
    this.#left -= steps;
    this.#turn.ask();
  }
}

/** What a job may spend now. */
export interface JobBudget {
  readonly isSpent: boolean;
  spend(steps: number): void;
}

/** Continues a job until the budget is spent. Returns true if the job is finished. */
export type Job = (budget: JobBudget) => boolean;

/** One job's part of a turn. */
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

/** A queue of jobs, first in, first out. */
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
 * Gives slices to jobs, for all together one budget per turn. Slices go alternately to a new job and to one that has had a slice
 * before: so a short job is done soon, however many long ones there are, and many short ones do not hold up a long one.
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
    // This joins after the budget, which is refilled before the work is done.
    turn.join(() => this.#work());
  }

  /** Adds a job, which begins at once if this turn's budget has steps left. */
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
