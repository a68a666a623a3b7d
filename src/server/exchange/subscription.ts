import type { VniTable } from "../../route/table/route-table.ts";
import { AnnouncedVnis } from "./announced-vnis.ts";

/** The bits of a subscription that has been sent nothing. */
const NO_BITS = new Int32Array(0);
/** The most entries of a table that counts as little to be sent, which is some 50 KB. */
const LITTLE_ENTRIES = 1_024;
/** How much a subscription may pass, from having nothing to be sent on, before the rest counts as bulk. */
const LITTLE_BYTES = 65_536;

export const NOT_CHANGED = -1;

/** The subscriptions of one VNI. */
export class Subscribers {
  /** The subscriptions in no order. An ended one stays here until it has no pending withdrawals. */
  readonly subscriptions: Subscription[] = [];
  /** How many of the subscriptions have ended. */
  ended = 0;
  /** The subscriptions that have nothing to be sent. A change wakes them. */
  readonly idle = new SubscriptionList();

  /** How many subscriptions have not ended. */
  get activeCount(): number {
    return this.subscriptions.length - this.ended;
  }

  add(subscription: Subscription): void {
    subscription.indexInVni = this.subscriptions.length;
    this.subscriptions.push(subscription);
  }

  remove({ indexInVni }: Subscription): void {
    const last = this.subscriptions.pop();
    if (last === undefined || last.indexInVni === indexInVni) return;
    last.indexInVni = indexInVni;
    this.subscriptions[indexInVni] = last;
  }
}

/**
 * A peer's subscription to a VNI is a cursor in the VNI's journal, and one bit per route, which is set if the last
 * frame about the route was an ADD.
 */
export class Subscription {
  readonly peer: SubscribedPeer;
  readonly table: VniTable;
  readonly subscribers: Subscribers;
  /** The cursor's row in the journal: the entries after it have not been passed yet. */
  cursor: number;
  /** The bits by slot: the bit of slot s is bit s mod 32 of word s / 32. */
  sent = NO_BITS;
  /** How many tombstones after the cursor have their bit set: a REMOVE is still to be sent for each. */
  pendingWithdrawals = 0;
  endOfRibSent = false;
  /** When the change was read that woke it, by the clock; {@link NOT_CHANGED} if it was not woken by one. */
  changedMs = NOT_CHANGED;
  /** Something was sent since. */
  hasSent = false;
  /** The list that it is in: its peer's queue while it waits to be served, or the idle ones of its VNI. */
  list: SubscriptionList | null = null;
  previous: Subscription | null = null;
  next: Subscription | null = null;
  indexInVni = 0;
  /** It has more than a little to be sent, and goes after others of its peer, and other peers, that have little. */
  isBulk: boolean;
  /** Frames of entries that it has passed since it last had nothing to be sent, in bytes. */
  #passedBytes = 0;

  constructor(peer: SubscribedPeer, table: VniTable, subscribers: Subscribers, cursor: number) {
    this.peer = peer;
    this.table = table;
    this.subscribers = subscribers;
    this.cursor = cursor;
    this.isBulk = table.rowCount > LITTLE_ENTRIES;
  }

  /** Counts the bytes of what it has passed, and makes it bulk if they are not little any more. */
  count(passedBytes: number): void {
    this.#passedBytes += passedBytes;
    if (this.#passedBytes >= LITTLE_BYTES) this.isBulk = true;
  }

  /** Lets it sleep, since it has nothing to be sent. */
  sleep(): void {
    this.#passedBytes = 0;
    this.isBulk = false;
    this.subscribers.idle.append(this);
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

  /** Notes that the other kind of frame about the route was sent: a REMOVE after an ADD, or an ADD after a REMOVE. */
  flip(slot: number): void {
    this.sent[slot >>> 5] = (this.sent[slot >>> 5] as number) ^ (1 << (slot & 31));
  }

  wasSent(slot: number): boolean {
    const word = this.sent[slot >>> 5];
    return word !== undefined && (word & (1 << (slot & 31))) !== 0;
  }
}

/** The exchange's record of a peer, with its subscriptions that have something to send. */
export class SubscribedPeer {
  readonly number: number;
  readonly isServer: boolean;
  /** Its number in the history. */
  readonly source: number;
  #wake: () => void;
  readonly subscriptions = new Map<number, Subscription>();
  readonly announced = new AnnouncedVnis();
  readonly #little = new SubscriptionList();
  /** Served when none with little waits. Those become bulk themselves if they do not catch up within LITTLE_BYTES. */
  readonly #bulk = new SubscriptionList();
  #isAwake = false;
  /** True if the peer was served although the turn's budget was spent: it now waits for the next turn. */
  hadExtraPass = false;
  /** True once the peer has left: its subscriptions are being ended, and nothing more is sent. */
  hasLeft = false;

  constructor(number: number, isServer: boolean, source: number, wake: () => void) {
    this.number = number;
    this.isServer = isServer;
    this.source = source;
    this.#wake = wake;
  }

  /** Releases the connection, since the announcements of a lost peer may be retained for a long time. */
  leave(): void {
    this.hasLeft = true;
    this.#wake = () => {};
  }

  get hasQueued(): boolean {
    return this.#little.first !== null || this.#bulk.first !== null;
  }

  /** Some of its subscriptions have something to be sent, and all of these are bulk. */
  get hasOnlyBulkQueued(): boolean {
    return this.#little.first === null && this.#bulk.first !== null;
  }

  /**
   * Puts the subscription at the end of its queue, unless it waits already. Wakes the peer if it is idle, or if only bulk
   * was to be sent to it so far.
   */
  enqueue(subscription: Subscription): void {
    if (subscription.list === this.#little || subscription.list === this.#bulk) return;
    subscription.list?.remove(subscription);
    const isAsleep = !this.#isAwake || (this.hasOnlyBulkQueued && !subscription.isBulk);
    this.requeue(subscription);
    if (!isAsleep || this.hasLeft) return;
    this.#isAwake = true;
    this.#wake();
  }

  /** Puts a subscription that was dequeued at the end of its queue. */
  requeue(subscription: Subscription): void {
    (subscription.isBulk ? this.#bulk : this.#little).append(subscription);
  }

  /**
   * Removes the next subscription from its queue and returns it. If there is none, it returns null and the peer becomes
   * idle.
   */
  dequeue(): Subscription | null {
    const subscription = this.#little.first ?? this.#bulk.first;
    if (subscription === null) this.#isAwake = false;
    else subscription.list?.remove(subscription);
    return subscription;
  }
}

/** A linked list of subscriptions. A subscription is in at most one list; every operation takes a few steps. */
class SubscriptionList {
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
