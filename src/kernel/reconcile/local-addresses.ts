/** The machine's own addresses, to which no route goes: when they are to be read, and the reading. */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel, KernelEvent } from "../kernel.ts";

/** From one reading to the next. */
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

  /** When they are to be read; Infinity: they are known. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** One came or went. Which of them the machine has now is read: another link may have the same. */
  handle({ address, isDeleted }: Extract<KernelEvent, { type: "address" }>): void {
    // Those that are told once more, as when a router prolongs them, change nothing.
    if (this.#fib.hops.isLocal(address) === isDeleted) this.ask();
  }

  /** They are to be read, and the device is to be looked at, soon. */
  ask(): void {
    this.#dueMs = Math.max(this.#clock.nowMs(), this.#readMs + READ_PAUSE_MS);
  }

  async read(): Promise<void> {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#readMs = this.#clock.nowMs();
    this.#fib.setLocalAddresses(await this.#kernel.localAddresses());
  }
}
