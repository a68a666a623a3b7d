/** A client at servers of other make: they echo its own routes and send no End-of-RIBs; Go's have habits of their own. */
import { describe, expect, test } from "bun:test";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { manyRoutes } from "../support/models/many-routes.ts";
import { SeededRandom } from "../support/models/random.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer, type ForeignServerOptions } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

function startForeign(
  { clock, network }: ClientRig,
  port: number,
  options: Partial<ForeignServerOptions> = {},
): Promise<ForeignServer> {
  return ForeignServer.start({ clock, network, endpoint: serverEndpoint(port), ...options });
}

describe("echoes", () => {
  test("of our own routes are no events, and gone with our withdrawal though they are never withdrawn", async () => {
    const rig = new ClientRig();
    const server = await startForeign(rig, 1);
    const a = rig.client([1]).announce(R);
    rig.clock.advance(1_000);
    a.subscribe(100);
    rig.clock.advance(1_000);
    expect([...server.routes.keys()]).toEqual([R]);
    a.withdraw(R);
    rig.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([]);
    expect(a.view).toEqual([]);
    expect(server.routes.size).toBe(0);
  });

  test("withdrawn while the echo is under way", async () => {
    const rig = new ClientRig({ delayMs: 100 });
    const server = await startForeign(rig, 1);
    const a = rig.client([1]).announce(R);
    rig.clock.advance(2_000);
    a.subscribe(100);
    rig.clock.advance(150);
    a.withdraw(R);
    rig.clock.advance(60_000);
    expect(a.log.takeChanges()).toEqual([]);
    server.announce(R);
    rig.clock.advance(1_000);
    expect(a.view).toEqual([R]);
  });

  test("what others announce too stays hidden only as long as we announce it: at a server with exact views", async () => {
    const rig = new ClientRig();
    const foreign = await startForeign(rig, 1);
    await rig.startServer(2);
    const b = rig.client([2]).announce(R);
    const a = rig.client([1, 2]).subscribe(100).announce(R);
    foreign.announce(Q);
    rig.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`+ ${Q}`]);
    a.withdraw(R);
    rig.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    b.withdraw(R);
    rig.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`- ${R}`]);
    expect(foreign.harm).toEqual([]);
  });
});

