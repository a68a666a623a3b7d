/** Whether a client's servers agree, VNI by VNI: see src/client/view/agreement.ts. */
import { describe, expect, test } from "bun:test";
import type { ClientOptions } from "../../src/client/options.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { SeededRandom } from "../support/models/random.ts";
import { ClientRig, type RigClient, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const OTHER = "200 10.0.1.0/24 via 2001:db8::1";
/** The time in which a disagreement is found. */
const FOUND_MS = 30_000;
const FIRST = "[::1]:1";
const SECOND = "[::1]:2";

/** A subscriber at the servers 1 and 2, with what it logs about their agreement. */
class Comparison {
  readonly rig: ClientRig;
  readonly subscriber: RigClient;
  readonly lines: string[] = [];

  constructor(rig: ClientRig, options: Partial<ClientOptions> & { ports?: readonly number[] } = {}) {
    const { ports = [1, 2], ...rest } = options;
    this.rig = rig;
    const log = (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (!/^servers /.test(message)) return;
      this.lines.push(`${message} ${fields["vni"]}`);
    };
    const logger = { debug() {}, info: log, warn: log, error: log };
    this.subscriber = rig.client(ports, { logger, ...rest }).subscribe(100, 200);
  }

  /** Who lacks what: "100 10.0.1.0/24 via 2001:db8::1: [::1]:2". */
  get found(): string[] {
    return this.subscriber.client.disagreements
      .flatMap(({ examples }) => examples.map(({ route, lacks }) => `${formatRoute(route)}: ${lacks}`))
      .sort();
  }

  get isQuiet(): boolean {
    return this.found.length === 0 && this.lines.length === 0;
  }
}

/** Two servers, and announcers at both, at the first one and at the second one. */
async function twoServers(options: ConstructorParameters<typeof ClientRig>[0] = {}) {
  const rig = new ClientRig(options);
  await rig.startServer(1);
  await rig.startServer(2);
  return { rig, both: rig.client([1, 2]), first: rig.client([1]), second: rig.client([2]) };
}

describe("a disagreement", () => {
  test("is found, named and logged once, and ends when the servers agree again", async () => {
    const { rig, both, first } = await twoServers();
    both.announce(Q);
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(9_000);
    expect(comparison.isQuiet).toBe(true);
    rig.clock.advance(FOUND_MS - 9_000);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`]);
    expect(comparison.subscriber.client.disagreements).toMatchObject([
      {
        vni: 100,
        routes: 1,
        isAtLeast: false,
        servers: [
          { server: FIRST, lacks: 0 },
          { server: SECOND, lacks: 1 },
        ],
        examples: [{ has: [FIRST], lacks: [SECOND] }],
      },
    ]);
    expect(comparison.subscriber.client.agreementProblem).toContain("1 VNIs: 100;");
    rig.clock.advance(600_000);
    expect(comparison.lines).toEqual(["servers disagree about the routes of a VNI 100"]);
    expect(comparison.subscriber.client.disagreementsFound).toBe(1);
    first.withdraw(R);
    rig.clock.advance(2_000);
    expect(comparison.found).toEqual([]);
    expect(comparison.lines.slice(1)).toEqual(["servers agree again about the routes of a VNI 100"]);
    expect(comparison.subscriber.client.agreementProblem).toBe(null);
  });

  test("with routes on both sides names each, and another server that lacks routes is logged", async () => {
    const { rig, first, second } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(FOUND_MS);
    second.announce(Q, OTHER);
    rig.clock.advance(FOUND_MS);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`, `${Q}: ${FIRST}`, `${OTHER}: ${FIRST}`]);
    expect(comparison.lines).toHaveLength(3);
  });

  test("of three servers names the one that lacks a route, and the two", async () => {
    const { rig, both, first } = await twoServers();
    await rig.startServer(3);
    rig.client([1, 3]).announce(R);
    first.announce(Q);
    both.announce(OTHER);
    rig.client([3]).announce(OTHER);
    const comparison = new Comparison(rig, { ports: [1, 2, 3] });
    rig.clock.advance(FOUND_MS);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`, `${Q}: ${SECOND},[::1]:3`]);
  });

  test("that lasts less than the ten seconds and the looks after them is none", async () => {
    const { rig, first } = await twoServers();
    const comparison = new Comparison(rig);
    for (let i = 0; i < 20; i++) {
      first.announce(R);
      rig.clock.advance(13_000);
      first.withdraw(R);
      rig.clock.advance(2_000);
    }
    expect(comparison.isQuiet).toBe(true);
  });

  test("is over when a server is lost: the stale routes of one are not compared", async () => {
    const { rig, first } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(FOUND_MS);
    rig.killServer(2);
    rig.clock.advance(1_000);
    expect(comparison.found).toEqual([]);
    expect(comparison.lines.slice(1)).toEqual([
      "servers that disagreed about a VNI are no longer compared 100",
    ]);
    rig.clock.advance(600_000);
    expect(comparison.lines).toHaveLength(2);
  });

  test("ends without a line when the VNI is unsubscribed, also during a look", async () => {
    const { rig, first } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(FOUND_MS);
    comparison.subscriber.client.unsubscribe(100);
    expect(comparison.found).toEqual([]);
    comparison.lines.length = 0;
    for (let seconds = 8; seconds < 20; seconds++) {
      comparison.subscriber.client.subscribe(100);
      rig.clock.advance(seconds * 1_000);
      comparison.subscriber.client.unsubscribe(100);
      comparison.lines.length = 0;
      rig.clock.advance(60_000);
      expect(comparison.isQuiet).toBe(true);
    }
  });
});

describe("nothing is compared", () => {
  test("with a server in its deferral; after it, what did not return is missing", async () => {
    const { rig, first } = await twoServers();
    first.announce(R);
    rig.stopServer(2);
    await rig.startServer(2, { settleSeconds: 200 });
    const comparison = new Comparison(rig);
    rig.clock.advance(190_000);
    expect(comparison.isQuiet).toBe(true);
    rig.clock.advance(10_000 + FOUND_MS);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`]);
  });

  test("when routes of a server were skipped", async () => {
    const { rig, first, second } = await twoServers();
    const hop = (n: number) => `100 10.0.1.0/24 via 2001:db8::${n}`;
    first.announce(hop(1), hop(2), hop(3));
    second.announce(hop(1), hop(2), hop(3));
    const comparison = new Comparison(rig, { maxHops: 2 });
    rig.clock.advance(1_000);
    for (const announcer of [first, second]) announcer.withdraw(hop(1));
    rig.clock.advance(1_000);
    second.withdraw(hop(3));
    rig.clock.advance(1_000);
    // There is room now for what the second server sends again, and the first one has sent long ago.
    second.announce(hop(3));
    rig.clock.advance(120_000);
    expect(comparison.subscriber.view).toEqual([hop(2), hop(3)]);
    expect(comparison.isQuiet).toBe(true);
    // VNIs without skipped routes still are.
    first.announce(OTHER);
    rig.clock.advance(FOUND_MS);
    expect(comparison.found).toEqual([`${OTHER}: ${SECOND}`]);
  });

  test("of the client's own announcements, drained or not", async () => {
    const { rig, both } = await twoServers();
    both.announce(R);
    const comparison = new Comparison(rig);
    const own = comparison.subscriber.announce(R, Q);
    for (let i = 0; i < 3; i++) {
      rig.clock.advance(60_000);
      own.client.drain();
      rig.clock.advance(60_000);
      own.client.undrain();
    }
    expect(comparison.isQuiet).toBe(true);
  });

  test("of the client's own announcements, even if only one server has them from another client too", async () => {
    const { rig, first, second } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    comparison.subscriber.announce(R);
    second.announce(Q);
    rig.clock.advance(FOUND_MS);
    expect(comparison.found).toEqual([`${Q}: ${FIRST}`]);
  });

  test("right after a suspension, in which nothing that servers sent was read", async () => {
    const { rig, first } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(9_000);
    // Short enough for the sessions to stay.
    rig.clock.freeze(6_000);
    rig.clock.advance(10_000);
    expect(comparison.isQuiet).toBe(true);
    rig.clock.advance(FOUND_MS - 10_000);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`]);
  });

  test("with a server without End-of-RIBs until its time is over; its echoes are no difference", async () => {
    const rig = new ClientRig();
    const { clock, network } = rig;
    await rig.startServer(1);
    const foreign = await ForeignServer.start({ clock, network, endpoint: serverEndpoint(2) });
    const comparison = new Comparison(rig);
    const own = comparison.subscriber.announce(Q);
    rig.client([1]).announce(R);
    clock.advance(65_000);
    expect(comparison.isQuiet).toBe(true);
    foreign.announce(R);
    clock.advance(600_000);
    for (let i = 0; i < 5; i++) {
      own.withdraw(Q);
      clock.advance(i * 10_000);
      own.announce(Q);
      clock.advance(i * 10_000);
    }
    expect(comparison.isQuiet).toBe(true);
    foreign.withdraw(R);
    clock.advance(FOUND_MS);
    expect(comparison.found).toEqual([`${R}: ${SECOND}`]);
  });

  test("with a server that is silent: it may be dead", async () => {
    const rig = new ClientRig();
    for (const port of [1, 2]) await rig.startServer(port, { keepaliveSeconds: 60 });
    const both = rig.client([1, 2], { keepaliveSeconds: 60 });
    const comparison = new Comparison(rig, { keepaliveSeconds: 60 });
    rig.clock.advance(5_000);
    rig.setStalled(2, true);
    both.announce(R);
    rig.clock.advance(100_000);
    expect(comparison.isQuiet).toBe(true);
    rig.setStalled(2, false);
    rig.clock.advance(600_000);
    expect(comparison.isQuiet).toBe(true);
  });

  test("after a stop: no timer is left", async () => {
    const { rig, both, first, second } = await twoServers();
    first.announce(R);
    const comparison = new Comparison(rig);
    rig.clock.advance(12_500);
    for (const { client } of [both, first, second, comparison.subscriber]) await rig.until(client.stop(0));
    rig.stopServer(1);
    rig.stopServer(2);
    rig.clock.advance(60_000);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

/** Random changes at two servers, from and to which bytes take up to a second and a half each way. */
describe("with random changes", () => {
  /** So few that each changes every three seconds. */
  const ROUTES = 30;
  const runs = Number(process.env["BUNBOND_RUNS"] ?? 5);
  for (let seed = 1; seed <= runs; seed++) {
    test(`right servers are never blamed, and what one lacks is found and named (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      const delayMs = () => random.below(4) * random.below(500);
      const rig = new ClientRig({ seed, delayMs });
      await rig.startServer(1);
      await rig.startServer(2);
      const both = rig.client([1, 2]);
      const first = rig.client([1]);
      const comparison = new Comparison(rig);
      const route = (n: number) => `100 10.0.${n}.0/24 via 2001:db8::${1 + (n % 7)}`;
      const announced = new Set<string>();
      const churn = (seconds: number) => {
        for (let left = seconds * 10; left > 0; left--) {
          const one = route(random.below(ROUTES));
          if (announced.delete(one)) both.withdraw(one);
          else {
            announced.add(one);
            both.announce(one);
          }
          rig.clock.advance(100);
        }
      };
      churn(120);
      expect(comparison.isQuiet).toBe(true);
      const lacking = Array.from({ length: 1 + random.below(5) }, (_, n) => route(ROUTES + n));
      first.announce(...lacking);
      churn(FOUND_MS / 1000);
      expect(comparison.found).toEqual(lacking.map((one) => `${one}: ${SECOND}`).sort());
      expect(comparison.lines).toHaveLength(1);
    });
  }
});
