/** The metrics of both daemons: the whole text, exact values in known scenarios, and no name beside the catalogue's. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { METRIC_NAMES, METRICS, type Metric, statusKey } from "../../../src/base/metrics.ts";
import { exposition } from "../../../src/http/monitoring/exposition.ts";
import { statusCounters } from "../../../src/http/monitoring/monitor.ts";
import { monitored, scrape, valuesOf } from "./monitored.ts";

/** Files that are compared with what is reported; written anew with UPDATE_GOLDEN=1. */
async function expectGolden(name: string, text: string): Promise<void> {
  const path = fileURLToPath(new URL(name, import.meta.url));
  // What differs from run to run.
  const stable = text.replaceAll(/^(process_\w+) .*$/gm, "$1 …");
  const { UPDATE_GOLDEN } = process.env;
  if (UPDATE_GOLDEN === "1") await Bun.write(path, stable);
  expect(stable).toBe(await Bun.file(path).text());
}

/** The client announces a route that the other one gets, takes back another one, and repeats itself. */
async function exchangeRoutes(options = {}) {
  const all = await monitored(options);
  const { rig, other, client } = all;
  client.subscribe(100);
  client.subscribe(300);
  other.announce(
    "100 10.0.1.0/24 via 2001:db8::1",
    "100 fd00::/64 via 2001:db8::1",
    "100 10.0.2.0/24 via 2001:db8::2 type nat ports 1-9",
    "200 10.0.3.0/24 via 2001:db8::3 type lb",
  );
  rig.clock.advance(1_000);
  other.withdraw("100 10.0.2.0/24 via 2001:db8::2 type nat ports 1-9");
  rig.clock.advance(1_000);
  return all;
}

describe("a scrape", () => {
  test("of a server", async () => {
    const { serverMonitor } = await exchangeRoutes();
    await expectGolden("server.prom", await scrape(serverMonitor));
  });

  test("of a client", async () => {
    const { clientMonitor } = await exchangeRoutes({ withKernel: true });
    await expectGolden("client.prom", await scrape(clientMonitor));
  });

  test.each(["server", "client"] as const)(
    "of a %s has the metrics of the catalogue, and no others",
    async (of) => {
      const { serverMonitor, clientMonitor } = await exchangeRoutes({ withKernel: true });
      const families = of === "server" ? serverMonitor.families([]) : clientMonitor.families([]);
      const expected = METRIC_NAMES.filter((name) => (METRICS[name] as Metric).of.includes(of));
      expect(Object.keys(families).sort()).toEqual(expected.toSorted());
      for (const [name, samples] of Object.entries(families)) {
        for (const { labels } of samples()) {
          // The catalogue's own order, so that a series always has the same text.
          expect({ name, labels: Object.keys(labels) }).toEqual({
            name,
            labels: [...METRICS[name as keyof typeof families].labels],
          });
        }
      }
    },
  );

  test("without single peers sums up what can be summed up, and goes on counting when they leave", async () => {
    const { rig, serverMonitor, clientMonitor, client } = await exchangeRoutes({ reportsPeers: false });
    const before = valuesOf(await scrape(serverMonitor));
    expect(Object.keys(before).filter((name) => name.includes("peer="))).toEqual([]);
    expect(before).toMatchObject({
      'bunbond_messages_received_total{type="update"}': 5,
      // Two of VNI 100 and the one that was withdrawn, with its withdrawal; nothing of VNI 200, and no echo.
      'bunbond_messages_sent_total{type="update"}': 4,
    });
    const ofClient = valuesOf(await scrape(clientMonitor));
    expect(ofClient['bunbond_messages_received_total{type="update"}']).toBe(4);
    await rig.until(client.stop());
    rig.clock.advance(100);
    const after = valuesOf(await scrape(serverMonitor));
    expect(after['bunbond_messages_sent_total{type="update"}']).toBe(4);
    expect(after['bunbond_peers{state="established"}']).toBe(1);
  });

  test("counts the same bytes on both sides", async () => {
    const { rig, serverMonitor, clientMonitor, other } = await exchangeRoutes({ reportsPeers: false });
    await rig.until(other.client.stop());
    rig.clock.advance(100);
    const server = valuesOf(await scrape(serverMonitor));
    const client = valuesOf(await scrape(clientMonitor));
    // The other client's are among the server's.
    const { bunbond_sent_bytes_total: sent = 0 } = server;
    const { bunbond_received_bytes_total: received = 0 } = client;
    expect(received).toBeGreaterThan(100);
    expect(sent).toBeGreaterThan(received);
  });
});

