import { describe, expect, test } from "bun:test";
import { manyRoutes } from "../support/many-routes.ts";
import { ScriptedLink } from "../support/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

/** Established, subscribed to the VNIs, everything said so far answered; the last word is the end mark, if asked for. */
function subscribed(vnis: readonly number[], { endMarks }: { endMarks: boolean }): ScriptedLink {
  const link = new ScriptedLink();
  link.subscribe(...vnis);
  link.establish();
  link.answerAll();
  if (endMarks) link.say(...vnis.map((vni) => `END ${vni}`));
  link.clock.advance(1_000);
  link.take();
  return link;
}

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
    const link = subscribed([100], { endMarks: true });
    link.announce(R);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.withdraw(R);
    expect(link.take()).toEqual([`REMOVE ${R}`]);
    link.subscribe(200);
    expect(link.take()).toEqual(["SUBSCRIBE 200", "KEEPALIVE"]);
  });

  test("only what differs: announced and withdrawn before there was room is nothing", () => {
    const link = subscribed([100], { endMarks: true });
    link.makeRoom(0);
    link.announce(Q);
    // The first one finds the socket full, and is a cut write from then on.
    link.announce(R);
    link.withdraw(R);
    link.subscribe(200);
    link.unsubscribe(200);
    link.announce(OTHER);
    link.makeRoom();
    expect(link.take()).toEqual([`ADD ${Q}`, `ADD ${OTHER}`]);
  });

  test("withdrawn and announced again before there was room is nothing either", () => {
    const link = subscribed([100], { endMarks: true });
    link.announce(R);
    link.makeRoom(0);
    link.announce(Q);
    link.withdraw(R);
    link.announce(R);
    link.take();
    link.makeRoom();
    expect(link.take()).toEqual([`ADD ${Q}`]);
  });

  test("a new connection is told everything anew", () => {
    const link = subscribed([100], { endMarks: true });
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
    const link = subscribed([], { endMarks: false });
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

  test("an end mark ends it: full speed", () => {
    const link = subscribed([100], { endMarks: false });
    announceMany(link);
    link.take();
    link.say("END 100");
    const writes = link.takeWrites();
    expect(writes.length).toBeLessThanOrEqual(2);
    expect(writes.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeGreaterThan(20_000);
  });

  test("an end mark of a VNI that we have left meanwhile shows it, too", () => {
    const link = subscribed([100], { endMarks: false });
    link.unsubscribe(100);
    link.say("END 100");
    link.take();
    announceMany(link);
    expect(link.take().length).toBe(1);
  });

  test("a new connection is careful again", () => {
    const link = subscribed([100], { endMarks: true });
    announceMany(link);
    link.breakConnection();
    link.clock.advance(5_000);
    link.take();
    link.establish();
    // Of the ten, one was for the SUBSCRIBE.
    expect(link.take().filter((frames) => frames.startsWith("ADD")).length).toBe(9);
  });

  test("an answer to the session's own KEEPALIVE is none to one that is waited for", () => {
    const link = subscribed([], { endMarks: false });
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

describe("UNSUBSCRIBE, and SUBSCRIBE again", () => {
  test("a KEEPALIVE behind UNSUBSCRIBE, and SUBSCRIBE only when that is answered", () => {
    const link = subscribed([100], { endMarks: true });
    link.unsubscribe(100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.subscribe(100);
    link.announce(R);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.answerAll();
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("an answer to an earlier KEEPALIVE does not do", () => {
    const link = subscribed([100], { endMarks: true });
    link.subscribe(200);
    link.unsubscribe(100);
    link.subscribe(100);
    expect(link.take()).toEqual(["SUBSCRIBE 200", "KEEPALIVE", "UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll(1);
    expect(link.take()).toEqual([]);
    link.answerAll(1);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("both at once: the server is told, for our copies of its routes are gone", () => {
    const link = subscribed([100], { endMarks: true });
    link.client.unsubscribe(100);
    link.subscribe(100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll();
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("wanted and not again before anything was sent is nothing", () => {
    const link = subscribed([], { endMarks: true });
    link.client.subscribe(100);
    link.unsubscribe(100);
    expect(link.take()).toEqual([]);
    link.client.subscribe(100);
    link.client.unsubscribe(100);
    link.subscribe(100);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("left again while the new SUBSCRIBE waits: it is not sent", () => {
    const link = subscribed([100], { endMarks: true });
    link.unsubscribe(100);
    link.subscribe(100);
    link.unsubscribe(100);
    link.take();
    link.answerAll();
    expect(link.take()).toEqual([]);
  });

  test("several VNIs wait each for their own", () => {
    const link = subscribed([100, 200, 300], { endMarks: true });
    link.unsubscribe(100);
    link.unsubscribe(200);
    link.subscribe(200, 100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE", "UNSUBSCRIBE 200", "KEEPALIVE"]);
    link.answerAll(1);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll(1);
    expect(link.take()).toEqual(["SUBSCRIBE 200", "KEEPALIVE"]);
  });

  test("UPDATEs and end marks between them are not believed", () => {
    const link = subscribed([100], { endMarks: true });
    link.say(`ADD ${R}`);
    link.unsubscribe(100);
    link.subscribe(100);
    link.say(`ADD ${R}`, `ADD ${Q}`, "END 100");
    expect(link.log.view).toEqual([]);
    link.answerAll();
    link.say(`ADD ${Q}`);
    expect(link.log.view).toEqual([Q]);
  });

  test("never a second SUBSCRIBE, however often it changes", () => {
    const link = subscribed([100], { endMarks: true });
    let isSubscribed = true;
    for (let turn = 0; turn < 200; turn++) {
      if (turn % 2 === 0) link.unsubscribe(100);
      else link.subscribe(100);
      if (turn % 3 === 0) link.answerAll();
      for (const frame of link.takeWrites().flatMap(({ frames }) => frames)) {
        if (!frame.endsWith("100")) continue;
        expect(frame).toBe(isSubscribed ? "UNSUBSCRIBE 100" : "SUBSCRIBE 100");
        isSubscribed = !isSubscribed;
      }
    }
  });
});

describe("SUBSCRIBE and UNSUBSCRIBE at a Go server", () => {
  test("a second between UNSUBSCRIBE and SUBSCRIBE, even if the KEEPALIVE is answered at once", () => {
    const link = subscribed([100], { endMarks: false });
    link.unsubscribe(100);
    link.subscribe(100);
    link.answerAll();
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.clock.advance(999);
    expect(link.take()).toEqual([]);
    link.clock.advance(1);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("and a second between SUBSCRIBE and UNSUBSCRIBE: it may take them in either order", () => {
    const link = subscribed([], { endMarks: false });
    link.subscribe(100);
    link.answerAll();
    link.unsubscribe(100);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
    link.clock.advance(999);
    expect(link.take()).toEqual([]);
    link.say(`ADD ${R}`);
    link.clock.advance(1);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    expect(link.log.takeChanges()).toEqual([]);
  });

  test("the VNI's announcements go with UNSUBSCRIBE, and are sent again a second later", () => {
    const link = subscribed([100], { endMarks: false });
    link.announce(R, Q, OTHER);
    link.take();
    link.unsubscribe(100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll();
    link.clock.advance(500);
    link.withdraw(Q);
    expect(link.take()).toEqual([`REMOVE ${Q}`, "KEEPALIVE"]);
    link.clock.advance(500);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.clock.advance(2_000);
    expect(link.take()).toEqual([]);
  });

  test("not at a BunBond", () => {
    const link = subscribed([100], { endMarks: true });
    link.announce(R);
    link.unsubscribe(100);
    link.answerAll();
    link.take();
    link.clock.advance(2_000);
    expect(link.take()).toEqual([]);
  });

  test("nothing of it is left when the connection ends", async () => {
    const link = subscribed([100], { endMarks: false });
    link.announce(R);
    link.unsubscribe(100);
    link.subscribe(100);
    link.answerAll();
    link.breakConnection();
    await link.client.stop();
    expect(link.clock.pendingTimers).toBe(0);
  });
});

describe("echoes under way", () => {
  test("an ADD of what we have just withdrawn is not believed before the KEEPALIVE behind is answered", () => {
    const link = subscribed([100], { endMarks: false });
    link.announce(R);
    link.withdraw(R);
    expect(link.take()).toEqual([`ADD ${R}`, `REMOVE ${R}`, "KEEPALIVE"]);
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([]);
    link.answerAll();
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([`+ ${R}`]);
  });

  test("the end mark shows that it was none", () => {
    const link = subscribed([100], { endMarks: false });
    link.announce(R, Q);
    link.say(`ADD ${R}`);
    link.withdraw(R, Q);
    link.say(`ADD ${Q}`);
    expect(link.log.takeChanges()).toEqual([]);
    link.say("END 100");
    expect(link.log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`].sort());
  });

  test("announced again meanwhile: the last REMOVE counts", () => {
    const link = subscribed([100], { endMarks: false });
    link.announce(R);
    link.withdraw(R);
    link.announce(R);
    link.withdraw(R);
    expect(link.take().at(-1)).toBe("KEEPALIVE");
    link.answerAll(1);
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([]);
    link.answerAll();
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([`+ ${R}`]);
  });
});
