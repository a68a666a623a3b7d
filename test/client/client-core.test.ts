/** One client, one server: connecting, and what it is told and tells while it is connected. */
import { describe, expect, test } from "bun:test";
import { routeOfText } from "../support/models/frame-text.ts";
import { SeededRandom } from "../support/models/random.ts";
import { ClientBench, serverEndpoint } from "../support/network/client-bench.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { ScriptedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";

describe("connecting", () => {
  test("connecting, handshake, established", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const { client, log, states } = bench.client([1]);
    expect(states).toEqual(["connecting"]);
    bench.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake", "[::1]:1 established"]);
    expect(client.servers()).toMatchObject([
      { server: serverEndpoint(1), state: "established", lastReason: null },
    ]);
  });

  test("refused: tried again for ever, each time after 5 to 10 s", () => {
    const bench = new ClientBench();
    const triedMs: number[] = [];
    const { log } = bench.client([1]);
    for (let second = 0; second < 7_200; second++) {
      bench.clock.advance(100);
      for (const state of log.takeStates())
        if (state.endsWith(" connecting")) triedMs.push(bench.clock.nowMs());
    }
    const waitsMs = triedMs.slice(1).map((atMs, index) => atMs - (triedMs[index] ?? 0));
    expect(waitsMs.length).toBeGreaterThan(72);
    expect(Math.min(...waitsMs)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...waitsMs)).toBeLessThanOrEqual(10_100);
    expect(new Set(waitsMs).size).toBeGreaterThan(10);
  });

  test("the bounds of the wait can be set, and the reason is told", () => {
    const bench = new ClientBench();
    const { log, client } = bench.client([1], { retry: { minMs: 300, maxMs: 300 } });
    bench.clock.advance(250);
    const refused = "[::1]:1 retry: connect-failed (connection refused)";
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    bench.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", refused]);
    expect(client.servers()[0]?.lastReason).toEqual({
      reason: "connect-failed",
      detail: "connection refused",
    });
  });

  test("a silent address: given up after 2.5 intervals, and one that answers later is taken next time", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    bench.network.silent.add("[::1]:1");
    const { log } = bench.client([1], { keepaliveSeconds: 2 });
    bench.clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting"]);
    bench.clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: connect-timeout"]);
    bench.network.silent.clear();
    bench.clock.advance(10_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("a connection that comes to be after it was given up is not used", async () => {
    const bench = new ClientBench({ delayMs: 6_000 });
    const server = await bench.startServer(1);
    const { log } = bench.client([1], { keepaliveSeconds: 2, retry: { minMs: 60_000, maxMs: 60_000 } });
    bench.clock.advance(30_000);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 retry: connect-timeout"]);
    expect(server.stats().peers).toBe(0);
  });

  test("a server that accepts and says nothing: given up after 2.5 intervals, again and again", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1), isMute: true });
    const { log } = bench.client([1], { keepaliveSeconds: 2 });
    clock.advance(4_999);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake"]);
    clock.advance(1);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: handshake-timeout"]);
    clock.advance(10_000);
    expect(log.takeStates()).toContain("[::1]:1 handshake");
  });

  test("a server that is down at the start and comes later is told everything", async () => {
    const bench = new ClientBench();
    const { log } = bench.client([1]).subscribe(100).announce(OTHER);
    bench.clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
    const server = await bench.startServer(1);
    bench.client([1]).announce(R);
    bench.clock.advance(10_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect([...server.routes()].length).toBe(2);
  });

  test("a server that falls silent is left after 2.5 intervals, and found again", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const { log } = bench.client([1], { keepaliveSeconds: 2 }).subscribe(100);
    bench.client([1]).announce(R);
    bench.clock.advance(1_000);
    log.takeStates();
    bench.setStalled(1, true);
    bench.clock.advance(5_000);
    expect(log.takeStates()).toEqual(["[::1]:1 retry: keepalive-timeout"]);
    bench.clock.advance(30_000);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
    expect(log.view).toEqual([R]);
  });

  test("a server given twice is one", () => {
    const bench = new ClientBench();
    expect(bench.client([1, 2, 1]).client.servers().length).toBe(2);
  });

  test("started twice it connects once", async () => {
    const bench = new ClientBench();
    const server = await bench.startServer(1);
    const { client } = bench.client([1]);
    client.start();
    bench.clock.advance(20_000);
    client.start();
    bench.clock.advance(20_000);
    expect(server.stats().counters.connectionsAccepted).toBe(1);
  });
});

