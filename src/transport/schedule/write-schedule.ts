/**
 * Who writes when: those that are nearly up to date first, by turns (fair-queue.ts), then those that have much to be sent, by
 * turns. So the last update for one reaches it although thousands of others are woken, or catch up with a million routes.
 *
 * Pure: streams and time are passed in.
 */
import type { Clock } from "../../base/clock.ts";
import { FairMember, FairQueue, type FairSource } from "./fair-queue.ts";

/** A connection's way out, as the schedule needs it. */
export interface Writer {
  /** Writes what is due, about so many bytes at most. Returns true if more is due and the socket still takes it. */
  flush(limitBytes: number): boolean;
}

/** For each that is woken: what an update, or some hundreds of them, need. */
const FIRST_BYTES = 65_536;
/** For who has more than that, each time. */
const MORE_BYTES = 1 << 20;
/** What the first may take in a turn, all together, ... */
const FIRST_MS = 4;
/** ... and after them the others, one of them at least. */
const MORE_MS = 3;
const QUANTUM_MS = 0.5;

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
  /** The one that is writing, and whether it was woken meanwhile. */
  #serving: WriteMember | null = null;
  #wokenMeanwhile = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It has something to write. */
  wake(member: WriteMember): void {
    if (member === this.#serving) this.#wokenMeanwhile = true;
    else if (member.queue === null) this.#add(member, this.#first);
  }

  /**
   * Its socket takes bytes again. It had more to send than the socket took, so it stands with those that have much: thousands of
   * readers whose sockets are emptied all the time would otherwise stand before the one that waits for a single update.
   */
  resume(member: WriteMember): void {
    if (member === this.#serving) this.#wokenMeanwhile = true;
    else if (member.queue === null) this.#add(member, this.#more);
  }

  /** It has nothing to write any more. */
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
    // Those that are woken by what is written now wait for the next turn.
    for (let count = this.#first.length; count > 0; count--) {
      this.#serve(this.#first, FIRST_BYTES);
      if (this.#clock.nowMs() - startMs >= FIRST_MS) break;
    }
    const restMs = this.#clock.nowMs();
    for (let count = this.#more.length; count > 0; count--) {
      this.#serve(this.#more, MORE_BYTES);
      if (this.#clock.nowMs() - restMs >= MORE_MS) break;
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
