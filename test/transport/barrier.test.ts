import { describe, expect, test } from "bun:test";
import { Barrier } from "../../src/transport/barrier.ts";
import { SeededRandom } from "../support/models/random.ts";

/** Steps and what they return: "+a" adds, "K3" sends KEEPALIVE 3, "A3" is told that three are answered. */
const CASES: readonly (readonly [name: string, steps: Readonly<Record<string, string>>])[] = [
  ["nothing is read before its KEEPALIVE is sent", { "+a": "", A9: "" }],
  [
    "the answer returns what came before the KEEPALIVE, once",
    { "+a": "", "+b": "", K1: "", A1: "ab", A2: "" },
  ],
  [
    "what comes after the KEEPALIVE waits for the next one",
    { "+a": "", K1: "", "+b": "", A1: "a", K2: "", A2: "b" },
  ],
  ["an answer to an earlier KEEPALIVE returns nothing", { "+a": "", K5: "", A4: "", A5: "a" }],
  [
    "one answer returns what several KEEPALIVEs fenced, in order",
    { "+a": "", K1: "", "+b": "", K3: "", A3: "ab" },
  ],
  ["a KEEPALIVE without items fences nothing", { K1: "", A1: "", "+a": "", A2: "", K3: "", A3: "a" }],
];

describe("a barrier", () => {
  for (const [name, steps] of CASES) {
    test(name, () => {
      const barrier = new Barrier<string>();
      for (const [step, expected] of Object.entries(steps)) expect(act(barrier, step), step).toBe(expected);
    });
  }

  test("knows whether a KEEPALIVE is due, and whether anything waits", () => {
    const barrier = new Barrier<string>();
    const state = () => [barrier.needsKeepalive, barrier.isEmpty];
    expect(state()).toEqual([false, true]);
    barrier.add("a");
    expect(state()).toEqual([true, false]);
    barrier.sent(1);
    expect(state()).toEqual([false, false]);
    barrier.add("b");
    expect(barrier.answered(1)).toEqual(["a"]);
    expect(state()).toEqual([true, false]);
    barrier.sent(2);
    barrier.answered(2);
    expect(state()).toEqual([false, true]);
  });

  test("forgets everything when it is cleared", () => {
    const barrier = new Barrier<string>();
    barrier.add("a");
    barrier.sent(1);
    barrier.add("b");
    barrier.clear();
    expect(barrier.isEmpty).toBe(true);
    barrier.sent(2);
    expect(barrier.answered(2)).toEqual([]);
  });

  test("agrees with a list of all items and the KEEPALIVE of each", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new SeededRandom(seed);
    const barrier = new Barrier<number>();
    const model: { item: number; keepalive: number }[] = [];
    let sent = 0;
    let answered = 0;
    for (let step = 0; step < 2_000; step++) {
      const choice = random.below(4);
      if (choice < 2) {
        barrier.add(step);
        model.push({ item: step, keepalive: Number.POSITIVE_INFINITY });
      } else if (choice === 2) {
        barrier.sent(++sent);
        for (const each of model) each.keepalive = Math.min(each.keepalive, sent);
      } else {
        answered += random.below(sent - answered + 1);
        const isRead = ({ keepalive }: { keepalive: number }) => keepalive <= answered;
        const expected = model.filter(isRead).map(({ item }) => item);
        model.splice(0, model.length, ...model.filter((each) => !isRead(each)));
        expect(barrier.answered(answered), `seed ${seed}, step ${step}`).toEqual(expected);
      }
      expect(barrier.isEmpty, `seed ${seed}, step ${step}`).toBe(model.length === 0);
    }
  });
});

function act(barrier: Barrier<string>, step: string): string {
  const argument = step.slice(1);
  if (step.startsWith("+")) barrier.add(argument);
  else if (step.startsWith("K")) barrier.sent(Number(argument));
  else return barrier.answered(Number(argument)).join("");
  return "";
}
