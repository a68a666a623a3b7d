/** When a VNI's view is whole for the first time: the decision by itself, then with servers of both kinds. */

import { describe, expect, test } from "bun:test";
import { type AwaitedServer, Completeness, TABLE_SETTLES_MS } from "../../../src/client/view/completeness.ts";
import type { PeerKind } from "../../../src/client/view/peer-kind.ts";
import { DEFAULT_STALE_TIMES, StaleTimers, type StaleTimes } from "../../../src/client/view/stale-timers.ts";
import { routeOfText } from "../../support/models/frame-text.ts";
import { ClientRig, serverEndpoint } from "../../support/network/client-rig.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";
import { ScriptedLink, subscribedLink } from "../../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const MINUTE_MS = 60_000;

/** A server as the decision sees it. */
class FakeServer implements AwaitedServer {
  readonly number: number;
  establishedMs: number | null = null;
  peerKind: PeerKind = "unknown";
  isRedundant = false;
  readMs = Number.POSITIVE_INFINITY;
  /** It answers at once. */
  probeAnsweredMs = Number.POSITIVE_INFINITY;
  timesAsked = 0;
  constructor(number: number) {
    this.number = number;
  }
  probe(): void {
    this.timesAsked++;
  }
  subscribeReadMs(): number {
    return this.readMs;
  }
}

class Rig {
  readonly clock = new FakeClock();
  readonly whole: string[] = [];
  readonly servers = [new FakeServer(0), new FakeServer(1)] as const;
  readonly #hold: StaleTimers;
  readonly decision: Completeness;

  constructor(staleTimes: StaleTimes = DEFAULT_STALE_TIMES) {
    this.#hold = new StaleTimers(staleTimes, 0);
    this.decision = new Completeness(this.clock, this.#hold, (vni) =>
      this.whole.push(`${vni} at ${this.clock.nowMs()}`),
    );
    for (const server of this.servers) this.decision.serverAdded(server);
  }

  establish(server: FakeServer, { endOfRibs = true } = {}): void {
    const nowMs = this.clock.nowMs();
    server.establishedMs = server.readMs = nowMs;
    server.peerKind = endOfRibs ? "bunbond" : "unknown";
    this.#changed();
  }

  lose(server: FakeServer): void {
    this.decision.serverLost(server.number);
    server.establishedMs = null;
    this.#changed();
  }

  #changed(): void {
    const isAny = this.servers.some(({ establishedMs }) => establishedMs !== null);
    this.#hold.setAnyEstablished(isAny, this.clock.nowMs());
    this.decision.check();
  }
}

