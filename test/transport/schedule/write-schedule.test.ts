/** The schedule of writing, in turns of a clock that obeys. Time is what writing takes. */
import { expect, test } from "bun:test";
import type { Clock } from "../../../src/base/clock.ts";
import { FairSource } from "../../../src/transport/schedule/fair-queue.ts";
import { WriteMember, WriteSchedule } from "../../../src/transport/schedule/write-schedule.ts";

/** Runs one call of `soon` at a time. */
class StepClock implements Clock {
  #nowMs = 0;
  #due: (() => void)[] = [];
  nowMs(): number {
    return this.#nowMs;
  }
  spend(ms: number): void {
    this.#nowMs += ms;
  }
  after(): never {
    throw new Error("the schedule waits for no time");
  }
  soon(run: () => void): void {
    this.#due.push(run);
  }
  turn(): void {
    const due = this.#due;
    this.#due = [];
    for (const run of due) run();
  }
}

const READERS = 1_000;
const WRITE_MS = 0.2;

test("an update for one is written in the next turn, although the sockets of a thousand readers are emptied all the time", () => {
  const clock = new StepClock();
  const schedule = new WriteSchedule(clock);
  const source = new FairSource("2001:db8::/64");
  const written: number[] = [];
  const members = Array.from({ length: READERS + 1 }, (_, number) => {
    return new WriteMember(source, {
      flush() {
        clock.spend(WRITE_MS);
        written.push(number);
        return "nothing";
      },
    });
  });
  const [innocent, ...readers] = members as [WriteMember, ...WriteMember[]];
  for (let turn = 0; turn < 20; turn++) {
    for (const reader of readers) schedule.wakeBulk(reader);
    written.length = 0;
    if (turn >= 10) schedule.wake(innocent);
    clock.turn();
    expect(written.includes(0)).toBe(turn >= 10);
    // The others have their part of each turn.
    expect(written.length).toBeGreaterThan(10);
  }
});

test("a reader whose socket is emptied is served in turn with those that have much to send", () => {
  const clock = new StepClock();
  const schedule = new WriteSchedule(clock);
  const served = new Array<number>(READERS).fill(0);
  const members = served.map((_, number) => {
    return new WriteMember(new FairSource(`192.0.2.${number}`), {
      flush() {
        clock.spend(WRITE_MS);
        served[number] = (served[number] ?? 0) + 1;
        // Half of them have more; the others' sockets are full, and are emptied before the next turn.
        return number % 2 === 0 ? "bulk" : "nothing";
      },
    });
  });
  for (let turn = 0; turn < 1_000; turn++) {
    for (const [number, member] of members.entries())
      if (turn === 0 || number % 2 === 1) schedule.wakeBulk(member);
    clock.turn();
  }
  expect(Math.max(...served) - Math.min(...served)).toBeLessThanOrEqual(2);
});

/** Writes take time by their bytes. */
const MS_PER_KIB = 0.003;

test("an update for one is written within few turns after a thousand others have been woken for long changes", () => {
  const clock = new StepClock();
  const schedule = new WriteSchedule(clock);
  const source = new FairSource("2001:db8::/64");
  let isWritten = false;
  const others = Array.from({ length: READERS }, () => {
    return new WriteMember(source, {
      flush(limitBytes) {
        clock.spend((limitBytes / 1024) * MS_PER_KIB);
        return "bulk";
      },
    });
  });
  const innocent = new WriteMember(source, {
    flush() {
      isWritten = true;
      return "nothing";
    },
  });
  for (const other of others) schedule.wake(other);
  schedule.wake(innocent);
  let turns = 0;
  for (; !isWritten && turns < 100; turns++) clock.turn();
  // All of them write 4 KiB each, 12 ms in all. With 64 KiB each it would be 48 turns.
  expect(turns).toBeLessThanOrEqual(4);
});

test("a connection with bulk writes an update at once, and keeps its turn among those with bulk", () => {
  const clock = new StepClock();
  const schedule = new WriteSchedule(clock);
  const source = new FairSource("2001:db8::/64");
  const written: string[] = [];
  const members = Array.from({ length: 100 }, (_, number) => {
    return new WriteMember(source, {
      flush(limitBytes) {
        clock.spend(WRITE_MS);
        written.push(`${number} ${limitBytes > 65_536 ? "bulk" : "little"}`);
        return limitBytes > 65_536 ? "nothing" : "bulk";
      },
    });
  });
  for (const member of members) schedule.wakeBulk(member);
  const last = members[99] as WriteMember;
  clock.turn();
  schedule.wake(last);
  clock.turn();
  expect(written).toContain("99 little");
  for (let turn = 0; turn < 10; turn++) clock.turn();
  expect(written.filter((line) => line.endsWith("bulk"))).toEqual(
    Array.from({ length: 100 }, (_, number) => `${number} bulk`),
  );
});
