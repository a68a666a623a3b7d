/** One server under two names: the client notices by the server's id, keeps one connection, and says so. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ClientBench } from "../support/network/client-bench.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

/** The second name of server 1 is `[::1]:2`. */
async function stage({ settleSeconds = 0, delayMs = 1 } = {}) {
  const bench = new ClientBench({ delayMs });
  const server = await bench.startServer(1, { settleSeconds });
  bench.network.aliases.set("[::1]:2", "[::1]:1");
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (message: string, fields = {}) => warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  return { bench, server, warnings, logger };
}

const SAID =
  'two server addresses lead to the same server; the second connection is closed {"server":"[::1]:2","sameAs":"[::1]:1"}';

describe("a server under two names", () => {
  test("is noticed before it hears anything twice, warned of once, and shown", async () => {
    const { bench, server, warnings, logger } = await stage();
    const a = bench.client([1, 2], { logger }).subscribe(100).announce(R);
    bench.clock.advance(600_000);
    expect(warnings).toEqual([SAID]);
    expect(a.states).toEqual(["established", "retry"]);
    expect(a.client.servers().map(({ lastReason }) => lastReason)).toEqual([
      null,
      { reason: "same-server", detail: "[::1]:1" },
    ]);
    expect(server.stats()).toMatchObject({ peers: 1, routes: 1 });
    // It is looked for each minute, and ends before its handshake: an operator's log of the server shows nothing of it.
    expect(server.stats().counters.connectionsAccepted).toBe(11);
    expect(server.stats().counters.closes).toEqual({ "closed-by-peer": 10 });
  });

  test.each([0, 1, 40])("its own route never comes into its view: %d ms of delay", async (delayMs) => {
    const { bench, logger } = await stage({ delayMs });
    const a = bench.client([1, 2], { logger }).subscribe(100);
    bench.clock.advance(1_000);
    for (let turn = 0; turn < 20; turn++) {
      a.announce(R);
      bench.clock.advance(turn * 7);
      a.withdraw(R);
      bench.clock.advance(turn * 3);
    }
    bench.clock.advance(60_000);
    expect(a.log.takeChanges()).toEqual([]);
  });

  test("makes nobody wait for the second: a view is whole with the one's End-of-RIB", async () => {
    const { bench, logger } = await stage({ settleSeconds: 15 });
    const a = bench.client([1, 2], { logger }).subscribe(100);
    bench.clock.advance(16_000);
    expect(a.client.isComplete(100)).toBe(true);
  });

  test("keeps a connection by the other name when the one leads nowhere any more", async () => {
    const { bench, logger } = await stage();
    const b = bench.client([1]).announce(R);
    const a = bench.client([1, 2], { logger }).subscribe(100);
    bench.clock.advance(1_000);
    expect(a.view).toEqual([R]);
    bench.network.silent.add("[::1]:1");
    bench.network.connections[1]?.break();
    bench.clock.advance(100);
    expect(a.states).toEqual(["retry", "established"]);
    expect([a.view, b.states]).toEqual([[R], ["established"]]);
  });

  test("is two servers again once the name leads to another one", async () => {
    const { bench, logger, warnings } = await stage();
    const a = bench.client([1, 2], { logger }).subscribe(100);
    bench.clock.advance(5_000);
    bench.network.aliases.clear();
    await bench.startServer(2);
    bench.client([2]).announce(Q);
    bench.clock.advance(60_000);
    expect(a.states).toEqual(["established", "established"]);
    expect(a.view).toEqual([Q]);
    expect(warnings).toEqual([SAID]);
  });

  test("one name is taken out: the other one is connected to at once", async () => {
    const { bench, logger } = await stage();
    bench.client([1]).announce(R);
    const a = bench.client([1, 2], { logger }).subscribe(100);
    bench.clock.advance(5_000);
    a.client.removeServer({ host: "::1", port: 1 }, { keepStale: true });
    bench.clock.advance(200);
    expect(a.states).toEqual(["established"]);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    expect(a.view).toEqual([R]);
  });

  test.each([0, 15])(
    "what it told under the other name goes when it has told all under this one: settling for %d s",
    async (settleSeconds) => {
      const { bench, logger } = await stage();
      const staleTimes = { staleTimeMs: 3_600_000, staleTimeAloneMs: 3_600_000 };
      bench.network.silent.add("[::1]:1");
      const a = bench.client([1, 2], { logger, staleTimes }).subscribe(100);
      bench.network.aliases.set("[::1]:3", "[::1]:1");
      const b = bench.client([3]).announce(R, Q);
      bench.clock.advance(1_000);
      expect([a.states, a.view]).toEqual([
        ["connecting", "established"],
        [R, Q],
      ]);
      b.withdraw(R);
      bench.killServer(1);
      bench.clock.advance(60_000);
      bench.network.silent.clear();
      bench.network.silent.add("[::1]:2");
      await bench.startServer(1, { settleSeconds });
      bench.clock.advance(20_000);
      expect(a.states[0]).toBe("established");
      // As far as it can know, the other name leads to another server, which may have it.
      expect(a.view).toEqual([R, Q]);
      bench.network.silent.clear();
      bench.clock.advance(40_000);
      expect([a.states, a.view]).toEqual([["established", "retry"], [Q]]);
    },
  );

  test("no two servers have the same id, nor one after a restart", async () => {
    const bench = new ClientBench();
    await bench.startServer(1);
    await bench.startServer(2);
    const a = bench.client([1, 2]);
    bench.clock.advance(1_000);
    expect(a.states).toEqual(["established", "established"]);
  });
});