describe("what we announced and withdrew, and somebody else announces too", () => {
  /** Of Go's make, or of rustbond's, or a BunBond that has not settled; and who is the other announcer there. */
  const MAKES = {
    Go: async (rig: ClientRig) => {
      const server = await startForeign(rig, 1, { unsubscribeWithdraws: true });
      return { others: server, harm: server.harm };
    },
    "a young BunBond": async (rig: ClientRig) => {
      await rig.startServer(1, { settleSeconds: 30 });
      const other = rig.client([1]);
      rig.clock.advance(1_000);
      const others = {
        announce: (route: string) => other.announce(route),
        withdraw: (route: string) => other.withdraw(route),
      };
      return { others, harm: [] };
    },
  };

  describe.each(Object.entries(MAKES))("%s", (_, start) => {
    test("is never missed when it was there before", async () => {
      const rig = new ClientRig({ delayMs: 5 });
      const { others, harm } = await start(rig);
      const a = rig.client([1]).subscribe(100);
      others.announce(R);
      rig.clock.advance(3_000);
      expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
      a.announce(R);
      rig.clock.advance(3_000);
      expect(a.log.takeChanges()).toEqual([`- ${R}`]);
      a.withdraw(R);
      expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
      rig.clock.advance(120_000);
      expect(a.log.takeChanges()).toEqual([]);
      others.withdraw(R);
      rig.clock.advance(1_000);
      expect(a.log.takeChanges()).toEqual([`- ${R}`]);
      expect(harm).toEqual([]);
    });

    test("comes when it was announced while we did", async () => {
      const rig = new ClientRig({ delayMs: 5 });
      const { others, harm } = await start(rig);
      const a = rig.client([1]).announce(R).subscribe(100);
      rig.clock.advance(1_000);
      others.announce(R);
      rig.clock.advance(3_000);
      a.withdraw(R);
      rig.clock.advance(5_000);
      expect(a.view).toEqual([R]);
      others.withdraw(R);
      rig.clock.advance(1_000);
      expect(a.view).toEqual([]);
      expect(harm).toEqual([]);
    });

    test("comes when it is announced just after our withdrawal, where it may be an echo", async () => {
      const rig = new ClientRig({ delayMs: 100 });
      const { others } = await start(rig);
      const a = rig.client([1]).subscribe(100).announce(R);
      rig.clock.advance(3_000);
      a.withdraw(R);
      rig.clock.advance(50);
      others.announce(R);
      rig.clock.advance(5_000);
      expect(a.view).toEqual([R]);
    });

    test("does not stay when its other announcer has gone while we announced it", async () => {
      const rig = new ClientRig({ delayMs: 5 });
      const { others } = await start(rig);
      const a = rig.client([1]).subscribe(100);
      others.announce(R);
      rig.clock.advance(3_000);
      a.announce(R);
      rig.clock.advance(3_000);
      others.withdraw(R);
      rig.clock.advance(3_000);
      a.withdraw(R);
      rig.clock.advance(5_000);
      expect(a.view).toEqual([]);
    });

    test("does not stay when it is told again and withdrawn before our withdrawal is read", async () => {
      const rig = new ClientRig({ delayMs: 100 });
      const { others } = await start(rig);
      const a = rig.client([1]).subscribe(100);
      others.announce(R);
      rig.clock.advance(3_000);
      a.announce(R);
      rig.clock.advance(3_000);
      others.withdraw(R);
      rig.clock.advance(3_000);
      others.announce(R);
      rig.clock.advance(10);
      a.withdraw(R);
      rig.clock.advance(10);
      others.withdraw(R);
      rig.clock.advance(10_000);
      expect(a.view).toEqual([]);
    });
  });

  test("is asked for by a connection of its own, which takes nothing away from anybody", async () => {
    const rig = new ClientRig({ delayMs: 5 });
    const server = await startForeign(rig, 1, { unsubscribeWithdraws: true });
    server.announce(R);
    const b = rig.client([1]).subscribe(100, 200);
    const a = rig.client([1]).subscribe(100).announce(R, Q, OTHER);
    rig.clock.advance(3_000);
    b.log.takeChanges();
    a.withdraw(R);
    rig.clock.advance(60_000);
    expect(a.view).toEqual([R]);
    expect(b.log.takeChanges()).toEqual([]);
    expect([...server.routes.keys()].sort()).toEqual([R, OTHER, Q].sort());
    expect(server.harm).toEqual([]);
    // Two clients, and the one that asked.
    expect(rig.network.connections).toHaveLength(3);
    expect(server.peers.size).toBe(2);
  });

  test("nothing is asked where the server has told nothing of it", async () => {
    const rig = new ClientRig({ delayMs: 5 });
    await startForeign(rig, 1);
    const a = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    a.announce(R);
    rig.clock.advance(1_000);
    a.withdraw(R);
    rig.clock.advance(60_000);
    expect(rig.network.connections).toHaveLength(1);
  });

  test("a server that cannot be asked is asked again", async () => {
    const rig = new ClientRig({ delayMs: 5 });
    const server = await startForeign(rig, 1);
    const a = rig.client([1]).announce(R).subscribe(100);
    server.announce(R);
    rig.clock.advance(3_000);
    a.withdraw(R);
    rig.clock.advance(900);
    rig.network.silent.add("[::1]:1");
    rig.clock.advance(20_000);
    expect(a.view).toEqual([]);
    rig.network.silent.clear();
    rig.clock.advance(15_000);
    expect(a.view).toEqual([R]);
  });

  test("a thousand are asked for at once", async () => {
    const rig = new ClientRig({ delayMs: 5 });
    const server = await startForeign(rig, 1);
    const routes = manyRoutes(1_000).map(formatRoute);
    server.announce(...routes.slice(0, 500));
    const a = rig
      .client([1])
      .announce(...routes)
      .subscribe(100);
    rig.clock.advance(10_000);
    a.client.drain();
    rig.clock.advance(10_000);
    expect(a.view).toEqual(routes.slice(0, 500).sort());
    expect(rig.network.connections).toHaveLength(2);
  });

  test("rustbond forgets it with our withdrawal: what it tells everybody is believed", async () => {
    const rig = new ClientRig({ delayMs: 5 });
    const server = await startForeign(rig, 1, { removesForAnyone: true });
    server.announce(R);
    const b = rig.client([1]).subscribe(100);
    const a = rig.client([1]).subscribe(100);
    rig.clock.advance(3_000);
    a.announce(R);
    rig.clock.advance(3_000);
    a.withdraw(R);
    rig.clock.advance(10_000);
    expect([a.view, b.view]).toEqual([[], []]);
  });

  test("in any order of these, everybody's view is right in the end", async () => {
    const { BUNBOND_SEED } = process.env;
    const seed = Number(BUNBOND_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`150 schedules of double announcements, BUNBOND_SEED=${seed}`);
    const random = new SeededRandom(seed);
    for (let schedule = 0; schedule < 150; schedule++) {
      const rig = new ClientRig({ seed: random.word(), delayMs: () => random.below(60) });
      const server = await startForeign(rig, 1, { unsubscribeWithdraws: random.chance(0.5) });
      const clients = [rig.client([1]), rig.client([1])];
      const own = clients.map(() => new Set<string>());
      const elsewhere = new Set<string>();
      for (let step = 0; step < 25; step++) {
        const route = random.pick([R, Q]);
        const who = random.below(3);
        const client = clients[who];
        const announced = own[who] ?? elsewhere;
        const isAdded = random.chance(0.5);
        if (isAdded === announced.has(route)) continue;
        if (isAdded) announced.add(route);
        else announced.delete(route);
        if (client === undefined) {
          if (isAdded) server.announce(route);
          else server.withdraw(route);
        } else if (isAdded) client.announce(route);
        else client.withdraw(route);
        if (random.chance(0.2)) for (const each of clients) each.subscribe(100);
        rig.clock.advance(random.pick([0, 0, 20, 100, 1_000, 3_000]));
      }
      for (const each of clients) each.subscribe(100);
      rig.clock.advance(30_000);
      for (const [who, client] of clients.entries()) {
        const others = new Set([...elsewhere, ...(own[1 - who] ?? [])]);
        const expected = [...others].filter((route) => !own[who]?.has(route)).sort();
        expect([schedule, who, client.view]).toEqual([schedule, who, expected]);
      }
      expect(server.harm).toEqual([]);
    }
  });
});

