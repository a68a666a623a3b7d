/**
 * Adapts how many operations are applied between two checks of the clock. The time of an operation, from its plan to its result
 * in the FIB model, differs by a factor of a hundred (a route some 10 µs, a deleted object more than a millisecond on older
 * kernels), and one cannot be divided: the IPv4 route with which the trie of a table doubles its root (net/ipv4/fib_trie.c)
 * takes 5 ms at 16,384 host routes (Linux 6.18). So a turn is a row of small steps, and takes at most its budget, a step of
 * usual operations, and one that was slow.
 */
import { KERNEL_STEP_MS } from "../../base/turn-budget.ts";

const FIRST = 32;
const LARGEST = 512;

export class StepSize {
  #size = FIRST;

  get size(): number {
    return this.#size;
  }

  /** Records how long the last step, of `count` operations, has taken. */
  took(ms: number, count: number): void {
    if (ms > KERNEL_STEP_MS) this.#size = Math.max(1, Math.floor((count * KERNEL_STEP_MS) / ms));
    else if (count >= this.#size) this.#size = Math.min(LARGEST, this.#size * 2);
  }
}
