/**
 * Adapts how many operations one step of the event loop carries out: no step is to take more than a few milliseconds, and
 * the time of an operation, from its plan to its result in the FIB model, differs by a factor of a hundred (a route some
 * 10 µs, a deleted object more than a millisecond on older kernels). One operation cannot be divided: the IPv4 route with which the trie of a table
 * doubles its root (net/ipv4/fib_trie.c) takes 5 ms at 16,384 host routes (Linux 6.18).
 */
import { KERNEL_OPERATIONS_MS } from "../../base/turn-budget.ts";

const SMALLEST = 8;
const FIRST = 128;
const LARGEST = 512;

export class SliceSize {
  #size = FIRST;

  get size(): number {
    return this.#size;
  }

  /** Records how long the last slice, of `count` operations, has taken. */
  took(ms: number, count: number): void {
    if (ms > KERNEL_OPERATIONS_MS)
      this.#size = Math.max(SMALLEST, Math.floor((count * KERNEL_OPERATIONS_MS) / ms));
    else if (count >= this.#size) this.#size = Math.min(LARGEST, this.#size * 2);
  }
}