describe("a server without End-of-RIBs returns", () => {
  /** The client has R and Q of server 1, which restarts, has R again and Q no more. */
  async function restarted(
    delayMs = 0,
  ): Promise<{ rig: ClientRig; log: () => string[]; server: ForeignServer }> {
    const rig = new ClientRig({ delayMs });
    const before = await startForeign(rig, 1);
    before.announce(R, Q);
    const { log } = rig.client([1], { retry: { minMs: 5_000, maxMs: 5_000 } }).subscribe(100);
    rig.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    before.stop();
    rig.clock.advance(1_000);
    const server = await startForeign(rig, 1);
    return { rig, log: () => log.takeChanges(), server };
  }

  test("what it does not confirm goes 15 s after ESTABLISHED", async () => {
    const { rig, log, server } = await restarted();
    server.announce(R);
    rig.clock.advance(4_000 + 14_900);
    expect(log()).toEqual([]);
    rig.clock.advance(200);
    expect(log()).toEqual([`- ${Q}`]);
  });

  test("but not before a second has passed without a confirmation", async () => {
    const { rig, log, server } = await restarted();
    rig.clock.advance(4_000 + 14_500);
    server.announce(R);
    rig.clock.advance(900);
    expect(log()).toEqual([]);
    rig.clock.advance(700);
    expect(log()).toEqual([`- ${Q}`]);
  });

  test("new routes are no confirmation, and do not put it off", async () => {
    const { rig, log, server } = await restarted();
    rig.clock.advance(4_000 + 14_900);
    server.announce(R, "100 ::/0 via 2001:db8::9");
    rig.clock.advance(200);
    expect(log()).toEqual(["+ 100 ::/0 via 2001:db8::9"]);
    server.announce("100 ::/0 via 2001:db8::8");
    rig.clock.advance(900);
    expect(log()).toEqual(["+ 100 ::/0 via 2001:db8::8", `- ${Q}`]);
  });

  test("nor before it has answered a KEEPALIVE sent behind the last of the SUBSCRIBEs", () => {
    const link = new ScriptedLink({ keepaliveSeconds: 60 });
    const vnis = Array.from({ length: 300 }, (_, n) => 10_000 + n);
    const ofLast = "10299 ::/0 via 2001:db8::1";
    link.subscribe(...vnis);
    link.establish(60);
    link.say(`ADD ${ofLast}`);
    link.breakConnection();
    link.clock.advance(5_000);
    link.establish(60);
    expect(link.take().filter((frames) => frames.startsWith("SUBSCRIBE")).length).toBeGreaterThan(1);
    link.answerAll(1);
    link.clock.advance(30_000);
    expect(link.log.takeChanges()).toEqual([`+ ${ofLast}`]);
    link.answerAll();
    link.clock.advance(1_000);
    expect(link.log.takeChanges()).toEqual([`- ${ofLast}`]);
  });

  test("nor before all of them are written", () => {
    const link = new ScriptedLink({ keepaliveSeconds: 60 });
    link.subscribe(...Array.from({ length: 300 }, (_, n) => 10_000 + n));
    link.establish(60);
    link.say(`ADD ${R}`, "ADD 10299 ::/0 via 2001:db8::1");
    link.breakConnection();
    link.clock.advance(5_000);
    link.log.takeChanges();
    link.roomBytes = 1_450;
    link.establish(60);
    link.answerAll();
    link.clock.advance(30_000);
    expect(link.log.takeChanges()).toEqual([]);
  });

  test("at the latest when the stale time ends", async () => {
    const rig = new ClientRig();
    const before = await startForeign(rig, 1);
    const routes = manyRoutes(100).map(formatRoute);
    before.announce(R, ...routes);
    const staleTimes = { staleTimeMs: 30_000, staleTimeAloneMs: Number.POSITIVE_INFINITY };
    const { log } = rig.client([1], { staleTimes, retry: { minMs: 5_000, maxMs: 5_000 } }).subscribe(100);
    rig.clock.advance(1_000);
    log.takeChanges();
    before.stop();
    rig.clock.advance(1_000);
    const server = await startForeign(rig, 1);
    rig.clock.advance(4_000);
    // Two a second are confirmed: never a quiet second.
    for (let half = 0; half < 58; half++) {
      server.announce(...routes.slice(half, half + 1));
      rig.clock.advance(500);
    }
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(1_000);
    expect(log.view.length).toBe(58);
  });
});