test("a server's counts of UPDATEs are complete: added, repeated, removed, unmatched and skipped", async () => {
  const { rig, serverMonitor, other } = await monitored();
  const routes = [1, 2, 3, 4, 5, 6].map((i) => `100 10.0.${i}.0/24 via 2001:db8::1`);
  other.announce(...routes);
  rig.clock.advance(100);
  // Two were beyond the limit of four, so that they were never announced there.
  other.withdraw(...routes);
  rig.clock.advance(100);
  expect(statusCounters(serverMonitor)).toMatchObject({
    "messagesReceived.update": 12,
    "routeUpdates.added": 4,
    "routeUpdates.removed": 4,
    "routeUpdates.unmatched": 2,
    "routeUpdates.skipped": 2,
    "updatesSkipped.TOO_MANY_ROUTES": 2,
    "routeLimitHits.refuse": 2,
  });
  expect(statusCounters(serverMonitor)).not.toHaveProperty(["routeUpdates.repeated"]);
});

test("routes of more than 1,000 VNIs are summed up for the others", async () => {
  const { rig, serverMonitor, clientMonitor, client, other } = await monitored();
  rig.server(1).configure({ maxRoutes: 10_000 });
  for (let vni = 1; vni <= 1_010; vni++) {
    client.subscribe(vni);
    other.announce(`${vni} 10.0.0.0/24 via 2001:db8::1`);
  }
  other.announce("1010 fd00::/64 via 2001:db8::1", "1010 fd00:1::/64 via 2001:db8::1");
  rig.clock.advance(5_000);
  for (const monitor of [serverMonitor, clientMonitor]) {
    const values = valuesOf(await scrape(monitor));
    const routes = Object.entries(values).filter(([name]) => name.startsWith("bunbond_routes{"));
    expect(routes).toHaveLength(2 * 1_001);
    expect(routes.reduce((sum, [, value]) => sum + value, 0)).toBe(1_012);
    expect(values).toMatchObject({
      'bunbond_routes{vni="other",family="ipv4"}': 10,
      'bunbond_routes{vni="other",family="ipv6"}': 2,
    });
  }
});

test("the time from a change to the last write is observed once for each subscription, but not for a first synchronization", async () => {
  const { rig, serverMonitor, client, other } = await monitored();
  client.subscribe(100);
  rig.clock.advance(1_000);
  const count = async () => {
    const { bunbond_propagation_seconds_count: observed } = valuesOf(await scrape(serverMonitor));
    return observed;
  };
  expect(await count()).toBe(0);
  other.announce("100 10.0.1.0/24 via 2001:db8::1", "100 10.0.2.0/24 via 2001:db8::1");
  rig.clock.advance(1_000);
  // One batch for one subscription: the announcer gets nothing.
  expect(await count()).toBe(1);
  // A reader that stands still for a second.
  rig.setStalled(1, true);
  other.announce("100 10.0.3.0/24 via 2001:db8::1");
  rig.clock.advance(1_000);
  rig.setStalled(1, false);
  rig.clock.advance(1_000);
  expect(await count()).toBe(2);
});

describe("text for Prometheus", () => {
  test("escapes what would end a label or a line", () => {
    const samples = [{ labels: { reason: 'a"b\\c\nd' }, value: 1 }];
    expect(
      [...exposition([{ name: "bunbond_peer_closes_total", samples }])].join("").split("\n").at(-2),
    ).toBe('bunbond_peer_closes_total{reason="a\\"b\\\\c\\nd"} 1');
  });

  test("has its own names for numbers that are none", () => {
    const samples = [NaN, Infinity, -Infinity, 1e21, 0.1].map((value) => ({ labels: {}, value }));
    const lines = [...exposition([{ name: "process_open_fds", samples }])].join("").split("\n");
    expect(lines.slice(2, -1)).toEqual(
      ["NaN", "+Inf", "-Inf", "1e+21", "0.1"].map((text) => `process_open_fds ${text}`),
    );
  });

  test("comes in pieces that take no long", () => {
    const samples = Array.from({ length: 10_000 }, (_, i) => ({
      labels: { peer: `2001:db8::${i}` },
      value: i,
    }));
    const pieces = [...exposition([{ name: "bunbond_sent_bytes_total", samples }])];
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(10_000);
    expect(pieces.join("").split("\n")).toHaveLength(10_003);
  });
});

test("the names in a status follow from those of Prometheus, and are different ones", () => {
  expect(statusKey("bunbond_peer_closes_total")).toBe("peerCloses");
  const keys = METRIC_NAMES.map(statusKey);
  expect(new Set(keys).size).toBe(keys.length);
});
