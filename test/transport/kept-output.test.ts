/** What outboxes keep of runs that their sockets have not taken, with thousands of readers that read slowly or not at all. */
import { expect, test } from "bun:test";
import { Outbox, RUN_BYTES, SHORT_RUN_BYTES } from "../../src/transport/outbox.ts";
import { FairSource } from "../../src/transport/schedule/fair-queue.ts";
import { WriteSchedule } from "../../src/transport/schedule/write-schedule.ts";
import { Traffic } from "../../src/transport/traffic.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

const READERS = 8_000;
const TARGET_BYTES = 32 << 20;
/** How much a socket takes before it is full. */
const TAKEN_BYTES = 1_000;

const bytes = new Uint8Array(RUN_BYTES);

class Readers {
  readonly clock = new FakeClock();
  readonly schedule = new WriteSchedule(this.clock);
  readonly outboxes: Outbox[];
  longestRunBytes = 0;
  readonly #room: number[];

  constructor(count: number) {
    this.#room = new Array<number>(count).fill(TAKEN_BYTES);
    this.outboxes = this.#room.map((_, number) => this.#outbox(number));
    for (const outbox of this.outboxes) {
      outbox.open();
      outbox.wake();
    }
    this.clock.settle();
  }

  get keptBytes(): number {
    return this.outboxes.reduce((sum, { queueBytes }) => sum + queueBytes, 0);
  }

  /** The sockets have room again. */
  take(count = this.outboxes.length): void {
    for (const [number, outbox] of this.outboxes.slice(0, count).entries()) {
      this.#room[number] = outbox.queueBytes + TAKEN_BYTES;
      outbox.writable();
    }
    this.clock.settle();
  }

  #outbox(number: number): Outbox {
    return new Outbox({
      stream: {
        write: ({ length }) => {
          const taken = Math.min(length, this.#room[number] as number);
          this.#room[number] = (this.#room[number] as number) - taken;
          return taken;
        },
        pause() {},
        resume() {},
        end() {},
        endWithin() {},
        abort() {},
        remote: { address: "2001:db8::1", port: 1 },
        local: "[2001:db8::2]:4711",
      },
      clock: this.clock,
      schedule: this.schedule,
      peer: new FairSource("2001:db8::/64"),
      source: {
        onlyBulkIsDue: true,
        nextRun: (limitBytes) => {
          this.longestRunBytes = Math.max(this.longestRunBytes, limitBytes);
          return bytes.subarray(0, limitBytes);
        },
      },
      sendHoldMs: 60_000,
      traffic: new Traffic(),
      onFailed: () => {},
    });
  }
}

test("is little in all, however many they are", () => {
  const readers = new Readers(READERS);
  expect(readers.keptBytes).toBeLessThan(TARGET_BYTES + RUN_BYTES + READERS * SHORT_RUN_BYTES);
  // All have a short run or none once each has been served again.
  readers.take();
  expect(readers.keptBytes).toBeLessThan(TARGET_BYTES + RUN_BYTES + READERS * SHORT_RUN_BYTES);
  expect(readers.schedule.keptBytes).toBe(readers.keptBytes);
});

test("makes runs short for as long as it is much", () => {
  const readers = new Readers(READERS);
  readers.longestRunBytes = 0;
  readers.take(10);
  expect(readers.longestRunBytes).toBe(SHORT_RUN_BYTES);
  for (const outbox of readers.outboxes.slice(10)) outbox.stop();
  readers.take(10);
  expect(readers.longestRunBytes).toBe(RUN_BYTES);
  for (const outbox of readers.outboxes) outbox.stop();
  expect(readers.schedule.keptBytes).toBe(0);
});
