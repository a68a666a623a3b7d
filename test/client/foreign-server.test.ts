/** A client at servers of other make: they echo its own routes and send no end marks; Go's have habits of their own. */
import { describe, expect, test } from "bun:test";
import { formatRoute } from "../../src/route/announcement.ts";
import { ClientBench, serverEndpoint } from "../support/client-bench.ts";
import { ForeignServer, type ForeignServerOptions } from "../support/foreign-server.ts";
import { manyRoutes } from "../support/many-routes.ts";
import { ScriptedLink } from "../support/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

function startForeign(
  { clock, network }: ClientBench,
  port: number,
  options: Partial<ForeignServerOptions> = {},
): Promise<ForeignServer> {
  return ForeignServer.start({ clock, network, endpoint: serverEndpoint(port), ...options });
}

describe("echoes", () => {
  test("of our own routes are no events, and gone with our withdrawal though they are never withdrawn", async () => {
    const bench = new ClientBench();
    const server = await startForeign(bench, 1);
    const a = bench.client([1]).announce(R);
    bench.clock.advance(1_000);
    a.subscribe(100);
    bench.clock.advance(1_000);
    expect([...server.routes.keys()]).toEqual([R]);
    a.withdraw(R);
    bench.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([]);
    expect(a.view).toEqual([]);
    expect(server.routes.size).toBe(0);
  });

  test("withdrawn while the echo is under way", async () => {
    const bench = new ClientBench({ delayMs: 100 });
    const server = await startForeign(bench, 1);
    const a = bench.client([1]).announce(R);
    bench.clock.advance(2_000);
    a.subscribe(100);
    bench.clock.advance(150);
    a.withdraw(R);
    bench.clock.advance(60_000);
    expect(a.log.takeChanges()).toEqual([]);
    server.announce(R);
    bench.clock.advance(1_000);
    expect(a.view).toEqual([R]);
  });

  test("what others announce too stays hidden only as long as we announce it: at a server with exact views", async () => {
    const bench = new ClientBench();
    const foreign = await startForeign(bench, 1);
    await bench.startServer(2);
    const b = bench.client([2]).announce(R);
    const a = bench.client([1, 2]).subscribe(100).announce(R);
    foreign.announce(Q);
    bench.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`+ ${Q}`]);
    a.withdraw(R);
    bench.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    b.withdraw(R);
    bench.clock.advance(1_000);
    expect(a.log.takeChanges()).toEqual([`- ${R}`]);
    expect(foreign.harm).toEqual([]);
  });
});

