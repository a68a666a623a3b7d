/** One client, several servers of ours: merged, each told everything. */
import { describe, expect, test } from "bun:test";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const R_BY_2 = "100 10.0.1.0/24 via 2001:db8::2";
const Q = "100 10.0.2.0/24 via 2001:db8::1";

async function twoServers(): Promise<ClientRig> {
  const rig = new ClientRig();
  await rig.startServer(1);
  await rig.startServer(2);
  return rig;
}

describe("merging", () => {
  test("one event when the first server brings a route, one when the last drops it", async () => {
    const rig = await twoServers();
    const at1 = rig.client([1]);
    const at2 = rig.client([2]);
    const { log, client } = rig.client([1, 2]).subscribe(100);
    const servers = () => client.serversOf(routeOfText(R)).map(formatEndpoint);
    rig.clock.advance(100);
    at1.announce(R);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect(servers()).toEqual(["[::1]:1"]);
    at2.announce(R);
    rig.clock.advance(100);
    expect(servers()).toEqual(["[::1]:1", "[::1]:2"]);
    at1.withdraw(R);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([]);
    expect(servers()).toEqual(["[::1]:2"]);
    at2.withdraw(R);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    expect(servers()).toEqual([]);
  });

  test("different hops of one destination are different routes", async () => {
    const rig = await twoServers();
    const a = rig.client([1, 2]).announce(R);
    const b = rig.client([1, 2]).announce(R_BY_2);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(100);
    expect(log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${R_BY_2}`]);
    a.withdraw(R);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    await rig.until(b.client.stop());
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`- ${R_BY_2}`]);
  });

  test("a client announces to all and subscribes on all", async () => {
    const rig = await twoServers();
    rig.client([1, 2]).announce(R, Q);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(100);
    expect(log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`]);
    for (const port of [1, 2]) {
      expect(rig.server(port).stats().routes).toBe(2);
      expect(
        rig
          .server(port)
          .peers()
          .map(({ subscriptions }) => subscriptions),
      ).toEqual([[], [100]]);
    }
  });

  test("one that comes late, and one that was restarted, are told everything too", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const a = rig.client([1, 2]).announce(R);
    const b = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(30_000);
    a.announce(Q);
    await rig.startServer(2);
    rig.killServer(1);
    rig.clock.advance(1_000);
    await rig.startServer(1);
    rig.clock.advance(11_000);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `+ ${Q}`]);
    for (const port of [1, 2]) {
      expect(rig.server(port).stats().routes).toBe(2);
      expect(
        rig
          .server(port)
          .peers()
          .flatMap(({ subscriptions }) => subscriptions),
      ).toEqual([100]);
    }
  });

  test("a dead client's route goes when the last of its servers has noticed", async () => {
    const rig = await twoServers();
    const a = rig.client([1, 2]).announce(R);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    // Server 1 sees the connection end, server 2 hears nothing any more.
    const toServer2 = rig.network.connections[1];
    if (toServer2 !== undefined) toServer2.server.isReading = false;
    await a.client.stop(0);
    rig.clock.advance(100);
    expect(rig.server(1).stats().routes).toBe(0);
    rig.clock.advance(11_000);
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(3_000);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });

  test("two servers restarted in turn: nothing is withdrawn, nothing announced twice", async () => {
    const rig = await twoServers();
    const announcers = [R, R_BY_2, Q].map((route) => rig.client([1, 2]).announce(route));
    const watchers = [1, 2, 3].map(() => rig.client([1, 2]).subscribe(100));
    rig.clock.advance(1_000);
    for (const { log } of watchers) log.takeChanges();
    for (const port of [1, 2, 1, 2]) {
      rig.killServer(port);
      rig.clock.advance(2_000);
      await rig.startServer(port, { settleSeconds: 15 });
      rig.clock.advance(40_000);
    }
    for (const { log, states } of [...watchers, ...announcers]) {
      expect(log.takeChanges()).toEqual([]);
      expect(states).toEqual(["established", "established"]);
    }
  });

  test("and fifty clients that announce at once see all of each other", async () => {
    const rig = await twoServers();
    const clients = Array.from({ length: 50 }, (_, n) =>
      rig.client([1, 2]).subscribe(100).announce(`100 10.0.${n}.0/24 via 2001:db8::${n}`),
    );
    rig.clock.advance(1_000);
    for (const { log, client } of clients) {
      expect(log.takeChanges().length).toBe(49);
      expect(client.routeCount).toBe(49);
    }
  });
});

describe("own routes", () => {
  test("are not seen by their announcer, unless others announce the same and it withdraws", async () => {
    const rig = await twoServers();
    const a = rig.client([1, 2]).subscribe(100).announce(R);
    const b = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(100);
    expect(a.log.takeChanges()).toEqual([]);
    b.announce(R);
    rig.clock.advance(100);
    expect(a.log.takeChanges()).toEqual([]);
    expect(b.log.takeChanges()).toEqual([`+ ${R}`, `- ${R}`]);
    a.withdraw(R);
    rig.clock.advance(100);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    b.withdraw(R);
    rig.clock.advance(100);
    expect(a.log.takeChanges()).toEqual([`- ${R}`]);
    expect(b.view).toEqual([]);
  });

  test("also while the servers hold their End-of-RIBs back: a BunBond's views are exact from the start", async () => {
    const rig = new ClientRig();
    await rig.startServer(1, { settleSeconds: 15 });
    const a = rig.client([1]).subscribe(100).announce(R);
    rig.client([1]).announce(R);
    rig.clock.advance(1_000);
    a.withdraw(R);
    expect(a.log.takeChanges()).toEqual([`+ ${R}`]);
    rig.clock.advance(16_000);
    expect(a.log.takeChanges()).toEqual([]);
  });

  test("other hops to the same destination are seen", async () => {
    const rig = await twoServers();
    const a = rig.client([1, 2]).subscribe(100).announce(R);
    rig.client([1, 2]).announce(R_BY_2);
    rig.clock.advance(100);
    expect(a.view).toEqual([R_BY_2]);
  });
});