describe("Go's habits", () => {
  test("UNSUBSCRIBE takes our announcements along: they are back a second later", async () => {
    const rig = new ClientRig({ delayMs: 10 });
    const server = await startForeign(rig, 1, { unsubscribeWithdraws: true });
    const a = rig.client([1]).subscribe(100).announce(R, OTHER);
    const b = rig.client([1]).subscribe(100, 200);
    rig.clock.advance(2_000);
    a.client.unsubscribe(100);
    rig.clock.advance(100);
    expect([...server.routes.keys()]).toEqual([OTHER]);
    rig.clock.advance(1_000);
    expect([...server.routes.keys()].sort()).toEqual([R, OTHER]);
    expect(b.view).toEqual([R, OTHER]);
    expect(server.harm).toEqual([]);
  });

  test("never a second SUBSCRIBE, never SUBSCRIBE and UNSUBSCRIBE close together", async () => {
    const rig = new ClientRig({ delayMs: 10 });
    const server = await startForeign(rig, 1, { unsubscribeWithdraws: true });
    server.announce(R);
    const a = rig.client([1]);
    for (let turn = 0; turn < 301; turn++) {
      if (turn % 2 === 0) a.subscribe(100);
      else a.client.unsubscribe(100);
      rig.clock.advance(37 * (turn % 7));
    }
    rig.clock.advance(5_000);
    expect(server.harm).toEqual([]);
    expect(a.view).toEqual([R]);
  });

  const reader = { framesPerSecond: 10_000 };

  test("50,000 announcements never fill a read nor end one inside a frame", async () => {
    const rig = new ClientRig({ delayMs: 1 });
    const server = await startForeign(rig, 1, reader);
    const a = rig.client([1]).subscribe(200);
    for (const route of manyRoutes(50_000)) a.client.announce(route);
    rig.clock.advance(20_000);
    expect(server.harm).toEqual([]);
    expect(server.routes.size).toBe(50_000);
    expect(a.log.takeStates().at(-1)).toBe("[::1]:1 established");
    await rig.until(a.client.stop(20_000));
    rig.clock.advance(100);
    expect(server.harm).toEqual([]);
    expect(server.routes.size).toBe(0);
  }, 60_000);

  test("at full speed they would", async () => {
    const rig = new ClientRig({ delayMs: 1 });
    const server = await startForeign(rig, 1, reader);
    const a = rig.client([1]).subscribe(200);
    rig.clock.advance(1_000);
    for (const peer of server.peers) peer.send("END 200");
    rig.clock.advance(100);
    for (const route of manyRoutes(5_000)) a.client.announce(route);
    rig.clock.advance(5_000);
    expect(server.harm).toContain("a read of 65536 bytes");
    expect(server.harm).toContain("a read that ends inside a frame");
  });
});
