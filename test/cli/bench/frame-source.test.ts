import { describe, expect, test } from "bun:test";
import {
  ChurnFrames,
  EncodedFrames,
  type FrameSource,
  TimedFrames,
} from "../../../src/cli/bench/frame-source.ts";
import { RouteSet } from "../../../src/cli/bench/route-set.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { textOfMessage } from "../../support/models/frame-text.ts";
import { MessageReader } from "../../support/network/message-reader.ts";

const routes = new RouteSet({ vni: 7, family: 4, announcers: 2, routesPerAnnouncer: 3 });

/** All that the source has, in pieces of at most so many bytes: whole frames each. */
function drain(source: FrameSource, limitBytes: number): string[] {
  const texts: string[] = [];
  for (;;) {
    const run = source.next(limitBytes);
    if (run.length === 0) return texts;
    expect(run.length).toBeLessThanOrEqual(limitBytes);
    const frames = [...new MessageReader().read(run)];
    expect(frames.reduce((bytes, frame) => bytes + frame.bytes.length, 0)).toBe(run.length);
    for (const { message } of frames) {
      if (message !== null) texts.push(textOfMessage(message));
    }
  }
}

const route = (action: string, address: string, hop: number) =>
  `${action} 7 ${address}/32 via 2001:db8::${hop}`;
const LIMITS = [80, 100, 1400, 65_536];

describe("EncodedFrames", () => {
  test.each(LIMITS)("hands out whole frames of at most %d bytes", (limitBytes) => {
    const bytes = routes.encodeRange(routes.indexOf(1, 0), 3, Action.REMOVE);
    const source = new EncodedFrames(bytes, bytes.length / 3);
    expect(source.hasEnded).toBe(false);
    expect(drain(source, limitBytes)).toEqual([
      route("REMOVE", "10.0.0.4", 2),
      route("REMOVE", "10.0.0.5", 2),
      route("REMOVE", "10.0.0.6", 2),
    ]);
    expect(source).toMatchObject({ sentFrames: 3, hasEnded: true });
  });
});

describe("ChurnFrames", () => {
  /** Batch of 2, of announcer 0 with its 3 routes; its marker is 10.0.0.8. */
  const steps = [
    [route("ADD", "10.0.0.0", 1), route("ADD", "10.0.0.1", 1), route("ADD", "10.0.0.8", 1)],
    [route("REMOVE", "10.0.0.0", 1), route("REMOVE", "10.0.0.1", 1), route("REMOVE", "10.0.0.8", 1)],
    [route("ADD", "10.0.0.2", 1), route("ADD", "10.0.0.0", 1), route("ADD", "10.0.0.8", 1)],
    [route("REMOVE", "10.0.0.2", 1), route("REMOVE", "10.0.0.0", 1), route("REMOVE", "10.0.0.8", 1)],
  ] as const;

  test.each(LIMITS)("paced, a step goes out for each release; pieces of %d bytes", (limitBytes) => {
    const source = new ChurnFrames(routes, 0, 2, true);
    for (const step of steps) {
      expect(drain(source, limitBytes)).toEqual([...step]);
      source.release();
    }
    expect(source).toMatchObject({ sentFrames: 8, hasEnded: false });
  });

  test("stopped between ADDs and REMOVEs, it still withdraws", () => {
    const source = new ChurnFrames(routes, 0, 2, true);
    drain(source, 65_536);
    source.stop();
    expect(source.hasEnded).toBe(false);
    source.release();
    expect(drain(source, 65_536)).toEqual([...steps[1]]);
    expect(source.hasEnded).toBe(true);
    source.release();
    expect(drain(source, 65_536)).toEqual([]);
  });

  test("unpaced, it never waits", () => {
    const source = new ChurnFrames(routes, 0, 2, false);
    for (const step of steps) {
      const [message] = [...new MessageReader().read(source.next(65_536))];
      expect(message?.message && textOfMessage(message.message)).toBe(step[0]);
    }
    source.stop();
    expect(source.hasEnded).toBe(true);
  });
});

test("TimedFrames hands out what was released, and no more", () => {
  const source = new TimedFrames(2, (view, n) => routes.encode(view, 0, n, Action.ADD));
  expect(drain(source, 100)).toEqual([]);
  source.release();
  expect(drain(source, 100)).toEqual([route("ADD", "10.0.0.0", 1)]);
  expect(source).toMatchObject({ sentFrames: 1, hasEnded: false });
  source.release();
  expect(drain(source, 100)).toEqual([route("ADD", "10.0.0.1", 1)]);
  expect(source.hasEnded).toBe(true);
});
