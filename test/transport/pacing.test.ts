/** How much a peer that is written to gently gets in a second, however short the frames are. */
import { describe, expect, test } from "bun:test";
import { PacedWrites, UnreadWrites } from "../../src/transport/pacing.ts";
import { ConnectionUnderTest } from "../support/network/connection-under-test.ts";

const SECONDS = 0.5;

test.each([
  // Bytes of a frame, and how many of them 1,400 bytes each 4 ms would be.
  ["an End-of-RIB", 6, 58_250, "END 100"],
  ["the shortest ADD", 20, 17_500, "ADD 0 0.0.0.0/0 via 192.0.2.1"],
  ["with an IPv4 hop", 24, 14_500, "ADD 100 10.0.0.0/24 via 192.0.2.1"],
  ["the shortest with an IPv6 hop", 32, 10_750, "ADD 0 0.0.0.0/0 via 2001:db8::1"],
  ["its REMOVE", 34, 10_250, "REMOVE 0 0.0.0.0/0 via 2001:db8::1"],
  ["the usual ADD", 36, 9_500, "ADD 100 10.0.0.0/24 via 2001:db8::1"],
])("%s of %d bytes: %d frames a second, but not over 10,000", (_name, frameBytes, byBytes, text) => {
  const pair = new ConnectionUnderTest({ pace: new PacedWrites(), capacityBytes: 1 << 20 }).establish();
  pair.give(...Array.from({ length: 6_000 }, () => text));
  pair.clock.advance(SECONDS * 1000 - 1);
  const heard = pair.peer.takeHeard();
  expect(heard.slice(0, 1)).toEqual([text]);
  expect(pair.peer.chunks.every(({ bytes }) => bytes.length % frameBytes === 0)).toBe(true);
  const most = SECONDS * Math.min(byBytes, 10_000);
  const framesPerWrite = Math.floor(1_400 / frameBytes);
  expect(heard.length).toBeGreaterThan(most - framesPerWrite);
  expect(heard.length).toBeLessThan(most + framesPerWrite);
});

describe("writes that a server is not known to have read", () => {
  const written = (count: number, unread = new UnreadWrites()) => {
    for (let write = 0; write < count; write++) unread.onWrote();
    return unread;
  };

  test("ten are enough", () => {
    expect(written(9).isFull).toBe(false);
    expect(written(10).isFull).toBe(true);
  });

  test("an answer means that those before its KEEPALIVE were read", () => {
    const unread = written(4);
    unread.keepaliveSent(1);
    expect(unread.awaitsAnswer).toBe(true);
    written(6, unread);
    expect(unread.isFull).toBe(true);
    unread.keepaliveAnswered(1);
    expect(unread.awaitsAnswer).toBe(false);
    expect(unread.isFull).toBe(false);
    expect(written(3, unread).isFull).toBe(false);
    expect(written(1, unread).isFull).toBe(true);
  });

  test("an answer to an earlier KEEPALIVE says nothing", () => {
    const unread = written(10);
    unread.keepaliveSent(2);
    unread.keepaliveAnswered(1);
    expect(unread.isFull).toBe(true);
    expect(unread.awaitsAnswer).toBe(true);
  });

  test("of several KEEPALIVEs under way the first one counts", () => {
    const unread = written(5);
    unread.keepaliveSent(1);
    written(5, unread);
    unread.keepaliveSent(2);
    unread.keepaliveAnswered(2);
    expect(written(4, unread).isFull).toBe(false);
    expect(written(1, unread).isFull).toBe(true);
  });
});
