/** A connection in numbers: what waits, for how long, and what has come and gone. */
import { expect, test } from "bun:test";
import { MESSAGE_KINDS, type Traffic } from "../../src/transport/traffic.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import { ConnectionUnderTest, manyAdds } from "../support/network/connection-under-test.ts";

function kinds(counts: Traffic["received"]): Record<string, number> {
  return Object.fromEntries(MESSAGE_KINDS.flatMap((kind, at) => (counts[at] ? [[kind, counts[at]]] : [])));
}

test("a peer that stops reading: what the socket has not taken, since when, and how long it is behind", () => {
  const pair = new ConnectionUnderTest({ capacityBytes: 1_000 }).establish();
  expect(pair.connection.figures()).toMatchObject({ sendQueueBytes: 0, sendBlockedForMs: 0, behindForMs: 0 });
  pair.peer.stream.isReading = false;
  const frames = manyAdds(100);
  const waitingBytes = frames.reduce((sum, frame) => sum + frameOfText(frame).length, 0) - 1_000;
  pair.give(...frames);
  pair.clock.settle();
  const { sentBytes } = pair.connection.traffic;
  pair.clock.advance(11_000);
  expect(pair.connection.figures()).toMatchObject({ sendBlockedForMs: 11_000, behindForMs: 11_000 });
  expect(pair.connection.figures().sendQueueBytes).toBe(waitingBytes);
  expect(pair.connection.traffic.sentBytes).toBe(sentBytes);
  pair.peer.stream.isReading = true;
  pair.clock.settle();
  expect(pair.connection.figures()).toMatchObject({ sendQueueBytes: 0, sendBlockedForMs: 0, behindForMs: 0 });
  expect(pair.connection.traffic.sentBytes).toBe(sentBytes + waitingBytes);
});

test("messages by kind and bytes, in both directions; an End-of-RIB is no KEEPALIVE", () => {
  const pair = new ConnectionUnderTest({ role: "client" }).establish();
  const before = pair.connection.traffic.receivedBytes;
  const frames = ["ADD 100 10.0.1.0/24 via 2001:db8::1", "END 100", "KEEPALIVE"];
  pair.peer.send(...frames);
  pair.clock.settle();
  const { received, sent, receivedBytes } = pair.connection.traffic;
  expect(kinds(received)).toEqual({ hello: 1, keepalive: 2, update: 1, "end-of-rib": 1 });
  expect(kinds(sent)).toEqual({ hello: 1, keepalive: 1 });
  expect(receivedBytes - before).toBe(frames.reduce((sum, frame) => sum + frameOfText(frame).length, 0));
});

test("the last KEEPALIVE, not the last frame", () => {
  const pair = new ConnectionUnderTest().establish();
  pair.clock.advance(1_000);
  pair.peer.send("ADD 100 10.0.1.0/24 via 2001:db8::1");
  pair.clock.settle();
  expect(pair.connection.figures().lastKeepaliveMs).toBe(0);
  pair.peer.send("KEEPALIVE");
  pair.clock.settle();
  expect(pair.connection.figures().lastKeepaliveMs).toBe(1_000);
});