describe("a server without end marks returns", () => {
  /** The client has R and Q of server 1, which restarts, has R again and Q no more. */
  async function restarted(
    delayMs = 0,
  ): Promise<{ bench: ClientBench; log: () => string[]; server: ForeignServer }> {
    const bench = new ClientBench({ delayMs });
    const before = await startForeign(bench, 1);
    before.announce(R, Q);
    const { log } = bench.client([1], { retry: { minMs: 5_000, maxMs: 5_000 } }).subscribe(100);
    bench.clock.advance(1_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    before.stop();
    bench.clock.advance(1_000);
    const server = await startForeign(bench, 1);
    return { bench, log: () => log.takeChanges(), server };
  }

  test("what it does not confirm goes 15 s after ESTABLISHED", async () => {
    const { bench, log, server } = await restarted();
    server.announce(R);
    bench.clock.advance(4_000 + 14_900);
    expect(log()).toEqual([]);
    bench.clock.advance(200);
    expect(log()).toEqual([`- ${Q}`]);
  });

  test("but not before a second has passed without a confirmation", async () => {
    const { bench, log, server } = await restarted();
    bench.clock.advance(4_000 + 14_500);
    server.announce(R);
    bench.clock.advance(900);
    expect(log()).toEqual([]);
    bench.clock.advance(700);
    expect(log()).toEqual([`- ${Q}`]);
  });

  test("new routes are no confirmation, and do not put it off", async () => {
    const { bench, log, server } = await restarted();
    bench.clock.advance(4_000 + 14_900);
    server.announce(R, "100 ::/0 via 2001:db8::9");
    bench.clock.advance(200);
    expect(log()).toEqual(["+ 100 ::/0 via 2001:db8::9"]);
    server.announce("100 ::/0 via 2001:db8::8");
    bench.clock.advance(900);
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

  test("at the latest when the hold time ends", async () => {
    const bench = new ClientBench();
    const before = await startForeign(bench, 1);
    const routes = manyRoutes(100).map(formatRoute);
    before.announce(R, ...routes);
    const hold = { holdMs: 30_000, holdAloneMs: Number.POSITIVE_INFINITY };
    const { log } = bench.client([1], { hold, retry: { minMs: 5_000, maxMs: 5_000 } }).subscribe(100);
    bench.clock.advance(1_000);
    log.takeChanges();
    before.stop();
    bench.clock.advance(1_000);
    const server = await startForeign(bench, 1);
    bench.clock.advance(4_000);
    // Two a second are confirmed: never a quiet second.
    for (let half = 0; half < 58; half++) {
      server.announce(...routes.slice(half, half + 1));
      bench.clock.advance(500);
    }
    expect(log.takeChanges()).toEqual([]);
    bench.clock.advance(1_000);
    expect(log.view.length).toBe(58);
  });
});

describe("Go's habits", () => {
  test("UNSUBSCRIBE takes our announcements along: they are back a second later", async () => {
    const bench = new ClientBench({ delayMs: 10 });
    const server = await startForeign(bench, 1, { unsubscribeWithdraws: true });
    const a = bench.client([1]).subscribe(100).announce(R, OTHER);
    const b = bench.client([1]).subscribe(100, 200);
    bench.clock.advance(2_000);
    a.client.unsubscribe(100);
    bench.clock.advance(100);
    expect([...server.routes.keys()]).toEqual([OTHER]);
    bench.clock.advance(1_000);
    expect([...server.routes.keys()].sort()).toEqual([R, OTHER]);
    expect(b.view).toEqual([R, OTHER]);
    expect(server.harm).toEqual([]);
  });

  test("never a second SUBSCRIBE, never SUBSCRIBE and UNSUBSCRIBE close together", async () => {
    const bench = new ClientBench({ delayMs: 10 });
    const server = await startForeign(bench, 1, { unsubscribeWithdraws: true });
    server.announce(R);
    const a = bench.client([1]);
    for (let turn = 0; turn < 301; turn++) {
      if (turn % 2 === 0) a.subscribe(100);
      else a.client.unsubscribe(100);
      bench.clock.advance(37 * (turn % 7));
    }
    bench.clock.advance(5_000);
    expect(server.harm).toEqual([]);
    expect(a.view).toEqual([R]);
  });

  const reader = { framesPerSecond: 10_000 };

  test("50,000 announcements never fill a read nor end one inside a frame", async () => {
    const bench = new ClientBench({ delayMs: 1 });
    const server = await startForeign(bench, 1, reader);
    const a = bench.client([1]).subscribe(200);
    for (const route of manyRoutes(50_000)) a.client.announce(route);
    bench.clock.advance(20_000);
    expect(server.harm).toEqual([]);
    expect(server.routes.size).toBe(50_000);
    expect(a.log.takeStates().at(-1)).toBe("[::1]:1 established");
    await bench.until(a.client.stop(20_000));
    bench.clock.advance(100);
    expect(server.harm).toEqual([]);
    expect(server.routes.size).toBe(0);
  }, 60_000);

  test("at full speed they would", async () => {
    const bench = new ClientBench({ delayMs: 1 });
    const server = await startForeign(bench, 1, reader);
    const a = bench.client([1]).subscribe(200);
    bench.clock.advance(1_000);
    for (const peer of server.peers) peer.send("END 200");
    bench.clock.advance(100);
    for (const route of manyRoutes(5_000)) a.client.announce(route);
    bench.clock.advance(5_000);
    expect(server.harm).toContain("a read of 65536 bytes");
    expect(server.harm).toContain("a read that ends inside a frame");
  });
});
