/**
 * This schedule decides which connection writes when: first those that are nearly up to date, in turn (fair-queue.ts),
 * then those that have much to be sent, in turn. So the last update for a peer is sent although thousands of others are
 * woken, or catch up with a million routes.
 *
 * The schedule is pure: streams and time are passed in.
 */
import type { Clock } from "../../base/clock.ts";
import { QUANTUM_MS, WRITE_FIRST_MS, WRITE_MORE_MS } from "../../base/turn-budget.ts";
import { FairMember, FairQueue, type FairSource } from "./fair-queue.ts";

/** The part of a connection's output that the schedule needs. */
export interface Writer {
  /** Writes what is due, at most about `limitBytes`. Returns true if more is due and the socket still takes it. */
  flush(limitBytes: number): boolean;
}

/** How much a woken connection may write first, which is enough for some hundreds of updates. */
const FIRST_BYTES = 65_536;
/** How much a connection with more to be sent may write each time. */
const MORE_BYTES = 1 << 20;

export class WriteMember extends FairMember<WriteMember> {
  readonly writer: Writer;
  queue: FairQueue<WriteMember> | null = null;

  constructor(source: FairSource, writer: Writer) {
    super(source);
    this.writer = writer;
  }
}

export class WriteSchedule {
  readonly #clock: Clock;
  readonly #first = new FairQueue<WriteMember>(QUANTUM_MS);
  readonly #more = new FairQueue<WriteMember>(QUANTUM_MS);
  #turnAsked = false;
  /** The member that is writing now, and whether it was woken in the meantime. */
  #serving: WriteMember | null = null;
  #wokenMeanwhile = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a member that has something to write. */
  wake(member: WriteMember): void {
    if (member === this.#serving) this.#wokenMeanwhile = true;
    else if (member.queue === null) this.#add(member, this.#first);
  }

  /**
   * Adds a member whose socket takes bytes again. It had more to send than the socket took, so it waits with those that
   * have much to be sent: otherwise thousands of readers whose sockets are emptied all the time would come before one
   * that waits for a single update.
   */
  resume(member: WriteMember): void {
    if (member === this.#serving) this.#wokenMeanwhile = true;
    else if (member.queue === null) this.#add(member, this.#more);
  }

  /** Removes a member. */
  leave(member: WriteMember): void {
    member.queue?.remove(member);
    member.queue = null;
  }

  #add(member: WriteMember, queue: FairQueue<WriteMember>): void {
    member.queue = queue;
    queue.add(member);
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#clock.soon(this.#turn, "output");
  }

  readonly #turn = (): void => {
    const startMs = this.#clock.nowMs();
    // Members that are woken during these writes wait for the next turn.
    for (let count = this.#first.length; count > 0; count--) {
      this.#serve(this.#first, FIRST_BYTES);
      if (this.#clock.nowMs() - startMs >= WRITE_FIRST_MS) break;
    }
    const restMs = this.#clock.nowMs();
    for (let count = this.#more.length; count > 0; count--) {
      this.#serve(this.#more, MORE_BYTES);
      if (this.#clock.nowMs() - restMs >= WRITE_MORE_MS) break;
    }
    this.#turnAsked = this.#first.length + this.#more.length > 0;
    if (this.#turnAsked) this.#clock.soon(this.#turn, "output");
  };

  #serve(queue: FairQueue<WriteMember>, limitBytes: number): void {
    const member = queue.next();
    if (member === null) return;
    this.#serving = member;
    this.#wokenMeanwhile = false;
    const startMs = this.#clock.nowMs();
    const hasMore = member.writer.flush(limitBytes);
    this.#serving = null;
    queue.charge(member, this.#clock.nowMs() - startMs);
    if (member.queue === null) return;
    queue.remove(member);
    member.queue = null;
    if (hasMore || this.#wokenMeanwhile) this.#add(member, this.#more);
  }
}
