/** What is done in which turn, by a clock that its calls move on. */
import { expect, test } from "bun:test";
import type { TurnClass } from "../../../src/base/clock.ts";
import { TurnQueue } from "../../../src/transport/schedule/turn-queue.ts";

class Rig {
  nowMs = 0;
  /** Of each turn, what was done in it, and what it took. */
  readonly turns: { readonly done: string[]; tookMs: number }[] = [];
  #next: (() => void) | null = null;
  readonly queue = new TurnQueue(
    () => this.nowMs,
    (run) => {
      expect(this.#next).toBeNull();
      this.#next = run;
    },
  );

  ask(turnClass: TurnClass, count: number, ms: number, then: () => void = () => {}): void {
    for (let i = 0; i < count; i++) {
      this.queue.soon(() => {
        this.nowMs += ms;
        this.turns.at(-1)?.done.push(turnClass);
        then();
      }, turnClass);
    }
  }

  run(): void {
    while (this.#next !== null) {
      const turn = this.#next;
      this.#next = null;
      const startMs = this.nowMs;
      this.turns.push({ done: [], tookMs: 0 });
      try {
        turn();
      } finally {
        for (const last of this.turns.slice(-1)) last.tookMs = this.nowMs - startMs;
      }
    }
  }
}

test("each turn does all classes, in their order, and takes about 10 ms", () => {
  const rig = new Rig();
  for (const turnClass of ["background", "input", "output", "urgent"] as const) rig.ask(turnClass, 1_000, 1);
  rig.run();
  expect(rig.turns[0]?.done).toEqual([
    ...["urgent", "urgent", "urgent"],
    ...["output", "output"],
    ...["input", "input"],
    "background",
  ]);
  expect(Math.max(...rig.turns.map(({ tookMs }) => tookMs))).toBeLessThanOrEqual(8);
  expect(rig.turns.flatMap(({ done }) => done).length).toBe(4_000);
});

test("whoever takes too long keeps no other class from its turn", () => {
  const rig = new Rig();
  rig.ask("urgent", 3, 100);
  rig.ask("background", 3, 1);
  rig.run();
  expect(rig.turns.map(({ done }) => done)).toEqual([
    ["urgent", "background"],
    ["urgent", "background"],
    ["urgent", "background"],
  ]);
});

test("what is asked for meanwhile waits for the next turn", () => {
  const rig = new Rig();
  rig.ask("input", 1, 0, () => rig.ask("urgent", 1, 0, () => rig.ask("background", 1, 0)));
  rig.run();
  expect(rig.turns.map(({ done }) => done)).toEqual([["input"], ["urgent"], ["background"]]);
});

test("one that throws costs the others nothing", () => {
  const rig = new Rig();
  rig.ask("output", 1, 0, () => {
    throw new Error("a fault");
  });
  rig.ask("output", 2, 0);
  expect(() => rig.run()).toThrow("a fault");
  rig.run();
  expect(rig.turns.map(({ done }) => done)).toEqual([["output"], ["output", "output"]]);
});
