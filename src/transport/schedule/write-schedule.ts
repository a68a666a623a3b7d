/**
 * This schedule decides which connection writes when: first those with little to be sent, in turn (fair-queue.ts), then
 * those with bulk only, in turn. Bulk is a large table that is sent to a newcomer, or the changes that a slow reader has
 * missed; the connection's source says which of its output is bulk. An update for one peer is thus written at once,
 * although thousands of others have just subscribed to a million routes.
 *
 *     wake ──────▶ little   WRITE_LITTLE_MS a turn for all               ──▶ at its limit: little again, or bulk
 *     wakeBulk ──▶ bulk     WRITE_BULK_MS a turn for all, at least one   ──▶ at its limit: the same
 *
 * A connection has a place in each queue. It waits in both if it has an update beside bulk.
 *
 * A connection keeps what the socket does not take of a run. Thousands of readers of large tables kept 30 KB each on
 * average, so all of them are given shorter runs once much is kept.
 *
 * The schedule is pure: streams and time are passed in.
 */
import type { Clock } from "../../base/clock.ts";
import { QUANTUM_MS, WRITE_BULK_MS, WRITE_LITTLE_MS } from "../../base/turn-budget.ts";
import { FairMember, FairQueue, type FairSource } from "./fair-queue.ts";

/** What is still to be written after a flush: nothing also if the socket takes no more. */
export type DueOutput = "nothing" | "little" | "bulk";

/** The part of a connection's output that the schedule needs. */
export interface Writer {
  /** Writes what is due, at most about `limitBytes`, and returns what is due then. */
  flush(limitBytes: number): DueOutput;
}

/** How much a connection with little to be sent may write each time, which is enough for some hundreds of updates. */
const LITTLE_BYTES = 65_536;
/** If more connections than this wait with little, each may write less, so that hundreds write within WRITE_LITTLE_MS. */
const FEW_MEMBERS = 64;
const LITTLE_BYTES_AMONG_MANY = 4_096;
/** How much a connection with bulk may write each time. */
const BULK_BYTES = 1 << 20;

/** If all connections together keep more than this, their runs are short. */
const KEPT_TARGET_BYTES = 32 << 20;

/** A connection's place in one of the queues. */
class Place extends FairMember<Place> {
  readonly member: WriteMember;
  isWaiting = false;

  constructor(source: FairSource, member: WriteMember) {
    super(source);
    this.member = member;
  }
}

export class WriteMember {
  readonly writer: Writer;
  readonly little: Place;
  readonly bulk: Place;

  constructor(source: FairSource, writer: Writer) {
    this.writer = writer;
    this.little = new Place(source, this);
    this.bulk = new Place(source, this);
  }
}

export class WriteSchedule {
  readonly #clock: Clock;
  readonly #little = new FairQueue<Place>(QUANTUM_MS);
  readonly #bulk = new FairQueue<Place>(QUANTUM_MS);
  /** How many bytes all connections together keep, since their sockets have not taken them. The outboxes count them. */
  keptBytes = 0;
  #turnAsked = false;
  /** The member that is writing now. */
  #serving: WriteMember | null = null;
  /** What that member was woken for meanwhile. */
  #wokenFor: DueOutput = "nothing";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while runs are to be short. */
  get keepsMuch(): boolean {
    return this.keptBytes > KEPT_TARGET_BYTES;
  }

  /** Adds a member that has little to write, perhaps beside bulk. */
  wake(member: WriteMember): void {
    if (member === this.#serving) this.#wokenFor = "little";
    else this.#add(this.#little, member.little);
  }

  /** Adds a member that has only bulk to write. */
  wakeBulk(member: WriteMember): void {
    if (member !== this.#serving) this.#add(this.#bulk, member.bulk);
    else if (this.#wokenFor === "nothing") this.#wokenFor = "bulk";
  }

  /** Removes a member. */
  leave(member: WriteMember): void {
    remove(this.#little, member.little);
    remove(this.#bulk, member.bulk);
  }

  #add(queue: FairQueue<Place>, place: Place): void {
    if (place.isWaiting) return;
    place.isWaiting = true;
    queue.add(place);
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#clock.soon(this.#turn, "output");
  }

  readonly #turn = (): void => {
    const startMs = this.#clock.nowMs();
    const littleBytes = this.#little.length <= FEW_MEMBERS ? LITTLE_BYTES : LITTLE_BYTES_AMONG_MANY;
    // Members that are woken during these writes wait for the next turn.
    for (let count = this.#little.length; count > 0; count--) {
      this.#serve(this.#little, littleBytes);
      if (this.#clock.nowMs() - startMs >= WRITE_LITTLE_MS) break;
    }
    const restMs = this.#clock.nowMs();
    for (let count = this.#bulk.length; count > 0; count--) {
      this.#serve(this.#bulk, BULK_BYTES);
      if (this.#clock.nowMs() - restMs >= WRITE_BULK_MS) break;
    }
    this.#turnAsked = this.#little.length + this.#bulk.length > 0;
    if (this.#turnAsked) this.#clock.soon(this.#turn, "output");
  };

  #serve(queue: FairQueue<Place>, limitBytes: number): void {
    const place = queue.next();
    if (place === null) return;
    const { member } = place;
    this.#serving = member;
    const startMs = this.#clock.nowMs();
    const due = member.writer.flush(limitBytes);
    this.#serving = null;
    const wokenFor = this.#takeWokenFor();
    queue.charge(place, this.#clock.nowMs() - startMs);
    // It has left.
    if (!place.isWaiting) return;
    remove(queue, place);
    if (due === "little" || wokenFor === "little") this.#add(this.#little, member.little);
    if (due === "bulk" || wokenFor === "bulk") this.#add(this.#bulk, member.bulk);
  }

  #takeWokenFor(): DueOutput {
    const wokenFor = this.#wokenFor;
    this.#wokenFor = "nothing";
    return wokenFor;
  }
}

function remove(queue: FairQueue<Place>, place: Place): void {
  if (place.isWaiting) queue.remove(place);
  place.isWaiting = false;
}
