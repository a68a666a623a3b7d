import { describe, expect, test } from "bun:test";
import { subscribedLink } from "../../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const R2 = "100 10.0.1.0/24 via 2001:db8::2";
const R3 = "100 10.0.1.0/24 via 2001:db8::3";
const Q = "100 10.0.2.0/24 via 2001:db8::1";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("only what differs is sent", () => {
  test("announced and withdrawn before there was room is nothing", () => {
    const link = subscribedLink([100], { endOfRibs: true });
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
    const link = subscribedLink([100], { endOfRibs: true });
    link.announce(R);
    link.makeRoom(0);
    link.announce(Q);
    link.withdraw(R);
    link.announce(R);
    link.take();
    link.makeRoom();
    expect(link.take()).toEqual([`ADD ${Q}`]);
  });

  test("a destination that moves twice before there is room never goes without a hop", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    link.announce(R);
    link.take();
    link.makeRoom(0);
    link.announce(Q);
    link.announce(R2);
    link.withdraw(R);
    link.announce(R3);
    link.withdraw(R2);
    link.makeRoom();
    expect(link.take()).toEqual([`ADD ${Q}`, `ADD ${R3}; REMOVE ${R}`]);
  });
});

// The pacing of writes makes no difference.
describe.each(["auto", "always", "never"] as const)("echoes under way, pacing %s", (pacing) => {
  test("an ADD of what we have just withdrawn is not believed before the KEEPALIVE behind is answered", () => {
    const link = subscribedLink([100], { endOfRibs: false, pacing });
    link.announce(R);
    link.withdraw(R);
    expect(link.take()).toEqual([`ADD ${R}`, `REMOVE ${R}`, "KEEPALIVE"]);
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([]);
    link.answerAll();
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([`+ ${R}`]);
  });

  test("the End-of-RIB shows that it was none", () => {
    const link = subscribedLink([100], { endOfRibs: false, pacing });
    link.announce(R, Q);
    link.say(`ADD ${R}`);
    link.withdraw(R, Q);
    link.say(`ADD ${Q}`);
    expect(link.log.takeChanges()).toEqual([]);
    link.say("END 100");
    expect(link.log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`].sort());
  });

  test("announced again meanwhile: the last REMOVE counts", () => {
    const link = subscribedLink([100], { endOfRibs: false, pacing });
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

  test("a BunBond sends none: an ADD of what we have withdrawn is another client's, and no KEEPALIVE is needed", () => {
    const link = subscribedLink([100], { endOfRibs: true, pacing });
    link.announce(R);
    link.withdraw(R);
    expect(link.take()).toEqual([`ADD ${R}`, `REMOVE ${R}`]);
    link.say(`ADD ${R}`);
    expect(link.log.takeChanges()).toEqual([`+ ${R}`]);
  });
});