describe("subscriptions and announcements", () => {
  test("what one announces another receives, and its withdrawal", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const a = bench.client([1]).announce(R);
    const b = bench.client([1]).subscribe(100);
    bench.clock.advance(1_000);
    a.announce(Q, OTHER);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    a.withdraw(R);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    expect(b.view).toEqual([Q]);
  });

  test("told twice is told once, and says so", () => {
    const { client } = new ClientBench().client([]);
    const route = routeOfText(R);
    expect([client.subscribe(100), client.subscribe(100)]).toEqual([true, false]);
    expect([client.unsubscribe(100), client.unsubscribe(100)]).toEqual([true, false]);
    expect([client.announce(route), client.announce(routeOfText(R))]).toEqual([true, false]);
    expect([...client.announcements()]).toEqual([route]);
    expect([client.withdraw(routeOfText(R)), client.withdraw(route)]).toEqual([true, false]);
  });

  test("what is wanted during the handshake is told", async () => {
    const bench = new ClientBench({ delayMs: 50 });
    await bench.startServer(1);
    const a = bench.client([1]);
    const b = bench.client([1]);
    bench.clock.advance(100);
    expect(a.states).toEqual(["handshake"]);
    a.announce(R);
    b.subscribe(100);
    bench.clock.advance(1_000);
    expect(b.view).toEqual([R]);
  });

  test("leaving a VNI takes its routes out of view at once, and no others", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    const a = bench.client([1]).announce(R, OTHER);
    const b = bench.client([1]).subscribe(100, 200);
    bench.clock.advance(1_000);
    b.log.takeChanges();
    b.client.unsubscribe(100);
    expect(b.log.takeChanges()).toEqual([`- ${R}`]);
    a.withdraw(R).announce(Q);
    bench.clock.advance(1_000);
    expect(b.log.takeChanges()).toEqual([]);
    b.subscribe(100);
    bench.clock.advance(1_000);
    expect(b.view).toEqual([Q, OTHER]);
  });

  test("UPDATEs of a VNI without subscription are ignored", async () => {
    const bench = new ClientBench();
    const { clock, network } = bench;
    const server = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(1) });
    const { log } = bench.client([1]).subscribe(200);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`ADD ${R}`);
    clock.advance(1_000);
    for (const peer of server.peers) peer.send(`REMOVE ${R}`);
    clock.advance(1_000);
    expect(log.takeChanges()).toEqual([]);
    expect(log.takeStates().at(-1)).toBe("[::1]:1 established");
  });

  test("a useless UPDATE is skipped, told of once, and harms nothing", () => {
    const warnings: unknown[] = [];
    const note = () => {};
    const logger = {
      debug: note,
      info: note,
      error: note,
      warn: (...line: unknown[]) => warnings.push(line),
    };
    const link = new ScriptedLink({ logger });
    link.subscribe(100);
    link.establish();
    const useless = "ADD 100 10.0.1.0/33 via 2001:db8::1";
    link.say(useless, `ADD ${R}`, useless);
    expect(link.log.view).toEqual([R]);
    expect(warnings).toEqual([
      [expect.stringContaining("update skipped"), { server: "[::1]:1", code: "BAD_PREFIX_LENGTH" }],
    ]);
  });

  test("no phantom, however subscriptions and routes change while frames are under way", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const bench = new ClientBench({ seed, delayMs: () => random.below(300) });
      await bench.startServer(1);
      const a = bench.client([1]);
      const b = bench.client([1]).subscribe(100);
      bench.clock.advance(2_000);
      for (let turn = 0; turn < 40; turn++) {
        const route = random.pick([R, Q]);
        if (random.chance(0.5)) a.announce(route);
        else a.withdraw(route);
        if (random.chance(0.5)) b.subscribe(100);
        else b.client.unsubscribe(100);
        bench.clock.advance(random.below(400));
      }
      a.withdraw(Q).announce(R);
      b.subscribe(100);
      bench.clock.advance(5_000);
      expect([seed, b.view]).toEqual([seed, [R]]);
    }
  });
});
