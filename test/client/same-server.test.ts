/** One server under two names: the client notices by the server's id, keeps one connection, and says so. */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ClientRig } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

/** The second name of server 1 is `[::1]:2`. */
async function setup({ settleSeconds = 0, delayMs = 1 } = {}) {
  const rig = new ClientRig({ delayMs });
  const server = await rig.startServer(1, { settleSeconds });
  rig.network.aliases.set("[::1]:2", "[::1]:1");
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (message: string, fields = {}) => warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  return { rig, server, warnings, logger };
}

const SAID =
  'two server addresses lead to the same server; the second connection is closed {"server":"[::1]:2","sameAs":"[::1]:1"}';

describe("a server under two names", () => {
  test("is noticed before it hears anything twice, warned of once, and shown", async () => {
    const { rig, server, warnings, logger } = await setup();
    const a = rig.client([1, 2], { logger }).subscribe(100).announce(R);
    rig.clock.advance(600_000);
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
    const { rig, logger } = await setup({ delayMs });
    const a = rig.client([1, 2], { logger }).subscribe(100);
    rig.clock.advance(1_000);
    for (let turn = 0; turn < 20; turn++) {
      a.announce(R);
      rig.clock.advance(turn * 7);
      a.withdraw(R);
      rig.clock.advance(turn * 3);
    }
    rig.clock.advance(60_000);
    expect(a.log.takeChanges()).toEqual([]);
  });

  test("makes nobody wait for the second: a view is whole with the one's End-of-RIB", async () => {
    const { rig, logger } = await setup({ settleSeconds: 15 });
    const a = rig.client([1, 2], { logger }).subscribe(100);
    rig.clock.advance(16_000);
    expect(a.client.isComplete(100)).toBe(true);
  });

  test("keeps a connection by the other name when the one leads nowhere any more", async () => {
    const { rig, logger } = await setup();
    const b = rig.client([1]).announce(R);
    const a = rig.client([1, 2], { logger }).subscribe(100);
    rig.clock.advance(1_000);
    expect(a.view).toEqual([R]);
    rig.network.silent.add("[::1]:1");
    rig.network.connections[1]?.break();
    rig.clock.advance(100);
    expect(a.states).toEqual(["retry", "established"]);
    expect([a.view, b.states]).toEqual([[R], ["established"]]);
  });

  test("is two servers again once the name leads to another one", async () => {
    const { rig, logger, warnings } = await setup();
    const a = rig.client([1, 2], { logger }).subscribe(100);
    rig.clock.advance(5_000);
    rig.network.aliases.clear();
    await rig.startServer(2);
    rig.client([2]).announce(Q);
    rig.clock.advance(60_000);
    expect(a.states).toEqual(["established", "established"]);
    expect(a.view).toEqual([Q]);
    expect(warnings).toEqual([SAID]);
  });

  test("one name is taken out: the other one is connected to at once", async () => {
    const { rig, logger } = await setup();
    rig.client([1]).announce(R);
    const a = rig.client([1, 2], { logger }).subscribe(100);
    rig.clock.advance(5_000);
    a.client.removeServer({ host: "::1", port: 1 }, { keepStale: true });
    rig.clock.advance(200);
    expect(a.states).toEqual(["established"]);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    expect(a.view).toEqual([R]);
  });

  test.each([0, 15])(
    "what it told under the other name goes when it has told all under this one: settling for %d s",
    async (settleSeconds) => {
      const { rig, logger } = await setup();
      const staleTimes = { staleTimeMs: 3_600_000, staleTimeAloneMs: 3_600_000 };
      rig.network.silent.add("[::1]:1");
      const a = rig.client([1, 2], { logger, staleTimes }).subscribe(100);
      rig.network.aliases.set("[::1]:3", "[::1]:1");
      const b = rig.client([3]).announce(R, Q);
      rig.clock.advance(1_000);
      expect([a.states, a.view]).toEqual([
        ["connecting", "established"],
        [R, Q],
      ]);
      b.withdraw(R);
      rig.killServer(1);
      rig.clock.advance(60_000);
      rig.network.silent.clear();
      rig.network.silent.add("[::1]:2");
      await rig.startServer(1, { settleSeconds });
      rig.clock.advance(20_000);
      expect(a.states[0]).toBe("established");
      // As far as it can know, the other name leads to another server, which may have it.
      expect(a.view).toEqual([R, Q]);
      rig.network.silent.clear();
      rig.clock.advance(40_000);
      expect([a.states, a.view]).toEqual([["established", "retry"], [Q]]);
    },
  );

  test("no two servers have the same id, nor one after a restart", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const a = rig.client([1, 2]);
    rig.clock.advance(1_000);
    expect(a.states).toEqual(["established", "established"]);
  });
});
