/** How notifications are taken from their socket: how long for at a time, and what becomes of it when some were lost. */
import { expect, test } from "bun:test";
import { RTM_DELNEXTHOP } from "../../../src/kernel/netlink/netlink-constants.ts";
import { EAGAIN, ENOBUFS, type NetlinkListener } from "../../../src/kernel/netlink/netlink-socket.ts";
import { NetlinkWatch } from "../../../src/kernel/netlink/netlink-watch.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";
import type { Answer } from "../../support/kernel/scripted-netlink.ts";

/** What the socket gives, one after the other; its descriptor cannot be had, so that only polling reads. */
class ScriptedListener implements NetlinkListener {
  readonly answers: Answer[];
  readonly #onReceive: () => void;
  constructor(answers: Answer[], onReceive: () => void = () => {}) {
    this.answers = answers;
    this.#onReceive = onReceive;
  }

  duplicateDescriptor(): number {
    throw new Error("no file descriptor is left");
  }

  receive(into: Uint8Array): number {
    this.#onReceive();
    const next = this.answers.shift() ?? EAGAIN;
    if (typeof next === "number") return -next;
    into.set(next);
    return next.length;
  }

  [Symbol.dispose](): void {}
}

test("a poll ends after some milliseconds, and the next one goes on", () => {
  let nowMs = 0;
  // Each takes a tenth of a millisecond.
  const listener = new ScriptedListener(deletions(200), () => {
    nowMs += 0.1;
  });
  const events: number[] = [];
  using watch = new NetlinkWatch(
    listener,
    (event) => {
      if (event.type === "nexthop") events.push(event.nexthop.id);
    },
    () => nowMs,
  );
  let polls = 1;
  for (let beforeMs = 0; !watch.poll(); polls++, beforeMs = nowMs) expect(nowMs - beforeMs).toBeLessThan(6);
  expect(polls).toBeGreaterThan(3);
  expect(events).toEqual(Array.from({ length: 200 }, (_, id) => id));
});

test("a loss is reported when the socket is empty: until then the kernel goes on dropping, without an error", () => {
  let nowMs = 0;
  const listener = new ScriptedListener([...deletions(1), ENOBUFS, ...deletions(100)], () => {
    nowMs += 0.1;
  });
  const events: string[] = [];
  using watch = new NetlinkWatch(
    listener,
    ({ type }) => events.push(`${type}, ${listener.answers.length} left`),
    () => nowMs,
  );
  while (!watch.poll()) expect(events).toEqual(["nexthop, 101 left"]);
  expect(events).toEqual(["nexthop, 101 left", "overrun, 0 left"]);
  listener.answers.push(...deletions(1));
  expect(watch.poll()).toBe(true);
  expect(events.slice(2)).toEqual(["nexthop, 0 left"]);
});

test("a loss is reported without a poll", async () => {
  const listener = new ScriptedListener([ENOBUFS, ...deletions(1_000)]);
  const { promise, resolve } = Promise.withResolvers<string>();
  let nowMs = 0;
  using watch = new NetlinkWatch(
    listener,
    ({ type }) => resolve(`${type}, ${listener.answers.length} left`),
    () => nowMs++,
  );
  expect(watch.poll()).toBe(false);
  expect(await promise).toBe("overrun, 0 left");
});

/** Notifications that the nexthops 0, 1, 2 … were deleted. */
function deletions(count: number): Uint8Array[] {
  const NHA_ID = 1;
  return Array.from({ length: count }, (_, id) => {
    const writer = new NetlinkWriter();
    writer.begin(RTM_DELNEXTHOP, 0, 0);
    writer.u32(0);
    writer.u32(0);
    writer.attributeU32(NHA_ID, id);
    writer.end();
    return writer.bytes().slice();
  });
}