describe("the decision", () => {
  test("all servers have told all of the VNI", () => {
    const rig = started();
    const { decision, whole } = rig;
    rig.establish(rig.servers[0]);
    rig.establish(rig.servers[1]);
    decision.tableReceived(0, 100);
    decision.tableReceived(0, 200);
    decision.tableReceived(1, 200);
    expect(whole).toEqual(["200 at 0"]);
    expect([decision.isComplete(100), decision.isComplete(200), decision.isComplete(300)]).toEqual([
      false,
      true,
      false,
    ]);
    decision.tableReceived(1, 100);
    decision.tableReceived(1, 100);
    expect(whole).toEqual(["200 at 0", "100 at 0"]);
  });

  test("one that has never been there is waited for during the stale time, from when another was established", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    clock.advance(7_000);
    rig.establish(rig.servers[0]);
    clock.advance(1_000);
    decision.tableReceived(0, 100);
    clock.advance(3 * MINUTE_MS);
    expect(whole).toEqual(["100 at 67000"]);
  });

  test("and no longer when it comes and goes without telling", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    decision.tableReceived(0, 100);
    for (let turn = 0; turn < 6; turn++) {
      clock.advance(2_000);
      rig.establish(rig.servers[1]);
      clock.advance(12_000);
      rig.lose(rig.servers[1]);
      expect(whole).toEqual(clock.nowMs() < MINUTE_MS ? [] : ["100 at 70000"]);
    }
  });

  test("an established one is waited for as long as it takes", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    rig.establish(rig.servers[1]);
    decision.tableReceived(0, 100);
    clock.advance(60 * MINUTE_MS);
    expect(whole).toEqual([]);
    rig.lose(rig.servers[1]);
    expect(whole).toEqual(["100 at 3600000"]);
  });

  test("nobody told anything: not whole, though the stale time is over", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    clock.advance(10 * MINUTE_MS);
    expect(whole).toEqual([]);
    decision.tableReceived(0, 100);
    expect(whole).toEqual(["100 at 600000"]);
  });

  test("what one told counts although it was lost afterwards", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    decision.tableReceived(0, 100);
    clock.advance(1_000);
    rig.establish(rig.servers[1]);
    rig.lose(rig.servers[0]);
    decision.tableReceived(1, 100);
    expect(whole).toEqual(["100 at 1000"]);
  });

  test("with none established, only the time alone ends the wait: from the start, or from the last loss", () => {
    const times = { staleTimeMs: MINUTE_MS, staleTimeAloneMs: 5 * MINUTE_MS };
    const never = started(times);
    never.clock.advance(60 * MINUTE_MS);
    expect(never.whole).toEqual(["100 at 300000", "200 at 300000"]);
    const rig = started(times);
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    decision.tableReceived(0, 100);
    clock.advance(1_000);
    rig.lose(rig.servers[0]);
    clock.advance(60 * MINUTE_MS);
    expect(whole).toEqual(["100 at 301000", "200 at 301000"]);
    const forEver = started();
    forEver.clock.advance(1e10);
    expect(forEver.whole).toEqual([]);
  });

  test("a later subscription: away for longer than the stale time is away; lost just now is waited for", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    clock.advance(2 * MINUTE_MS);
    decision.subscribed(300);
    decision.tableReceived(0, 300);
    expect(whole).toEqual(["300 at 120000"]);
    rig.establish(rig.servers[1]);
    rig.lose(rig.servers[1]);
    decision.subscribed(400);
    decision.tableReceived(0, 400);
    clock.advance(2 * MINUTE_MS);
    expect(whole).toEqual(["300 at 120000", "400 at 180000"]);
  });

  test("whole once is whole, until it is unsubscribed", () => {
    const rig = started();
    const { decision, whole } = rig;
    rig.establish(rig.servers[0]);
    rig.establish(rig.servers[1]);
    for (const number of [0, 1]) decision.tableReceived(number, 100);
    rig.lose(rig.servers[0]);
    rig.establish(rig.servers[0]);
    for (const number of [0, 1]) decision.tableReceived(number, 100);
    expect(whole).toEqual(["100 at 0"]);
    decision.unsubscribed(100);
    expect(decision.isComplete(100)).toBe(false);
    decision.subscribed(100);
    expect(decision.isComplete(100)).toBe(false);
    for (const number of [0, 1]) decision.tableReceived(number, 100);
    expect(whole).toEqual(["100 at 0", "100 at 0"]);
  });

  test("a server without End-of-RIBs is silent before it has told all, and when it is dead: it has to answer", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    const [server] = rig.servers;
    decision.serverRemoved(1);
    rig.establish(server, { endOfRibs: false });
    server.probeAnsweredMs = 0;
    clock.advance(TABLE_SETTLES_MS - 1);
    expect(server.timesAsked).toBe(0);
    clock.advance(10 * MINUTE_MS);
    expect(whole).toEqual([]);
    expect(server.timesAsked).toBeGreaterThan(0);
    server.probeAnsweredMs = clock.nowMs();
    decision.check();
    expect(whole).toEqual(["100 at 614999", "200 at 614999"]);
  });

  test("servers that are added and removed", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    decision.tableReceived(0, 100);
    decision.serverRemoved(1);
    expect(whole).toEqual(["100 at 0"]);
    const third = new FakeServer(2);
    decision.serverAdded(third);
    clock.advance(30_000);
    decision.tableReceived(0, 200);
    expect(whole).toEqual(["100 at 0"]);
    // With the server that told it goes what it told.
    decision.serverRemoved(0);
    expect(whole).toEqual(["100 at 0"]);
    rig.establish(third);
    clock.advance(10 * MINUTE_MS);
    expect(whole).toEqual(["100 at 0"]);
    decision.tableReceived(2, 200);
    expect(whole).toEqual(["100 at 0", "200 at 630000"]);
  });

  test("once it is stopped it says nothing and leaves no timer", () => {
    const rig = started();
    const { decision, whole, clock } = rig;
    rig.establish(rig.servers[0]);
    decision.tableReceived(0, 100);
    decision.stop();
    clock.advance(10 * MINUTE_MS);
    decision.tableReceived(1, 100);
    expect([whole, clock.pendingTimers]).toEqual([[], 0]);
  });

  describe("a server without End-of-RIBs", () => {
    function withOne(staleTimes?: StaleTimes) {
      const rig = started(staleTimes);
      rig.decision.serverRemoved(1);
      rig.establish(rig.servers[0], { endOfRibs: false });
      return rig;
    }

    test("has told all 15 s after it was established", () => {
      const { clock, whole } = withOne();
      clock.advance(20_000);
      expect(whole).toEqual(["100 at 15000", "200 at 15000"]);
    });

    test("and a second after the last ADD of the VNI", () => {
      const { clock, whole, decision } = withOne();
      clock.advance(14_500);
      decision.added(0, 100);
      clock.advance(900);
      decision.added(0, 100);
      clock.advance(10_000);
      expect(whole).toEqual(["200 at 15000", "100 at 16400"]);
    });

    test("and a second after it has read the SUBSCRIBE", () => {
      const { clock, whole, decision, servers } = withOne();
      clock.advance(20_000);
      servers[0].readMs = Number.POSITIVE_INFINITY;
      decision.subscribed(300);
      clock.advance(MINUTE_MS);
      servers[0].readMs = 80_000;
      decision.check();
      clock.advance(2_000);
      expect(whole.slice(2)).toEqual(["300 at 81000"]);
    });

    test("never quiet: at the latest when the stale time has passed", () => {
      const { clock, whole, decision } = withOne();
      for (let turn = 0; turn < 100; turn++) {
        clock.advance(900);
        decision.added(0, 100);
      }
      expect(whole).toEqual(["200 at 15000", "100 at 60000"]);
    });
  });

  function started(staleTimes?: StaleTimes): Rig {
    const rig = new Rig(staleTimes);
    rig.decision.subscribed(100);
    rig.decision.subscribed(200);
    return rig;
  }
});

