/** How a client leaves: withdrawing at once, withdrawing and waiting, or so that the next one takes over unnoticed. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { announceFlag, natRoute, routeLine, standardRoute } from "../support/models/text-route.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const ROUTES = [
  standardRoute(100, "10.0.1.0/24", "2001:db8::1"),
  standardRoute(100, "2001:db8:1::/48", "2001:db8::1"),
  natRoute(100, "192.0.2.7/32", "2001:db8::1", 1024, 2047),
];
const NEW = standardRoute(100, "10.0.2.0/24", "2001:db8::1");
const MARKER = standardRoute(100, "192.0.2.255/32", "2001:db8::255");
/** Of an end that no test waits for. */
const FOR_EVER_SECONDS = "600";
const KEEP = ["--on-stop", "keep"];

const control = (socketPath: string) => new ControlClient({ socketPath, program: null });

test("--on-stop keep at a server that retains: a client is replaced by the next one, and nobody sees a withdrawal", async () => {
  using directory = temporaryDirectory();
  const socket = join(directory.path, "server.sock");
  await using server = await startBunbondServer({ flags: ["--retain", FOR_EVER_SECONDS], socket });
  const common = { servers: [server.address], flags: KEEP };
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using old = startBunbondClient({ ...common, announce: ROUTES.map(announceFlag) });
  await watcher.viewIs(ROUTES);

  expect(await old.stop()).toBe(0);
  await server.logged(/peer disconnected, its routes are retained .*reason=closed-by-peer routes=3 /);
  expect(await control(socket).call("/v1/status", null)).toMatchObject({
    peers: 1,
    routes: 3,
    retainedAnnouncements: 3,
  });
  await using next = startBunbondClient({ ...common, announce: [...ROUTES, NEW].map(announceFlag) });
  await watcher.viewIs([...ROUTES, NEW]);
  expect(await control(socket).call("/v1/status", null)).toMatchObject({
    routes: 4,
    retainedAnnouncements: 0,
  });
  expect(watcher.changes().filter((change) => change.startsWith("-"))).toEqual([]);
  expect(watcher.changes()).toHaveLength(4);
  // What it took over is its own: it can withdraw it.
  expect(await next.stop()).toBe(0);
});

test("--on-stop withdraw takes them away at once, though the server would retain them", async () => {
  await using server = await startBunbondServer({ flags: ["--retain", FOR_EVER_SECONDS] });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using leaving = startBunbondClient({ servers: [server.address], announce: ROUTES.map(announceFlag) });
  await watcher.viewIs(ROUTES);
  expect(await leaving.stop()).toBe(0);
  await watcher.viewIs([]);
  await server.logged(/peer disconnected, its routes are withdrawn .*reason=closed-by-peer routes=0$/);
});

test("--drain: withdrawn first, then connected as before until the time is over", async () => {
  using directory = temporaryDirectory();
  const socket = join(directory.path, "client.sock");
  await using server = await startBunbondServer();
  const servers = [server.address];
  await using watcher = startBunbondClient({ servers, vnis: [100] });
  await using leaving = startBunbondClient({
    servers,
    vnis: [100],
    announce: ROUTES.map(announceFlag),
    flags: ["--drain", FOR_EVER_SECONDS],
    socket,
  });
  await watcher.viewIs(ROUTES);
  leaving.signal("SIGTERM");
  await watcher.viewIs([]);
  await leaving.logged(new RegExp(`draining withdrawn=3 forSeconds=${FOR_EVER_SECONDS}$`));
  expect(await control(socket).call("/v1/status", null)).toMatchObject({
    state: "stopping",
    servers: [{ state: "established" }],
  });
  await using _marker = startBunbondClient({ servers, announce: [announceFlag(MARKER)] });
  await leaving.viewIs([MARKER]);
  // Who does not want to wait says so again.
  leaving.signal("SIGTERM");
  expect(await leaving.ended).toBe(128 + 15);
});

test("--drain ends by itself, and is not waited for where nothing was announced", async () => {
  await using server = await startBunbondServer();
  const servers = [server.address];
  await using watcher = startBunbondClient({ servers, vnis: [100] });
  await using announcing = startBunbondClient({
    servers,
    announce: ROUTES.map(announceFlag),
    flags: ["--drain", "0.2"],
  });
  await using silent = startBunbondClient({
    servers,
    vnis: [100],
    flags: ["--drain", FOR_EVER_SECONDS],
  });
  await watcher.viewIs(ROUTES);
  await silent.viewIs(ROUTES);
  expect(await silent.stop()).toBe(0);
  expect(await announcing.stop()).toBe(0);
  await watcher.viewIs([]);
});

test("client drain: withdrawn until it is undone; then withdrawn, and the client ends", async () => {
  using directory = temporaryDirectory();
  const socket = join(directory.path, "client.sock");
  await using server = await startBunbondServer();
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using client = startBunbondClient({
    servers: [server.address],
    announce: ROUTES.map(announceFlag),
    socket,
  });
  await watcher.viewIs(ROUTES);
  await control(socket).call("/v1/drain", { action: "start" });
  await watcher.viewIs([]);
  await control(socket).call("/v1/drain", { action: "undo" });
  await watcher.viewIs(ROUTES);
  expect(await control(socket).call("/v1/drain", { action: "stop" })).toMatchObject({
    outcome: "stopping",
    stopsInSeconds: 0,
  });
  expect(await client.ended).toBe(0);
  await watcher.viewIs([]);
  const added = ROUTES.map((route) => `+ ${routeLine(route)}`).sort();
  const removed = ROUTES.map((route) => `- ${routeLine(route)}`).sort();
  const changes = watcher.changes();
  expect([0, 3, 6, 9].map((from) => changes.slice(from, from + 3).sort())).toEqual([
    added,
    removed,
    added,
    removed,
  ]);
});
