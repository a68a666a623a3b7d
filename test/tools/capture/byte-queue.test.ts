import { expect, test } from "bun:test";
import { ByteQueue } from "../../../src/tools/capture/byte-queue.ts";
import { SeededRandom } from "../../support/models/random.ts";

const SEED = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

test(`peeks and skips give what was pushed, in order (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  for (let run = 0; run < 200; run++) {
    const queue = new ByteQueue();
    let waiting: number[] = [];
    let toSkip = 0;
    for (let step = 0; step < 60; step++) {
      const move = random.pick(["push", "skip", "look"] as const);
      if (move === "push") {
        const bytes = random.bytes(random.below(20));
        queue.push(Uint8Array.from(bytes));
        waiting.push(...bytes.slice(toSkip));
        toSkip = Math.max(0, toSkip - bytes.length);
      } else if (move === "skip") {
        const skipped = random.below(30);
        queue.skip(skipped);
        toSkip += Math.max(0, skipped - waiting.length);
        waiting = waiting.slice(skipped);
      }
      const count = random.below(30);
      const view = queue.peek(count);
      const seen = view === null ? null : [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)];
      expect(seen).toEqual(count <= waiting.length ? waiting.slice(0, count) : null);
      expect(queue.waitingBytes).toBe(waiting.length);
    }
  }
});

test("a long file is read in memory of two chunks, wherever records cross their borders", () => {
  const queue = new ByteQueue();
  const chunk = new Uint8Array(1000);
  for (let i = 0; i < 1000; i++) {
    queue.push(chunk);
    for (let view = queue.peek(300); view !== null; view = queue.peek(300)) {
      expect(view.buffer.byteLength).toBeLessThanOrEqual(2 * chunk.length);
      queue.skip(300);
    }
  }
});
