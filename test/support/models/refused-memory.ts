import { spyOn } from "bun:test";
import { CapacityError, GrowableInt32Array } from "../../../src/base/growable-int32-array.ts";

/** The system refuses memory to all arrays of this process, from a growth on, until it is disposed of. */
export class RefusedMemory implements Disposable {
  /** Growths that are still allowed. */
  growthsLeft = Number.POSITIVE_INFINITY;
  readonly #restore: () => void;

  constructor() {
    const { reserve } = GrowableInt32Array.prototype;
    const mayGrow = () => --this.growthsLeft >= 0;
    const spy = spyOn(GrowableInt32Array.prototype, "reserve").mockImplementation(function (
      this: GrowableInt32Array,
      length: number,
    ) {
      if (length > this.words.length && !mayGrow()) throw new CapacityError(length);
      return reserve.call(this, length);
    });
    this.#restore = () => spy.mockRestore();
  }

  /** Carries out `run` with so many growths. */
  allowing(growths: number, run: () => void): void {
    this.growthsLeft = growths;
    try {
      run();
    } finally {
      this.growthsLeft = Number.POSITIVE_INFINITY;
    }
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