describe("a client's view is whole", () => {
  test("at the End-of-RIB, behind the routes", async () => {
    const rig = new ClientRig();
    await rig.startServer(1, { settleSeconds: 15 });
    rig.client([1]).announce(R);
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(14_000);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect([log.takeWhole(), client.isComplete(100)]).toEqual([[], false]);
    rig.clock.advance(2_000);
    expect([log.takeWhole(), client.isComplete(100)]).toEqual([[100], true]);
  });

  test("with two servers when both have told all, or one is given up", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2, { settleSeconds: 15 });
    const both = rig.client([1, 2]).subscribe(100);
    const half = rig.client([1, 3]).subscribe(100);
    rig.clock.advance(14_000);
    expect([both.log.takeWhole(), half.log.takeWhole()]).toEqual([[], []]);
    rig.clock.advance(2_000);
    expect([both.log.takeWhole(), half.log.takeWhole()]).toEqual([[100], []]);
    rig.clock.advance(MINUTE_MS);
    expect(half.log.takeWhole()).toEqual([100]);
  });

  test("a server that is removed is not waited for, one that is added is", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(4, { settleSeconds: 12 });
    const { client, log } = rig.client([1, 3]).subscribe(100);
    rig.clock.advance(1_000);
    client.addServer(serverEndpoint(4));
    client.removeServer(serverEndpoint(3));
    rig.clock.advance(10_000);
    expect(log.takeWhole()).toEqual([]);
    rig.clock.advance(2_000);
    expect(log.takeWhole()).toEqual([100]);
  });

  test("subscribed again, only its own End-of-RIB counts", () => {
    const link = subscribedLink([100], { endOfRibs: true });
    expect(link.log.takeWhole()).toEqual([100]);
    link.unsubscribe(100);
    link.subscribe(100);
    link.say("END 100");
    expect(link.log.takeWhole()).toEqual([]);
    link.answerAll();
    link.answerAll();
    link.say("END 100");
    expect(link.log.takeWhole()).toEqual([100]);
  });

  test("without End-of-RIBs, once the SUBSCRIBE was read, 15 s have passed and a second of quiet", () => {
    const link = new ScriptedLink({ keepaliveSeconds: 100 });
    link.subscribe(100);
    link.establish(100);
    link.clock.advance(20_000);
    expect(link.log.takeWhole()).toEqual([]);
    link.answerAll();
    link.clock.advance(900);
    link.say(`ADD ${R}`);
    link.clock.advance(900);
    expect(link.log.takeWhole()).toEqual([]);
    link.clock.advance(100);
    link.answerAll();
    expect(link.log.takeWhole()).toEqual([100]);
  });

  test("without End-of-RIBs, by an answer to what was asked then: an older one may have ADDs behind it", () => {
    const link = new ScriptedLink({ keepaliveSeconds: 10 });
    link.subscribe(100);
    link.establish(10);
    link.answerAll();
    // What it has sent since is held up on the way: its answer of this time, and what comes behind that.
    link.clock.advance(16_000);
    link.answerAll(1);
    expect(link.log.takeWhole()).toEqual([]);
    link.say(`ADD ${R}`);
    link.clock.advance(1_000);
    link.answerAll();
    link.answerAll();
    expect([link.log.takeWhole(), link.log.view]).toEqual([[100], [R]]);
  });

  test("not any more once it was stopped", async () => {
    const rig = new ClientRig();
    await rig.startServer(1, { settleSeconds: 15 });
    const { client, log } = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    await rig.until(client.stop());
    rig.clock.advance(MINUTE_MS);
    expect([log.takeWhole(), client.isComplete(100)]).toEqual([[], false]);
  });
});

describe("own announcements", () => {
  test("are told of when they are offered and when they are not, drained or withdrawn", async () => {
    const rig = new ClientRig();
    const { client, log } = rig.client([1]).announce(R);
    expect(log.takeOwn()).toEqual([`announced ${R}`]);
    client.drain();
    client.announce(routeOfText(Q));
    expect(log.takeOwn()).toEqual([`withdrawn ${R}`]);
    client.withdraw(routeOfText(Q));
    expect(log.takeOwn()).toEqual([]);
    client.announce(routeOfText(Q));
    client.undrain();
    expect(log.takeOwn()).toEqual([`announced ${R}`, `announced ${Q}`]);
    client.withdraw(routeOfText(Q));
    expect(log.takeOwn()).toEqual([`withdrawn ${Q}`]);
    await rig.until(client.stop());
    expect(log.takeOwn()).toEqual([]);
  });
});
