import { describe, expect, test } from "bun:test";
import { manyRoutes } from "../../support/models/many-routes.ts";
import { ScriptedLink, subscribedLink } from "../../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";

function announceMany(link: ScriptedLink): void {
  for (const route of manyRoutes(1_000)) link.client.announce(route);
  link.clock.settle();
}

describe("what is sent, and in which order", () => {
  test("subscriptions, a KEEPALIVE in a write of its own, announcements", () => {
    const link = new ScriptedLink();
    link.subscribe(100, 200);
    link.announce(R, Q);
    link.establish();
    expect(link.take()).toEqual(["SUBSCRIBE 100; SUBSCRIBE 200", "KEEPALIVE", `ADD ${R}; ADD ${Q}`]);
  });

  test("nothing but HELLO and KEEPALIVE before ESTABLISHED", () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.announce(R);
    link.accept();
    expect(link.take()).toEqual(["HELLO 5"]);
    link.say("HELLO 5 server");
    expect(link.take()).toEqual(["KEEPALIVE"]);
  });

  test("what is wanted during the handshake is sent when it is done", () => {
    const link = new ScriptedLink();
    link.announce(Q);
    link.accept();
    link.subscribe(100);
    link.say("HELLO 5 server");
    link.announce(R);
    link.withdraw(Q);
    link.take();
    link.answerAll();
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE", `ADD ${R}`]);
  });

  test("a change while established, at once", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    link.announce(R);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.withdraw(R);
    expect(link.take()).toEqual([`REMOVE ${R}`]);
    link.subscribe(200);
    expect(link.take()).toEqual(["SUBSCRIBE 200", "KEEPALIVE"]);
  });

  test("a new connection is told everything anew", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    link.announce(R);
    link.unsubscribe(100);
    link.subscribe(200);
    link.breakConnection();
    link.announce(Q);
    link.withdraw(R);
    link.subscribe(100);
    link.clock.advance(5_000);
    link.establish();
    expect(link.take()).toEqual(["SUBSCRIBE 200; SUBSCRIBE 100", "KEEPALIVE", `ADD ${Q}`]);
  });
});

describe("care for a server that has not shown to be a BunBond", () => {
  test("ten writes of at most 1,400 bytes of whole frames, a KEEPALIVE, and on when it is answered", () => {
    const link = subscribedLink([], { endOfRibs: false });
    announceMany(link);
    let sent = 0;
    for (;;) {
      const writes = link.takeWrites();
      if (writes.length === 0) break;
      const updates = writes.filter(({ frames }) => frames[0] !== "KEEPALIVE");
      expect(updates.length).toBeLessThanOrEqual(10);
      for (const { lengthBytes, frames } of updates) {
        expect(lengthBytes).toBeLessThanOrEqual(1_400);
        expect(frames.every((frame) => frame.startsWith("ADD"))).toBe(true);
        sent += frames.length;
      }
      if (sent < 1_000) expect(writes.at(-1)?.frames).toEqual(["KEEPALIVE"]);
      link.clock.settle();
      expect(link.takeWrites()).toEqual([]);
      link.answerAll();
    }
    expect(sent).toBe(1_000);
  });

  test("an End-of-RIB ends it: full speed", () => {
    const link = subscribedLink([100], { endOfRibs: false });
    announceMany(link);
    link.take();
    link.say("END 100");
    const writes = link.takeWrites();
    expect(writes.length).toBeLessThanOrEqual(2);
    expect(writes.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeGreaterThan(20_000);
  });

  test("always: an End-of-RIB ends nothing", () => {
    const link = subscribedLink([100], { endOfRibs: false, pacing: "always" });
    announceMany(link);
    link.take();
    link.say("END 100");
    expect(Math.max(0, ...link.takeWrites().map(({ lengthBytes }) => lengthBytes))).toBeLessThanOrEqual(
      1_400,
    );
  });

  test("never: full speed from the start", () => {
    const link = subscribedLink([100], { endOfRibs: false, pacing: "never" });
    announceMany(link);
    const writes = link.takeWrites();
    expect(Math.max(...writes.map(({ lengthBytes }) => lengthBytes))).toBeGreaterThan(20_000);
  });

  test("an End-of-RIB of a VNI that we have left meanwhile shows it, too", () => {
    const link = subscribedLink([100], { endOfRibs: false });
    link.unsubscribe(100);
    link.say("END 100");
    link.take();
    announceMany(link);
    expect(link.take().length).toBe(1);
  });

  test("a new connection is careful again", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    announceMany(link);
    link.breakConnection();
    link.clock.advance(5_000);
    link.take();
    link.establish();
    // Of the ten, one was for the SUBSCRIBE.
    expect(link.take().filter((frames) => frames.startsWith("ADD")).length).toBe(9);
  });

  test("an answer to the session's own KEEPALIVE is none to one that is waited for", () => {
    const link = subscribedLink([], { endOfRibs: false });
    link.clock.advance(4_500);
    expect(link.take()).toEqual(["KEEPALIVE"]);
    announceMany(link);
    expect(link.take().length).toBe(11);
    link.answerAll(1);
    expect(link.take()).toEqual([]);
    link.answerAll(1);
    expect(link.take().length).toBe(11);
  });
});
