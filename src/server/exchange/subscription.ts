import type { VniTable } from "../../route/table/route-table.ts";
import { AnnouncedVnis } from "./announced-vnis.ts";

/** Of a subscription that has been told of nothing. */
const NO_BITS = new Int32Array(0);

/** The subscriptions of one VNI. */
export class Audience {
  /** In no order; those that have ended are among them until they are owed nothing any more. */
  readonly subscriptions: Subscription[] = [];
  /** How many of them have ended. */
  ended = 0;
  /** Those that have nothing to be sent: a change wakes them. */
  readonly idle = new SubscriptionList();

  add(subscription: Subscription): void {
    subscription.indexInAudience = this.subscriptions.length;
    this.subscriptions.push(subscription);
  }

  remove({ indexInAudience }: Subscription): void {
    const last = this.subscriptions.pop();
    if (last === undefined || last.indexInAudience === indexInAudience) return;
    last.indexInAudience = indexInAudience;
    this.subscriptions[indexInAudience] = last;
  }
}

/**
 * A peer's subscription to a VNI: a cursor in the VNI's journal, and one bit per route: whether the last frame
 * about it was an ADD.
 */
export class Subscription {
  readonly peer: SubscribedPeer;
  readonly table: VniTable;
  readonly audience: Audience;
  /** The cursor: entries behind this row of the journal are still to be passed. */
  place: number;
  /** The bit of slot s is bit s mod 32 of word s / 32. */
  sent = NO_BITS;
  /** Tombstones behind the cursor whose bit is set. */
  owedWithdrawals = 0;
  endOfRibSent = false;
  /** Its peer's queue, while it waits to be served, or its audience's idle ones. */
  list: SubscriptionList | null = null;
  previous: Subscription | null = null;
  next: Subscription | null = null;
  indexInAudience = 0;

  constructor(peer: SubscribedPeer, table: VniTable, audience: Audience, place: number) {
    this.peer = peer;
    this.table = table;
    this.audience = audience;
    this.place = place;
  }

  /** Makes room for the bits of all slots below `slotCount`. Returns how many bytes that has taken. */
  reserve(slotCount: number): number {
    const words = (slotCount + 31) >>> 5;
    const { length } = this.sent;
    if (words <= length) return 0;
    const grown = new Int32Array(Math.max(words, length * 2));
    grown.set(this.sent);
    this.sent = grown;
    return (grown.length - length) * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The subscriber was told of the route, and now of its withdrawal, or the other way round. */
  flip(slot: number): void {
    this.sent[slot >>> 5] = (this.sent[slot >>> 5] as number) ^ (1 << (slot & 31));
  }

  wasSent(slot: number): boolean {
    const word = this.sent[slot >>> 5];
    return word !== undefined && (word & (1 << (slot & 31))) !== 0;
  }
}

/** What the exchange knows of a peer, and the queue of its subscriptions that have something to send. */
export class SubscribedPeer {
  readonly number: number;
  readonly isServer: boolean;
  #wake: () => void;
  readonly subscriptions = new Map<number, Subscription>();
  readonly announced = new AnnouncedVnis();
  readonly #queue = new SubscriptionList();
  #isAwake = false;
  /** It was served although the turn's budget was spent: it waits for the next turn now. */
  hadExtraPass = false;
  /** Its subscriptions are being ended, and nothing is sent any more. */
  hasLeft = false;

  constructor(number: number, isServer: boolean, wake: () => void) {
    this.number = number;
    this.isServer = isServer;
    this.#wake = wake;
  }

  /** What is left of it names the connection no more: announcements may be kept for it for long. */
  leave(): void {
    this.hasLeft = true;
    this.#wake = () => {};
  }

  get hasQueued(): boolean {
    return this.#queue.first !== null;
  }

  /** Puts the subscription at the end of the queue, unless it waits already, and wakes the peer if it sleeps. */
  enqueue(subscription: Subscription): void {
    if (subscription.list === this.#queue) return;
    subscription.list?.remove(subscription);
    this.#queue.append(subscription);
    if (this.#isAwake || this.hasLeft) return;
    this.#isAwake = true;
    this.#wake();
  }

  /** The next to be served, taken out of the queue. When there is none the peer goes to sleep. */
  dequeue(): Subscription | null {
    const subscription = this.#queue.first;
    if (subscription === null) this.#isAwake = false;
    else this.#queue.remove(subscription);
    return subscription;
  }
}

/** Subscriptions in a row, each in one list at most. Every operation takes a few steps. */
export class SubscriptionList {
  first: Subscription | null = null;
  #last: Subscription | null = null;

  append(subscription: Subscription): void {
    subscription.list = this;
    subscription.previous = this.#last;
    if (this.#last === null) this.first = subscription;
    else this.#last.next = subscription;
    this.#last = subscription;
  }

  remove(subscription: Subscription): void {
    const { previous, next } = subscription;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    subscription.list = subscription.previous = subscription.next = null;
  }
}
