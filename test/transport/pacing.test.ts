/** How much a peer that is written to gently gets in a second, however short the frames are. */
import { expect, test } from "bun:test";
import { PacedWrites } from "../../src/transport/pacing.ts";
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
