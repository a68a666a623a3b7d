/**
 * A barrier waits until the peer has read what was written. Its fence is a KEEPALIVE: a peer answers KEEPALIVEs in
 * order, so the answer to one means that everything before it was read (see Connection.sendKeepalive).
 *
 *     add(item) ──▶ unfenced ── sent(number) ──▶ fenced by KEEPALIVE `number` ── answered(number) ──▶ returned
 */

interface Fence<T> {
  readonly keepalive: number;
  readonly items: readonly T[];
}

export class Barrier<T> {
  #unfenced: T[] = [];
  /** The fences in the order of their KEEPALIVEs. */
  #fences: Fence<T>[] = [];

  /** Adds an item whose bytes come before the next KEEPALIVE. */
  add(item: T): void {
    this.#unfenced.push(item);
  }

  /** Returns true if items wait for a KEEPALIVE to be sent. */
  get needsKeepalive(): boolean {
    return this.#unfenced.length > 0;
  }

  /** Returns true if no item waits, neither for a KEEPALIVE nor for the answer to one. */
  get isEmpty(): boolean {
    return this.#unfenced.length === 0 && this.#fences.length === 0;
  }

  /** Records that KEEPALIVE number `keepalive` is sent now, after everything that was added. */
  sent(keepalive: number): void {
    if (this.#unfenced.length === 0) return;
    this.#fences.push({ keepalive, items: this.#unfenced });
    this.#unfenced = [];
  }

  /** Removes and returns the items that the peer has read, now that it has answered `keepalive` KEEPALIVEs. */
  answered(keepalive: number): T[] {
    const waiting = this.#fences.findIndex((fence) => fence.keepalive > keepalive);
    const read = this.#fences.splice(0, waiting === -1 ? this.#fences.length : waiting);
    return read.flatMap(({ items }) => items);
  }

  /** Forgets all items. */
  clear(): void {
    this.#unfenced = [];
    this.#fences = [];
  }
}
