import { describe, expect, test } from "bun:test";
import { subscribedLink } from "../../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::1";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("UNSUBSCRIBE, and SUBSCRIBE again", () => {
  test("a KEEPALIVE behind UNSUBSCRIBE, and SUBSCRIBE only when that is answered", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    link.unsubscribe(100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.subscribe(100);
    link.announce(R);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.answerAll();
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("an answer to an earlier KEEPALIVE does not do", () => {
    const link = subscribedLink([100], { endOfRibs: true });
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
    const link = subscribedLink([100], { endOfRibs: true });
    link.client.unsubscribe(100);
    link.subscribe(100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll();
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("wanted and not again before anything was sent is nothing", () => {
    const link = subscribedLink([], { endOfRibs: true });
    link.client.subscribe(100);
    link.unsubscribe(100);
    expect(link.take()).toEqual([]);
    link.client.subscribe(100);
    link.client.unsubscribe(100);
    link.subscribe(100);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
  });

  test("left again while the new SUBSCRIBE waits: it is not sent", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    link.unsubscribe(100);
    link.subscribe(100);
    link.unsubscribe(100);
    link.take();
    link.answerAll();
    expect(link.take()).toEqual([]);
  });

  test("several VNIs wait each for their own", () => {
    const link = subscribedLink([100, 200, 300], { endOfRibs: true });
    link.unsubscribe(100);
    link.unsubscribe(200);
    link.subscribe(200, 100);
    expect(link.take()).toEqual(["UNSUBSCRIBE 100", "KEEPALIVE", "UNSUBSCRIBE 200", "KEEPALIVE"]);
    link.answerAll(1);
    expect(link.take()).toEqual(["SUBSCRIBE 100", "KEEPALIVE"]);
    link.answerAll(1);
    expect(link.take()).toEqual(["SUBSCRIBE 200", "KEEPALIVE"]);
  });

  test("UPDATEs and End-of-RIBs between them are not believed", () => {
    const link = subscribedLink([100], { endOfRibs: true });
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
    const link = subscribedLink([100], { endOfRibs: true });
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

// The pacing of writes makes no difference.
describe.each(["auto", "always", "never"] as const)(
  "SUBSCRIBE and UNSUBSCRIBE at a Go server, pacing %s",
  (pacing) => {
    test("a second between UNSUBSCRIBE and SUBSCRIBE, even if the KEEPALIVE is answered at once", () => {
      const link = subscribedLink([100], { endOfRibs: false, pacing });
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
      const link = subscribedLink([], { endOfRibs: false, pacing });
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
      const link = subscribedLink([100], { endOfRibs: false, pacing });
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
      const link = subscribedLink([100], { endOfRibs: true, pacing });
      link.announce(R);
      link.unsubscribe(100);
      link.answerAll();
      link.take();
      link.clock.advance(2_000);
      expect(link.take()).toEqual([]);
    });

    test("nothing of it is left when the connection ends", async () => {
      const link = subscribedLink([100], { endOfRibs: false, pacing });
      link.announce(R);
      link.unsubscribe(100);
      link.subscribe(100);
      link.answerAll();
      link.breakConnection();
      await link.client.stop();
      expect(link.clock.pendingTimers).toBe(0);
    });
  },
);
