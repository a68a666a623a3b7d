import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Retention } from "../../src/server/retention.ts";

interface Named {
  readonly name: string;
}

const [a, b, c] = ["a", "b", "c"].map((name) => ({ name })) as [Named, Named, Named];
const never = () => 0;

describe("a retention", () => {
  test("gives back each peer once, in the order of their times", () => {
    const retention = new Retention<Named>();
    retention.retain(a, 300);
    retention.retain(b, 100);
    retention.retain(c, 200);
    expect(retention.nextMs).toBe(100);
    expect(retention.due(99, never)).toEqual([]);
    expect(retention.due(100, never)).toEqual([b]);
    expect(retention.nextMs).toBe(200);
    expect(retention.due(1_000, never)).toEqual([c, a]);
    expect(retention.due(2_000, never)).toEqual([]);
    expect(retention.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("keeps those that the policy gives more time, and says by how much they were extended", () => {
    const retention = new Retention<Named>();
    const asked: [isLate: boolean, extendedMs: number][] = [];
    const twice = (isLate: boolean, extendedMs: number) => {
      asked.push([isLate, extendedMs]);
      return extendedMs < 100 ? 50 : 0;
    };
    retention.retain(a, 100);
    expect(retention.due(100, twice)).toEqual([]);
    expect(retention.nextMs).toBe(150);
    expect(retention.due(160, twice)).toEqual([]);
    expect(retention.nextMs).toBe(210);
    expect(retention.due(210, twice)).toEqual([a]);
    expect(asked).toEqual([
      [false, 0],
      [false, 50],
      [false, 100],
    ]);
  });

  test("says whether it was asked late, as after a suspension of the process", () => {
    const retention = new Retention<Named>();
    const late: boolean[] = [];
    const note = (isLate: boolean) => {
      late.push(isLate);
      return 0;
    };
    retention.retain(a, 100);
    retention.retain(b, 101);
    expect(retention.due(1_100, note)).toEqual([a, b]);
    expect(late).toEqual([true, false]);
  });

  test("renews those whose time would be over earlier, and only those", () => {
    const retention = new Retention<Named>();
    retention.retain(a, 100);
    retention.retain(b, 500);
    retention.due(100, () => 60);
    retention.renew(300);
    const asked: number[] = [];
    const note = (_: boolean, extendedMs: number) => {
      asked.push(extendedMs);
      return 0;
    };
    expect(retention.due(299, note)).toEqual([]);
    expect(retention.due(300, note)).toEqual([a]);
    expect(retention.due(499, note)).toEqual([]);
    expect(retention.due(500, note)).toEqual([b]);
    expect(asked).toEqual([0, 0]);
  });

  test("ends every peer at its own time, if it is asked whenever `nextMs` says so", () => {
    const times = fc.array(fc.nat(100), { maxLength: 20 });
    fc.assert(
      fc.property(times, (peers) => {
        const retention = new Retention<{ endMs: number }>();
        const all = peers.map((dueMs) => ({ dueMs, endMs: -1 }));
        for (const peer of all) retention.retain(peer, peer.dueMs);
        while (retention.nextMs < Number.POSITIVE_INFINITY) {
          const nowMs = retention.nextMs;
          for (const peer of retention.due(nowMs, (_, extendedMs) => (extendedMs < 30 ? 10 : 0))) {
            expect(peer.endMs).toBe(-1);
            peer.endMs = nowMs;
          }
        }
        for (const { dueMs, endMs } of all) expect(endMs).toBe(dueMs + 30);
      }),
    );
  });
});
