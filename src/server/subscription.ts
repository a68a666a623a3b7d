import type { VniTable } from "../route/route-table.ts";

/** The subscriptions of one VNI. */
export interface Audience {
  readonly subscriptions: Subscription[];
  /** All of them wait to be served: a further change has nobody to wake. */
  allQueued: boolean;
}

/**
 * A peer's subscription to a VNI: a cursor in the VNI's journal, and one bit per route: whether the last frame
 * about it was an ADD.
 */
export class Subscription {
  /** The cursor: entries behind this row of the journal are still to be passed. */
  place: number;
  /** The bit of slot s is bit s mod 32 of word s / 32. */
  sent = new Int32Array(1);
  /** Tombstones behind the cursor whose bit is set. */
  owedWithdrawals = 0;
  endMarkSent = false;
  /** It waits for its turn to be served, in its peer's queue. */
  isQueued = false;
  nextQueued: Subscription | null = null;

  constructor(
    readonly peer: SubscribedPeer,
    readonly table: VniTable,
    readonly audience: Audience,
    place: number,
  ) {
    this.place = place;
  }

  /** Makes room for the bits of all slots below `slotCount`. */
  reserve(slotCount: number): void {
    const words = (slotCount + 31) >>> 5;
    if (words <= this.sent.length) return;
    const grown = new Int32Array(Math.max(words, this.sent.length * 2));
    grown.set(this.sent);
    this.sent = grown;
  }

  wasSent(slot: number): boolean {
    const word = this.sent[slot >>> 5];
    return word !== undefined && (word & (1 << (slot & 31))) !== 0;
  }
}

/** What a subscription needs to know of its peer, and the queue of those that have something to send. */
export class SubscribedPeer {
  readonly subscriptions = new Map<number, Subscription>();
  #first: Subscription | null = null;
  #last: Subscription | null = null;
  #isAwake = false;

  constructor(
    readonly number: number,
    readonly isServer: boolean,
    readonly wake: () => void,
  ) {}

  /** Puts the subscription at the end of the queue, unless it waits already, and wakes the peer if it sleeps. */
  enqueue(subscription: Subscription): void {
    if (subscription.isQueued) return;
    subscription.isQueued = true;
    if (this.#last === null) this.#first = subscription;
    else this.#last.nextQueued = subscription;
    this.#last = subscription;
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.wake();
  }

  /** The next to be served, taken out of the queue. When there is none the peer goes to sleep. */
  dequeue(): Subscription | null {
    const subscription = this.#first;
    if (subscription === null) {
      this.#isAwake = false;
      return null;
    }
    this.#first = subscription.nextQueued;
    if (this.#first === null) this.#last = null;
    subscription.nextQueued = null;
    subscription.isQueued = false;
    return subscription;
  }
}
