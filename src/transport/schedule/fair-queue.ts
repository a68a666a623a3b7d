/**
 * A fair queue decides which connection is next if many wait for a turn. It is a deficit round robin (Shreedhar and
 * Varghese, 1995) on two levels, as in Linux' CAKE for hosts and flows: source networks take turns, and within each its
 * connections, so that a host with a thousand connections gets no more than a host with one.
 *
 *     queue   ─▶ network 192.0.2.1 ─▶ network 2001:db8::/64 ─▶ (ring)
 *                  │ credit             │ credit
 *                  ├─ connection        ├─ connection, credit
 *                  └─ connection        └─ …
 *
 * The cost of a turn is known only after it. It is subtracted from the credits of connection and network; one without
 * credit moves to the ring's end and gets another quantum. So each step takes constant time on average: there is one
 * move to the end for each quantum that was spent. A debt is kept while a connection has nothing to do; otherwise a
 * connection could avoid it by stopping in time.
 *
 * The queue is pure: costs are numbers in the unit of the quantum.
 */

/** An element of one ring at a time. */
abstract class Linked<T> {
  next: T | null = null;
  previous: T | null = null;
}

/** A circular list, linked both ways. Its head moves. */
export class Ring<T extends Linked<T>> {
  head: T | null = null;

  /** Adds a node at the end, directly before the head. */
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

  /** Makes the head the last node. */
  rotate(): void {
    if (this.head !== null) this.head = this.head.next;
  }
}

/** A source network that has connections. */
export class FairSource {
  readonly key: string;
  connections = 0;
  /** How many of its connections may deliver much, or have done so. */
  reading = 0;
  constructor(key: string) {
    this.key = key;
  }
}

/** A connection, which is in at most one queue at a time. `M` is the class itself. */
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

/** The largest debt, in quanta. The cost of a turn beyond that is not counted. */
const MOST_DEBT = 8;

export class FairQueue<M extends FairMember<M>> {
  readonly #quantum: number;
  length = 0;
  readonly #lanes = new Ring<Lane<M>>();
  /** The lane of each source. Lanes without members are kept because of their debts. */
  readonly #laneOf = new WeakMap<FairSource, Lane<M>>();

  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  /** Adds a member that waits for a turn. */
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

  /** Returns the member whose turn it is, which stays in the queue; null if the queue is empty. */
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

  /** Passes the turn of the current source to the next one. */
  skipSource(): void {
    this.#lanes.rotate();
  }

  /** Subtracts the cost of a member's turn from its credit and its source's. */
  charge(member: M, cost: number): void {
    const lane = this.#lane(member);
    const least = -MOST_DEBT * this.#quantum;
    member.credit = Math.max(least, member.credit - cost);
    lane.credit = Math.max(least, lane.credit - cost);
  }

  /** Removes a member that no longer waits for a turn. */
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
