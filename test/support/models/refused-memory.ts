import { spyOn } from "bun:test";
import { GrowingWords, OutOfWordsError } from "../../../src/base/growable-int32-array.ts";

/** The system refuses memory to all arrays of this process, from a growth on, until it is disposed of. */
export class RefusedMemory implements Disposable {
  /** Growths that are still allowed. */
  growthsLeft = Number.POSITIVE_INFINITY;
  readonly #restore: () => void;

  constructor() {
    const { reserve } = GrowingWords.prototype;
    const mayGrow = () => --this.growthsLeft >= 0;
    const spy = spyOn(GrowingWords.prototype, "reserve").mockImplementation(function (
      this: GrowingWords,
      length: number,
    ) {
      if (length > this.words.length && !mayGrow()) throw new OutOfWordsError(length);
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
