/** What the router makes of /metrics and /readyz, and when a daemon is ready. */
import { describe, expect, test } from "bun:test";
import { healthRoute, type Monitor, monitoringRoutes } from "../../../src/http/monitoring/monitor.ts";
import { clientReadiness, serverReadiness } from "../../../src/http/monitoring/readiness.ts";
import { Router } from "../../../src/http/router.ts";
import { InstallerUnderTest } from "../../support/kernel/installer-under-test.ts";
import { ClientRig } from "../../support/network/client-rig.ts";
import { monitored, scrape } from "./monitored.ts";

async function ask(monitor: Monitor, method: string, path: string) {
  const router = new Router({
    routes: [healthRoute, ...monitoringRoutes(monitor)],
    onFailure: (error) => {
      throw error;
    },
  });
  const answer = await router.answer({
    method,
    path,
    query: new URLSearchParams(),
    host: "localhost",
    text: async () => "",
    signal: new AbortController().signal,
  });
  const pieces = typeof answer.body === "string" ? [answer.body] : answer.body;
  return { ...answer, text: (await Array.fromAsync(pieces)).join("") };
}

const NOTHING_REQUIRED = { isAgreementRequired: false };

describe("requests", () => {
  test("GET /metrics is what is scraped, in its own type", async () => {
    const { serverMonitor } = await monitored();
    const answer = await ask(serverMonitor, "GET", "/metrics");
    expect([answer.status, answer.headers]).toEqual([
      200,
      { "Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store" },
    ]);
    const [first] = answer.text.split("process_cpu_seconds_total");
    expect((await scrape(serverMonitor)).startsWith(first ?? "")).toBe(true);
  });

  test.each(["/healthz", "/readyz", "/metrics"])("HEAD %s is answered, POST is not", async (path) => {
    const { serverMonitor } = await monitored();
    expect((await ask(serverMonitor, "HEAD", path)).status).toBe(200);
    const refused = await ask(serverMonitor, "POST", path);
    expect([refused.status, refused.headers]).toMatchObject([405, { Allow: "GET, HEAD" }]);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "METHOD_NOT_ALLOWED" });
  });

  test("GET /readyz is 503 with the reasons, and the metric says the same", async () => {
    const { rig, clientMonitor } = await monitored();
    rig.stopServer(1);
    rig.clock.advance(100);
    const answer = await ask(clientMonitor, "GET", "/readyz");
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual({
      status: "not ready",
      reasons: [{ reason: "no-server", message: expect.stringContaining("bunbond status") }],
    });
    expect(await scrape(clientMonitor)).toContain("\nbunbond_ready 0\n");
  });
});

describe("a server is ready", () => {
  test("unless it defers End-of-RIBs, or stops", async () => {
    const rig = new ClientRig();
    const server = await rig.startServer(1, { settleSeconds: 15 });
    const reasons = (isStopping = false) => serverReadiness(server, isStopping).map(({ reason }) => reason);
    expect(reasons()).toEqual(["deferral"]);
    rig.clock.advance(15_000);
    expect(reasons()).toEqual([]);
    expect(reasons(true)).toEqual(["stopping"]);
  });
});

describe("a client is ready", () => {
  test("when a server is established and has sent all routes of all VNIs", async () => {
    const rig = new ClientRig();
    await rig.startServer(1, { settleSeconds: 15 });
    const { client } = rig.client([1, 2]).subscribe(100);
    const reasons = (isStopping = false) =>
      clientReadiness(client, null, isStopping, NOTHING_REQUIRED).map(({ reason }) => reason);
    expect(reasons()).toEqual(["no-server", "initial-sync"]);
    rig.clock.advance(1_000);
    expect(reasons()).toEqual(["initial-sync"]);
    rig.clock.advance(15_000);
    // The server that cannot be reached may have routes, for some time.
    expect(reasons()).toEqual(["initial-sync"]);
    rig.clock.advance(60_000);
    expect(reasons()).toEqual([]);
    client.subscribe(200);
    expect(clientReadiness(client, null, false, NOTHING_REQUIRED)).toEqual([
      { reason: "initial-sync", message: "the routes of 1 VNIs are not complete yet: 200" },
    ]);
    rig.clock.advance(1_000);
    expect(reasons(true)).toEqual(["stopping"]);
  });

  test("unless servers disagree, if that is required", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    rig.client([1]).announce("100 10.0.1.0/24 via 2001:db8::a");
    const { client } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(30_000);
    expect(clientReadiness(client, null, false, NOTHING_REQUIRED)).toEqual([]);
    const [reason] = clientReadiness(client, null, false, { isAgreementRequired: true });
    expect(reason).toEqual({
      reason: "disagreement",
      message:
        "the servers disagree about the routes of 1 VNIs: 100; 'bunbond diff --servers' names the routes",
    });
  });

  test("unless the kernel refuses routes, or the device is down", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { client } = rig.client([1]);
    rig.clock.advance(1_000);
    const kernel = await InstallerUnderTest.started();
    const messages = () =>
      clientReadiness(client, kernel.installer.status(), false, NOTHING_REQUIRED).map(
        ({ message }) => message,
      );
    await kernel.add("100 10.0.1.0/24 via 2001:db8::a");
    expect(messages()).toEqual([]);
    kernel.kernel.refuse = ({ type }) => (type === "add-route" ? ["ENOMEM", "no memory"] : null);
    await kernel.add("100 10.0.2.0/24 via 2001:db8::a");
    expect(messages()).toEqual([
      "1 destinations cannot be installed as they should be; 'bunbond status' names the first of them",
    ]);
  });
});
