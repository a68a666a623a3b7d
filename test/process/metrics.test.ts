/** /metrics and /readyz of real daemons, by HTTP and on the control socket. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { valuesOf } from "../http/monitoring/monitored.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { httpBase } from "../support/process/http-routes.ts";
import { becauseOfPromtool, noPromtool, promtool } from "../support/process/promtool.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const HTTP = ["--http", "[::1]:0"];
const ROUTE = standardRoute(100, "10.0.1.0/24", "2001:db8::1");

async function metricsAt(base: string): Promise<Record<string, number>> {
  return valuesOf(await (await fetch(`${base}/metrics`)).text());
}

test("server and client count what they have exchanged, and are ready", async () => {
  using directory = temporaryDirectory();
  const socket = join(directory.path, "server.sock");
  await using server = await startBunbondServer({ flags: HTTP, socket });
  await using _announcer = startBunbondClient({ servers: [server.address], announce: [announceFlag(ROUTE)] });
  await using client = startBunbondClient({ servers: [server.address], vnis: [100], flags: HTTP });
  await client.viewIs([ROUTE]);
  const [ofServer, ofClient] = [await httpBase(server), await httpBase(client)];
  expect(await metricsAt(ofServer)).toMatchObject({
    bunbond_ready: 1,
    'bunbond_peers{state="established"}': 2,
    'bunbond_routes{vni="100",family="ipv4"}': 1,
    'bunbond_route_updates_total{action="added"}': 1,
    'bunbond_messages_sent_total{peer="::1",type="update"}': 1,
  });
  expect(await metricsAt(ofClient)).toMatchObject({
    bunbond_ready: 1,
    [`bunbond_peer_up{peer="${server.address}",direction="outbound"}`]: 1,
    [`bunbond_messages_received_total{peer="${server.address}",type="update"}`]: 1,
    'bunbond_route_updates_total{action="added"}': 1,
  });
  for (const base of [ofServer, ofClient]) {
    const values = await metricsAt(base);
    const of = (name: string) => values[`process_${name}`] ?? Number.NaN;
    expect(of("open_fds")).toBeGreaterThan(3);
    expect(of("cpu_seconds_total")).toBeGreaterThan(0);
    expect(of("virtual_memory_bytes")).toBeGreaterThan(of("resident_memory_bytes"));
    const age = Date.now() / 1000 - of("start_time_seconds");
    expect(age > 0 && age < 600).toBe(true);
    const ready = await fetch(`${base}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }]);
  }
  const response = await fetch("http://localhost/metrics", { unix: socket });
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(valuesOf(await response.text())).toMatchObject({ 'bunbond_peers{state="established"}': 2 });
});

test("a server that waits for its clients, and a client without a server, are not ready", async () => {
  await using server = await startBunbondServer({ settleSeconds: 600, flags: HTTP });
  await using client = startBunbondClient({ servers: ["[::1]:1"], vnis: [100], flags: HTTP });
  const reasonsAt = async (base: string) => {
    const response = await fetch(`${base}/readyz`);
    const { reasons } = (await response.json()) as { readonly reasons: readonly { reason: string }[] };
    return [response.status, ...reasons.map(({ reason }) => reason)];
  };
  expect(await reasonsAt(await httpBase(server))).toEqual([503, "deferral"]);
  expect(await reasonsAt(await httpBase(client))).toEqual([503, "no-server", "initial-sync"]);
});

test("--metrics-per-peer off leaves out single peers", async () => {
  await using server = await startBunbondServer({ flags: [...HTTP, "--metrics-per-peer", "off"] });
  await using client = startBunbondClient({ servers: [server.address], announce: [announceFlag(ROUTE)] });
  await client.established();
  const values = await metricsAt(await httpBase(server));
  expect(Object.keys(values).filter((name) => name.includes("peer="))).toEqual([]);
  expect(values['bunbond_messages_received_total{type="hello"}']).toBe(1);
});

test.skipIf(noPromtool)(`promtool has nothing to say against the metrics${becauseOfPromtool}`, async () => {
  await using server = await startBunbondServer({ flags: HTTP });
  await using client = startBunbondClient({ servers: [server.address], vnis: [100], flags: HTTP });
  await client.established();
  for (const program of [server, client]) {
    const text = await (await fetch(`${await httpBase(program)}/metrics`)).text();
    expect(promtool(["check", "metrics"], text)).toBe("");
    expect(promtool(["check", "metrics"], `${text}no metric`)).not.toBe("");
  }
});
