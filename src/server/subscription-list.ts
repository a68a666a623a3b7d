import type { Subscription } from "./subscription.ts";

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
