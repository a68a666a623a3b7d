/**
 * Who is next, when many connections want a turn: deficit round robin (Shreedhar and Varghese, 1995) on two levels,
 * as Linux' CAKE does it for hosts and flows. Source networks take turns, and in each its connections, so that whoever opens
 * a thousand connections gets no more than whoever opens one.
 *
 *     queue   ─▶ network 192.0.2.1 ─▶ network 2001:db8::/64 ─▶ (ring)
 *                  │ credit             │ credit
 *                  ├─ connection        ├─ connection, credit
 *                  └─ connection        └─ …
 *
 * What a turn costs is known only afterwards. It is taken from the credits of connection and network; whoever has none left
 * goes to the ring's end with a quantum more. So each step is constant work, on average: one move to the end is paid for by
 * a quantum's worth of turns. A debt is kept, also while there is nothing to do, or one who always stops in time would never pay.
 *
 * Pure: costs are numbers of any unit, of which the quantum is one.
 */

/** An element of one ring at a time. */
abstract class Linked<T> {
  next: T | null = null;
  previous: T | null = null;
}

/** A list without an end, linked both ways; its head moves on. */
export class Ring<T extends Linked<T>> {
  head: T | null = null;

  /** At the end: before the head. */
  append(node: T): void {
    const { head } = this;
    if (head === null) {
      node.next = node.previous = this.head = node;
      return;
    }
    const last = head.previous as T;
    node.next = head;
    node.previous = last;
    last.next = head.previous = node;
  }

  remove(node: T): void {
    if (node.next === node) this.head = null;
    else {
      const next = node.next as T;
      const previous = node.previous as T;
      previous.next = next;
      next.previous = previous;
      if (this.head === node) this.head = next;
    }
    node.next = node.previous = null;
  }

  /** The head becomes the last. */
  rotate(): void {
    if (this.head !== null) this.head = this.head.next;
  }
}

/** A source network that has connections. */
export class FairSource {
  readonly key: string;
  connections = 0;
  /** Of these, those that may deliver much, or have. */
  reading = 0;
  constructor(key: string) {
    this.key = key;
  }
}

/** A connection's place in queues: in one of them at a time. `M` is the class itself. */
export abstract class FairMember<M> extends Linked<M> {
  readonly source: FairSource;
  credit = 0;
  constructor(source: FairSource) {
    super();
    this.source = source;
  }
}

/** The members of one source that are in one queue. */
class Lane<M extends FairMember<M>> extends Linked<Lane<M>> {
  readonly members = new Ring<M>();
  credit = 0;
}

/** In quanta: what one turn costs beyond it is forgiven. */
const MOST_DEBT = 8;

export class FairQueue<M extends FairMember<M>> {
  readonly #quantum: number;
  length = 0;
  readonly #lanes = new Ring<Lane<M>>();
  /** Those without members, too, for their debts. */
  readonly #laneOf = new WeakMap<FairSource, Lane<M>>();

  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  /** It wants a turn. */
  add(member: M): void {
    const lane = this.#lane(member);
    if (lane.members.head === null) {
      lane.credit += this.#quantum;
      this.#lanes.append(lane);
    }
    member.credit += this.#quantum;
    lane.members.append(member);
    this.length++;
  }

  /** Whose turn it is; it stays in the queue. Null: nobody waits. */
  next(): M | null {
    for (;;) {
      const lane = this.#lanes.head;
      if (lane === null) return null;
      if (lane.credit <= 0) {
        lane.credit += this.#quantum;
        this.#lanes.rotate();
        continue;
      }
      const member = lane.members.head as M;
      if (member.credit > 0) return member;
      member.credit += this.#quantum;
      lane.members.rotate();
    }
  }

  /** The source whose turn it is cannot take it: the next one's. */
  skipSource(): void {
    this.#lanes.rotate();
  }

  /** What its turn has cost. */
  charge(member: M, cost: number): void {
    const lane = this.#lane(member);
    const least = -MOST_DEBT * this.#quantum;
    member.credit = Math.max(least, member.credit - cost);
    lane.credit = Math.max(least, lane.credit - cost);
  }

  /** It wants no turn any more. */
  remove(member: M): void {
    const lane = this.#lane(member);
    lane.members.remove(member);
    this.length--;
    if (member.credit > 0) member.credit = 0;
    if (lane.members.head !== null) return;
    this.#lanes.remove(lane);
    if (lane.credit > 0) lane.credit = 0;
  }

  #lane(member: M): Lane<M> {
    let lane = this.#laneOf.get(member.source);
    if (lane === undefined) {
      lane = new Lane();
      this.#laneOf.set(member.source, lane);
    }
    return lane;
  }
}
