/** Who gets how much, whoever else wants how much. */
import { describe, expect, test } from "bun:test";
import { FairMember, FairQueue, FairSource } from "../../../src/transport/schedule/fair-queue.ts";
import { SeededRandom } from "../../support/models/random.ts";

class Member extends FairMember<Member> {
  got = 0;
}

const QUANTUM = 1;

/** Turns whose costs `cost` gives, until so much is spent. */
function spend(queue: FairQueue<Member>, total: number, cost: () => number): void {
  for (let spent = 0; spent < total; ) {
    const member = queue.next();
    if (member === null) return;
    const turn = cost();
    member.got += turn;
    spent += turn;
    queue.charge(member, turn);
  }
}

describe("members that always want more", () => {
  const seed = Date.now();
  test.each(Array.from({ length: 20 }, (_, i) => seed + i))(
    "get equal shares of their source's, which are equal, whatever a turn costs (seed %d)",
    (runSeed) => {
      const random = new SeededRandom(runSeed);
      const queue = new FairQueue<Member>(QUANTUM);
      const sources = Array.from({ length: 1 + random.below(8) }, (_, i) =>
        Array.from({ length: 1 + random.below(30) }, () => i),
      ).map((places, i) => {
        const source = new FairSource(`${i}`);
        return places.map(() => new Member(source));
      });
      for (const member of sources.flat()) queue.add(member);
      const most = 2;
      spend(queue, 20_000, () => (random.word() / 2 ** 32) * most);
      const totals = sources.map((members) => members.reduce((sum, { got }) => sum + got, 0));
      // A turn more or less, and a quantum.
      const slack = 2 * (most + QUANTUM);
      expect(Math.max(...totals) - Math.min(...totals)).toBeLessThan(slack);
      for (const members of sources) {
        const shares = members.map(({ got }) => got);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(slack);
      }
    },
  );

  test("in one source of two have no more together than the other's only one", () => {
    const queue = new FairQueue<Member>(QUANTUM);
    const crowd = new FairSource("crowd");
    const members = Array.from({ length: 1_000 }, () => new Member(crowd));
    const alone = new Member(new FairSource("alone"));
    for (const member of [...members, alone]) queue.add(member);
    spend(queue, 1_000, () => 0.5);
    expect(alone.got).toBeGreaterThanOrEqual(499);
  });
});

test("a debt is paid although the member leaves the queue in between", () => {
  const queue = new FairQueue<Member>(QUANTUM);
  const source = new FairSource("one");
  const [greedy, modest] = [new Member(source), new Member(source)];
  queue.add(modest);
  for (let round = 0; round < 1_000; round++) {
    queue.add(greedy);
    for (let turn = 0; turn < 3; turn++) {
      const member = queue.next();
      if (member === null) break;
      const cost = member === greedy ? 5 : 0.5;
      member.got += cost;
      queue.charge(member, cost);
    }
    queue.remove(greedy);
  }
  // Of three turns a round it may have one in five at most.
  expect(greedy.got / 5).toBeLessThan(1_000 / 2);
  expect(modest.got).toBeGreaterThan(0.5 * 1_000 * 2);
});

test("add, next and remove hold a model's members, in any order", () => {
  const seed = Date.now();
  const random = new SeededRandom(seed);
  const queue = new FairQueue<Member>(QUANTUM);
  const sources = Array.from({ length: 5 }, (_, i) => new FairSource(`${i}`));
  const all = Array.from({ length: 40 }, (_, i) => new Member(sources[i % 5] as FairSource));
  const model = new Set<Member>();
  for (let step = 0; step < 5_000; step++) {
    const member = all[random.below(all.length)] as Member;
    if (model.delete(member)) queue.remove(member);
    else {
      model.add(member);
      queue.add(member);
    }
    const next = queue.next();
    if (next === null) expect([model.size, seed]).toEqual([0, seed]);
    else {
      expect(model.has(next)).toBe(true);
      queue.charge(next, random.word() / 2 ** 32);
    }
    expect(queue.length).toBe(model.size);
  }
});
