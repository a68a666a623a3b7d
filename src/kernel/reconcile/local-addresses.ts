/** Reads the machine's own addresses, to which no route goes, and decides when. */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel, KernelEvent } from "../kernel.ts";

/** The least time between two reads. */
const READ_PAUSE_MS = 1_000;

export class LocalAddresses {
  readonly #fib: Fib;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  #dueMs = Number.POSITIVE_INFINITY;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(fib: Fib, kernel: Kernel, clock: Clock) {
    this.#fib = fib;
    this.#kernel = kernel;
    this.#clock = clock;
  }

  /** When they are to be read; Infinity if they are known. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Handles an address that came or went. All are read then: another link may have the same one. */
  handle({ address, isDeleted }: Extract<KernelEvent, { type: "address" }>): void {
    // A notification about an address that is known, as when a router prolongs its lifetime, changes nothing.
    if (this.#fib.hops.isLocal(address) === isDeleted) this.ask();
  }

  /** Requests that they are read, and the device is checked, soon. */
  ask(): void {
    this.#dueMs = Math.max(this.#clock.nowMs(), this.#readMs + READ_PAUSE_MS);
  }

  /** Reads them into the model. */
  async read(): Promise<void> {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#readMs = this.#clock.nowMs();
    this.#fib.setLocalAddresses(await this.#kernel.localAddresses());
  }
}
