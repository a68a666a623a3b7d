/** Who stands still is gone, or waited for no longer. These tests wait for time to pass, so all do at once. */
import { expect, test } from "bun:test";
import { standardRoute } from "../support/models/text-route.ts";
import { StalledPipe } from "../support/network/stalled-pipe.ts";
import { TcpPeer } from "../support/network/tcp-peer.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { hasRoutes } from "../support/process/http-routes.ts";

const ROUTE = standardRoute(100, "10.0.1.0/24", "2001:db8::1");

test.concurrent("with keepalive 1, a peer silent for 2 to 4 s is dropped, and its routes are withdrawn", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: 1 });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await watcher.established();
  using peer = await TcpPeer.establish(server.address);
  const silentFromMs = performance.now();
  peer.send("ADD 100 10.0.1.0/24 via 2001:db8::1");
  await watcher.viewIs([ROUTE]);
  await watcher.viewIs([]);
  const silentMs = performance.now() - silentFromMs;
  expect(silentMs).toBeGreaterThanOrEqual(2_000);
  expect(silentMs).toBeLessThanOrEqual(4_000);
  await server.logged(/peer disconnected.* reason=keepalive-timeout routes=1$/);
  // The watcher, which sends KEEPALIVEs, was not meant.
  expect(watcher.events.filter(({ event }) => event === "server").at(-1)).toMatchObject({
    state: "established",
  });
});

test.concurrent("a handshake that stands still ends", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: 1 });
  using silent = await TcpPeer.connect(server.address);
  using halfway = await TcpPeer.connect(server.address);
  halfway.send("HELLO 1");
  await silent.closedByServer();
  expect(await halfway.closedByServer()).toEqual(["HELLO 1 server"]);
  await server.logged(/refused or lost .* reason=handshake-timeout/);
});

test.concurrent("a client drops a server that stands still, and returns when it goes on", async () => {
  await using server = await startBunbondServer();
  await using announcer = startBunbondClient({
    servers: [server.address],
    announce: ["100#10.0.1.0/24@2001:db8::1"],
  });
  const flags = ["--stale-time-alone", "0"];
  await using client = startBunbondClient({
    servers: [server.address],
    vnis: [100],
    keepaliveSeconds: 1,
    flags,
  });
  await client.viewIs([ROUTE]);
  await announcer.established();
  server.signal("SIGSTOP");
  await client.viewIs([]);
  await client.logged(/server unreachable.* reason=keepalive-timeout/);
  server.signal("SIGCONT");
  await client.viewIs([ROUTE]);
});

test.concurrent("a client stops although the reader of its output stands still", async () => {
  await using server = await startBunbondServer();
  using pipe = await StalledPipe.create();
  const flags = ["--server", server.address, "--vni", "100", "--json", "--http", "[::1]:0"];
  await using client = new ChildProcess({
    command: pipe.stdoutOf([...FROM_SOURCE, "client", "--socket", "none", ...flags]),
  });
  using peer = await TcpPeer.establish(server.address);
  // Their lines, 185 bytes each, are more than the pipe takes.
  for (let i = 0; i < 1_000; i++) peer.send(`ADD 100 10.${i >> 8}.${i & 255}.0/24 via 2001:db8::1`);
  await hasRoutes(client, 1_000);
  expect(await client.stop()).toBe(0);
});
